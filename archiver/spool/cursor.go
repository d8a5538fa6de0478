package spool

import (
	"context"
	"errors"
	"fmt"
	"io"
	"slices"

	"github.com/coldtail/coldtail/codec"
)

// Cursor reads a log's batches in order. It is used by one goroutine.
type Cursor struct {
	sn   *Snapshot
	view *View
	i    int
	off  int64
	seq  int64
	buf  []byte
	held *tail
	// newer are the segments of a newer version that are not passed yet.
	newer []int64
}

// Cursor starts at the batch that holds entry fromSeq, or at the first later
// one. Entries before fromSeq may come first in that batch.
func (sn *Snapshot) Cursor(fromSeq int64) *Cursor {
	c := &Cursor{sn: sn, seq: fromSeq, newer: sn.newer}
	c.i = slices.IndexFunc(sn.Segments, func(v *View) bool { return v.LastSeq >= fromSeq })
	if c.i < 0 {
		c.i = max(0, len(sn.Segments)-1)
		if len(sn.Segments) > 0 { // only what comes is wanted
			c.newer = nil
		}
	}
	if c.i > 0 { // those before are not wanted either
		before := sn.Segments[c.i-1].Header.SegmentSeq
		c.newer = slices.DeleteFunc(slices.Clone(c.newer), func(seq int64) bool { return seq < before })
	}
	return c
}

// Next returns the next batch: io.EOF after what the snapshot held or, when
// following, once the last FIFO was detached and everything was read. When
// following, it waits for more entries; idle, if not nil, is called before it
// does, and its error ends the wait. ErrGone reports that the entries from Seq on must be read from the bucket.
func (c *Cursor) Next(ctx context.Context, follow bool, idle func() error) (Batch, error) {
	c.release()
	b, err := c.next(ctx, follow, idle)
	if errors.Is(err, io.EOF) && len(c.newer) > 0 {
		return Batch{}, c.tellNewer()
	}
	return b, err
}

func (c *Cursor) next(ctx context.Context, follow bool, idle func() error) (Batch, error) {
	for {
		if c.view == nil {
			if err := c.passNewer(); err != nil {
				return Batch{}, err
			}
		}
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
// goes on after it.
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
	// The next call goes on after it.
	c.off, c.seq = p.end(), p.FirstSeq+p.Entries
	return &codec.CorruptError{What: what, Offset: p.Offset, Err: err}
}

// advance goes to the next view: of the snapshot first, then of the log.
func (c *Cursor) advance(ctx context.Context, follow bool, idle func() error) error {
	if c.i < len(c.sn.Segments) {
		return c.enter(c.sn.Segments[c.i])
	}
	for follow {
		v, err := c.following()
		if err != nil {
			return err
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

// following returns the segment that the log has after the snapshot, or nil
// where there is none yet.
func (c *Cursor) following() (*View, error) {
	l := c.sn.log
	l.mu.Lock()
	defer l.mu.Unlock()
	i := slices.IndexFunc(l.segments, func(s *segment) bool { return s.lastSeq >= c.seq || s == l.active })
	if i < 0 && l.hasFrom(c.seq) || i >= 0 && c.missed(l.segments[i]) {
		return nil, fmt.Errorf("read on from entry %d: %w", c.seq, ErrGone)
	}
	if i < 0 {
		return nil, nil
	}
	return l.view(l.segments[i]), nil
}

// missed reports that entries between the cursor and s are gone. Before the first
// entry of all there were none.
func (c *Cursor) missed(s *segment) bool {
	return s.header.FirstSeq > c.seq && c.seq > 0 && c.sn.LastSeq > 0 && !s.header.Origin
}

// enter places the cursor at the batch of v that holds entry c.seq.
func (c *Cursor) enter(v *View) error {
	if err := v.open(); err != nil {
		c.seq = max(c.seq, v.Header.FirstSeq)
		var bad *codec.CorruptError
		if errors.As(err, &bad) { // the next call goes on after it
			c.seq = max(c.seq, v.LastSeq+1)
			c.i++
		}
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
	if more, _, _ := c.more(); !more && idle != nil {
		if err := idle(); err != nil {
			return err
		}
	}
	more, ch, err := c.more()
	if more || err != nil {
		return err
	}
	select {
	case <-ctx.Done():
		return context.Cause(ctx)
	case <-ch:
		return nil
	}
}

// more reports whether entry Seq is there. If it is not, ch is closed when
// there may be more; the error is io.EOF where nothing will come.
func (c *Cursor) more() (more bool, ch <-chan struct{}, err error) {
	l := c.sn.log
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.hasFrom(c.seq) {
		return true, nil, nil
	}
	if l.live == 0 || l.endings != c.sn.ending || l.closed {
		return false, nil, io.EOF
	}
	if l.notify == nil {
		l.notify = make(chan struct{})
	}
	return false, l.notify, nil
}

// hasFrom reports whether entry seq is there. Called with mu held.
func (l *Log) hasFrom(seq int64) bool {
	last := l.lastSeq()
	return last > 0 && last >= seq
}

func (c *Cursor) release() {
	if c.held == nil {
		return
	}
	c.sn.log.locked(func() { c.held.refs-- })
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
