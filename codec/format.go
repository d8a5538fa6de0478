package codec

import (
	"fmt"
	"io"
	"math"
)

// Format names a chunk format, as in the format log-opt and in object keys.
type Format string

// The chunk formats.
const (
	Parquet Format = "parquet"
	NDJSON  Format = "ndjson"
)

// Formats lists every chunk format.
func Formats() []Format { return []Format{Parquet, NDJSON} }

// Ext is the file name extension of the format's objects, without a dot.
func (f Format) Ext() string {
	if f == NDJSON {
		return "json.gz"
	}
	return string(f)
}

// ParseFormat returns the format called s.
func ParseFormat(s string) (Format, error) {
	for _, f := range Formats() {
		if string(f) == s {
			return f, nil
		}
	}
	return "", fmt.Errorf("format %q: must be parquet or ndjson", s)
}

// Limits of joining the parts of a long line into one row (docs/format.md).
const (
	JoinMaxBytes   = 1 << 20
	JoinMaxSeqs    = 4096
	JoinMaxNano    = 5_000_000_000
	pageMaxBytes   = 256 << 10
	memberMaxBytes = 1 << 20
)

// Stats sums up the entries of a chunk. Times are Unix nanoseconds, as the daemon gave them.
type Stats struct {
	Entries, Rows, Gaps int64
	FirstSeq, LastSeq   int64
	MinNano, MaxNano    int64
}

// Add counts e.
func (s *Stats) Add(e *Entry) {
	if s.Entries == 0 {
		s.FirstSeq, s.MinNano, s.MaxNano = e.Seq, e.TimeNano, e.TimeNano
	}
	s.Entries++
	s.LastSeq = e.Seq
	s.MinNano = min(s.MinNano, e.TimeNano)
	s.MaxNano = max(s.MaxNano, e.TimeNano)
	if e.Source == GapSource {
		s.Gaps++
	}
}

// ChunkInfo is what a chunk's footer says beside its rows.
type ChunkInfo struct {
	SpoolID    string
	SegmentSeq int64
	Origin     bool // the segment starts the container's history
}

// Encoder writes the entries of one chunk, given in sequence order. The same
// entries give the same rows.
type Encoder interface {
	// Encode adds an entry. It keeps no reference to e or its bytes. An entry
	// that no chunk can hold is an *EntryError; the encoder is as if it had not
	// been given, and takes the next one.
	Encode(e *Entry) error
	// Close writes what is left and the footer. It does not close the writer.
	Close() (Stats, error)
}

// NewEncoder returns an encoder that writes a chunk to w.
//
// What of meta is beyond its bounds is cut, whoever made it: see [Meta.Bound].
func NewEncoder(f Format, w io.Writer, meta Meta, info ChunkInfo) (Encoder, error) {
	meta, _ = meta.Bound(f)
	switch f {
	case Parquet:
		return newParquetEncoder(w, meta, info)
	case NDJSON:
		return newNDJSONEncoder(w, meta)
	}
	return nil, fmt.Errorf("format %q: must be parquet or ndjson", f)
}

// EntryError says which entry no chunk can hold, and why.
type EntryError struct {
	Seq int64
	Err error
}

func (e *EntryError) Error() string {
	return fmt.Sprintf("entry %d cannot be archived: %v", e.Seq, e.Err)
}

func (e *EntryError) Unwrap() error { return e.Err }

// lasting returns err where it ends an encoder, and nil where it concerns one entry.
func lasting(err error) error {
	if _, one := err.(*EntryError); one {
		return nil
	}
	return err
}

// Decoder reads a chunk's entries in sequence order.
type Decoder interface {
	// Next fills e, whose byte slices stay valid until the next call. It
	// returns io.EOF after the last entry, and a *CorruptError where the chunk
	// cannot be understood.
	Next(e *Entry) error
	// Close releases buffers; it does not close the reader.
	Close() error
}

// All is the Tail of a Range that skips nothing.
const All = math.MaxInt64

// Range narrows what a Decoder reads.
type Range struct {
	// Tail asks for the last Tail entries of the chunk only; All for all.
	Tail int64
	// FromSeq skips entries with smaller sequence numbers; zero skips none.
	FromSeq int64
	// Limits are what the decoder may take for it.
	Limits Limits
}

// NewDecoder returns a decoder of the chunk of sizeBytes in r that reads no
// more of r than the range needs: few ReadAt calls, large ones, some at the same time.
func NewDecoder(f Format, r io.ReaderAt, sizeBytes int64, rg Range) (d Decoder, err error) {
	switch f {
	case Parquet:
		d, err = newParquetDecoder(r, sizeBytes, rg)
	case NDJSON:
		d, err = newNDJSONDecoder(r, sizeBytes, rg)
	default:
		err = fmt.Errorf("format %q: must be parquet or ndjson", f)
	}
	if err != nil {
		rg.Limits.Memory.Release()
		return nil, err // without a nil of another type
	}
	return d, nil
}

// CorruptError tells where bytes could not be understood.
type CorruptError struct {
	What   string // what was being read: "frame", "parquet page", …
	Offset int64  // from the start of the file or stream, bytes; -1 where unknown
	Err    error
}

func (e *CorruptError) Error() string {
	return fmt.Sprintf("read %s at offset %d: %v", e.What, e.Offset, e.Err)
}

func (e *CorruptError) Unwrap() error { return e.Err }
