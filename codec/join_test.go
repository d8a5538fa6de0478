package codec

import (
	"bytes"
	"fmt"
	"io"
	"math"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
)

func testMeta() Meta {
	return Meta{
		ContainerID:   strings.Repeat("ab", 32),
		ContainerName: "web-1",
		ServiceName:   "web",
		ImageName:     "nginx:1.29",
		ImageID:       "sha256:" + strings.Repeat("cd", 32),
		HostName:      "host",
		Tag:           "tag",
		Labels:        map[string]string{"app": "shop", "tier": "front", "z": "front"},
		Attributes:    map[string]string{"ENV": "prod"},
	}
}

func encodeAll(t testing.TB, f Format, meta Meta, entries []Entry) ([]byte, Stats) {
	t.Helper()
	var buf bytes.Buffer
	enc, err := NewEncoder(f, &buf, meta, ChunkInfo{SpoolID: "0123456789abcdef", SegmentSeq: 7, Origin: true})
	if err != nil {
		t.Fatal(err)
	}
	for i := range entries {
		if err := enc.Encode(&entries[i]); err != nil {
			t.Fatalf("encode entry %d: %v", i, err)
		}
	}
	stats, err := enc.Close()
	if err != nil {
		t.Fatal(err)
	}
	return buf.Bytes(), stats
}

func decodeAll(f Format, b []byte, rg Range) (entries []Entry, err error) {
	dec, err := NewDecoder(f, bytes.NewReader(b), int64(len(b)), rg)
	if err != nil {
		return nil, err
	}
	defer dec.Close()
	for {
		var e Entry
		if err := dec.Next(&e); err == io.EOF {
			return entries, nil
		} else if err != nil {
			return entries, err
		}
		e.Line = bytes.Clone(e.Line)
		e.Source = strings.Clone(e.Source)
		entries = append(entries, e)
	}
}

// wantSame compares what read-back must keep.
func wantSame(t testing.TB, what string, got, want []Entry) {
	t.Helper()
	for i := range min(len(got), len(want)) {
		g, w := &got[i], &want[i]
		if g.Seq != w.Seq || g.TimeNano != w.TimeNano || g.Source != w.Source ||
			g.Newline() != w.Newline() || !bytes.Equal(g.Line, w.Line) {
			t.Fatalf("%s: entry %d of %d:\n got %s\nwant %s", what, i, len(want), brief(g), brief(w))
		}
	}
	if len(got) != len(want) {
		t.Fatalf("%s: %d entries, want %d", what, len(got), len(want))
	}
}

func brief(e *Entry) string {
	return fmt.Sprintf("{seq %d time %d %s newline %v, %d bytes %.40q}",
		e.Seq, e.TimeNano, e.Source, e.Newline(), len(e.Line), e.Line)
}

func wanted(all []Entry, rg Range) []Entry {
	if n := int64(len(all)); rg.Tail < n {
		all = all[n-rg.Tail:]
	}
	i := slices.IndexFunc(all, func(e Entry) bool { return e.Seq >= rg.FromSeq })
	if i < 0 {
		return nil
	}
	return all[i:]
}

// A generator makes entries of every kind that could trouble a codec.
type generator struct {
	*rand.Rand
	seq, now  int64
	open      [2]*openLine
	gaps      bool // in sequence numbers
	hugeLines bool
}

type openLine struct {
	id      string
	ordinal int32
	left    int
	time    int64
}

func (g *generator) entries(n int) []Entry {
	g.seq = 1_700_000_000_000_000
	g.now = 1_700_000_000_000_000_000
	out := make([]Entry, n)
	for i := range out {
		out[i] = g.entry()
	}
	return out
}

func (g *generator) entry() Entry {
	g.seq++
	if g.gaps && g.IntN(20) == 0 {
		g.seq += g.Int64N(6000)
	}
	switch g.IntN(12) {
	case 0:
		g.now -= g.Int64N(1e9)
	case 1: // the same time again
	case 2:
		g.now += g.Int64N(4e9)
	default:
		g.now += g.Int64N(1e6)
	}
	e := Entry{Seq: g.seq, TimeNano: g.now, ArrivalNano: g.now + 1000, Line: g.line()}
	k := g.IntN(2)
	e.Source = []string{Stdout, Stderr}[k]
	if g.IntN(30) == 0 {
		e.Source = []string{GapSource, "", "odd", "stdout\n"}[g.IntN(4)]
		return e
	}
	if g.IntN(300) == 0 {
		e.TimeNano = []int64{0, -1, -1_500, math.MinInt64, math.MaxInt64}[g.IntN(5)]
	}
	if g.open[k] == nil && g.IntN(6) == 0 {
		g.open[k] = &openLine{id: fmt.Sprint("id", g.seq), left: 1 + g.IntN(8), time: e.TimeNano}
	}
	if o := g.open[k]; o != nil {
		g.part(&e, o)
		if e.Last || o.left < -2 {
			g.open[k] = nil
		}
	} else if g.IntN(20) == 0 {
		e.Partial = true // from a daemon that sends no ids
		e.Last = g.IntN(3) == 0
	}
	return e
}

