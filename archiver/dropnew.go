package archiver

import (
	"errors"
	"io"
	"time"

	"github.com/coldtail/coldtail/archiver/fifo"
	"github.com/coldtail/coldtail/archiver/spool"
	"github.com/coldtail/coldtail/codec"
)

// gapInterval is how long a gap grows before it gets a row: meanwhile each group
// commit makes durable what it counted.
const gapInterval = 10 * time.Second

// discarder reads a FIFO's entries and only counts them. It belongs to the
// ingest goroutine.
type discarder struct {
	gap    codec.Gap
	noted  int64 // entries of the gap that were counted
	since  time.Time
	reason string
	rest   []byte      // of an unfinished frame
	from   *attachment // where that is from, and its end comes
	// probing is set while a gap waits to be written that tells whether a broken
	// disk works again.
	probing bool
}

// take counts the whole frames among what was read.
func (d *discarder) take(b []byte, now time.Time) (lost int64) {
	d.rest = append(d.rest, b...)
	rest := d.rest
	var e codec.Entry
	for len(rest) > 0 {
		n, err := codec.ParseFrame(rest, &e)
		if errors.Is(err, codec.ErrShort) {
			break
		}
		if err != nil { // not worth resynchronising: it is discarded anyway
			lost += int64(len(rest))
			rest = nil
			break
		}
		rest = rest[n:]
		if d.gap.Entries == 0 {
			d.gap = codec.Gap{FirstNano: e.TimeNano, LastNano: e.TimeNano, Reason: d.reason}
			d.since = now
		}
		d.gap.Entries++
		d.gap.FirstNano, d.gap.LastNano = min(d.gap.FirstNano, e.TimeNano), max(d.gap.LastNano, e.TimeNano)
	}
	d.rest = append(d.rest[:0], rest...)
	return lost
}

// held applies the overflow policy where the spool is over its quota. It
// reports whether it did: then the FIFO must not be filled from now.
func (s *stream) held(f *attachment, ending bool) (held bool, moved int) {
	if s.discards.probing && !s.log.Reserved() {
		s.discards.probing = false
		s.written()
	}
	over := s.isOver()
	if !over && s.discards.gap.Entries == 0 && len(s.discards.rest) == 0 {
		return false, 0
	}
	policy, _ := s.quota()
	if policy == Block && s.discards.gap.Entries == 0 {
		if over {
			time.Sleep(retryDelay)
		}
		return over, 0
	}
	switch {
	case s.torn == nil:
	case s.broken.Load(): // the entry is dropped with those behind it
		lost := s.log.Info().LostBytes
		s.discards.rest, s.discards.from = s.log.TakeTorn(), f
		s.a.noteLost(s, s.log.Info().LostBytes-lost)
		s.torn = nil
	default: // the spool has its beginning: let it have the rest
		s.log.Roll()
		return false, 0
	}
	if s.discards.reason = reasonQuota; s.broken.Load() {
		s.discards.reason = reasonBroken
	}
	return s.discard(f, ending, over)
}

func (s *stream) isOver() bool { return s.over.Load() || s.overTotal.Load() || s.broken.Load() }

// discard reads what the FIFO holds, and writes the gap where it ends.
func (s *stream) discard(f *attachment, ending, over bool) (held bool, moved int) {
	d := &s.discards
	buf := make([]byte, fifo.SmallPipe)
	ended := false
	for over || len(d.rest) > 0 {
		want := len(buf)
		if !over { // back to the spool at this frame's end
			want = min(want, codec.FrameMissing(d.rest))
		}
		n, err := f.Read(buf[:want])
		if err != nil {
			ended = errors.Is(err, io.EOF)
			break
		}
		moved += n
		before := d.gap.Entries
		d.from = f
		s.a.noteLost(s, d.take(buf[:n], s.a.cfg.Now()))
		s.entries += d.gap.Entries - before
		over = s.isOver()
	}
	if ending || ended {
		s.dropRest(f)
	}
	if n := d.gap.Entries - d.noted; n > 0 {
		s.a.noteDropped(s, n, d.gap.Reason)
		d.noted = d.gap.Entries
		s.log.Dropping(d.gap)
	}
	if len(d.rest) == 0 && d.gap.Entries > 0 && (!over || ending || ended || s.gapDue()) {
		s.appendGap()
	}
	if d.gap.Entries == 0 && len(d.rest) == 0 && !s.log.Reserved() {
		s.broken.Store(false) // the next entry tells
	}
	switch {
	case ended:
		s.ended(f, ending)
	case !over && d.gap.Entries == 0 && len(d.rest) == 0:
		return false, moved // what the FIFO holds now is for the spool, also where it is ending
	case ending && d.gap.Entries == 0:
		s.end(f)
	}
	return true, moved
}

// dropRest gives up the unfinished frame that is from f.
func (s *stream) dropRest(f *attachment) {
	if d := &s.discards; d.from == f {
		s.a.noteLost(s, int64(len(d.rest)))
		d.rest, d.from = nil, nil
	}
}

// waits tells whether another FIFO's frame is unfinished: nobody else is read
// before its end.
func (s *stream) waits(f *attachment) bool {
	return s.torn != nil && s.torn != f || len(s.discards.rest) > 0 && s.discards.from != f
}

// gapDue tells whether it is time for the gap to get its row. Where the disk is
// broken that is at once: writing it tells whether the disk works again. There is
// no second one before the first is written, however long that takes.
func (s *stream) gapDue() bool {
	return !s.log.Reserved() && (s.broken.Load() || s.a.cfg.Now().Sub(s.discards.since) > gapInterval)
}

// appendGap gives the gap to the log, whose next commit writes it.
func (s *stream) appendGap() {
	d := &s.discards
	if err := s.log.AppendGap(spool.Gap{Gap: d.gap}); err != nil {
		s.trouble(err)
		return
	}
	d.gap, d.noted, d.probing = codec.Gap{}, 0, s.broken.Load()
}
