package codec

import (
	"bytes"
	"fmt"
	"io"
	"math/rand/v2"
	"testing"
)

// TestRangesOfLargeChunks: the end of a chunk that is read alone has the entries
// that the whole has, where lines of many parts interleave, too.
func TestRangesOfLargeChunks(t *testing.T) {
	for _, gaps := range []bool{false, true} {
		g := &generator{Rand: rand.New(rand.NewPCG(9, 9)), gaps: gaps}
		all := g.entries(30_000)
		for _, f := range Formats() {
			b, _ := encodeAll(t, f, testMeta(), all)
			if len(b) < 2*suffixBytes {
				t.Fatalf("%s: only %d bytes", f, len(b))
			}
			for _, n := range []int{1, 500, 20_000} {
				for _, rg := range []Range{
					{Tail: int64(n)},
					{Tail: All, FromSeq: all[len(all)-n].Seq},
					{Tail: int64(n), FromSeq: all[len(all)-n/2-1].Seq - 1},
				} {
					for _, r := range []io.ReaderAt{bytes.NewReader(b), Bytes(b)} {
						wantSame(t, fmt.Sprintf("%s %+v of a %T", f, rg, r), decodeFrom(t, f, r, int64(len(b)), rg), wanted(all, rg))
					}
				}
			}
		}
	}
}

func decodeFrom(t *testing.T, f Format, r io.ReaderAt, size int64, rg Range) (entries []Entry) {
	t.Helper()
	d, err := NewDecoder(f, r, size, rg)
	if err != nil {
		t.Fatal(err)
	}
	defer d.Close()
	for {
		var e Entry
		switch err := d.Next(&e); err {
		case nil:
			e.Line = bytes.Clone(e.Line)
			entries = append(entries, e)
		case io.EOF:
			return entries
		default:
			t.Fatalf("%s %+v: %v", f, rg, err)
		}
	}
}