// part makes e a part of o, now and then one that does not fit.
func (g *generator) part(e *Entry, o *openLine) {
	o.ordinal++
	o.left--
	e.Partial, e.PartID, e.Ordinal, e.TimeNano = true, []byte(o.id), o.ordinal, o.time
	e.Last = o.left <= 0 && g.IntN(4) > 0
	switch g.IntN(25) {
	case 0:
		e.PartID = nil
	case 1:
		e.Ordinal += 2
	case 2:
		e.TimeNano++
	case 3:
		e.Partial, e.Last, e.PartID, e.Ordinal = false, false, nil, 0
	}
}

func (g *generator) line() []byte {
	n := g.IntN(60)
	switch g.IntN(40) {
	case 0, 1:
		return nil
	case 2:
		n = g.IntN(20_000)
	case 3:
		if g.hugeLines {
			n = g.IntN(1_500_000)
		}
	}
	b := make([]byte, n)
	for i := range b {
		b[i] = ' ' + byte(g.IntN(95))
	}
	if n > 0 {
		switch g.IntN(10) {
		case 0:
			b[g.IntN(n)] = 0
		case 1:
			b[g.IntN(n)] = 0xff
		case 2:
			copy(b[g.IntN(n):], "ÄÖ\u2028世界")
		case 3:
			copy(b[g.IntN(n):], "\"\\\b\t\r\x1b[0m\x7f")
		}
	}
	return b
}

func TestRoundTrip(t *testing.T) {
	for _, f := range Formats() {
		for seed := range uint64(20) {
			g := &generator{Rand: rand.New(rand.NewPCG(seed, 1)), gaps: seed%3 == 1, hugeLines: seed%15 == 9}
			n := 1 + g.IntN(400)
			if seed == 5 { // several members
				n = 4000
			}
			if seed == 10 && f == Parquet { // several pages of each column
				n = 14_000
			}
			if seed%15 == 9 {
				n = 100
			}
			all := g.entries(n)
			b, stats := encodeAll(t, f, testMeta(), all)
			what := fmt.Sprintf("%s seed %d", f, seed)
			if stats.Entries != int64(n) || stats.FirstSeq != all[0].Seq || stats.LastSeq != all[n-1].Seq {
				t.Fatalf("%s: stats %+v", what, stats)
			}
			got, err := decodeAll(f, b, Range{Tail: All})
			if err != nil {
				t.Fatalf("%s: %v", what, err)
			}
			wantSame(t, what, got, all)
			for _, rg := range ranges(g, all) {
				got, err := decodeAll(f, b, rg)
				if err != nil {
					t.Fatalf("%s: %+v: %v", what, rg, err)
				}
				wantSame(t, fmt.Sprintf("%s %+v", what, rg), got, wanted(all, rg))
			}
		}
	}
}

// ranges returns small tails, and random ones.
func ranges(g *generator, all []Entry) []Range {
	n := int64(len(all))
	var out []Range
	for tail := range int64(12) {
		out = append(out, Range{Tail: tail})
	}
	seq := func() int64 { return all[g.IntN(len(all))].Seq + g.Int64N(3) - 1 }
	for range 6 {
		out = append(out,
			Range{Tail: g.Int64N(n + 2)},
			Range{Tail: All, FromSeq: seq()},
			Range{Tail: g.Int64N(n + 2), FromSeq: seq()})
	}
	return append(out, Range{Tail: n}, Range{Tail: n - 1}, Range{Tail: n + 1},
		Range{Tail: All, FromSeq: all[n-1].Seq + 1}, Range{Tail: All, FromSeq: -5})
}

// rowsOf runs entries through an assembler.
func rowsOf(t *testing.T, entries []Entry) []string {
	t.Helper()
	var sink rowLister
	a := assembler{sink: &sink}
	for i := range entries {
		if err := a.add(&entries[i]); err != nil {
			t.Fatal(err)
		}
	}
	if err := a.finish(); err != nil {
		t.Fatal(err)
	}
	if int(a.stats.Rows) != len(sink.rows) {
		t.Fatalf("stats say %d rows, there are %d", a.stats.Rows, len(sink.rows))
	}
	return sink.rows
}

type rowLister struct{ rows []string }

