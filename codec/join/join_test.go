package join // bounds what an Assembler holds, which no caller sees

import (
	"errors"
	"fmt"
	"io"
	"math"
	"slices"
	"strings"
	"testing"

	"github.com/coldtail/coldtail/codec"
)

// rowsOf runs entries through an assembler.
func rowsOf(t *testing.T, entries []codec.Entry) []string {
	t.Helper()
	var sink rowLister
	a := Assembler{Sink: &sink}
	for i := range entries {
		if err := a.Add(&entries[i]); err != nil {
			t.Fatal(err)
		}
	}
	if err := a.Finish(); err != nil {
		t.Fatal(err)
	}
	if int(a.Stats.Rows) != len(sink.rows) {
		t.Fatalf("stats say %d rows, there are %d", a.Stats.Rows, len(sink.rows))
	}
	return sink.rows
}

type rowLister struct{ rows []string }

func (l *rowLister) WriteRow(r *Row) error {
	s := fmt.Sprintf("%d %.20s", r.Seq, r.Line)
	for _, p := range r.Parts {
		s += fmt.Sprintf(" %d:%d", p.Seq, p.Bytes)
	}
	if r.Partial {
		s += " partial"
	}
	l.rows = append(l.rows, s)
	return nil
}

func TestAssemblerJoins(t *testing.T) {
	const second = int64(1e9)
	p := func(seq int64, source, line, id string, ordinal int32, last bool) codec.Entry {
		return codec.Entry{Seq: seq, TimeNano: 5, Source: source, Line: []byte(line), Partial: true, Last: last, PartID: []byte(id), Ordinal: ordinal}
	}
	plain := func(seq int64, source, line string) codec.Entry {
		return codec.Entry{Seq: seq, Source: source, Line: []byte(line)}
	}
	at := func(e codec.Entry, arrival int64) codec.Entry { e.ArrivalNano = arrival; return e }
	timed := func(e codec.Entry, nano int64) codec.Entry { e.TimeNano = nano; return e }
	big := strings.Repeat("x", 600<<10)
	tests := []struct {
		name    string
		entries []codec.Entry
		want    []string
	}{
		{"whole line", []codec.Entry{p(1, codec.Stdout, "ab", "i", 1, false), p(2, codec.Stdout, "cd", "i", 2, false), p(3, codec.Stdout, "e", "i", 3, true)},
			[]string{"1 abcde 1:2 2:2 3:1"}},
		{"unfinished at the end", []codec.Entry{p(1, codec.Stdout, "ab", "i", 1, false), p(2, codec.Stdout, "cd", "i", 2, false)},
			[]string{"1 abcd 1:2 2:2 partial"}},
		{"alone", []codec.Entry{p(1, codec.Stdout, "ab", "i", 1, false)}, []string{"1 ab partial"}},
		{"other source between", []codec.Entry{p(1, codec.Stdout, "ab", "i", 1, false), plain(2, codec.Stderr, "err"), p(3, codec.Stdout, "c", "i", 2, true), plain(4, codec.Stdout, "z")},
			[]string{"1 abc 1:2 3:1", "2 err", "4 z"}},
		{"two at once", []codec.Entry{p(1, codec.Stdout, "a", "i", 1, false), p(2, codec.Stderr, "b", "j", 1, false), p(3, codec.Stdout, "c", "i", 2, true), p(4, codec.Stderr, "d", "j", 2, true)},
			[]string{"1 ac 1:1 3:1", "2 bd 2:1 4:1"}},
		{"a line of the same source between", []codec.Entry{p(1, codec.Stdout, "a", "i", 1, false), plain(2, codec.Stdout, "b"), p(3, codec.Stdout, "c", "i", 2, true)},
			[]string{"1 a partial", "2 b", "3 c"}},
		{"other id", []codec.Entry{p(1, codec.Stdout, "a", "i", 1, false), p(2, codec.Stdout, "b", "j", 2, true)}, []string{"1 a partial", "2 b"}},
		{"ordinal missing", []codec.Entry{p(1, codec.Stdout, "a", "i", 1, false), p(2, codec.Stdout, "b", "i", 3, true)}, []string{"1 a partial", "2 b"}},
		{"no id", []codec.Entry{p(1, codec.Stdout, "a", "", 0, false), p(2, codec.Stdout, "b", "", 0, false)}, []string{"1 a partial", "2 b partial"}},
		{"other time", []codec.Entry{p(1, codec.Stdout, "a", "i", 1, false), timed(p(2, codec.Stdout, "b", "i", 2, true), 6)}, []string{"1 a partial", "2 b"}},
		{"from the middle", []codec.Entry{p(1, codec.Stdout, "a", "i", 4, false), p(2, codec.Stdout, "b", "i", 5, true)}, []string{"1 ab 1:1 2:1"}},
		{"within 5 s", []codec.Entry{at(p(1, codec.Stdout, "a", "i", 1, false), 0), at(p(2, codec.Stdout, "b", "i", 2, true), 5*second)}, []string{"1 ab 1:1 2:1"}},
		{"after 5 s", []codec.Entry{at(p(1, codec.Stdout, "a", "i", 1, false), 0), at(p(2, codec.Stdout, "b", "i", 2, true), 5*second+1)}, []string{"1 a partial", "2 b"}},
		{"4095 numbers", []codec.Entry{p(1, codec.Stdout, "a", "i", 1, false), p(4096, codec.Stdout, "b", "i", 2, true)}, []string{"1 ab 1:1 4096:1"}},
		{"4096 numbers", []codec.Entry{p(1, codec.Stdout, "a", "i", 1, false), p(4097, codec.Stdout, "b", "i", 2, true)}, []string{"1 a partial", "4097 b"}},
		{"1 MiB", []codec.Entry{p(1, codec.Stdout, big, "i", 1, false), p(2, codec.Stdout, big, "i", 2, false), p(3, codec.Stdout, "c", "i", 3, true)},
			[]string{"1 " + big[:20] + " partial", fmt.Sprintf("2 %s 2:%d 3:1", big[:20], len(big))}},
		{"odd source", []codec.Entry{p(1, "x", "a", "i", 1, false), p(2, "x", "b", "i", 2, true)}, []string{"1 a partial", "2 b"}},
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
	a := Assembler{Sink: &sink}
	add := func(e codec.Entry) {
		if err := a.Add(&e); err != nil {
			t.Fatal(err)
		}
	}
	add(codec.Entry{Seq: 1, Source: codec.Stdout, Partial: true, PartID: []byte("i"), Ordinal: 1})
	line := make([]byte, 16<<10)
	for seq := int64(2); seq < 2000; seq++ {
		add(codec.Entry{Seq: seq, Source: codec.Stderr, Line: line})
		if a.heldBytes > holdMaxBytes {
			t.Fatalf("%d bytes held back", a.heldBytes)
		}
	}
	if len(sink.rows) < 1900 {
		t.Errorf("%d rows came through", len(sink.rows))
	}
	if err := a.Finish(); err != nil {
		t.Fatal(err)
	}
	if a.heldBytes != 0 || len(a.queue) != 0 {
		t.Errorf("%d bytes and %d rows are left", a.heldBytes, len(a.queue))
	}
}

func TestSplitterRefuses(t *testing.T) {
	line := []byte("abcd")
	many := make([]Row, pendingMax+1)
	for i := range many {
		many[i] = Row{Seq: int64(i), Line: line, Parts: []Part{{int64(i), 2}, {int64(1000 + i), 2}}}
	}
	for name, rows := range map[string][]Row{
		"rows out of order":    {{Seq: 2}, {Seq: 1}},
		"part twice":           {{Seq: 1, Line: line, Parts: []Part{{1, 2}, {2, 2}}}, {Seq: 2}},
		"first part elsewhere": {{Seq: 1, Line: line, Parts: []Part{{2, 4}}}},
		"parts out of order":   {{Seq: 1, Line: line, Parts: []Part{{1, 2}, {1, 2}}}},
		"too few bytes":        {{Seq: 1, Line: line, Parts: []Part{{1, 2}, {2, 1}}}},
		"too many bytes":       {{Seq: 1, Line: line, Parts: []Part{{1, 2}, {2, 3}}}},
		"negative":             {{Seq: 1, Line: line, Parts: []Part{{1, 5}, {2, -1}}}},
		"too far":              {{Seq: 1, Line: line, Parts: []Part{{1, 2}, {1 + codec.JoinMaxSeqs, 2}}}},
		"too many at once":     many,
	} {
		t.Run(name, func(t *testing.T) {
			s := NewSplitter(&rowList{rows}, math.MinInt64, new(codec.Limits))
			var e codec.Entry
			var err error
			for range 100 {
				if err = s.Next(&e); err != nil {
					break
				}
			}
			var corrupt *codec.CorruptError
			if !errors.As(err, &corrupt) {
				t.Errorf("error %v, want a CorruptError", err)
			}
		})
	}
}

type rowList struct{ rows []Row }

func (l *rowList) NextRow(r *Row) error {
	if len(l.rows) == 0 {
		return io.EOF
	}
	*r, l.rows = l.rows[0], l.rows[1:]
	return nil
}
