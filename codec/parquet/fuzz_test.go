package parquet // gives pages to the readers that a checksum would keep away

import (
	"io"
	"testing"

	"github.com/parquet-go/parquet-go/encoding/delta"
	"github.com/parquet-go/parquet-go/format"

	"github.com/coldtail/coldtail/codec"
	"github.com/coldtail/coldtail/codec/codectest"
	"github.com/coldtail/coldtail/codec/ranged"
)

// Checksums keep FuzzParquetDecoder from most of what comes after them; here
// bytes go to the page decoders directly.
func FuzzParquetPage(f *testing.F) {
	var e delta.BinaryPackedEncoding
	for _, vals := range [][]int64{{}, {1}, {1, 2, 3}, {-1 << 63, 1<<63 - 1, 0}, make([]int64, 300)} {
		b, _ := e.EncodeInt64(nil, vals)
		f.Add(b, len(vals))
	}
	f.Add(appendLevels(appendLevels(nil, appendRun(nil, 0, 5, 1)), appendRun(nil, 2, 5, 2)), 5)
	f.Fuzz(func(t *testing.T, b []byte, n int) {
		if n < 0 || n > 1<<16 {
			return
		}
		if v, err := decodeDelta(nil, b, n); err == nil && len(v) != n {
			t.Errorf("%d values, want %d", len(v), n)
		}
		for _, width := range []int{0, 1, 2, 7, 17, 32} {
			var r runReader
			r.reset(b, width)
			for range 1000 {
				if v, err := r.next(); err != nil {
					break
				} else if uint64(v) >= 1<<((width+7)/8*8) {
					t.Errorf("%d in %d bits", v, width)
				}
			}
		}
		fuzzParts(b, n)
		var meta format.FileMetaData
		_, _ = unmarshalThrift(b, footerMaxList, &meta)
		var page format.PageHeader
		_, _ = unmarshalThrift(b, 0, &page)
		var index format.ColumnIndex
		_, _ = unmarshalThrift(b, len(b), &index)
	})
}

func fuzzParts(b []byte, rows int) {
	var c partsCursor
	rep, rest, ok1 := takeLevels(b)
	def, vals, ok2 := takeLevels(rest)
	if !ok1 || !ok2 {
		return
	}
	c.rep.reset(rep, 1)
	c.def.reset(def, 2)
	c.seqVals, c.lens = vals, vals
	for c.left = min(rows, 1000); c.left > 0; {
		if _, err := c.next(); err != nil {
			return
		}
	}
}

// parquetReading is how this package reads and writes.
var parquetFormat = codectest.Reading{
	Ext: codec.Parquet.Ext(),
	NewEncoder: func(w io.Writer, meta codec.Meta, info codec.ChunkInfo) (codec.Encoder, error) {
		return NewEncoder(w, meta, info)
	},
	NewDecoder: NewDecoder,
	ReadMeta: func(r io.ReaderAt, sizeBytes int64, lim codec.Limits) (codec.Meta, error) {
		return ReadMeta(ranged.Source{R: r, Size: sizeBytes, Limits: lim})
	},
	Inspect: func(r io.ReaderAt, sizeBytes int64, lim codec.Limits) (codec.Claims, error) {
		return Inspect(ranged.Source{R: r, Size: sizeBytes, Limits: lim})
	},
}

func FuzzParquetDecoder(f *testing.F) { parquetFormat.Fuzz(f, craftedParquet(f, 64<<10)) }

// TestReadCrafted is the process that TestObjectsThatAskForMemory measures.
func TestReadCrafted(t *testing.T) { parquetFormat.Measured(t) }

func TestObjectsThatAskForMemory(t *testing.T) {
	if testing.Short() {
		t.Skip("skipped by -short: it measures memory")
	}
	parquetFormat.MeasureMemory(t, craftedParquet(t, 48<<20))
}