func (l *rowLister) writeRow(r *row) error {
	s := fmt.Sprintf("%d %.20s", r.seq, r.line)
	for _, p := range r.parts {
		s += fmt.Sprintf(" %d:%d", p.seq, p.bytes)
	}
	if r.partial {
		s += " partial"
	}
	l.rows = append(l.rows, s)
	return nil
}

func TestAssemblerJoins(t *testing.T) {
	const second = int64(1e9)
	p := func(seq int64, source, line, id string, ordinal int32, last bool) Entry {
		return Entry{Seq: seq, TimeNano: 5, Source: source, Line: []byte(line), Partial: true, Last: last, PartID: []byte(id), Ordinal: ordinal}
	}
	plain := func(seq int64, source, line string) Entry {
		return Entry{Seq: seq, Source: source, Line: []byte(line)}
	}
	at := func(e Entry, arrival int64) Entry { e.ArrivalNano = arrival; return e }
	timed := func(e Entry, nano int64) Entry { e.TimeNano = nano; return e }
	big := strings.Repeat("x", 600<<10)
	tests := []struct {
		name    string
		entries []Entry
		want    []string
	}{
		{"whole line", []Entry{p(1, Stdout, "ab", "i", 1, false), p(2, Stdout, "cd", "i", 2, false), p(3, Stdout, "e", "i", 3, true)},
			[]string{"1 abcde 1:2 2:2 3:1"}},
		{"unfinished at the end", []Entry{p(1, Stdout, "ab", "i", 1, false), p(2, Stdout, "cd", "i", 2, false)},
			[]string{"1 abcd 1:2 2:2 partial"}},
		{"alone", []Entry{p(1, Stdout, "ab", "i", 1, false)}, []string{"1 ab partial"}},
		{"other source between", []Entry{p(1, Stdout, "ab", "i", 1, false), plain(2, Stderr, "err"), p(3, Stdout, "c", "i", 2, true), plain(4, Stdout, "z")},
			[]string{"1 abc 1:2 3:1", "2 err", "4 z"}},
		{"two at once", []Entry{p(1, Stdout, "a", "i", 1, false), p(2, Stderr, "b", "j", 1, false), p(3, Stdout, "c", "i", 2, true), p(4, Stderr, "d", "j", 2, true)},
			[]string{"1 ac 1:1 3:1", "2 bd 2:1 4:1"}},
		{"a line of the same source between", []Entry{p(1, Stdout, "a", "i", 1, false), plain(2, Stdout, "b"), p(3, Stdout, "c", "i", 2, true)},
			[]string{"1 a partial", "2 b", "3 c"}},
		{"other id", []Entry{p(1, Stdout, "a", "i", 1, false), p(2, Stdout, "b", "j", 2, true)}, []string{"1 a partial", "2 b"}},
		{"ordinal missing", []Entry{p(1, Stdout, "a", "i", 1, false), p(2, Stdout, "b", "i", 3, true)}, []string{"1 a partial", "2 b"}},
		{"no id", []Entry{p(1, Stdout, "a", "", 0, false), p(2, Stdout, "b", "", 0, false)}, []string{"1 a partial", "2 b partial"}},
		{"other time", []Entry{p(1, Stdout, "a", "i", 1, false), timed(p(2, Stdout, "b", "i", 2, true), 6)}, []string{"1 a partial", "2 b"}},
		{"from the middle", []Entry{p(1, Stdout, "a", "i", 4, false), p(2, Stdout, "b", "i", 5, true)}, []string{"1 ab 1:1 2:1"}},
		{"within 5 s", []Entry{at(p(1, Stdout, "a", "i", 1, false), 0), at(p(2, Stdout, "b", "i", 2, true), 5*second)}, []string{"1 ab 1:1 2:1"}},
		{"after 5 s", []Entry{at(p(1, Stdout, "a", "i", 1, false), 0), at(p(2, Stdout, "b", "i", 2, true), 5*second+1)}, []string{"1 a partial", "2 b"}},
		{"4095 numbers", []Entry{p(1, Stdout, "a", "i", 1, false), p(4096, Stdout, "b", "i", 2, true)}, []string{"1 ab 1:1 4096:1"}},
		{"4096 numbers", []Entry{p(1, Stdout, "a", "i", 1, false), p(4097, Stdout, "b", "i", 2, true)}, []string{"1 a partial", "4097 b"}},
		{"1 MiB", []Entry{p(1, Stdout, big, "i", 1, false), p(2, Stdout, big, "i", 2, false), p(3, Stdout, "c", "i", 3, true)},
			[]string{"1 " + big[:20] + " partial", fmt.Sprintf("2 %s 2:%d 3:1", big[:20], len(big))}},
		{"odd source", []Entry{p(1, "x", "a", "i", 1, false), p(2, "x", "b", "i", 2, true)}, []string{"1 a partial", "2 b"}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			if got := rowsOf(t, tt.entries); !slices.Equal(got, tt.want) {
				t.Errorf("rows\n got %q\nwant %q", got, tt.want)
			}
		})
	}
}

