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
)

// inlet is what is attached to a stream. Its mutex guards all but roll.
type inlet struct {
	mu    sync.Mutex
	phase phase
	opts  Options
	fifos []*attachment // the oldest first
	poll  *fifo.Poller  // that of the ingest, while one runs

	roll atomic.Int64 // opts.rollBytes
}

// phase is how far a stream's reading is.
type phase uint8

const (
	idle      phase = iota // nothing is attached
	reading                // an ingest runs
	stopping               // Run is ending: the ingest closes what is attached, as it is
	stopped                // it has, and nothing is attached any more
	forgotten              // the janitor has closed the log: a new stream takes its place
)

// follows has the phases that may follow each.
var follows = [...][]phase{
	idle:      {reading, stopped, forgotten},
	reading:   {idle, stopping},
	stopping:  {stopped},
	stopped:   nil,
	forgotten: nil,
}

// to goes on to the next phase. It panics if that cannot follow.
func (p *phase) to(next phase) {
	if !slices.Contains(follows[*p], next) {
		panic(fmt.Sprintf("archiver: a stream of phase %d cannot go on to %d", *p, next))
	}
	*p = next
}

var (
	errUnknown = errors.New("fifo is not attached")
	// errForgotten is that of a stream that is forgotten.
	errForgotten = errors.New("log was closed as nobody used it")
)

// ErrClosing is returned once Run is ending. What is in the FIFO stays there for the
// next start.
var ErrClosing = errors.New("coldtail is shutting down")

// use sets the options. Called with mu held, or before the stream is shared.
func (in *inlet) use(o Options) {
	in.opts = o
	in.roll.Store(o.rollBytes())
}

// found sets the options of a log that was found on the disk. An attached one's come
// with its FIFO.
func (in *inlet) found(o Options) {
	in.mu.Lock()
	defer in.mu.Unlock()
	in.use(o)
}

func (in *inlet) options() Options {
	in.mu.Lock()
	defer in.mu.Unlock()
	return in.opts
}

// reads reports whether an ingest runs.
func (in *inlet) reads() bool {
	in.mu.Lock()
	defer in.mu.Unlock()
	return in.poll != nil
}

// wake lets the ingest look again, if one runs.
func (in *inlet) wake() {
	in.mu.Lock()
	defer in.mu.Unlock()
	in.wakeLocked()
}

// wakeLocked is wake. Called with mu held.
func (in *inlet) wakeLocked() {
	if in.poll != nil {
		_ = in.poll.Wake() // fails only if the poller is closed: then the ingest has ended
	}
}

// stop ends the ingest without draining: what is in the FIFOs stays there for
// the next start.
func (in *inlet) stop() {
	in.mu.Lock()
	defer in.mu.Unlock()
	switch in.phase {
	case idle:
		in.phase.to(stopped)
	case reading:
		in.phase.to(stopping)
	}
	in.wakeLocked()
}

// forget ends a stream that nothing is attached to and that has nothing to archive.
// It reports whether it did.
func (s *stream) forget() bool {
	in := &s.inlet
	in.mu.Lock()
	defer in.mu.Unlock()
	// Only then the log is asked: its disk may be slow, and all wait for the
	// Archiver's mu.
	if in.phase != idle && in.phase != stopped || s.log.Info().PendingSegments > 0 {
		return false
	}
	if in.phase == idle {
		in.phase.to(forgotten)
	}
	return true
}

// shrink gives back the memory of pipes that are not busy any more.
func (in *inlet) shrink(now time.Time) {
	in.mu.Lock()
	defer in.mu.Unlock()
	for _, f := range in.fifos {
		if now.UnixNano()-f.busyAt.Load() > int64(10*time.Second) {
			f.Shrink()
		}
	}
}

// attach adds FIFOs and sees to it that an ingest runs. After a restart all of
// a container's come at once, because only one of them may go on with an
// unfinished frame.
func (s *stream) attach(claims ...claim) error {
	in := &s.inlet
	in.mu.Lock()
	defer in.mu.Unlock()
	switch in.phase {
	case stopping, stopped:
		return fmt.Errorf("attach fifo: %w", ErrClosing)
	case forgotten:
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
		in.use(c.Options)
		s.log.Freeze(c.Options.frozen(c.Meta))
		if c.Resume && in.phase == idle && s.log.Torn(c.Path) {
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
		in.fifos = append(in.fifos, c.at)
	}
	return errors.Join(append(errs, in.poll.Wake())...)
}

// startIngest starts the ingest, unless one runs. torn is the FIFO that goes on
// with an unfinished frame. Called with inlet.mu held.
func (s *stream) startIngest(torn *attachment) error {
	if s.inlet.phase == reading {
		return nil
	}
	p, err := s.a.poller()
	if err != nil {
		return err
	}
	if s.ingest.torn = torn; torn == nil {
		s.a.noteLost(s, s.log.DropTorn()) // it will not be finished
	}
	s.inlet.phase.to(reading)
	s.inlet.poll = p
	s.a.ingests.Go(func() { s.ingest.run(p) })
	return nil
}

// dropTorn gives up a frame that no FIFO goes on with.
func (s *stream) dropTorn() {
	s.inlet.mu.Lock()
	defer s.inlet.mu.Unlock()
	if s.inlet.poll == nil {
		s.a.noteLost(s, s.log.DropTorn())
	}
}

// detach drains the FIFO and waits until it is closed.
func (in *inlet) detach(ctx context.Context, path string, at *attachment) error {
	if err := in.askEnd(at); err != nil {
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
func (in *inlet) askEnd(at *attachment) error {
	in.mu.Lock()
	defer in.mu.Unlock()
	if !slices.Contains(in.fifos, at) {
		return errUnknown
	}
	at.detach.Store(true)
	return in.poll.Wake()
}
