package archiver

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"github.com/coldtail/coldtail/archiver/fifo"
	"github.com/coldtail/coldtail/archiver/spool"
)

// stream is one container's ingest and its log.
type stream struct {
	a  *Archiver
	id string // the container's, as in keys

	opened  sync.Once
	openErr error
	afresh  bool // what is there is removed, as it is finished
	log     *spool.Log
	ready   atomic.Bool // log is there

	upload   chan struct{} // a lock of one place: who uploads this container's segments
	queued   atomic.Bool   // for commit
	waiting  atomic.Bool   // queued for upload
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
	unarmed                         atomic.Bool // waiting for the FIFOs fails, and was logged
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
	fifos   []*attachment // the oldest first
	poll    *fifo.Poller  // nil while no ingest runs
	stopped bool          // Run has ended: no more reading
	// forgotten is set once the janitor has closed the log: then nothing is
	// attached any more.
	forgotten bool

	// Of the ingest goroutine alone:
	torn        *attachment // whose frame is unfinished: nobody else is read meanwhile
	firstNano   int64       // arrival of the active segment's first entry
	activeBytes int64       // of the active segment
	discards    discarder
	again       bool      // reading failed: try again, whatever the FIFOs hold
	failing     time.Time // since when writing fails; zero while it does not
	entries     int64     // that were read
	pace        fifo.Pace
}

// open recovers the container's log, once.
func (s *stream) open() error {
	s.opened.Do(func() {
		s.openErr = errOpening // also after a panic that is contained
		if s.afresh {
			if err := s.a.state.RemoveLog(s.id); err != nil {
				s.openErr = err
				return
			}
		}
		var quarantined int
		s.log, quarantined, s.openErr = spool.Open(spool.Config{
			Dir:         s.a.state.Log(s.id),
			ContainerID: s.id,
			SpoolID:     s.a.state.SpoolID(),
			FreshID:     s.a.state.FreshID(),
			After:       time.Unix(0, s.a.state.Forgot()),
			OfState:     s.a.state.OfState,
			Renewed:     s.a.state.Renewed(),
			Logger:      s.a.cfg.Logger,
			Now:         s.a.cfg.Now,
			Trust:       s.a.state.SameBoot(),
			Hook:        s.a.cfg.Hook,
		})
		if quarantined > 0 {
			s.a.metrics.quarantined.Add(float64(quarantined))
			s.a.aside.look(s.id)
			if err := s.a.finished.Begin(s.id); err != nil { // a start is to find it
				s.a.cfg.Logger.Error("cannot list a container with something in quarantine", "container", s.id, "err", err)
			}
		}
		if s.openErr == nil {
			s.a.noteLost(s, s.log.Info().LostBytes)
			if f, ok := s.log.Frozen(); ok {
				s.setOptions(s.a.cfg.Defaults.restored(f))
			}
			s.ready.Store(true) // from now on it is held to its options
		}
	})
	return s.openErr
}

var errOpening = errors.New("opening the log did not end")

// errForgotten says that the janitor has closed the log: there is a newer stream.
var errForgotten = errors.New("log was closed as nobody used it")

// setOptions is for a log that was found: those of one that is attached come
// with its FIFO.
func (s *stream) setOptions(o Options) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.opts = o
	s.roll.Store(o.rollBytes())
}

// attach adds FIFOs and sees to it that an ingest runs. After a restart all of
// a container's come at once, because only one of them may go on with an
// unfinished frame.
func (s *stream) attach(claims ...claim) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	switch {
	case s.stopped:
		return fmt.Errorf("attach fifo: %w", ErrClosing)
	case s.forgotten:
		return errForgotten
	}
	var added []*fifo.FIFO
	var opened []claim
	var torn *attachment
	var errs []error
	for _, c := range claims {
		f, err := s.a.pipes.Open(c.Path)
		if err != nil {
			errs = append(errs, err)
			continue
		}
		added, opened = append(added, f), append(opened, c)
		s.opts = c.Options
		s.roll.Store(c.Options.rollBytes())
		s.log.Freeze(c.Options.frozen(c.Meta))
		if c.Resume && s.poll == nil && s.log.Torn(c.Path) {
			torn = c.at
		}
	}
	if len(added) == 0 {
		return errors.Join(errs...)
	}
	if err := s.startIngest(torn); err != nil {
		for _, f := range added {
			f.Close()
		}
		return err
	}
	for i, c := range opened {
		c.at.FIFO, c.at.release = added[i], s.log.Attached()
		s.fifos = append(s.fifos, c.at)
	}
	return errors.Join(append(errs, s.poll.Wake())...)
}

// startIngest starts the ingest, unless one runs. torn is the FIFO that goes on
// with an unfinished frame. Called with mu held.
func (s *stream) startIngest(torn *attachment) error {
	if s.poll != nil {
		return nil
	}
	p, err := s.a.poller()
	if err != nil {
		return err
	}
	if s.torn = torn; torn == nil {
		s.a.noteLost(s, s.log.DropTorn()) // nobody is left to finish it
	}
	s.poll = p
	s.a.ingests.Go(func() { s.ingest(p) })
	return nil
}

var errUnknown = errors.New("fifo is not attached")

// ErrClosing tells that Run is ending: what is in the FIFO stays there for the
// next start.
var ErrClosing = errors.New("coldtail is shutting down")

// detach drains the FIFO and waits until it is closed.
func (s *stream) detach(ctx context.Context, path string, at *attachment) error {
	if err := s.askEnd(at); err != nil {
		return fmt.Errorf("detach fifo: %w", err)
	}
	select {
	case <-at.done:
		if !at.drained {
			return ErrClosing
		}
		return nil
	case <-ctx.Done():
		return fmt.Errorf("drain fifo %s: %w", path, context.Cause(ctx))
	}
}

// askEnd lets the ingest drain and close a FIFO.
func (s *stream) askEnd(at *attachment) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if !slices.Contains(s.fifos, at) {
		return errUnknown
	}
	at.detach.Store(true)
	return s.poll.Wake()
}

// wake lets the ingest look again, where one runs.
func (s *stream) wake() {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.poll != nil {
		_ = s.poll.Wake() // fails only if the poller is closed: then the ingest has ended
	}
}

// stop ends the ingest without draining: what is in the FIFOs stays there for
// the next start.
func (s *stream) stop() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.stopped = true
	if s.poll != nil {
		_ = s.poll.Wake() // fails only if the poller is closed: then the ingest has ended
	}
}
