package archiver

import (
	"errors"
	"io"
	"slices"
	"time"

	"github.com/coldtail/coldtail/archiver/fifo"
	"github.com/coldtail/coldtail/archiver/spool"
)

// retryDelay is how long an ingest that cannot write waits before it tries again.
const retryDelay = 200 * time.Millisecond

// ingest reads a container's FIFOs. Only its goroutine touches it. A goroutine ends,
// and the next one begins, with inlet.mu held, so that it finds what was left.
type ingest struct {
	s *stream

	torn        *attachment // whose frame is unfinished: no other is read meanwhile
	firstNano   int64       // arrival of the active segment's first entry
	activeBytes int64       // of the active segment
	discards    discarder
	again       bool      // reading failed: try again, whatever the FIFOs hold
	writing     writing   // how writing to the spool goes
	failing     time.Time // since when it fails, if it does
	entries     int64     // that were read
	pace        fifo.Pace
	unarmed     trouble // waiting for the FIFOs
}

// writing is how writing to the spool goes.
type writing uint8

const (
	works  writing = iota
	fails          // entries stay in the FIFO
	broken         // it has failed for so long that they are dropped
)

// run reads the container's FIFOs until there are none. It is the only appender
// to the log.
func (in *ingest) run(p *fifo.Poller) {
	for {
		done := false
		in.s.a.contain("read a container's log", in.s.id, func() { done = in.readAll(p) })
		if done {
			return
		}
		time.Sleep(retryDelay) // after a panic: the container must not stay blocked
	}
}

func (in *ingest) readAll(p *fifo.Poller) (done bool) {
	for {
		if err := p.Reset(); err != nil {
			return in.giveUp(err)
		}
		fifos := in.current(p)
		if fifos == nil {
			return true
		}
		moved, room, before := 0, true, in.entries
		in.again = false
		for _, f := range fifos {
			if in.waits(f) {
				continue
			}
			n := in.drain(f)
			moved += n
			room = in.size(f, n) && room
		}
		switch {
		case in.pace.Note(in.entries-before, time.Now()) && room:
			time.Sleep(fifo.NapTime)
		case moved == 0 && !in.again:
			if err := in.await(p); err != nil {
				return in.giveUp(err)
			}
		}
	}
}

// await waits until there may be something to do.
func (in *ingest) await(p *fifo.Poller) error {
	wait, err := in.arm(p)
	if err != nil {
		if in.unarmed.begins() {
			in.s.a.cfg.Logger.Error("cannot wait for a container's log; looking every moment", "container", in.s.id, "err", err)
		}
		time.Sleep(retryDelay)
		return nil
	}
	in.unarmed.ends()
	if !wait {
		return nil
	}
	return p.Wait()
}

// arm has the poller look at the FIFOs that may be read. It returns false if
// there is none left: nothing would wake the ingest.
func (in *ingest) arm(p *fifo.Poller) (wait bool, err error) {
	in.s.inlet.mu.Lock()
	defer in.s.inlet.mu.Unlock()
	for _, f := range in.s.inlet.fifos {
		if in.waits(f) {
			continue // not read before that one's frame has ended
		}
		if err := p.Arm(f.FIFO); err != nil {
			return false, err
		}
	}
	return len(in.s.inlet.fifos) > 0, nil
}

// giveUp ends an ingest whose poller is broken, which the kernel does not do.
func (in *ingest) giveUp(err error) (done bool) {
	in.s.a.cfg.Logger.Error("stopped reading a container's log", "container", in.s.id, "err", err)
	in.s.inlet.stop()
	return true
}

// current returns the FIFOs to read, or nil if the ingest has to end.
func (in *ingest) current(p *fifo.Poller) []*attachment {
	inlet := &in.s.inlet
	inlet.mu.Lock()
	defer inlet.mu.Unlock()
	if inlet.phase == stopping {
		for _, f := range inlet.fifos {
			in.close(f)
		}
		inlet.fifos = nil
	}
	if len(inlet.fifos) > 0 {
		return slices.Clone(inlet.fifos)
	}
	_ = p.Close() // nothing is lost
	in.torn = nil
	inlet.poll = nil
	if inlet.phase == stopping {
		inlet.phase.to(stopped)
	} else {
		inlet.phase.to(idle)
	}
	return nil
}

// maxFills bounds a turn, so that a FIFO that is never empty does not keep the
// others waiting.
const maxFills = 64

