package join

import (
	"errors"
	"fmt"
	"math"
	"strings"
	"unicode/utf8"

	"github.com/coldtail/coldtail/codec"
)

// holdMaxBytes bounds the bytes of the rows that wait after an open join, and
// of the join itself. More of them close the oldest join.
const holdMaxBytes = 4 << 20

// joinSources is how many sources can have a join open at once: the daemon's
// two. Parts of any other source become rows of their own.
const joinSources = 2

// Bounds of the sources that a chunk can have beside coldtail's own and the
// daemon's two.
const (
	sourceMaxBytes = 1 << 10
	sourcesMax     = 1 << 10
)

var errSourceText = errors.New("its source's name is not valid UTF-8")

// A Row is one logical line: an entry, or a run of joined parts.
type Row struct {
	Seq      int64 // of the first part
	TimeNano int64 // of every part
	Source   string
	Line     []byte
	Partial  bool   // no newline followed the last part
	Parts    []Part // nil if the line came in one entry
}

// A Part is an entry of a joined row: its number, and its length.
type Part struct {
	Seq   int64
	Bytes int32
}

const partBytes = 16

// A Sink takes the rows of a chunk, sorted by seq. It keeps no reference to r.
type Sink interface {
	WriteRow(r *Row) error
}

// An Assembler makes rows of entries: it joins the parts of long lines and
// sorts the rows by their first sequence number (docs/format.md, Long lines).
// Rows that start after a join that is still open wait for it in the queue; the
// queue is empty or starts with an open join. With an empty queue an entry
// passes through without a copy.
//
// What it does is a function of the entries alone.
type Assembler struct {
	Sink      Sink
	Stats     codec.Stats
	sources   map[string]struct{} // but those of [ordinarySource]
	queue     []*heldRow
	open      [joinSources]*heldRow
	heldBytes int
	spare     heldRows
	out       Row
}

// A heldRow is a row in the queue; line and parts are its own.
type heldRow struct {
	Row
	open         bool
	id           []byte
	ordinal      int32
	firstArrival int64
}

// Add takes the next entry.
func (a *Assembler) Add(e *codec.Entry) error {
	if a.Stats.Entries > 0 && e.Seq <= a.Stats.LastSeq {
		return fmt.Errorf("encode entry: sequence number %d follows %d", e.Seq, a.Stats.LastSeq)
	}
	if err := a.fits(e); err != nil {
		return &codec.EntryError{Seq: e.Seq, Err: err}
	}
	a.Stats.Add(e)
	if len(a.queue) == 0 && !startsJoin(e) {
		a.Stats.Rows++
		a.out = Row{Seq: e.Seq, TimeNano: e.TimeNano, Source: e.Source, Line: e.Line, Partial: !e.Newline()}
		return a.Sink.WriteRow(&a.out)
	}
	a.hold(e)
	return a.flush()
}

// fits reports what of e no chunk can hold.
func (a *Assembler) fits(e *codec.Entry) error {
	if len(e.Line) > codec.MaxFrameBytes {
		return fmt.Errorf("its line of %d bytes is longer than %d", len(e.Line), codec.MaxFrameBytes)
	}
	if ordinarySource(e.Source) {
		return nil
	}
	if len(e.Source) > sourceMaxBytes {
		return fmt.Errorf("its source's name of %d bytes is longer than %d", len(e.Source), sourceMaxBytes)
	}
	if !utf8.ValidString(e.Source) {
		return errSourceText
	}
	if _, known := a.sources[e.Source]; known {
		return nil
	}
	if len(a.sources) == sourcesMax {
		return fmt.Errorf("it is of one more source than the %d that a chunk can have", sourcesMax)
	}
	if a.sources == nil {
		a.sources = make(map[string]struct{})
	}
	a.sources[strings.Clone(e.Source)] = struct{}{}
	return nil
}

// ordinarySource reports whether coldtail knows the source's name.
func ordinarySource(s string) bool {
	return s == codec.Stdout || s == codec.Stderr || s == codec.GapSource
}

// Finish closes what is open and emits what waits.
func (a *Assembler) Finish() error {
	for i := range a.open {
		a.closeJoin(i)
	}
	return a.flush()
}

