package chunkfile_test

import (
	"errors"
	"io"
	"testing"

	"github.com/coldtail/coldtail/codec"
	"github.com/coldtail/coldtail/codec/chunkfile"
	"github.com/coldtail/coldtail/codec/codectest"
	"github.com/coldtail/coldtail/codec/ranged"
)

// A decoder that may hold little ends with ErrMemory or with all entries, and what
// it took is given back, however it ended.
func TestAllowances(t *testing.T) {
	g := codectest.PlainEntries(12_000)
	for i := range g {
		if i%1000 == 0 { // joined lines, and one that is no text
			g[i].Partial, g[i].PartID, g[i].Ordinal = true, []byte("id"), 1
			g[i].Line = make([]byte, 300_000)
			g[i+1].Partial, g[i+1].Last, g[i+1].PartID, g[i+1].Ordinal, g[i+1].TimeNano = true, true, []byte("id"), 2, g[i].TimeNano
			g[i+2].Line = []byte("\xff")
		}
	}
	for _, f := range codec.Formats() {
		b, _ := encodeAll(t, f, codectest.Meta(), g)
		refused, whole := 0, 0
		for _, free := range []int64{0, 1 << 10, 64 << 10, 256 << 10, 512 << 10, 1 << 20, 4 << 20} {
			for _, left := range []int64{0, 128 << 10, 8 << 20} {
				m := codec.NewMemory(left)
				a := codec.Allow(free, m)
				d, err := chunkfile.NewDecoder(f, ranged.Bytes(b), int64(len(b)), codec.Range{Tail: codec.All, FromSeq: 2, Limits: codec.Limits{Memory: a}})
				n := 1
				for err == nil {
					var e codec.Entry
					if err = d.Next(&e); err == nil {
						n++
					}
				}
				if d != nil {
					if m.Left() < 0 {
						t.Errorf("%s, %d free: %d of %d are left", f, free, m.Left(), left)
					}
					check(t, d.Close())
				}
				switch {
				case err == io.EOF && n == len(g):
					whole++
				case errors.Is(err, codec.ErrMemory):
					refused++
				default:
					t.Errorf("%s, %d free, %d left: %d entries, error %v", f, free, left, n, err)
				}
				if m.Left() != left || a.Grow(free) != nil || m.Left() != left {
					t.Errorf("%s, %d free: %d of %d are left at the end, or some of what is free is held", f, free, m.Left(), left)
				}
			}
		}
		if refused == 0 || whole == 0 {
			t.Errorf("%s: %d refused, %d whole", f, refused, whole)
		}
	}
}

func check(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}