// drain reads a FIFO until it is empty and ends it if that was asked for, or if
// it has ended itself. It returns how many bytes came.
func (in *ingest) drain(f *attachment) (moved int) {
	ending := f.detach.Load() // before reading: all that came until then is read
	for range maxFills {
		if held, n := in.held(f, ending); held {
			return moved + n
		}
		in.rollByHour()
		r, err := in.s.log.Fill(f.Fd(), f.Path())
		if err == nil {
			in.torn = nil
		}
		if r.Torn {
			in.torn = f
		}
		if r.Bytes > 0 {
			moved += r.Bytes
			in.account(r)
			continue
		}
		switch {
		case errors.Is(err, io.EOF):
			in.ended(f, ending)
		case err != nil:
			in.again = true // the log may hold what it could not write, with the FIFO empty
			in.notWritten(err)
		case ending:
			in.end(f)
		}
		return moved
	}
	return moved
}

// brokenTime is how long writing may fail before entries are dropped: meanwhile room
// is made on a full disk, if that is possible.
const brokenTime = 5 * time.Second

// notWritten logs, once, that the spool takes nothing, and asks for room. The
// entries stay in the FIFO, for brokenTime at most unless the policy is Block: a
// container whose FIFO is not read cannot be stopped.
func (in *ingest) notWritten(err error) {
	a, now := in.s.a, in.s.a.cfg.Now()
	if in.writing == works {
		in.writing, in.failing = fails, now
		a.cfg.Logger.Error("cannot write to the spool: the container's log waits", "container", in.s.id, "err", err)
	}
	a.metrics.spoolErrors.Inc()
	if errors.Is(err, spool.ErrFull) {
		a.roomSoon()
	}
	if in.s.inlet.options().Overflow != Block && now.Sub(in.failing) >= brokenTime {
		in.writing = broken
	}
	time.Sleep(retryDelay)
}

// written notes that the spool takes entries, or a gap.
func (in *ingest) written() {
	if in.writing != works {
		in.s.a.cfg.Logger.Info("writing to the spool works again", "container", in.s.id)
	}
	in.writing = works
}

// rollByHour closes the segment once the arrival clock has passed its hour.
func (in *ingest) rollByHour() {
	if in.firstNano != 0 && hourOver(in.s.id, in.firstNano, in.activeBytes, in.s.a.cfg.Now()) {
		in.firstNano = 0
		in.s.log.Roll()
	}
}

// account notes what a Fill brought.
func (in *ingest) account(r spool.Filled) {
	in.written()
	in.entries += r.Entries
	in.firstNano, in.activeBytes = r.ActiveFirstNano, r.ActiveBytes
	s, m := in.s, in.s.a.metrics
	m.entries.Add(float64(r.Entries))
	m.bytes.Add(float64(r.Bytes))
	s.a.noteLost(s, r.Lost)
	if r.ActiveBytes >= s.inlet.roll.Load() {
		s.log.Roll()
		in.firstNano = 0
		s.a.commitSoon(s)
	} else if r.Uncommitted >= s.a.cfg.CommitBytes {
		s.a.commitSoon(s)
	}
}

// size gives a FIFO that was found nearly full a larger pipe. It reports whether
// the FIFO may be left to fill.
func (in *ingest) size(f *attachment, moved int) bool {
	if f.detach.Load() || f.Closed() {
		return false
	}
	if moved < fifo.SmallPipe*3/4 {
		return true
	}
	f.busyAt.Store(in.s.a.cfg.Now().UnixNano())
	return f.Enlarge()
}

// ended is end for a FIFO whose writer is gone. Its path may be attached anew at
// once.
func (in *ingest) ended(f *attachment, asked bool) {
	in.s.a.release(f.Path(), f)
	in.end(f)
	if !asked {
		in.s.a.cfg.OnEnd(f.Path())
	}
}

// end closes a FIFO that is empty.
func (in *ingest) end(f *attachment) {
	if in.torn == f {
		in.s.a.noteLost(in.s, in.s.log.DropTorn())
		in.torn = nil
	}
	in.dropRest(f)
	inlet := &in.s.inlet
	inlet.mu.Lock()
	defer inlet.mu.Unlock()
	inlet.fifos = slices.DeleteFunc(inlet.fifos, func(o *attachment) bool { return o == f })
	f.drained = true
	in.close(f)
}

// close releases a FIFO. Called with inlet.mu held.
func (in *ingest) close(f *attachment) {
	_ = f.Close() // nothing was written to it
	f.release()
	close(f.done)
	in.s.use()
}
