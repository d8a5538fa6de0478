package codec

import (
	"errors"
	"fmt"
	"io"
	"slices"
	"sync"
)

// How a chunk is read: few requests, large ones, bounded memory.
const (
	footerReadBytes = 64 << 10 // the first read: the footer, the indexes and the last columns
	mergeGapBytes   = 64 << 10 // two ranges closer than this are read as one
	regionMaxBytes  = 4 << 20  // a larger range is read window by window
	regionsMaxBytes = 8 << 20  // what is held of ranges in all
	windowBytes     = 1 << 20  // a column's read-ahead
	bodyWindowBytes = 4 << 20
	tailBodyBytes   = 512 << 10 // what is read of the bodies before it is known that they are needed
)

// A span is a range of bytes of the file.
type span struct{ off, end int64 }

func (s span) size() int64 { return s.end - s.off }

// A region is a range of the file that is in memory.
type region struct {
	off int64
	b   []byte
}

func (r *region) slice(s span) []byte {
	if s.off < r.off || s.end > r.off+int64(len(r.b)) {
		return nil
	}
	return r.b[s.off-r.off : s.end-r.off : s.end-r.off]
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

// A source reads a file and holds regions of it that several columns share.
type source struct {
	r       io.ReaderAt
	size    int64
	lim     Limits
	regions []region
	held    int64
}

// read fills b from off.
func (s *source) read(b []byte, off int64) error {
	n, err := s.r.ReadAt(b, off)
	if n == len(b) {
		return nil
	}
	if err == nil || errors.Is(err, io.EOF) {
		return &CorruptError{What: "chunk", Offset: off + int64(n), Err: io.ErrUnexpectedEOF}
	}
	return fmt.Errorf("read chunk at offset %d: %w", off, err)
}

// hold reads ranges, all at the same time, and keeps them.
func (s *source) hold(ranges ...span) error {
	read := make([]region, len(ranges))
	errs := make([]error, len(ranges))
	panics := make([]any, len(ranges)) // of the reader, for who called
	var wg sync.WaitGroup
	for i, r := range ranges {
		read[i] = region{r.off, make([]byte, r.size())}
		if len(ranges) == 1 {
			errs[i] = s.read(read[i].b, r.off)
			break
		}
		wg.Go(func() {
			defer func() { panics[i] = recover() }()
			errs[i] = s.read(read[i].b, r.off)
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
		s.held += r.size()
	}
	return nil
}

// find returns a range that is held, or nil.
func (s *source) find(r span) []byte {
	if b, ok := s.r.(Bytes); ok && s.size <= int64(len(b)) {
		all := region{0, b[:s.size]}
		return all.slice(r)
	}
	for i := range s.regions {
		if b := s.regions[i].slice(r); b != nil {
			return b
		}
	}
	return nil
}

// get returns a range, reading it where it is not held.
func (s *source) get(r span) ([]byte, error) {
	if b := s.find(r); b != nil {
		return b, nil
	}
	b := make([]byte, r.size())
	return b, s.read(b, r.off)
}

// prefetch holds those of the ranges that are small, reading neighbours
// together. What it leaves out is read by the columns themselves.
func (s *source) prefetch(ranges []span) error {
	ranges = slices.DeleteFunc(ranges, func(r span) bool {
		return r.size() <= 0 || s.find(r) != nil
	})
	slices.SortFunc(ranges, func(a, b span) int { return int(min(max(a.off-b.off, -1), 1)) })
	var wanted []span
	held := s.held
	for len(ranges) > 0 {
		all := ranges[0]
		n := 1
		for ; n < len(ranges); n++ {
			r := ranges[n]
			if r.off-all.end > mergeGapBytes || max(all.end, r.end)-all.off > regionMaxBytes {
				break
			}
			all.end = max(all.end, r.end)
		}
		ranges = ranges[n:]
		if all.size() > regionMaxBytes || held+all.size() > regionsMaxBytes {
			continue
		}
		held += all.size()
		wanted = append(wanted, all)
	}
	return s.hold(wanted...)
}
