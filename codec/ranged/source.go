package ranged

import (
	"errors"
	"fmt"
	"io"
	"slices"
	"sync"

	"github.com/coldtail/coldtail/codec"
)

// How a chunk is read: few requests, large ones, bounded memory.
const (
	FooterReadBytes = 64 << 10 // the first read: the footer, the indexes and the last columns
	mergeGapBytes   = 64 << 10 // two ranges closer than this are read as one
	regionMaxBytes  = 4 << 20  // a larger range is read window by window
	regionsMaxBytes = 8 << 20  // what is held of ranges in all
	WindowBytes     = 1 << 20  // a column's read-ahead
	BodyWindowBytes = 4 << 20
	TailBodyBytes   = 512 << 10 // what is read of the bodies before it is known that they are needed
)

// A Span is a range of bytes of the file.
type Span struct{ Off, End int64 }

// Size returns the number of bytes.
func (s Span) Size() int64 { return s.End - s.Off }

// A Region is a range of the file that is in memory.
type Region struct {
	Off int64
	B   []byte
}

// Slice returns the bytes of s, or nil if the region lacks some.
func (r *Region) Slice(s Span) []byte {
	if s.Off < r.Off || s.End > r.Off+int64(len(r.B)) {
		return nil
	}
	return r.B[s.Off-r.Off : s.End-r.Off : s.End-r.Off]
}

// Bytes is a chunk in memory. Decoders take parts of it as they are, where they
// would copy what another io.ReaderAt reads.
type Bytes []byte

// ReadAt implements io.ReaderAt.
func (b Bytes) ReadAt(p []byte, off int64) (int, error) {
	if off < 0 || off >= int64(len(b)) {
		return 0, io.EOF
	}
	n := copy(p, b[off:])
	if n < len(p) {
		return n, io.EOF
	}
	return n, nil
}

// A Source reads a file and holds regions of it that several columns share.
type Source struct {
	R       io.ReaderAt
	Size    int64
	Limits  codec.Limits
	regions []Region
	held    int64
}

// Read fills b from off.
func (s *Source) Read(b []byte, off int64) error {
	n, err := s.R.ReadAt(b, off)
	if n == len(b) {
		return nil
	}
	if err == nil || errors.Is(err, io.EOF) {
		return &codec.CorruptError{What: "chunk", Offset: off + int64(n), Err: io.ErrUnexpectedEOF}
	}
	return fmt.Errorf("read chunk at offset %d: %w", off, err)
}

// Hold reads ranges, all at the same time, and keeps them.
func (s *Source) Hold(ranges ...Span) error {
	read := make([]Region, len(ranges))
	errs := make([]error, len(ranges))
	panics := make([]any, len(ranges)) // of the reader, for the caller
	var wg sync.WaitGroup
	for i, r := range ranges {
		read[i] = Region{r.Off, make([]byte, r.Size())}
		if len(ranges) == 1 {
			errs[i] = s.Read(read[i].B, r.Off)
			break
		}
		wg.Go(func() {
			defer func() { panics[i] = recover() }()
			errs[i] = s.Read(read[i].B, r.Off)
		})
	}
	wg.Wait()
	for i, r := range ranges {
		if panics[i] != nil {
			panic(panics[i])
		}
		if errs[i] != nil {
			return errs[i]
		}
		s.regions = append(s.regions, read[i])
		s.held += r.Size()
	}
	return nil
}

// inMemory returns the file if it is [Bytes]: all of it is held as it is, and
// nothing is read or copied.
func (s *Source) inMemory() (all Region, ok bool) {
	b, ok := s.R.(Bytes)
	if !ok || s.Size > int64(len(b)) {
		return Region{}, false
	}
	return Region{0, b[:s.Size]}, true
}

// Find returns a range that is held, or nil.
func (s *Source) Find(r Span) []byte {
	if all, ok := s.inMemory(); ok {
		return all.Slice(r)
	}
	for i := range s.regions {
		if b := s.regions[i].Slice(r); b != nil {
			return b
		}
	}
	return nil
}

// Get returns a range, and reads it if it is not held.
func (s *Source) Get(r Span) ([]byte, error) {
	if b := s.Find(r); b != nil {
		return b, nil
	}
	b := make([]byte, r.Size())
	return b, s.Read(b, r.Off)
}

// Prefetch holds those of the ranges that are small, reading neighbours
// together. What it leaves out is read by the columns themselves.
func (s *Source) Prefetch(ranges []Span) error {
	ranges = slices.DeleteFunc(ranges, func(r Span) bool {
		return r.Size() <= 0 || s.Find(r) != nil
	})
	slices.SortFunc(ranges, func(a, b Span) int { return int(min(max(a.Off-b.Off, -1), 1)) })
	var wanted []Span
	held := s.held
	for len(ranges) > 0 {
		all := ranges[0]
		n := 1
		for ; n < len(ranges); n++ {
			r := ranges[n]
			if r.Off-all.End > mergeGapBytes || max(all.End, r.End)-all.Off > regionMaxBytes {
				break
			}
			all.End = max(all.End, r.End)
		}
		ranges = ranges[n:]
		if all.Size() > regionMaxBytes || held+all.Size() > regionsMaxBytes {
			continue
		}
		held += all.Size()
		wanted = append(wanted, all)
	}
	return s.Hold(wanted...)
}
