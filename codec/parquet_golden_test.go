package codec

import (
	"os"
	"testing"
)

// goldenEntries is what testdata/v1.* hold, written once by the first encoder
// of format 1. The files are a promise: they are never written again.
func goldenEntries() []Entry {
	return []Entry{
		{Seq: 1001, TimeNano: 1700000000000000001, Source: Stdout, Line: []byte("hello")},
		{Seq: 1002, TimeNano: 1700000000000000001, Source: Stderr},
		{Seq: 1003, TimeNano: 1699999999123456789, Source: Stdout, Line: []byte("part one, "), Partial: true, PartID: []byte("a"), Ordinal: 1},
		{Seq: 1004, TimeNano: 1700000000500000000, Source: Stderr, Line: []byte("bad \xff\xfe bytes")},
		{Seq: 1005, TimeNano: 1699999999123456789, Source: Stdout, Line: []byte("part two"), Partial: true, Last: true, PartID: []byte("a"), Ordinal: 2},
		{Seq: 1006, TimeNano: -1, Source: Stdout, Line: []byte("nul \x00 and \u4e16\u754c \"quoted\" \\ \x1b[0m")},
		{Seq: 1010, TimeNano: 1700000001000000000, Source: GapSource, Line: []byte(`{"count":3}`)},
		{Seq: 1011, TimeNano: 1700000002000000000, Source: Stdout, Line: []byte("no newline"), Partial: true},
	}
}

func TestGolden(t *testing.T) {
	for _, f := range Formats() {
		b, err := os.ReadFile("testdata/v1." + f.Ext())
		if err != nil {
			t.Fatal(err)
		}
		for _, rg := range []Range{{Tail: All}, {Tail: 4}, {Tail: All, FromSeq: 1005}} {
			got, err := decodeAll(f, b, rg)
			if err != nil {
				t.Fatalf("%s: %v", f, err)
			}
			wantSame(t, string(f), got, wanted(goldenEntries(), rg))
		}
	}
}
