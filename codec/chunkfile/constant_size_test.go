package chunkfile_test

import (
	"bytes"
	"fmt"
	"runtime"
	"testing"

	"github.com/coldtail/coldtail/codec"
	"github.com/coldtail/coldtail/codec/chunkfile"
)

// sized encodes rows lines of one byte with k labels and as many attributes, and
// returns the size of the object and what encoding it allocated.
func sized(t testing.TB, f codec.Format, rows, k int) (size int, allocated uint64) {
	t.Helper()
	m := codec.Meta{Labels: map[string]string{}, Attributes: map[string]string{}}
	for i := range k {
		m.Labels[fmt.Sprintf("label-%05d", i)] = fmt.Sprintf("v%d", i)
		m.Attributes[fmt.Sprintf("ATTRIBUTE_%05d", i)] = fmt.Sprintf("v%d", i*7)
	}
	var out bytes.Buffer
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	p, err := chunkfile.NewEncoder(f, &out, m, codec.ChunkInfo{})
	if err != nil {
		t.Fatal(err)
	}
	for i := range rows {
		if err := p.Encode(&codec.Entry{Seq: int64(i + 1), TimeNano: 1_700_000_000_000_000_000 + int64(i)*1000, Source: codec.Stdout, Line: []byte("y")}); err != nil {
			t.Fatal(err)
		}
	}
	if _, err := p.Close(); err != nil {
		t.Fatal(err)
	}
	runtime.ReadMemStats(&after)
	return out.Len(), after.TotalAlloc - before.TotalAlloc
}

// What labels and attributes cost in an object and while it is made is bounded,
// however many a header has.
func TestLabelsCostIsBounded(t *testing.T) {
	for _, tt := range []struct {
		f           codec.Format
		rows        int
		bytesPerRow float64
	}{
		{codec.Parquet, 200_000, 1}, {codec.NDJSON, 5000, 100},
	} {
		bare, _ := sized(t, tt.f, tt.rows, 0)
		for _, k := range []int{1, 16, 256, 4000, 16_000} {
			size, alloc := sized(t, tt.f, tt.rows, k)
			t.Logf("%s, %d labels: %d bytes for %d rows, %d without; %d KiB allocated", tt.f, k, size, tt.rows, bare, alloc>>10)
			if most := float64(bare) + 128<<10 + tt.bytesPerRow*float64(tt.rows); float64(size) > most {
				t.Errorf("%s, %d labels: %d bytes for %d rows, want at most %.0f", tt.f, k, size, tt.rows, most)
			}
			if alloc > 64<<20 {
				t.Errorf("%s, %d labels: %d bytes are allocated for %d rows", tt.f, k, alloc, tt.rows)
			}
		}
	}
}
