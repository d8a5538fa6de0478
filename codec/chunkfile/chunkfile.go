package chunkfile

import (
	"io"

	"github.com/coldtail/coldtail/codec"
	"github.com/coldtail/coldtail/codec/ndjson"
	"github.com/coldtail/coldtail/codec/parquet"
	"github.com/coldtail/coldtail/codec/ranged"
)

// NewEncoder returns an encoder that writes a chunk to w.
//
// What of meta is beyond its bounds is cut, whoever made it: see [codec.Meta.Bound].
func NewEncoder(f codec.Format, w io.Writer, meta codec.Meta, info codec.ChunkInfo) (codec.Encoder, error) {
	meta, _ = meta.Bound(f)
	switch f {
	case codec.Parquet:
		return parquet.NewEncoder(w, meta, info)
	case codec.NDJSON:
		return ndjson.NewEncoder(w, meta)
	}
	return nil, unknown(f)
}

// NewDecoder returns a decoder of the chunk of sizeBytes in r that reads no
// more of r than the range needs: few ReadAt calls, large ones, some at the same time.
func NewDecoder(f codec.Format, r io.ReaderAt, sizeBytes int64, rg codec.Range) (codec.Decoder, error) {
	switch f {
	case codec.Parquet:
		return parquet.NewDecoder(r, sizeBytes, rg)
	case codec.NDJSON:
		return ndjson.NewDecoder(r, sizeBytes, rg)
	}
	rg.Limits.Memory.Release()
	return nil, unknown(f)
}

// Inspect returns what the chunk of sizeBytes in r claims, and checks what no
// Decoder looks at: in Parquet the magic, the schema, and the checksums, counts
// and statistics of the columns that do not make entries. Inspect and a Decoder
// that is read to its end check every page. Errors are *CorruptError if the
// chunk is at fault.
func Inspect(f codec.Format, r io.ReaderAt, sizeBytes int64, lim codec.Limits) (codec.Claims, error) {
	src := ranged.Source{R: r, Size: sizeBytes, Limits: lim}
	defer lim.Memory.Release()
	switch f {
	case codec.Parquet:
		return parquet.Inspect(src)
	case codec.NDJSON:
		return ndjson.Inspect(src)
	}
	return codec.Claims{}, unknown(f)
}

// ReadMeta returns what all rows of the chunk of sizeBytes in r have in common;
// without rows that is nothing. Errors are *CorruptError if the chunk is at fault.
func ReadMeta(f codec.Format, r io.ReaderAt, sizeBytes int64, lim codec.Limits) (codec.Meta, error) {
	src := ranged.Source{R: r, Size: sizeBytes, Limits: lim}
	defer lim.Memory.Release()
	switch f {
	case codec.Parquet:
		return parquet.ReadMeta(src)
	case codec.NDJSON:
		return ndjson.ReadMeta(src)
	}
	return codec.Meta{}, unknown(f)
}

// unknown is the error of a format that there is not.
func unknown(f codec.Format) error {
	_, err := codec.ParseFormat(string(f))
	return err
}