func (a *Assembler) hold(e *codec.Entry) {
	for i, h := range a.open {
		if h != nil && e.Seq-h.Seq >= codec.JoinMaxSeqs {
			a.closeJoin(i)
		}
	}
	slot := joinSlot(e.Source)
	if slot >= 0 && a.open[slot] != nil {
		h := a.open[slot]
		if h.continuedBy(e) {
			a.extend(h, e)
			if e.Last {
				h.Partial = false
				a.closeJoin(slot)
			}
			return
		}
		a.closeJoin(slot)
	}
	h := a.spare.take()
	h.Seq, h.TimeNano, h.Source, h.Partial = e.Seq, e.TimeNano, e.Source, !e.Newline()
	if startsJoin(e) {
		h.open, h.firstArrival = true, e.ArrivalNano
		h.id = append(h.id, e.PartID...)
		a.open[slot] = h
	}
	a.extend(h, e)
	a.queue = append(a.queue, h)
}

func (a *Assembler) extend(h *heldRow, e *codec.Entry) {
	h.Line = append(h.Line, e.Line...)
	h.Parts = append(h.Parts, Part{e.Seq, int32(len(e.Line))})
	h.ordinal = e.Ordinal
	a.heldBytes += len(e.Line)
}

func (a *Assembler) closeJoin(slot int) {
	if h := a.open[slot]; h != nil {
		h.open = false
		a.open[slot] = nil
	}
}

// flush emits the rows in front of the oldest join that may stay open.
func (a *Assembler) flush() error {
	n := 0
	for ; n < len(a.queue); n++ {
		h := a.queue[n]
		if h.open {
			if a.heldBytes <= holdMaxBytes {
				break
			}
			a.closeJoin(joinSlot(h.Source))
		}
		a.heldBytes -= len(h.Line)
		a.Stats.Rows++
		a.out = h.Row
		if len(h.Parts) == 1 {
			a.out.Parts = nil
		}
		if err := a.Sink.WriteRow(&a.out); err != nil {
			return err
		}
		a.spare.put(h)
	}
	if n > 0 {
		a.queue = a.queue[:copy(a.queue, a.queue[n:])]
	}
	return nil
}

// startsJoin reports whether a next part may follow e in its row. An entry
// without an id does not: daemons that send none send no ordinals either.
func startsJoin(e *codec.Entry) bool {
	return e.Partial && !e.Last && len(e.PartID) > 0 && e.Ordinal < math.MaxInt32 &&
		len(e.Line) < codec.JoinMaxBytes && joinSlot(e.Source) >= 0
}

func (h *heldRow) continuedBy(e *codec.Entry) bool {
	return e.Partial && e.Ordinal == h.ordinal+1 && e.TimeNano == h.TimeNano &&
		string(e.PartID) == string(h.id) &&
		e.ArrivalNano-h.firstArrival <= codec.JoinMaxNano &&
		len(h.Line)+len(e.Line) <= codec.JoinMaxBytes
}

func joinSlot(source string) int {
	switch source {
	case codec.Stdout:
		return 0
	case codec.Stderr:
		return 1
	}
	return -1
}

// heldRows recycles rows with their buffers, up to holdMaxBytes of them.
type heldRows struct {
	rows  []*heldRow
	bytes int
}

func (s *heldRows) take() *heldRow {
	n := len(s.rows)
	if n == 0 {
		return new(heldRow)
	}
	h := s.rows[n-1]
	s.rows = s.rows[:n-1]
	s.bytes -= h.size()
	*h = heldRow{Row: Row{Line: h.Line[:0], Parts: h.Parts[:0]}, id: h.id[:0]}
	return h
}

// size is what the row's buffers take.
func (h *heldRow) size() int { return cap(h.Line) + cap(h.id) + partBytes*cap(h.Parts) }

func (s *heldRows) put(h *heldRow) {
	if s.bytes+h.size() > holdMaxBytes {
		return
	}
	s.bytes += h.size()
	s.rows = append(s.rows, h)
}

// ErrClosed is what an encoder answers after Close.
var ErrClosed = errors.New("encoder is closed")

// Lasting returns err if it ends an encoder, and nil if it concerns one entry only.
func Lasting(err error) error {
	if _, one := err.(*codec.EntryError); one {
		return nil
	}
	return err
}

// FromSeq is the sequence number from which a range wants entries.
func FromSeq(rg codec.Range) int64 {
	if rg.FromSeq <= 0 {
		return math.MinInt64
	}
	return rg.FromSeq
}
