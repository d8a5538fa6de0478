package archiver

import (
	"context"
	"math"
	"time"

	"github.com/coldtail/coldtail/archiver/spool"
)

// scanInterval is how often all containers' directories are looked at, beginning in
// the first minute.
const scanInterval = 24 * time.Hour

// forgetAtOnce bounds how many finished containers are forgotten in a minute: each is
// an open log for a moment.
const forgetAtOnce = 1000

// janitorInterval is how often the total bounds of the local cache are enforced. A
// container's own is after each of its uploads.
const janitorInterval = time.Minute

// idleStream is how long a log that has nothing to do stays open.
const idleStream = 2 * time.Minute

// janitor tidies up once a minute. Its goroutine alone touches it.
type janitor struct {
	a        *Archiver
	dead     []string  // finished containers to forget
	lookedAt time.Time // when these were found
}

func (j *janitor) run(ctx context.Context) {
	a := j.a
	t := time.NewTicker(janitorInterval)
	defer t.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-t.C:
			a.contain("mark the state as used", "", a.state.Mark)
			a.contain("tidy the local cache", "", func() {
				j.forgetFinished()
				a.trimCache(a.cfg.CacheBytes, a.cfg.CacheAge)
				a.lookAside()
				a.aside.trim(a.cfg.SpoolBytes/quarantineShare, becauseShare)
				a.closeIdle()
			})
		}
	}
}

// forgetFinished removes, once a day, the directories of containers that have been
// finished for long: what they wrote is in the bucket.
func (j *janitor) forgetFinished() {
	a := j.a
	now := a.cfg.Now()
	if now.Sub(j.lookedAt) >= scanInterval || now.Before(j.lookedAt) {
		j.lookedAt = now
		j.dead = a.scanAgain()
	}
	if len(j.dead) == 0 {
		return
	}
	n := min(len(j.dead), forgetAtOnce)
	now = a.afterAll(now, j.dead[:n])
	// A container that comes back must not be taken for a new one.
	if err := a.state.Forget(now); err != nil {
		a.cfg.Logger.Error("cannot forget finished containers", "err", err)
		return
	}
	for _, id := range j.dead[:n] {
		a.forgetContainer(id)
	}
	j.dead = j.dead[n:]
}

// afterAll returns a time, now or later. No number that these containers, or forgotten
// ones, gave to an entry is after it, whatever the clock did.
func (a *Archiver) afterAll(now time.Time, ids []string) time.Time {
	last := max(now.UnixNano(), a.state.Forgot())
	for _, id := range ids {
		if n := spool.NextNumber(a.state.Log(id)); n < math.MaxInt64/1000 {
			last = max(last, 1000*n)
		}
	}
	return time.Unix(0, last)
}

// forgetContainer removes the directory of a container whose log is not open. A
// caller that opens it meanwhile waits, and gets an empty log.
func (a *Archiver) forgetContainer(id string) {
	s := a.closedStream(id)
	if s == nil {
		return
	}
	if err := s.open(); err != nil {
		a.cfg.Logger.Error("cannot forget a finished container", "container", id, "err", err)
	}
}

// closedStream returns a stream that, when opened, removes what is there. It is nil if
// the container has a stream.
func (a *Archiver) closedStream(id string) *stream {
	a.mu.Lock()
	defer a.mu.Unlock()
	if a.streams[id] != nil {
		return nil
	}
	s := a.newStream(id)
	s.opening.afresh = true
	a.streams[id] = s
	return s
}

// closeIdle closes logs that are not used and have nothing to archive.
func (a *Archiver) closeIdle() {
	for _, s := range a.forgetIdle() {
		if err := s.log.Close(); err != nil {
			a.cfg.Logger.Error("cannot close a container's log", "container", s.id, "err", err)
			continue
		}
		a.noteFinished(s.id)
	}
}

// forgetIdle takes the idle streams out of the Archiver's.
func (a *Archiver) forgetIdle() (idle []*stream) {
	old := a.cfg.Now().Add(-idleStream).UnixNano()
	a.mu.Lock()
	defer a.mu.Unlock()
	for id, s := range a.streams {
		if s.opening.ready.Load() && s.lastUsed.Load() <= old && s.forget() {
			delete(a.streams, id)
			idle = append(idle, s)
		}
	}
	return idle
}
