package archiver

import (
	"container/heap"
	"io/fs"
	"os"
	"slices"
	"time"

	"github.com/coldtail/coldtail/archiver/spool"
)

// cached is an archived segment that is still on the local disk.
type cached struct {
	container string
	sizeBytes int64
	modified  time.Time
}

// trimCache removes archived segments, the oldest first, that are older than
// maxAge or go beyond maxBytes in all. It returns how many bytes that freed.
func (a *Archiver) trimCache(maxBytes int64, maxAge time.Duration) (freedBytes int64) {
	a.scanOnce()
	now := a.cfg.Now()
	if a.cache.within(maxBytes, maxAge, now) {
		return 0
	}
	q, total := a.cache.queue()
	var trim []*trimming
	for len(q) > 0 && (total > maxBytes || now.Sub(q[0].oldest) > maxAge) {
		t := q[0]
		if t.segments == nil {
			t.segments = a.cachedOf(t.id)
			if len(t.segments) == 0 {
				total -= t.keep // it was removed since
				a.cache.note(t.id, cachedLog{})
				heap.Pop(&q)
				continue
			}
			t.oldest = t.segments[0].modified
			heap.Fix(&q, 0)
			continue
		}
		n := t.segments[0].sizeBytes
		total -= n
		t.keep = max(0, t.keep-n)
		if !t.trimmed {
			t.trimmed = true
			trim = append(trim, t)
		}
		if t.segments = t.segments[1:]; len(t.segments) == 0 {
			heap.Pop(&q)
			continue
		}
		t.oldest = t.segments[0].modified
		heap.Fix(&q, 0)
	}
	for _, t := range trim {
		s, err := a.stream(t.id)
		if err != nil {
			continue // it was logged when it was opened
		}
		n, err := s.log.Evict(t.keep)
		freedBytes += n
		if err != nil {
			a.cfg.Logger.Error("cannot remove archived segments", "container", t.id, "err", err)
		}
		a.noteCached(s)
	}
	return freedBytes
}

// noteCached notes in the index what a stream has in the cache.
func (a *Archiver) noteCached(s *stream) {
	sizeBytes, oldest := s.log.Cached()
	l := cachedLog{sizeBytes: sizeBytes, oldest: a.cfg.Now()}
	if fi, err := os.Stat(oldest); err == nil {
		l.oldest = fi.ModTime()
	}
	a.cache.note(s.id, l)
}

// cachedOf lists a container's archived segments, the oldest first.
func (a *Archiver) cachedOf(id string) []cached {
	des, err := os.ReadDir(a.state.Log(id))
	if err != nil {
		return nil // it was removed
	}
	return cachedIn(id, des)
}

func cachedIn(id string, des []fs.DirEntry) (all []cached) {
	for _, de := range des {
		if _, ok := spool.CachedBytes(de.Name(), 0); !ok {
			continue
		}
		if fi, err := de.Info(); err == nil {
			n, _ := spool.CachedBytes(de.Name(), fi.Size())
			all = append(all, cached{id, n, fi.ModTime()})
		}
	}
	slices.SortStableFunc(all, func(x, y cached) int { return x.modified.Compare(y.modified) })
	return all
}

// makeRoom removes half of the local cache because the disk is full. If there is
// none, it removes half of the quarantine, which goes before what waits to be
// archived. It reports whether it removed anything.
func (a *Archiver) makeRoom() bool {
	a.scanOnce()
	return a.trimCache(a.cache.size()/2, a.cfg.CacheAge) > 0 || a.aside.trim(a.aside.sum().Bytes/2, becauseDisk) > 0
}
