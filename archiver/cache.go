package archiver

import (
	"context"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"
)

// janitorInterval is how often the local cache is held to its bounds, beside
// the container's own, which every upload observes.
const janitorInterval = time.Minute

// idleStream is how long a log that has nothing to do stays open.
const idleStream = 2 * time.Minute

func (a *Archiver) janitor(ctx context.Context) {
	t := time.NewTicker(janitorInterval)
	defer t.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-t.C:
			a.contain("mark the state as used", "", a.markUsed)
			a.contain("tidy the local cache", "", func() {
				a.trimCache(a.cfg.CacheBytes, a.cfg.CacheAge)
				a.aside.trim(a.cfg.SpoolBytes/quarantineShare, becauseShare)
				a.closeIdle()
			})
		}
	}
}

// cached is an archived segment that is still on the local disk.
type cached struct {
	container string
	sizeBytes int64
	modified  time.Time
}

// trimCache removes archived segments, the oldest first, that are older than
// maxAge or go beyond maxBytes in all. It returns how many bytes that freed.
func (a *Archiver) trimCache(maxBytes int64, maxAge time.Duration) (freedBytes int64) {
	all := a.cachedSegments()
	total := int64(0)
	perContainer := map[string]int64{}
	for _, c := range all {
		total += c.sizeBytes
		perContainer[c.container] += c.sizeBytes
	}
	slices.SortFunc(all, func(x, y cached) int { return x.modified.Compare(y.modified) })
	trim := map[string]bool{}
	now := a.cfg.Now()
	for _, c := range all {
		if total <= maxBytes && now.Sub(c.modified) <= maxAge {
			break
		}
		total -= c.sizeBytes
		perContainer[c.container] -= c.sizeBytes
		trim[c.container] = true
	}
	for id := range trim {
		s, err := a.stream(id)
		if err != nil {
			continue // it was logged when it was opened
		}
		n, err := s.log.Evict(perContainer[id])
		freedBytes += n
		if err != nil {
			a.cfg.Logger.Error("cannot remove archived segments", "container", id, "err", err)
		}
	}
	return freedBytes
}

// cachedSegments lists the archived segments of all containers.
func (a *Archiver) cachedSegments() (all []cached) {
	root := filepath.Join(a.cfg.StateDir, spoolDir)
	_ = filepath.WalkDir(root, func(path string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() || !strings.HasSuffix(path, ".archived") {
			return nil // a directory that went away holds nothing
		}
		fi, err := os.Stat(path)
		if err == nil && filepath.Dir(filepath.Dir(path)) == root {
			all = append(all, cached{filepath.Base(filepath.Dir(path)), fi.Size(), fi.ModTime()})
		}
		return nil
	})
	return all
}

// makeRoom removes half of the local cache when the disk is full or, where there
// is none, half of what lies in quarantine: it is given up, what waits to be
// archived is not. It returns false where there was nothing to remove.
func (a *Archiver) makeRoom() bool {
	total := int64(0)
	for _, c := range a.cachedSegments() {
		total += c.sizeBytes
	}
	return a.trimCache(total/2, a.cfg.CacheAge) > 0 || a.aside.trim(a.aside.sum().Bytes/2, becauseDisk) > 0
}

// closeIdle forgets logs that nobody uses and that have nothing to archive.
func (a *Archiver) closeIdle() {
	for _, s := range a.forgetIdle() {
		if err := s.log.Close(); err != nil {
			a.cfg.Logger.Error("cannot close a container's log", "container", s.id, "err", err)
		}
	}
}

// forgetIdle takes the idle streams out of the Archiver's.
func (a *Archiver) forgetIdle() (idle []*stream) {
	old := a.cfg.Now().Add(-idleStream).UnixNano()
	a.mu.Lock()
	defer a.mu.Unlock()
	for id, s := range a.streams {
		if s.ready.Load() && s.lastUsed.Load() <= old && s.forget() {
			delete(a.streams, id)
			idle = append(idle, s)
		}
	}
	return idle
}

// forget marks a stream that nobody reads and that has nothing to archive as
// closed. It reports whether it did.
func (s *stream) forget() bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	// Not the log of one that is read: its disk may be slow, and all wait for the
	// Archiver's mu.
	s.forgotten = len(s.fifos) == 0 && s.poll == nil && s.log.Info().PendingSegments == 0
	return s.forgotten
}
