package codec

import (
	"fmt"
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
	JoinMaxBytes = 1 << 20
	JoinMaxSeqs  = 4096
	JoinMaxNano  = 5_000_000_000
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

// EntryError says which entry no chunk can hold, and why.
type EntryError struct {
	Seq int64
	Err error
}

func (e *EntryError) Error() string {
	return fmt.Sprintf("entry %d cannot be archived: %v", e.Seq, e.Err)
}

func (e *EntryError) Unwrap() error { return e.Err }

// Decoder reads a chunk's entries in sequence order.
type Decoder interface {
	// Next fills e, whose byte slices stay valid until the next call. It
	// returns io.EOF after the last entry, and a *CorruptError if the chunk
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

// Claims is what a chunk says about itself beside its entries.
type Claims struct {
	// ContainerID is the id as the daemon gave it, of the footer or of the
	// first row.
	ContainerID string
	// Footer reports whether the chunk has one. NDJSON has none: Info and Stats are
	// zero then.
	Footer bool
	Info   ChunkInfo
	Stats  Stats
}

// CorruptError says where bytes could not be understood.
type CorruptError struct {
	What   string // what was being read: "frame", "parquet page", …
	Offset int64  // from the start of the file or stream, bytes; -1 if unknown
	Err    error
}

func (e *CorruptError) Error() string {
	return fmt.Sprintf("read %s at offset %d: %v", e.What, e.Offset, e.Err)
}

func (e *CorruptError) Unwrap() error { return e.Err }
