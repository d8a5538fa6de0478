package codec

import (
	"errors"
	"io"
	"math"
)

// How many joined rows may be under way at one sequence number. An encoder has
// one a source, and the bytes are what two can have.
const (
	pendingMax      = 16
	pendingMaxBytes = joinSources * JoinMaxBytes
)

// A rowSource gives the rows of a chunk, sorted by seq, and then io.EOF. What r
// points to is valid until the next call.
type rowSource interface {
	nextRow(r *row) error
}

// A splitter is the assembler's opposite: it takes joined rows apart and merges
// the parts with the rows between them, by sequence number. Rows without parts
// pass through without a copy.
type splitter struct {
	src     rowSource
	lim     *Limits
	from    int64 // entries below are passed over
	skip    int64 // and so many that come then
	cur     row   // the next row, where have is set
	have    bool
	eof     bool
	pending []*splitRow
	spare   []*splitRow // joinSources at most
	last    int64       // the sequence number of the last entry
	err     error       // ends the reading
}

// A splitRow is a row some of whose parts have been emitted.
type splitRow struct {
	row
	next int // index in parts
	pos  int // offset in line
}

var (
	errOrder   = errors.New("rows are not in sequence order")
	errParts   = errors.New("parts do not match their row")
	errPending = errors.New("too many joined rows at once")
)

func newSplitter(src rowSource, from int64, lim *Limits) splitter {
	return splitter{src: src, lim: lim, from: from, last: math.MinInt64}
}

// entriesFrom returns how many of the row's entries have number from or a later one.
func (r *row) entriesFrom(from int64) (n int64) {
	if len(r.parts) == 0 && r.seq >= from {
		n++
	}
	for _, p := range r.parts {
		if p.seq >= from {
			n++
		}
	}
	return n
}

// next fills e with the next entry, or returns io.EOF.
func (s *splitter) next(e *Entry) error {
	for {
		if s.err == nil {
			s.err = s.step(e)
		}
		if s.err != nil {
			return s.err
		}
		if e.Seq <= s.last {
			s.err = &CorruptError{What: "row", Offset: -1, Err: errOrder}
			return s.err
		}
		s.last = e.Seq
		switch {
		case e.Seq < s.from:
		case s.skip > 0:
			s.skip--
		default:
			return nil
		}
	}
}

func (s *splitter) step(e *Entry) error {
	if !s.have && !s.eof {
		switch err := s.src.nextRow(&s.cur); {
		case err == nil:
			s.have = true
		case err == io.EOF:
			s.eof = true
		default:
			return err
		}
	}
	if len(s.pending) > 0 {
		if i := s.first(); !s.have || s.pending[i].parts[s.pending[i].next].seq < s.cur.seq {
			s.emitPart(i, e)
			return nil
		}
	}
	if !s.have {
		return io.EOF
	}
	s.have = false
	if len(s.cur.parts) == 0 {
		*e = Entry{
			Seq: s.cur.seq, TimeNano: s.cur.timeNano, Source: s.cur.source,
			Line: s.cur.line, Partial: s.cur.partial,
		}
		return nil
	}
	if err := s.pend(); err != nil {
		return err
	}
	s.emitPart(len(s.pending)-1, e)
	return nil
}

// first returns the index of the pending row with the smallest next part.
func (s *splitter) first() int {
	best := 0
	for i, p := range s.pending {
		if p.parts[p.next].seq < s.pending[best].parts[s.pending[best].next].seq {
			best = i
		}
	}
	return best
}

// pend copies the current row, after checks that keep memory and order bounded.
func (s *splitter) pend() error {
	if !partsFit(&s.cur) {
		return &CorruptError{What: "parts", Offset: -1, Err: errParts}
	}
	held := len(s.cur.line)
	for _, p := range s.pending {
		held += len(p.line)
	}
	if len(s.pending) == pendingMax || held > pendingMaxBytes {
		return &CorruptError{What: "parts", Offset: -1, Err: errPending}
	}
	p := new(splitRow)
	if n := len(s.spare); n > 0 {
		p, s.spare = s.spare[n-1], s.spare[:n-1]
	}
	line, parts := p.line, p.parts
	*p = splitRow{row: s.cur}
	var err error
	if p.line, err = s.lim.Memory.grown(line[:0], len(s.cur.line), JoinMaxBytes); err != nil {
		return err
	}
	p.line = append(p.line, s.cur.line...)
	p.parts = append(parts[:0], s.cur.parts...)
	s.pending = append(s.pending, p)
	return nil
}

// partsFit reports whether r's parts are what an assembler makes.
func partsFit(r *row) bool {
	if len(r.line) > JoinMaxBytes || r.parts[0].seq != r.seq {
		return false
	}
	total, last := 0, r.seq-1
	for _, p := range r.parts {
		if p.seq <= last || p.seq-r.seq >= JoinMaxSeqs || p.bytes < 0 || int(p.bytes) > len(r.line)-total {
			return false
		}
		total += int(p.bytes)
		last = p.seq
	}
	return total == len(r.line)
}

// emitPart fills e with the next part of pending row i. Its buffer is used
// again only for a row that a later call reads.
func (s *splitter) emitPart(i int, e *Entry) {
	p := s.pending[i]
	q := p.parts[p.next]
	end := p.pos + int(q.bytes)
	final := p.next == len(p.parts)-1
	*e = Entry{
		Seq: q.seq, TimeNano: p.timeNano, Source: p.source, Line: p.line[p.pos:end:end],
		Partial: true, Last: final && !p.partial,
	}
	p.next++
	p.pos = end
	if final {
		s.pending[i] = s.pending[len(s.pending)-1]
		s.pending = s.pending[:len(s.pending)-1]
		if len(s.spare) < joinSources {
			s.spare = append(s.spare, p)
		} else {
			s.lim.Memory.shrink(int64(cap(p.line)))
		}
	}
}
