package archiver

import (
	"context"
	"errors"
	"sync"
	"time"

	"github.com/coldtail/coldtail/archiver/spool"
)

// committers is how many fsyncs are under way at once.
const committers = 16

// Run does the background work until ctx ends: group commits, rolling by age,
// uploads, the local cache's bounds. Then it stops reading, makes everything
// durable, seals it, and uploads for at most Config.ShutdownTimeout; the rest is
// for the next start. It may be called once, and closes the Archiver.
func (a *Archiver) Run(ctx context.Context) error {
	work, cancel := context.WithCancel(context.WithoutCancel(ctx))
	defer cancel()
	var commits, uploads, others sync.WaitGroup
	for range committers {
		commits.Go(a.commitLoop)
	}
	for range a.cfg.Workers {
		uploads.Go(func() { a.uploadLoop(work) })
	}
	others.Go(func() { a.recoverAll(work) })
	others.Go(func() { (&janitor{a: a}).run(ctx) })
	others.Go(func() { a.quotaLoop(ctx) })
	a.makeBallast()
	a.tick(ctx)
	a.Stopping()

	a.stopReading()
	close(a.commits)
	commits.Wait()
	deadline, stop := context.WithTimeout(work, a.cfg.ShutdownTimeout)
	defer stop()
	res, _ := a.flush(deadline) // the errors are that the time is over
	if res.Pending > 0 {
		a.cfg.Logger.Info("uploads are left for the next start", "segments", res.Pending, "last_error", a.Status().LastError)
	}
	cancel()
	uploads.Wait()
	others.Wait()
	return a.close()
}

// Stopping says that the process was told to end, and may do so at any moment. That is
// not the fault of the segments that are being encoded. Run calls it when its context
// ends.
func (a *Archiver) Stopping() {
	if err := a.encoder.Stopping(); err != nil {
		a.cfg.Logger.Error("cannot take back that a segment is being encoded", "err", err)
	}
}

// tick commits and rolls at every interval until ctx ends.
func (a *Archiver) tick(ctx context.Context) {
	t := time.NewTicker(a.cfg.CommitInterval)
	defer t.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-t.C:
			now := a.cfg.Now()
			for _, s := range a.all() {
				s.tick(now)
			}
		}
	}
}

// tick does what is due.
func (s *stream) tick(now time.Time) {
	in := s.log.Info()
	if first := in.ActiveFirstNano; first != 0 {
		if now.Sub(time.Unix(0, first)) >= s.inlet.options().RollAge || hourOver(s.id, first, in.ActiveBytes, now) {
			s.log.Roll()
		}
	}
	if in.PendingSegments > 0 || in.Live > 0 {
		s.a.commitSoon(s)
	}
	s.inlet.shrink(now)
}

// commitSoon asks a committer to take the stream. It does not wait: if the queue is
// full, the next tick asks again.
func (a *Archiver) commitSoon(s *stream) {
	if s.queued.Swap(true) {
		return
	}
	a.mu.Lock()
	defer a.mu.Unlock()
	if a.closing {
		return
	}
	select {
	case a.commits <- s:
	default:
		s.queued.Store(false)
	}
}

func (a *Archiver) commitLoop() {
	for s := range a.commits {
		s.queued.Store(false)
		a.contain("commit", s.id, func() { a.commit(s) })
	}
}

// commit makes a stream durable and hands what that sealed to the uploaders.
func (a *Archiver) commit(s *stream) {
	start := time.Now()
	gaps := s.log.Reserved()
	err := s.log.Commit()
	if gaps && !s.log.Reserved() {
		s.inlet.wake() // to give a gap to what was dropped since
	}
	if err != nil {
		a.metrics.spoolErrors.Inc()
		if s.unsynced.begins() {
			a.cfg.Logger.Error("cannot make the spool durable: a power loss would take what comes now", "container", s.id, "err", err)
		}
		if errors.Is(err, spool.ErrFull) {
			a.roomSoon()
		}
		a.enforce(s) // what cannot be synced cannot be archived: the quota has to hold
		return
	}
	if s.unsynced.ends() {
		a.cfg.Logger.Info("the spool is durable again", "container", s.id)
	}
	a.cfg.Hook("committed", s.id)
	a.metrics.commitSeconds.Observe(time.Since(start).Seconds())
	a.enforce(s)
	a.uploadSoon(s)
}

// stopReading ends every ingest.
func (a *Archiver) stopReading() {
	a.setClosing()
	for _, s := range a.all() {
		s.inlet.stop()
	}
	a.ingests.Wait()
}

// setClosing makes Attach refuse.
func (a *Archiver) setClosing() {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.closing = true
}

// recoverAll opens the logs in which an earlier process left something to archive.
// Those of attached containers are open already.
func (a *Archiver) recoverAll(ctx context.Context) {
	defer close(a.recovered)
	ids, err := a.state.Containers()
	if err != nil {
		a.cfg.Logger.Error("cannot look for logs of an earlier run", "err", err)
		return
	}
	var finished []string
	for _, id := range ids {
		if ctx.Err() != nil {
			return
		}
		if a.finished.Has(id) {
			continue
		}
		a.aside.look(id)
		if spool.HasWaiting(a.state.Log(id)) {
			a.contain("recover a container's log", id, func() { a.recover(id) })
		} else {
			finished = append(finished, id)
		}
	}
	a.noteFinished(finished...)
}

func (a *Archiver) recover(id string) {
	s, err := a.stream(id)
	if err != nil {
		a.cfg.Logger.Error("cannot recover a container's log", "container", id, "err", err)
		return
	}
	s.dropTorn()
	a.commitSoon(s)
}

// Close closes an Archiver that does not Run. What it has read is durable, and is
// archived after the next start.
func (a *Archiver) Close() error {
	a.stopReading()
	return a.close()
}

// close closes the logs and releases the state directory.
func (a *Archiver) close() error {
	var errs []error
	for _, s := range a.all() {
		errs = append(errs, s.log.Close())
	}
	a.state.Mark()
	return errors.Join(append(errs, a.state.Close())...)
}
