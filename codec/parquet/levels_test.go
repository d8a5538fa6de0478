package parquet // compares runs, which no caller sees

import (
	"math/rand/v2"
	"testing"
)

func TestRuns(t *testing.T) {
	r := rand.New(rand.NewPCG(1, 2))
	for width := 1; width <= 20; width++ {
		var vals []uint32
		var w runWriter
		w.reset(width)
		var packed []uint32
		for range 200 {
			v, n := r.Uint32()&(1<<width-1), 1+r.IntN(5)
			w.add(v, n)
			for range n {
				vals = append(vals, v)
			}
			packed = append(packed, v)
		}
		w.flush()
		b := appendPackedHeader(w.buf, len(packed)/8)
		b = appendPacked(b, packed, width)
		vals = append(vals, packed...)
		b = appendRun(b, 1, 3, width)
		vals = append(vals, 1, 1, 1)

		var rd runReader
		rd.reset(b, width)
		for i, want := range vals {
			if got, err := rd.next(); err != nil || got != want {
				t.Fatalf("width %d: value %d is %d, %v, want %d", width, i, got, err, want)
			}
		}
		if _, err := rd.next(); err == nil {
			t.Errorf("width %d: there is more", width)
		}
	}
}
