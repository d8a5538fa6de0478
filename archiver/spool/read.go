package spool

import (
	"cmp"
	"errors"
	"fmt"
	"os"
	"slices"
	"time"
)

// ErrGone reports that what a cursor would read next was evicted: the bucket has it.
var ErrGone = errors.New("segment is no longer in the spool")

// Snapshot is what a log held at one moment.
type Snapshot struct {
	log *Log
	// Segments are those with entries, oldest first. Their files are opened when
	// a cursor gets there, as there may be hundreds of them.
	Segments []*View
	// LastSeq is the last entry's number; 0 while there were none.
	LastSeq int64
	// SpoolID is the one that the next entries are archived under.
	SpoolID string
	// Away, unless nil, reports whether, since a container was made, the spool was not
	// in use for a time: then another one may have archived some of its entries.
	Away   func(created time.Time) bool
	ending int
	newer  []int64 // segments of a newer version that are not in the bucket
	// lastSegment is the number of the last segment that there was.
	lastSegment int64
}

// View is a segment for reading.
type View struct {
	Header  Header
	LastSeq int64 // as of the snapshot

	log  *Log
	seg  *segment
	data *os.File // nil until it is opened
	idx  *os.File // nil where somebody removed it
	recs []Record // once the segment is no longer active
}

// Entries is how many entries the segment held when the snapshot was taken; of
// a gap that is its one row.
func (v *View) Entries() int64 {
	if v.Header.Gap != nil {
		return 1
	}
	return v.LastSeq - v.Header.FirstSeq + 1
}

// SeqFromEnd is the number of the entry of which n-1 follow in the segment.
func (v *View) SeqFromEnd(n int64) int64 {
	if v.Header.Gap != nil {
		return v.Header.FirstSeq
	}
	return v.LastSeq - n + 1
}

// Snapshot returns what the log holds now.
func (l *Log) Snapshot() *Snapshot {
	l.mu.Lock()
	defer l.mu.Unlock()
	sn := &Snapshot{log: l, SpoolID: l.cfg.SpoolID, LastSeq: l.lastSeq(), ending: l.endings, lastSegment: l.stream.LastSegment}
	for _, n := range l.newer {
		if n.phase != archived {
			sn.newer = append(sn.newer, n.seq)
		}
	}
	for _, s := range l.segments {
		if s.entries() > 0 || s.phase == filling {
			sn.Segments = append(sn.Segments, l.view(s))
		}
	}
	return sn
}

// LastSegment is the number of the last segment that there was.
func (sn *Snapshot) LastSegment() int64 { return sn.lastSegment }

// OpenSegment opens one segment for reading; close it. With a *codec.CorruptError,
// as its data is gone, the view has what memory knows.
func (l *Log) OpenSegment(segmentSeq int64) (*View, error) {
	s := l.find(segmentSeq)
	if s == nil {
		return nil, fmt.Errorf("open segment %d: %w", segmentSeq, ErrGone)
	}
	v := l.viewOf(s)
	return v, v.open()
}

// viewOf is view for callers that do not hold mu.
func (l *Log) viewOf(s *segment) *View {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.view(s)
}

// view describes a segment. Called with mu held.
func (l *Log) view(s *segment) *View {
	return &View{Header: s.header, LastSeq: s.lastSeq, log: l, seg: s}
}

// open opens the segment's files, whatever their names are by now. ErrGone
// reports that it was archived and evicted since.
func (v *View) open() error {
	if v.data != nil || v.Header.Gap != nil {
		return nil
	}
	l := v.log
	l.mu.Lock() // names do not change meanwhile
	defer l.mu.Unlock()
	if !slices.Contains(l.segments, v.seg) || v.seg.header.Gap != nil {
		return fmt.Errorf("open segment %d: %w", v.Header.SegmentSeq, ErrGone)
	}
	data, err := v.seg.openData()
	if err != nil {
		return err
	}
	idx, err := os.Open(v.seg.path(extIndex))
	if err != nil && !errors.Is(err, os.ErrNotExist) { // without one the data says all
		return errors.Join(fmt.Errorf("open segment: %w", err), data.Close())
	}
	v.data, v.idx = data, idx
	return nil
}

// Cursor reads the segment as it was when it was opened.
func (v *View) Cursor() *Cursor {
	sn := &Snapshot{log: v.log, Segments: []*View{v}, LastSeq: v.LastSeq}
	return sn.Cursor(0)
}

// Close releases the segment's files, if they are open.
func (v *View) Close() error {
	if v.data == nil {
		return nil
	}
	err := v.data.Close()
	if v.idx != nil {
		err = errors.Join(err, v.idx.Close())
	}
	v.data, v.idx, v.recs = nil, nil, nil
	return err
}

// Batch is a sequence of whole frames.
type Batch struct {
	Frames      []byte // valid until the next call
	FirstSeq    int64
	ArrivalNano int64
}

// piece is where a view's next batch lies.
type piece struct {
	Record
	ok     bool
	whole  bool  // all of a record, so that its checksum can be verified
	rolled bool  // where not ok: whether nothing will follow
	tail   *tail // holds mem, if not nil
	mem    []byte
}

// next finds what follows file offset off.
func (v *View) next(off int64) (piece, error) {
	if v.Header.Gap != nil {
		b := v.Header.gapFrame()
		r := Record{kind: kindBatch, Length: int64(len(b)), FirstSeq: v.Header.FirstSeq, Entries: v.Header.Gap.Entries, ArrivalNano: v.Header.CreatedNano}
		return piece{Record: r, mem: b, ok: off == 0, whole: true, rolled: true}, nil
	}
	if p, ok := v.active(off); ok {
		return p, nil
	}
	if v.recs == nil {
		recs, err := v.records()
		if err != nil {
			return piece{}, err
		}
		v.recs = recs
	}
	p := findPiece(v.recs, off)
	p.rolled = true
	return p, nil
}

// active is next for a segment that is active: the records are in memory. ok
// is false where it is not.
func (v *View) active(off int64) (p piece, ok bool) {
	v.log.mu.Lock()
	defer v.log.mu.Unlock()
	if !v.seg.active() {
		return piece{}, false
	}
	p = findPiece(v.seg.records, off)
	p.rolled = v.seg.phase != filling
	if p.ok && v.seg == v.log.active && v.log.tail.holds(p.Offset, p.end()) {
		p.tail = v.log.tail
		p.tail.refs++
		p.tail.read = true
		p.mem = p.tail.b[p.Offset-p.tail.off:][:p.Length]
	}
	return p, true
}

// findPiece returns what the records say of the frames from off on.
func findPiece(recs []Record, off int64) piece {
	i, _ := slices.BinarySearchFunc(recs, off+1, func(r Record, end int64) int { return cmp.Compare(r.end(), end) })
	for ; i < len(recs); i++ {
		if r := recs[i]; r.kind == kindBatch {
			whole := r.Offset >= off
			if !whole {
				r.Length, r.Offset = r.end()-off, off
			}
			return piece{Record: r, ok: true, whole: whole}
		}
	}
	return piece{}
}
