package join

import (
	"errors"
	"io"
	"math"

	"github.com/coldtail/coldtail/codec"
)

// How many joined rows may be under way at one sequence number. An encoder has
// one a source, and the bytes are what two can have.
const (
	pendingMax      = 16
	pendingMaxBytes = joinSources * codec.JoinMaxBytes
)

// A Source gives the rows of a chunk, sorted by seq, and then io.EOF. What r
// points to is valid until the next call.
type Source interface {
	NextRow(r *Row) error
}

// A Splitter is the assembler's opposite: it takes joined rows apart and merges
// the parts with the rows between them, by sequence number. Rows without parts
// pass through without a copy.
type Splitter struct {
	src     Source
	lim     *codec.Limits
	from    int64 // entries below are passed over
	Skip    int64 // and so many that come then
	cur     Row   // the next row, if have is set
	have    bool
	eof     bool
	pending []*splitRow
	spare   []*splitRow // joinSources at most
	last    int64       // the sequence number of the last entry
	err     error       // ends the reading
}

// A splitRow is a row some of whose parts have been emitted.
type splitRow struct {
	Row
	next int // index in parts
	pos  int // offset in line
}

// What is wrong with rows that no [Assembler] made.
var (
	ErrOrder   = errors.New("rows are not in sequence order")
	ErrParts   = errors.New("parts do not match their row")
	errPending = errors.New("too many joined rows at once")
)

// NewSplitter returns a splitter of src that passes over entries before from.
func NewSplitter(src Source, from int64, lim *codec.Limits) Splitter {
	return Splitter{src: src, lim: lim, from: from, last: math.MinInt64}
}

// EntriesFrom returns how many of the row's entries have number from or a later one.
func (r *Row) EntriesFrom(from int64) (n int64) {
	if len(r.Parts) == 0 && r.Seq >= from {
		n++
	}
	for _, p := range r.Parts {
		if p.Seq >= from {
			n++
		}
	}
	return n
}

// Next fills e with the next entry, or returns io.EOF.
func (s *Splitter) Next(e *codec.Entry) error {
	for {
		if s.err == nil {
			s.err = s.step(e)
		}
		if s.err != nil {
			return s.err
		}
		if e.Seq <= s.last {
			s.err = &codec.CorruptError{What: "row", Offset: -1, Err: ErrOrder}
			return s.err
		}
		s.last = e.Seq
		switch {
		case e.Seq < s.from:
		case s.Skip > 0:
			s.Skip--
		default:
			return nil
		}
	}
}

func (s *Splitter) step(e *codec.Entry) error {
	if !s.have && !s.eof {
		switch err := s.src.NextRow(&s.cur); {
		case err == nil:
			s.have = true
		case err == io.EOF:
			s.eof = true
		default:
			return err
		}
	}
	if len(s.pending) > 0 {
		if i := s.first(); !s.have || s.pending[i].Parts[s.pending[i].next].Seq < s.cur.Seq {
			s.emitPart(i, e)
			return nil
		}
	}
	if !s.have {
		return io.EOF
	}
	s.have = false
	if len(s.cur.Parts) == 0 {
		*e = codec.Entry{
			Seq: s.cur.Seq, TimeNano: s.cur.TimeNano, Source: s.cur.Source,
			Line: s.cur.Line, Partial: s.cur.Partial,
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
func (s *Splitter) first() int {
	best := 0
	for i, p := range s.pending {
		if p.Parts[p.next].Seq < s.pending[best].Parts[s.pending[best].next].Seq {
			best = i
		}
	}
	return best
}

// pend copies the current row, after checks that keep memory and order bounded.
func (s *Splitter) pend() error {
	if !partsFit(&s.cur) {
		return &codec.CorruptError{What: "parts", Offset: -1, Err: ErrParts}
	}
	held := len(s.cur.Line)
	for _, p := range s.pending {
		held += len(p.Line)
	}
	if len(s.pending) == pendingMax || held > pendingMaxBytes {
		return &codec.CorruptError{What: "parts", Offset: -1, Err: errPending}
	}
	p := new(splitRow)
	if n := len(s.spare); n > 0 {
		p, s.spare = s.spare[n-1], s.spare[:n-1]
	}
	line, parts := p.Line, p.Parts
	*p = splitRow{Row: s.cur}
	var err error
	if p.Line, err = s.lim.Memory.Grown(line[:0], len(s.cur.Line), codec.JoinMaxBytes); err != nil {
		return err
	}
	p.Line = append(p.Line, s.cur.Line...)
	p.Parts = append(parts[:0], s.cur.Parts...)
	s.pending = append(s.pending, p)
	return nil
}

// partsFit reports whether r's parts are what an assembler makes.
func partsFit(r *Row) bool {
	if len(r.Line) > codec.JoinMaxBytes || r.Parts[0].Seq != r.Seq {
		return false
	}
	total, last := 0, r.Seq-1
	for _, p := range r.Parts {
		if p.Seq <= last || p.Seq-r.Seq >= codec.JoinMaxSeqs || p.Bytes < 0 || int(p.Bytes) > len(r.Line)-total {
			return false
		}
		total += int(p.Bytes)
		last = p.Seq
	}
	return total == len(r.Line)
}

// emitPart fills e with the next part of pending row i. Its buffer is used
// again only for a row that a later call reads.
func (s *Splitter) emitPart(i int, e *codec.Entry) {
	p := s.pending[i]
	q := p.Parts[p.next]
	end := p.pos + int(q.Bytes)
	final := p.next == len(p.Parts)-1
	*e = codec.Entry{
		Seq: q.Seq, TimeNano: p.TimeNano, Source: p.Source, Line: p.Line[p.pos:end:end],
		Partial: true, Last: final && !p.Partial,
	}
	p.next++
	p.pos = end
	if final {
		s.pending[i] = s.pending[len(s.pending)-1]
		s.pending = s.pending[:len(s.pending)-1]
		if len(s.spare) < joinSources {
			s.spare = append(s.spare, p)
		} else {
			s.lim.Memory.Shrink(int64(cap(p.Line)))
		}
	}
}
