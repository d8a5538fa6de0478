package codectest

import (
	"bytes"
	"errors"
	"fmt"
	"math"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"

	"github.com/coldtail/coldtail/codec"
)

// Meta has a value in each field.
func Meta() codec.Meta {
	return codec.Meta{
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

// WantSame compares what read-back must keep.
func WantSame(t testing.TB, what string, got, want []codec.Entry) {
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

func brief(e *codec.Entry) string {
	return fmt.Sprintf("{seq %d time %d %s newline %v, %d bytes %.40q}",
		e.Seq, e.TimeNano, e.Source, e.Newline(), len(e.Line), e.Line)
}

// Wanted returns the entries that a range asks for.
func Wanted(all []codec.Entry, rg codec.Range) []codec.Entry {
	if n := int64(len(all)); rg.Tail < n {
		all = all[n-rg.Tail:]
	}
	i := slices.IndexFunc(all, func(e codec.Entry) bool { return e.Seq >= rg.FromSeq })
	if i < 0 {
		return nil
	}
	return all[i:]
}

// A Generator makes entries of every kind that could trouble a codec.
type Generator struct {
	*rand.Rand
	seq, now  int64
	open      [2]*openLine
	Gaps      bool // in sequence numbers
	HugeLines bool
}

type openLine struct {
	id      string
	ordinal int32
	left    int
	time    int64
}

// Entries returns n entries, in sequence order.
func (g *Generator) Entries(n int) []codec.Entry {
	g.seq = 1_700_000_000_000_000
	g.now = 1_700_000_000_000_000_000
	out := make([]codec.Entry, n)
	for i := range out {
		out[i] = g.entry()
	}
	return out
}

func (g *Generator) entry() codec.Entry {
	g.seq++
	if g.Gaps && g.IntN(20) == 0 {
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
	e := codec.Entry{Seq: g.seq, TimeNano: g.now, ArrivalNano: g.now + 1000, Line: g.line()}
	k := g.IntN(2)
	e.Source = []string{codec.Stdout, codec.Stderr}[k]
	if g.IntN(30) == 0 {
		e.Source = []string{codec.GapSource, "", "odd", "stdout\n"}[g.IntN(4)]
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
func (g *Generator) part(e *codec.Entry, o *openLine) {
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

func (g *Generator) line() []byte {
	n := g.IntN(60)
	switch g.IntN(40) {
	case 0, 1:
		return nil
	case 2:
		n = g.IntN(20_000)
	case 3:
		if g.HugeLines {
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

// Ranges returns small tails, and random ones.
func Ranges(g *Generator, all []codec.Entry) []codec.Range {
	n := int64(len(all))
	var out []codec.Range
	for tail := range int64(12) {
		out = append(out, codec.Range{Tail: tail})
	}
	seq := func() int64 { return all[g.IntN(len(all))].Seq + g.Int64N(3) - 1 }
	for range 6 {
		out = append(out,
			codec.Range{Tail: g.Int64N(n + 2)},
			codec.Range{Tail: codec.All, FromSeq: seq()},
			codec.Range{Tail: g.Int64N(n + 2), FromSeq: seq()})
	}
	return append(out, codec.Range{Tail: n}, codec.Range{Tail: n - 1}, codec.Range{Tail: n + 1},
		codec.Range{Tail: codec.All, FromSeq: all[n-1].Seq + 1}, codec.Range{Tail: codec.All, FromSeq: -5})
}

// WantCorrupt fails the test unless err is a CorruptError.
func WantCorrupt(t *testing.T, err error) {
	t.Helper()
	var corrupt *codec.CorruptError
	if !errors.As(err, &corrupt) {
		t.Errorf("error %v, want a CorruptError", err)
	}
}

// PlainEntries returns n short lines on stdout.
func PlainEntries(n int) []codec.Entry {
	out := make([]codec.Entry, n)
	for i := range out {
		out[i] = codec.Entry{
			Seq: int64(i + 1), TimeNano: 1_700_000_000_000_000_000 + int64(i)*1_234_567, Source: codec.Stdout,
			Line: fmt.Appendf(nil, `{"level":"info","n":%d,"msg":"request served","path":"/api/v1/items/%d","ms":%d}`, i, i*7919%1000, i%97),
		}
	}
	return out
}

// GoldenEntries is what testdata/v1.* hold, written once by the first encoder
// of format 1. The files are a promise: they are never written again.
func GoldenEntries() []codec.Entry {
	return []codec.Entry{
		{Seq: 1001, TimeNano: 1700000000000000001, Source: codec.Stdout, Line: []byte("hello")},
		{Seq: 1002, TimeNano: 1700000000000000001, Source: codec.Stderr},
		{Seq: 1003, TimeNano: 1699999999123456789, Source: codec.Stdout, Line: []byte("part one, "), Partial: true, PartID: []byte("a"), Ordinal: 1},
		{Seq: 1004, TimeNano: 1700000000500000000, Source: codec.Stderr, Line: []byte("bad \xff\xfe bytes")},
		{Seq: 1005, TimeNano: 1699999999123456789, Source: codec.Stdout, Line: []byte("part two"), Partial: true, Last: true, PartID: []byte("a"), Ordinal: 2},
		{Seq: 1006, TimeNano: -1, Source: codec.Stdout, Line: []byte("nul \x00 and \u4e16\u754c \"quoted\" \\ \x1b[0m")},
		{Seq: 1010, TimeNano: 1700000001000000000, Source: codec.GapSource, Line: []byte(`{"count":3}`)},
		{Seq: 1011, TimeNano: 1700000002000000000, Source: codec.Stdout, Line: []byte("no newline"), Partial: true},
	}
}
