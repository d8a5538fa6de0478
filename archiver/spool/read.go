package spool

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"slices"
	"sort"

	"github.com/coldtail/coldtail/codec"
)

// ErrGone tells that what a cursor would read next was evicted: the bucket has it.
var ErrGone = errors.New("segment is no longer in the spool")

// Snapshot is what a log held at one moment.
type Snapshot struct {
	log *Log
	// Segments are those with entries, oldest first. Their files are opened when
	// a cursor gets there, as there may be hundreds of them.
	Segments []*View
	// LastSeq is the last entry's number; 0 while there were none.
	LastSeq int64
	ending  int
	// lastSegment is the number of the last segment that there was.
	lastSegment int64
}

// View is a segment for reading.
type View struct {
	Header  Header
	State   State
	LastSeq int64 // as of the snapshot

	log  *Log
	seg  *segment
	data *os.File // nil until it is opened
	idx  *os.File
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
	sn := &Snapshot{log: l, LastSeq: l.lastSeq(), ending: l.endings, lastSegment: l.stream.LastSegment}
	for _, s := range l.segments {
		if s.entries() > 0 || !s.rolled {
			sn.Segments = append(sn.Segments, l.view(s))
		}
	}
	return sn
}

// Objects are all that were archived from this spool up to now, in the order of
// archiving. What was archived since the snapshot is in both: nothing is in neither.
func (sn *Snapshot) Objects() ([]Object, error) {
	objs, _, err := sn.listed()
	return objs, err
}

// AllObjects is Objects, and tells whether these are all: where the list was
// damaged, or a segment was lost, the bucket may have more.
func (sn *Snapshot) AllObjects() (objs []Object, all bool, err error) { return sn.listed() }

// OpenSegment opens one segment for reading; close it.
func (l *Log) OpenSegment(segmentSeq int64) (*View, error) {
	s := l.find(segmentSeq)
	if s == nil {
		return nil, fmt.Errorf("open segment %d: %w", segmentSeq, ErrGone)
	}
	l.mu.Lock()
	v := l.view(s)
	l.mu.Unlock()
	return v, v.open()
}

// view describes a segment. Called with mu held.
func (l *Log) view(s *segment) *View {
	return &View{Header: s.header, State: s.state, LastSeq: s.lastSeq, log: l, seg: s}
}

// open opens the segment's files, whatever their names are by now. ErrGone
// tells that it was archived and evicted since.
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
	data, err := os.Open(v.seg.name(v.seg.state))
	if err != nil {
		return fmt.Errorf("open segment: %w", err)
	}
	idx, err := os.Open(v.seg.path(extIndex))
	if err != nil {
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
	err := errors.Join(v.data.Close(), v.idx.Close())
	v.data, v.idx, v.recs = nil, nil, nil
	return err
}

// Batch is a row of whole frames.
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
	v.log.mu.Lock()
	if v.seg.state == Active {
		defer v.log.mu.Unlock()
		p := findPiece(v.seg.records, off)
		p.rolled = v.seg.rolled
		if p.ok && v.seg == v.log.active && v.log.tail.holds(p.Offset, p.end()) {
			p.tail = v.log.tail
			p.tail.refs++
			p.tail.read = true
			p.mem = p.tail.b[p.Offset-p.tail.off:][:p.Length]
		}
		return p, nil
	}
	v.log.mu.Unlock()
	if v.recs == nil {
		sc, err := readSidecar(v.idx)
		if err != nil {
			return piece{}, err
		}
		if sc.damaged || sc.lastSeq() < v.LastSeq {
			// It was whole when the log was opened. The next start mends it.
			return piece{}, &codec.CorruptError{What: "sidecar " + v.idx.Name(), Offset: sc.end, Err: errHole}
		}
		v.recs = sc.records
	}
	p := findPiece(v.recs, off)
	p.rolled = true
	return p, nil
}

