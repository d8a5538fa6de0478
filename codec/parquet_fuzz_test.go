package codec

import (
	"bytes"
	"io"
	"math/rand/v2"
	"testing"

	"github.com/parquet-go/parquet-go/encoding/delta"
	"github.com/parquet-go/parquet-go/format"
)

// Checksums keep FuzzParquetDecoder from most of what lies behind them; here
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

func FuzzParquetDecoder(f *testing.F) { fuzzDecoder(f, Parquet) }

func FuzzNDJSONDecoder(f *testing.F) { fuzzDecoder(f, NDJSON) }

// fuzzDecoder looks for panics, endless reading, and errors of another kind.
func fuzzDecoder(f *testing.F, format Format) {
	g := &generator{Rand: rand.New(rand.NewPCG(4, 4))}
	for _, n := range []int{0, 1, 5, 60} {
		b, _ := encodeAll(f, format, Meta{}, g.entries(n))
		f.Add(b, int64(All), int64(0))
		f.Add(b, int64(3), int64(0))
	}
	for _, b := range smallCrafted(f, format) {
		f.Add(b, int64(All), int64(0))
		f.Add(b, int64(2), int64(1))
	}
	f.Fuzz(func(t *testing.T, b []byte, tail, from int64) {
		if _, err := ReadMeta(format, bytes.NewReader(b), int64(len(b)), Limits{}); err != nil {
			wantCorrupt(t, err)
		}
		if _, err := Inspect(format, bytes.NewReader(b), int64(len(b)), Limits{}); err != nil {
			wantCorrupt(t, err)
		}
		for _, r := range []io.ReaderAt{bytes.NewReader(b), Bytes(b)} {
			fuzzEntries(t, format, r, int64(len(b)), Range{Tail: tail, FromSeq: from})
		}
	})
}

// smallCrafted are objects that ask for more than they are worth, as seeds.
func smallCrafted(f *testing.F, format Format) (small [][]byte) {
	objects := craftedNDJSON
	if format == Parquet {
		objects = craftedParquet
	}
	for _, b := range objects(f, 64<<10) {
		if len(b) < 64<<10 {
			small = append(small, b)
		}
	}
	return small
}

// fuzzEntries reads with as much memory as a reader ever gives, and wants all of
// it back.
func fuzzEntries(t *testing.T, format Format, r io.ReaderAt, sizeBytes int64, rg Range) {
	t.Helper()
	const most = 48 << 20
	m := NewMemory(most)
	rg.Limits.Memory = Allow(0, m)
	defer func() {
		if m.Left() != most {
			t.Errorf("%d bytes of memory are not given back", most-m.Left())
		}
	}()
	dec, err := NewDecoder(format, r, sizeBytes, rg)
	if err != nil {
		if err != ErrMemory {
			wantCorrupt(t, err)
		}
		return
	}
	defer dec.Close()
	var e Entry
	for range 1 << 16 {
		switch err := dec.Next(&e); err {
		case nil:
		case io.EOF, ErrMemory:
			return
		default:
			wantCorrupt(t, err)
			return
		}
	}
}