// An open join may hold back only so much.
func TestAssemblerHoldsLittle(t *testing.T) {
	var sink rowLister
	a := assembler{sink: &sink}
	add := func(e Entry) {
		if err := a.add(&e); err != nil {
			t.Fatal(err)
		}
	}
	add(Entry{Seq: 1, Source: Stdout, Partial: true, PartID: []byte("i"), Ordinal: 1})
	line := make([]byte, 16<<10)
	for seq := int64(2); seq < 2000; seq++ {
		add(Entry{Seq: seq, Source: Stderr, Line: line})
		if a.heldBytes > holdMaxBytes {
			t.Fatalf("%d bytes held back", a.heldBytes)
		}
	}
	if len(sink.rows) < 1900 {
		t.Errorf("%d rows came through", len(sink.rows))
	}
	if err := a.finish(); err != nil {
		t.Fatal(err)
	}
	if a.heldBytes != 0 || len(a.queue) != 0 {
		t.Errorf("%d bytes and %d rows are left", a.heldBytes, len(a.queue))
	}
}

func TestEncodeRefuses(t *testing.T) {
	for _, f := range Formats() {
		for name, second := range map[string]Entry{
			"same number":  {Seq: 5, Source: Stdout},
			"less":         {Seq: 4, Source: Stdout},
			"after closed": {},
		} {
			t.Run(string(f)+" "+name, func(t *testing.T) {
				enc, err := NewEncoder(f, io.Discard, testMeta(), ChunkInfo{})
				if err != nil {
					t.Fatal(err)
				}
				if err := enc.Encode(&Entry{Seq: 5, Source: Stdout}); err != nil {
					t.Fatal(err)
				}
				if second.Seq == 0 {
					if _, err := enc.Close(); err != nil {
						t.Fatal(err)
					}
				}
				if enc.Encode(&second) == nil {
					t.Error("no error")
				}
				if _, err := enc.Close(); err == nil {
					t.Error("closed without an error")
				}
			})
		}
	}
}

// One entry that no chunk can hold costs nothing but itself.
func TestEncodeRefusesOne(t *testing.T) {
	for _, f := range Formats() {
		for name, bad := range map[string]Entry{
			"long line":          {Source: Stdout, Line: make([]byte, MaxFrameBytes+1)},
			"long source":        {Source: strings.Repeat("x", sourceMaxBytes+1)},
			"source that is raw": {Source: "a\xff"},
		} {
			t.Run(string(f)+" "+name, func(t *testing.T) {
				bad.Seq = 2
				all := []Entry{{Seq: 1, Source: Stdout}, bad, {Seq: 3, Source: Stderr}}
				if n := wantIdentity(t, f, all); n != 1 {
					t.Errorf("%d were refused", n)
				}
			})
		}
	}
}

func TestSplitterRefuses(t *testing.T) {
	line := []byte("abcd")
	many := make([]row, pendingMax+1)
	for i := range many {
		many[i] = row{seq: int64(i), line: line, parts: []part{{int64(i), 2}, {int64(1000 + i), 2}}}
	}
	for name, rows := range map[string][]row{
		"rows out of order":    {{seq: 2}, {seq: 1}},
		"part twice":           {{seq: 1, line: line, parts: []part{{1, 2}, {2, 2}}}, {seq: 2}},
		"first part elsewhere": {{seq: 1, line: line, parts: []part{{2, 4}}}},
		"parts out of order":   {{seq: 1, line: line, parts: []part{{1, 2}, {1, 2}}}},
		"too few bytes":        {{seq: 1, line: line, parts: []part{{1, 2}, {2, 1}}}},
		"too many bytes":       {{seq: 1, line: line, parts: []part{{1, 2}, {2, 3}}}},
		"negative":             {{seq: 1, line: line, parts: []part{{1, 5}, {2, -1}}}},
		"too far":              {{seq: 1, line: line, parts: []part{{1, 2}, {1 + JoinMaxSeqs, 2}}}},
		"too many at once":     many,
	} {
		t.Run(name, func(t *testing.T) {
			s := newSplitter(&rowList{rows}, math.MinInt64, new(Limits))
			var e Entry
			var err error
			for range 100 {
				if err = s.next(&e); err != nil {
					break
				}
			}
			wantCorrupt(t, err)
		})
	}
}

type rowList struct{ rows []row }

func (l *rowList) nextRow(r *row) error {
	if len(l.rows) == 0 {
		return io.EOF
	}
	*r, l.rows = l.rows[0], l.rows[1:]
	return nil
}
