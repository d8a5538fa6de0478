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

// ingest reads the container's FIFOs until there are none. It is the only
// appender to the log.
func (s *stream) ingest(p *fifo.Poller) {
	for {
		done := false
		s.a.contain("read a container's log", s.id, func() { done = s.readAll(p) })
		if done {
			return
		}
		time.Sleep(retryDelay) // after a panic; the container must not stay blocked
	}
}

func (s *stream) readAll(p *fifo.Poller) bool {
	for {
		if err := p.Reset(); err != nil {
			return s.giveUp(err)
		}
		fifos := s.current(p)
		if fifos == nil {
			return true
		}
		moved, room, before := 0, true, s.entries
		s.again = false
		for _, f := range fifos {
			if s.waits(f) {
				continue
			}
			n := s.drain(f)
			moved += n
			room = s.size(f, n) && room
		}
		switch {
		case s.pace.Note(s.entries-before, time.Now()) && room:
			time.Sleep(fifo.NapTime)
		case moved == 0 && !s.again:
			if err := s.await(p); err != nil {
				return s.giveUp(err)
			}
		}
	}
}

// await waits until there may be something to do.
func (s *stream) await(p *fifo.Poller) error {
	wait, err := s.arm(p)
	if err != nil {
		if !s.unarmed.Swap(true) {
			s.a.cfg.Logger.Error("cannot wait for a container's log; looking every moment", "container", s.id, "err", err)
		}
		time.Sleep(retryDelay)
		return nil
	}
	s.unarmed.Store(false)
	if !wait {
		return nil
	}
	return p.Wait()
}

// arm has the poller look at the FIFOs that may be read. It returns false where
// there is none left: nothing would wake the ingest.
func (s *stream) arm(p *fifo.Poller) (wait bool, err error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, f := range s.fifos {
		if s.waits(f) {
			continue // not read before that one's frame has ended
		}
		if err := p.Arm(f.FIFO); err != nil {
			return false, err
		}
	}
	return len(s.fifos) > 0, nil
}

// giveUp ends an ingest whose poller is broken, which the kernel does not do.
func (s *stream) giveUp(err error) bool {
	s.a.cfg.Logger.Error("stopped reading a container's log", "container", s.id, "err", err)
	s.stop()
	return true
}

// current returns the FIFOs to read, or nil when the ingest has to end.
func (s *stream) current(p *fifo.Poller) []*attachment {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.stopped {
		for _, f := range s.fifos {
			s.close(f)
		}
		s.fifos = nil
	}
	if len(s.fifos) == 0 {
		_ = p.Close() // nothing is left to lose
		s.poll, s.torn = nil, nil
		return nil
	}
	return slices.Clone(s.fifos)
}

// maxFills bounds a turn, so that a FIFO that never gets empty does not keep
// the others waiting.
const maxFills = 64

// drain reads a FIFO until it is empty and ends it where that was asked for, or
// where it has ended itself. It returns how many bytes came.
func (s *stream) drain(f *attachment) (moved int) {
	ending := f.detach.Load() // before reading: all that came until then is read
	for range maxFills {
		if held, n := s.held(f, ending); held {
			return moved + n
		}
		s.rollByHour()
		r, err := s.log.Fill(f.Fd(), f.Path())
		if err == nil {
			s.torn = nil
		}
		if r.Torn {
			s.torn = f
		}
		if r.Bytes > 0 {
			moved += r.Bytes
			s.account(r)
			continue
		}
		switch {
		case errors.Is(err, io.EOF):
			s.ended(f, ending)
		case err != nil:
			s.again = true // the log may hold what it could not take, and the FIFO be empty
			s.trouble(err)
		case ending:
			s.end(f)
		}
		return moved
	}
	return moved
}

// brokenTime is how long writing may fail before entries are dropped: a disk
// that is full gets room meanwhile, if there is any.
const brokenTime = 5 * time.Second

// trouble reports that the spool takes nothing, once, and asks for room. The
// entries stay in the FIFO, for brokenTime at most unless the policy is Block:
// a container whose FIFO nobody reads cannot be stopped.
func (s *stream) trouble(err error) {
	if !s.failed.Swap(true) {
		s.a.cfg.Logger.Error("cannot write to the spool: the container's log waits", "container", s.id, "err", err)
	}
	s.a.metrics.spoolErrors.Inc()
	if errors.Is(err, spool.ErrFull) {
		s.a.roomSoon()
	}
	now := s.a.cfg.Now()
	if s.failing.IsZero() {
		s.failing = now
	}
	if policy, _ := s.quota(); policy != Block && now.Sub(s.failing) >= brokenTime {
		s.broken.Store(true)
	}
	time.Sleep(retryDelay)
}

// written takes note that the spool takes entries, or a gap.
func (s *stream) written() {
	if s.failed.Swap(false) {
		s.a.cfg.Logger.Info("writing to the spool works again", "container", s.id)
	}
	s.failing = time.Time{}
	s.broken.Store(false)
}

// rollByHour closes the segment when the arrival clock has passed its hour.
func (s *stream) rollByHour() {
	if s.firstNano != 0 && hourOver(s.id, s.firstNano, s.activeBytes, s.a.cfg.Now()) {
		s.firstNano = 0
		s.log.Roll()
	}
}

// account takes note of what a Fill brought.
func (s *stream) account(r spool.Filled) {
	s.written()
	s.entries += r.Entries
	s.firstNano, s.activeBytes = r.ActiveFirstNano, r.ActiveBytes
	m := s.a.metrics
	m.entries.Add(float64(r.Entries))
	m.bytes.Add(float64(r.Bytes))
	s.a.noteLost(s, r.Lost)
	if r.ActiveBytes >= s.roll.Load() {
		s.log.Roll()
		s.firstNano = 0
		s.a.commitSoon(s)
	} else if r.Uncommitted >= s.a.cfg.CommitBytes {
		s.a.commitSoon(s)
	}
}

// size gives a FIFO that was found nearly full a larger pipe, and tells whether
// it may be left to fill.
func (s *stream) size(f *attachment, moved int) bool {
	if f.detach.Load() || f.Closed() {
		return false
	}
	if moved < fifo.SmallPipe*3/4 {
		return true
	}
	f.busyAt.Store(s.a.cfg.Now().UnixNano())
	return f.Enlarge()
}

// ended is end for a FIFO whose writer is gone. Its path may be attached anew at
// once.
func (s *stream) ended(f *attachment, asked bool) {
	s.a.release(f.Path(), f)
	s.end(f)
	if !asked {
		s.a.cfg.OnEnd(f.Path())
	}
}

// end closes a FIFO that is empty.
func (s *stream) end(f *attachment) {
	if s.torn == f {
		s.a.noteLost(s, s.log.DropTorn())
		s.torn = nil
	}
	s.dropRest(f)
	s.mu.Lock()
	defer s.mu.Unlock()
	s.fifos = slices.DeleteFunc(s.fifos, func(o *attachment) bool { return o == f })
	f.drained = true
	s.close(f)
}

// close releases a FIFO. Called with mu held.
func (s *stream) close(f *attachment) {
	_ = f.Close() // nothing was written to it
	f.release()
	close(f.done)
	s.lastUsed.Store(s.a.cfg.Now().UnixNano())
}
