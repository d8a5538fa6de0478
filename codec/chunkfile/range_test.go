package chunkfile_test

import (
	"bytes"
	"fmt"
	"io"
	"math/rand/v2"
	"testing"

	"github.com/coldtail/coldtail/codec"
	"github.com/coldtail/coldtail/codec/chunkfile"
	"github.com/coldtail/coldtail/codec/codectest"
	"github.com/coldtail/coldtail/codec/ranged"
)

// TestRangesOfLargeChunks: the end of a chunk that is read alone has the entries
// that the whole has, where lines of many parts interleave, too.
func TestRangesOfLargeChunks(t *testing.T) {
	for _, gaps := range []bool{false, true} {
		g := &codectest.Generator{Rand: rand.New(rand.NewPCG(9, 9)), Gaps: gaps}
		all := g.Entries(30_000)
		for _, f := range codec.Formats() {
			b, _ := encodeAll(t, f, codectest.Meta(), all)
			if len(b) < 2*256<<10 {
				t.Fatalf("%s: only %d bytes", f, len(b))
			}
			for _, n := range []int{1, 500, 20_000} {
				for _, rg := range []codec.Range{
					{Tail: int64(n)},
					{Tail: codec.All, FromSeq: all[len(all)-n].Seq},
					{Tail: int64(n), FromSeq: all[len(all)-n/2-1].Seq - 1},
				} {
					for _, r := range []io.ReaderAt{bytes.NewReader(b), ranged.Bytes(b)} {
						codectest.WantSame(t, fmt.Sprintf("%s %+v of a %T", f, rg, r), decodeFrom(t, f, r, int64(len(b)), rg), codectest.Wanted(all, rg))
					}
				}
			}
		}
	}
}

func decodeFrom(t *testing.T, f codec.Format, r io.ReaderAt, size int64, rg codec.Range) (entries []codec.Entry) {
	t.Helper()
	d, err := chunkfile.NewDecoder(f, r, size, rg)
	if err != nil {
		t.Fatal(err)
	}
	defer d.Close()
	for {
		var e codec.Entry
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
