package codec

import (
	"errors"
	"io"
	"testing"
)

// A decoder that may hold little ends with ErrMemory or with all entries, and what
// it took is given back, however it ended.
func TestAllowances(t *testing.T) {
	g := plainEntries(12_000)
	for i := range g {
		if i%1000 == 0 { // joined lines, and one that is no text
			g[i].Partial, g[i].PartID, g[i].Ordinal = true, []byte("id"), 1
			g[i].Line = make([]byte, 300_000)
			g[i+1].Partial, g[i+1].Last, g[i+1].PartID, g[i+1].Ordinal, g[i+1].TimeNano = true, true, []byte("id"), 2, g[i].TimeNano
			g[i+2].Line = []byte("\xff")
		}
	}
	for _, f := range Formats() {
		b, _ := encodeAll(t, f, testMeta(), g)
		refused, whole := 0, 0
		for _, free := range []int64{0, 1 << 10, 64 << 10, 256 << 10, 512 << 10, 1 << 20, 4 << 20} {
			for _, left := range []int64{0, 128 << 10, 8 << 20} {
				m := NewMemory(left)
				a := Allow(free, m)
				d, err := NewDecoder(f, Bytes(b), int64(len(b)), Range{Tail: All, FromSeq: 2, Limits: Limits{Memory: a}})
				n := 1
				for err == nil {
					var e Entry
					if err = d.Next(&e); err == nil {
						n++
					}
				}
				if d != nil {
					if m.Left() < 0 || left-m.Left() < a.held-free {
						t.Errorf("%s, %d free: %d are held, %d of %d are left", f, free, a.held, m.Left(), left)
					}
					check(t, d.Close())
				}
				switch {
				case err == io.EOF && n == len(g):
					whole++
				case errors.Is(err, ErrMemory):
					refused++
				default:
					t.Errorf("%s, %d free, %d left: %d entries, error %v", f, free, left, n, err)
				}
				if m.Left() != left || a.held != 0 {
					t.Errorf("%s, %d free: %d of %d are left at the end", f, free, m.Left(), left)
				}
			}
		}
		if refused == 0 || whole == 0 {
			t.Errorf("%s: %d refused, %d whole", f, refused, whole)
		}
	}
}

func TestAllowanceRaised(t *testing.T) {
	ahead, shared := NewMemory(100), NewMemory(50)
	a := Allow(0, ahead)
	if a.grow(80) != nil || a.grow(30) == nil || ahead.Left() != 20 {
		t.Errorf("%d are left", ahead.Left())
	}
	a.Raise(10, shared) // 70 are more than there are
	if ahead.Left() != 20 || shared.Left() != 50 {
		t.Errorf("%d and %d are left", ahead.Left(), shared.Left())
	}
	a.Raise(60, shared)
	if ahead.Left() != 100 || shared.Left() != 30 {
		t.Errorf("%d and %d are left", ahead.Left(), shared.Left())
	}
	a.Release()
	if shared.Left() != 50 {
		t.Errorf("%d are left", shared.Left())
	}
}

func check(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}
