package archiver

import (
	"context"
	"errors"
	"fmt"
	"io"
	"path/filepath"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"golang.org/x/sys/unix"

	"github.com/coldtail/coldtail/archiver/spool"
)

// stream is one container's ingest and its log.
type stream struct {
	a  *Archiver
	id string // the container's, as in keys

	opened  sync.Once
	openErr error
	log     *spool.Log
	ready   atomic.Bool // log is there

	upload   chan struct{} // a lock of one place: who uploads this container's segments
	queued   atomic.Bool   // for commit
	uploadAt atomic.Int64  // Unix nanoseconds: not before, as it failed
	resting  atomic.Int64  // nanoseconds: how long the container's uploads rest; 0 while none failed
	turnAt   atomic.Int64  // Unix nanoseconds: when the turn began that failed
	badSeg   int64         // the segment that could not be read, and how often; guarded by upload
	badReads int
	lastUsed atomic.Int64 // Unix nanoseconds

	roll atomic.Int64 // Options.rollBytes
	// What fails, and was logged: writing to the spool, syncing it, archiving
	// from it, dropping from it.
	failed, unsynced, unread, stuck atomic.Bool
	// broken is set where writing has failed for so long that entries are dropped.
	broken atomic.Bool
	// Over its own quota, or largest user of an exceeded total one, where the
	// policy is not DropOld.
	over, overTotal atomic.Bool
	dropping        atomic.Bool  // entries were dropped, and that was logged
	dropped         atomic.Int64 // entries
	drops           sync.Mutex   // who drops segments

	mu      sync.Mutex
	opts    Options
	fifos   []*fifo // the oldest first
	poll    *poller // nil while no ingest runs
	stopped bool    // Run has ended: no more reading

	// Of the ingest goroutine alone:
	torn      *fifo // whose frame is unfinished: nobody else is read meanwhile
	firstNano int64 // arrival of the active segment's first entry
	discards  discarder
	again     bool      // reading failed: try again, whatever the FIFOs hold
	failing   time.Time // since when writing fails; zero while it does not
	entries   int64     // that were read
	pace      pace
}

// open recovers the container's log, once.
func (s *stream) open() error {
	s.opened.Do(func() {
		var quarantined int
		s.log, quarantined, s.openErr = spool.Open(spool.Config{
			Dir:         filepath.Join(s.a.cfg.StateDir, spoolDir, s.id),
			ContainerID: s.id,
			SpoolID:     s.a.state.SpoolID,
			Logger:      s.a.cfg.Logger,
			Now:         s.a.cfg.Now,
			Trust:       s.a.sameBoot,
			Hook:        s.a.cfg.Hook,
		})
		s.a.metrics.quarantined.Add(float64(quarantined))
		if s.openErr == nil {
			s.a.noteLost(s, s.log.Info().LostBytes)
			s.ready.Store(true)
		}
	})
	return s.openErr
}

// attach adds FIFOs and sees to it that an ingest runs. After a restart all of
// a container's come at once, because only one of them may go on with an
// unfinished frame.
func (s *stream) attach(srcs ...Source) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.stopped {
		return fmt.Errorf("attach fifo: %w", ErrClosing)
	}
	var added []*fifo
	var errs []error
	for _, src := range srcs {
		f, err := openFIFO(src.Path)
		if err != nil {
			errs = append(errs, err)
			continue
		}
		added = append(added, f)
		s.opts = src.Options
		s.roll.Store(src.Options.rollBytes())
		s.log.Freeze(spool.Frozen{Format: src.Options.Format, Meta: src.Meta})
		if src.Resume && s.poll == nil && s.log.Torn(src.Path) {
			s.torn = f
		}
	}
	if len(added) == 0 {
		return errors.Join(errs...)
	}
	if s.poll == nil {
		p, err := newPoller()
		if err != nil {
			for _, f := range added {
				unix.Close(f.fd)
			}
			return err
		}
		if s.torn == nil {
			s.a.noteLost(s, s.log.DropTorn()) // nobody is left to finish it
		}
		s.poll = p
		s.a.ingests.Go(func() { s.ingest(p) })
	}
	for _, f := range added {
		f.release = s.log.Attached()
		s.fifos = append(s.fifos, f)
	}
	return errors.Join(append(errs, s.poll.wake())...)
}

var errUnknown = errors.New("fifo is not attached")

// ErrClosing tells that Run is ending: what is in the FIFO stays there for the
// next start.
var ErrClosing = errors.New("coldtail is shutting down")

// detach drains the FIFO and waits until it is closed.
func (s *stream) detach(ctx context.Context, path string) error {
	s.mu.Lock()
	i := slices.IndexFunc(s.fifos, func(f *fifo) bool { return f.path == path })
	if i < 0 {
		s.mu.Unlock()
		return errUnknown
	}
	f := s.fifos[i]
	f.detach.Store(true)
	err := s.poll.wake()
	s.mu.Unlock()
	if err != nil {
		return fmt.Errorf("detach fifo: %w", err)
	}
	select {
	case <-f.done:
		if !f.drained {
			return ErrClosing
		}
		return nil
	case <-ctx.Done():
		return fmt.Errorf("drain fifo %s: %w", path, context.Cause(ctx))
	}
}

