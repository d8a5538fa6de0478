package archiver

import (
	"errors"
	"io"
	"time"

	"github.com/coldtail/coldtail/archiver/fifo"
	"github.com/coldtail/coldtail/archiver/spool"
	"github.com/coldtail/coldtail/codec"
)

// gapInterval is how long a gap grows before it gets a row. Until then each group
// commit makes durable what was counted.
const gapInterval = 10 * time.Second

// discarder counts entries that are dropped as they come. It belongs to the ingest
// goroutine.
type discarder struct {
	gap    codec.Gap
	noted  int64 // entries of the gap that the metrics have
	since  time.Time
	reason string
	rest   []byte      // of an unfinished frame
	from   *attachment // whose frame that is
	// probing is set while a gap waits to be written that shows whether a broken
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

// held applies the overflow policy if the spool is over its quota. If it did, the
// spool must not be filled from the FIFO now.
func (in *ingest) held(f *attachment, ending bool) (held bool, moved int) {
	if in.discards.probing && !in.s.log.Reserved() {
		in.discards.probing = false
		in.written()
	}
	over := in.over()
	if !over && in.discards.gap.Entries == 0 && len(in.discards.rest) == 0 {
		return false, 0
	}
	policy := in.s.inlet.options().Overflow
	if policy == Block && in.discards.gap.Entries == 0 {
		if over {
			time.Sleep(retryDelay)
		}
		return over, 0
	}
	switch {
	case in.torn == nil:
	case in.writing == broken: // the entry is dropped with those after it
		lost := in.s.log.Info().LostBytes
		in.discards.rest, in.discards.from = in.s.log.TakeTorn(), f
		in.s.a.noteLost(in.s, in.s.log.Info().LostBytes-lost)
		in.torn = nil
	default: // the spool has its beginning: let it have the rest
		in.s.log.Roll()
		return false, 0
	}
	if in.discards.reason = reasonQuota; in.writing == broken {
		in.discards.reason = reasonBroken
	}
	return in.discard(f, ending, over)
}

// over reports whether what comes is dropped, or waits.
func (in *ingest) over() bool { return in.s.quota.exceeded() || in.writing == broken }

// discard reads and drops what the FIFO holds, and writes the gap once it ends.
func (in *ingest) discard(f *attachment, ending, over bool) (held bool, moved int) {
	d := &in.discards
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
		in.s.a.noteLost(in.s, d.take(buf[:n], in.s.a.cfg.Now()))
		in.entries += d.gap.Entries - before
		over = in.over()
	}
	if ending || ended {
		in.dropRest(f)
	}
	if n := d.gap.Entries - d.noted; n > 0 {
		in.s.a.noteDropped(in.s, n, d.gap.Reason)
		d.noted = d.gap.Entries
		in.s.log.Dropping(d.gap)
	}
	if len(d.rest) == 0 && d.gap.Entries > 0 && (!over || ending || ended || in.gapDue()) {
		in.appendGap()
	}
	if d.gap.Entries == 0 && len(d.rest) == 0 && !in.s.log.Reserved() {
		in.retryWriting()
	}
	switch {
	case ended:
		in.ended(f, ending)
	case !over && d.gap.Entries == 0 && len(d.rest) == 0:
		return false, moved // what the FIFO holds now is for the spool, even if it is ending
	case ending && d.gap.Entries == 0:
		in.end(f)
	}
	return true, moved
}

// retryWriting lets the next entry show whether the disk works again.
func (in *ingest) retryWriting() {
	if in.writing == broken {
		in.writing = fails
	}
}

// dropRest gives up the unfinished frame that is from f.
func (in *ingest) dropRest(f *attachment) {
	if d := &in.discards; d.from == f {
		in.s.a.noteLost(in.s, int64(len(d.rest)))
		d.rest, d.from = nil, nil
	}
}

// waits reports whether another FIFO's frame is unfinished: no other is read before
// its end.
func (in *ingest) waits(f *attachment) bool {
	return in.torn != nil && in.torn != f || len(in.discards.rest) > 0 && in.discards.from != f
}

// gapDue reports whether it is time for the gap to get its row. If the disk is
// broken, that is at once: writing the gap shows whether it works again. A second
// gap waits until the first is written, however long that takes.
func (in *ingest) gapDue() bool {
	return !in.s.log.Reserved() && (in.writing == broken || in.s.a.cfg.Now().Sub(in.discards.since) > gapInterval)
}

// appendGap gives the gap to the log, whose next commit writes it.
func (in *ingest) appendGap() {
	d := &in.discards
	if err := in.s.log.AppendGap(spool.Gap{Gap: d.gap}); err != nil {
		in.notWritten(err)
		return
	}
	d.gap, d.noted, d.probing = codec.Gap{}, 0, in.writing == broken
}