// findPiece returns what the records say of the frames from off on.
func findPiece(recs []Record, off int64) piece {
	i := sort.Search(len(recs), func(i int) bool { return recs[i].end() > off })
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

// Cursor reads a log's batches in order. It is used by one goroutine.
type Cursor struct {
	sn   *Snapshot
	view *View
	i    int
	off  int64
	seq  int64
	buf  []byte
	held *tail
}

// Cursor starts at the batch that holds entry fromSeq, or at the first later
// one. Entries before fromSeq may come first in that batch.
func (sn *Snapshot) Cursor(fromSeq int64) *Cursor {
	c := &Cursor{sn: sn, seq: fromSeq}
	c.i = slices.IndexFunc(sn.Segments, func(v *View) bool { return v.LastSeq >= fromSeq })
	if c.i < 0 {
		c.i = max(0, len(sn.Segments)-1)
	}
	return c
}

// Next returns the next batch: io.EOF after what the snapshot held or, when
// following, once the last FIFO was detached and everything was read. When
// following, it waits for more entries; idle, if not nil, is called before it
// does, and its error ends the wait. ErrGone tells that the entries from Seq on must be read from the bucket.
func (c *Cursor) Next(ctx context.Context, follow bool, idle func() error) (Batch, error) {
	c.release()
	for {
		if !follow && c.seq > c.sn.LastSeq {
			return Batch{}, io.EOF
		}
		if c.view == nil {
			if err := c.advance(ctx, follow, idle); err != nil {
				return Batch{}, c.pass(err)
			}
		}
		p, err := c.view.next(c.off)
		if err != nil {
			return Batch{}, c.pass(err)
		}
		if p.ok {
			return c.read(p)
		}
		if p.rolled {
			c.leave()
			continue
		}
		if !follow {
			return Batch{}, io.EOF
		}
		if err := c.wait(ctx, idle); err != nil {
			return Batch{}, err
		}
	}
}

// pass leaves a segment whose sidecar turned out to be damaged: the next call
// goes on behind it.
func (c *Cursor) pass(err error) error {
	var bad *codec.CorruptError
	if c.view != nil && errors.As(err, &bad) {
		c.seq = max(c.seq, c.view.LastSeq+1)
		c.leave()
	}
	return err
}

// Seq is the number of the entry that the next batch starts with.
func (c *Cursor) Seq() int64 { return c.seq }

// read gives the piece from memory or from the file.
func (c *Cursor) read(p piece) (Batch, error) {
	b := Batch{FirstSeq: c.seq, ArrivalNano: p.ArrivalNano}
	if p.whole {
		b.FirstSeq = p.FirstSeq
	}
	if p.mem != nil {
		c.held, b.Frames = p.tail, p.mem
	} else {
		buf, err := c.load(p)
		if err != nil {
			return Batch{}, c.corrupt(p, err)
		}
		c.buf, b.Frames = buf, buf
	}
	c.off = p.end()
	c.seq = p.FirstSeq + p.Entries
	return b, nil
}

// load reads a piece from the file.
func (c *Cursor) load(p piece) ([]byte, error) {
	c.sn.log.step("read", c.view.data.Name())
	fi, err := c.view.data.Stat()
	if err != nil {
		return nil, err
	}
	if p.whole {
		return readRecord(c.view.data, fi.Size(), p.Record, c.buf)
	}
	return readPiece(c.view.data, fi.Size(), p.Record, c.buf)
}

func (c *Cursor) corrupt(p piece, err error) error {
	what := fmt.Sprintf("segment %d of container %s", c.view.Header.SegmentSeq, c.view.Header.ContainerID)
	// The next call goes on behind it.
	c.off, c.seq = p.end(), p.FirstSeq+p.Entries
	return &codec.CorruptError{What: what, Offset: p.Offset, Err: err}
}

// advance goes to the next view: of the snapshot first, then of the log.
func (c *Cursor) advance(ctx context.Context, follow bool, idle func() error) error {
	if c.i < len(c.sn.Segments) {
		return c.enter(c.sn.Segments[c.i])
	}
	for follow {
		l := c.sn.log
		l.mu.Lock()
		i := slices.IndexFunc(l.segments, func(s *segment) bool { return s.lastSeq >= c.seq || s == l.active })
		gone := i < 0 && l.hasFrom(c.seq) || i >= 0 && c.missed(l.segments[i])
		var v *View
		if i >= 0 {
			v = l.view(l.segments[i])
		}
		l.mu.Unlock()
		if gone {
			return fmt.Errorf("read on from entry %d: %w", c.seq, ErrGone)
		}
		if v != nil {
			return c.enter(v)
		}
		if err := c.wait(ctx, idle); err != nil {
			return err
		}
	}
	return io.EOF
}

// missed tells that entries between the cursor and s are gone. Before the first
// entry of all there were none.
func (c *Cursor) missed(s *segment) bool {
	return s.header.FirstSeq > c.seq && c.seq > 0 && c.sn.LastSeq > 0 && !s.header.Origin
}

// enter places the cursor at the batch of v that holds entry c.seq.
func (c *Cursor) enter(v *View) error {
	if err := v.open(); err != nil {
		c.seq = max(c.seq, v.Header.FirstSeq)
		return err
	}
	c.view, c.off = v, 0
	for off := int64(0); c.seq > v.Header.FirstSeq; {
		p, err := v.next(off)
		if err != nil {
			return err
		}
		if p.tail != nil {
			c.held = p.tail
			c.release()
		}
		if !p.ok {
			break
		}
		if p.LastSeq() >= c.seq {
			c.off = p.Offset
			return nil
		}
		off = p.end()
		c.off = off
	}
	c.seq = max(c.seq, v.Header.FirstSeq)
	return nil
}

func (c *Cursor) leave() {
	_ = c.view.Close() // only read from
	c.view = nil
	c.i++
}

// wait blocks until there may be more to read. It returns io.EOF once nothing
// will come.
func (c *Cursor) wait(ctx context.Context, idle func() error) error {
	l := c.sn.log
	l.mu.Lock()
	if !l.hasFrom(c.seq) && idle != nil {
		l.mu.Unlock()
		if err := idle(); err != nil {
			return err
		}
		l.mu.Lock()
	}
	if l.hasFrom(c.seq) {
		l.mu.Unlock()
		return nil
	}
	if l.live == 0 || l.endings != c.sn.ending || l.closed {
		l.mu.Unlock()
		return io.EOF
	}
	if l.notify == nil {
		l.notify = make(chan struct{})
	}
	ch := l.notify
	l.mu.Unlock()
	select {
	case <-ctx.Done():
		return context.Cause(ctx)
	case <-ch:
		return nil
	}
}

// hasFrom tells whether entry seq is there. Called with mu held.
func (l *Log) hasFrom(seq int64) bool {
	last := l.lastSeq()
	return last > 0 && last >= seq
}

func (c *Cursor) release() {
	if c.held == nil {
		return
	}
	c.sn.log.mu.Lock()
	c.held.refs--
	c.sn.log.mu.Unlock()
	c.held = nil
}

// Close ends the reading and releases the file that was being read.
func (c *Cursor) Close() error {
	c.release()
	if c.view == nil {
		return nil
	}
	return c.view.Close()
}