// has tells whether the FIFO is attached.
func (s *stream) has(path string) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return slices.ContainsFunc(s.fifos, func(f *fifo) bool { return f.path == path })
}

// wake lets the ingest look again, where one runs.
func (s *stream) wake() {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.poll != nil {
		_ = s.poll.wake() // fails only if the poller is closed: then the ingest has ended
	}
}

// stop ends the ingest without draining: what is in the FIFOs stays there for
// the next start.
func (s *stream) stop() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.stopped = true
	if s.poll != nil {
		_ = s.poll.wake() // fails only if the poller is closed: then the ingest has ended
	}
}

// retryDelay is how long an ingest that cannot write waits before it tries again.
const retryDelay = 200 * time.Millisecond

// ingest reads the container's FIFOs until there are none. It is the only
// appender to the log.
func (s *stream) ingest(p *poller) {
	for {
		done := false
		s.a.contain("read a container's log", s.id, func() { done = s.readAll(p) })
		if done {
			return
		}
		time.Sleep(retryDelay) // after a panic; the container must not stay blocked
	}
}

func (s *stream) readAll(p *poller) bool {
	for {
		if err := p.reset(); err != nil {
			return s.giveUp(err)
		}
		fifos := s.current(p)
		if fifos == nil {
			return true
		}
		moved, room, before := 0, true, s.entries
		s.again = false
		for _, f := range fifos {
			if s.torn != nil && s.torn != f {
				continue
			}
			n := s.drain(f)
			moved += n
			room = s.size(f, n) && room
		}
		switch {
		case s.pace.note(s.entries-before, time.Now()) && room:
			time.Sleep(napTime)
		case moved == 0 && !s.again:
			if err := s.await(p); err != nil {
				return s.giveUp(err)
			}
		}
	}
}

// await waits until there may be something to do.
func (s *stream) await(p *poller) error {
	s.mu.Lock()
	for _, f := range s.fifos {
		if s.torn != nil && s.torn != f {
			continue // not read before that one's frame has ended
		}
		if err := p.arm(f); err != nil {
			s.mu.Unlock()
			if !s.failed.Swap(true) {
				s.a.cfg.Logger.Error("cannot wait for a container's log; looking every moment", "container", s.id, "err", err)
			}
			time.Sleep(retryDelay)
			return nil
		}
	}
	s.mu.Unlock()
	return p.wait()
}

// giveUp ends an ingest whose poller is broken, which the kernel does not do.
func (s *stream) giveUp(err error) bool {
	s.a.cfg.Logger.Error("stopped reading a container's log", "container", s.id, "err", err)
	s.stop()
	return true
}

// current returns the FIFOs to read, or nil when the ingest has to end.
func (s *stream) current(p *poller) []*fifo {
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
func (s *stream) drain(f *fifo) (moved int) {
	ending := f.detach.Load() // before reading: all that came until then is read
	for range maxFills {
		if held, n := s.held(f, ending); held {
			return moved + n
		}
		s.rollByHour()
		r, err := s.log.Fill(f.fd, f.path)
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
			s.end(f)
			if !ending {
				s.a.cfg.OnEnd(f.path)
			}
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
	if s.firstNano != 0 && !sameHour(s.firstNano, s.a.cfg.Now()) {
		s.firstNano = 0
		s.log.Roll()
	}
}

func sameHour(nano int64, t time.Time) bool {
	return time.Unix(0, nano).Truncate(time.Hour).Equal(t.Truncate(time.Hour))
}

// account takes note of what a Fill brought.
func (s *stream) account(r spool.Filled) {
	s.written()
	s.entries += r.Entries
	s.firstNano = r.ActiveFirstNano
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
func (s *stream) size(f *fifo, moved int) bool {
	if f.detach.Load() {
		return false
	}
	if moved < pipeSmall*3/4 {
		return true
	}
	f.busyAt.Store(s.a.cfg.Now().UnixNano())
	s.a.pipes.enlarge(f)
	return f.large.Load()
}

// end closes a FIFO that is empty.
func (s *stream) end(f *fifo) {
	if s.torn == f {
		s.a.noteLost(s, s.log.DropTorn())
		s.torn = nil
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.fifos = slices.DeleteFunc(s.fifos, func(o *fifo) bool { return o == f })
	f.drained = true
	s.close(f)
}

// close releases a FIFO. Called with mu held.
func (s *stream) close(f *fifo) {
	s.a.pipes.forget(f)
	_ = unix.Close(f.fd) // nothing was written to it
	f.release()
	close(f.done)
	s.lastUsed.Store(s.a.cfg.Now().UnixNano())
}
