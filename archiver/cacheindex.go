package archiver

import (
	"container/heap"
	"sync"
	"time"
)

// cacheIndex is what the local cache has of each container, so that it need not be
// looked for each minute. Its methods may be called concurrently.
type cacheIndex struct {
	mu      sync.Mutex
	logs    map[string]cachedLog // those that have something
	noted   map[string]bool      // since the scan began; nil without one
	total   int64
	oldest  time.Time // of all; too old if that log was trimmed since
	scanned bool
}

type cachedLog struct {
	sizeBytes int64
	oldest    time.Time
}

// note sets what a container has.
func (x *cacheIndex) note(id string, l cachedLog) {
	x.mu.Lock()
	defer x.mu.Unlock()
	x.set(id, l)
	if x.noted != nil {
		x.noted[id] = true
	}
}

// set is note. Called with mu held.
func (x *cacheIndex) set(id string, l cachedLog) {
	if x.logs == nil {
		x.logs = map[string]cachedLog{}
	}
	x.total += l.sizeBytes - x.logs[id].sizeBytes
	if l.sizeBytes == 0 {
		delete(x.logs, id)
		return
	}
	x.logs[id] = l
	if x.oldest.IsZero() || l.oldest.Before(x.oldest) {
		x.oldest = l.oldest
	}
}

// within reports whether nothing has to be removed.
func (x *cacheIndex) within(maxBytes int64, maxAge time.Duration, now time.Time) bool {
	x.mu.Lock()
	defer x.mu.Unlock()
	return x.total <= maxBytes && (len(x.logs) == 0 || now.Sub(x.oldest) <= maxAge)
}

// queue returns the logs by their oldest segments.
func (x *cacheIndex) queue() (q trimQueue, total int64) {
	x.mu.Lock()
	defer x.mu.Unlock()
	x.oldest = time.Time{}
	for id, l := range x.logs {
		if x.oldest.IsZero() || l.oldest.Before(x.oldest) {
			x.oldest = l.oldest
		}
		q = append(q, &trimming{id: id, oldest: l.oldest, keep: l.sizeBytes})
	}
	heap.Init(&q)
	return q, x.total
}

// trimming is a container whose cached segments may have to be removed.
type trimming struct {
	id       string
	oldest   time.Time
	segments []cached // oldest first; nil before they are looked at
	keep     int64    // bytes
	trimmed  bool
}

type trimQueue []*trimming

func (q trimQueue) Len() int           { return len(q) }
func (q trimQueue) Less(i, j int) bool { return q[i].oldest.Before(q[j].oldest) }
func (q trimQueue) Swap(i, j int)      { q[i], q[j] = q[j], q[i] }
func (q *trimQueue) Push(x any)        { *q = append(*q, x.(*trimming)) }
func (q *trimQueue) Pop() any {
	n := len(*q) - 1
	x := (*q)[n]
	*q = (*q)[:n]
	return x
}

func (x *cacheIndex) wasScanned() bool {
	x.mu.Lock()
	defer x.mu.Unlock()
	return x.scanned
}

// beginScan notes that a scan of all containers begins.
func (x *cacheIndex) beginScan() {
	x.mu.Lock()
	defer x.mu.Unlock()
	x.noted = map[string]bool{}
}

// endScan takes over what was found. What was noted since beginScan is newer. If not
// all could be read, nothing is forgotten.
func (x *cacheIndex) endScan(found map[string]cachedLog, all bool) {
	x.mu.Lock()
	defer x.mu.Unlock()
	for id, l := range found {
		if !x.noted[id] {
			x.set(id, l)
		}
	}
	for id := range x.logs {
		if _, ok := found[id]; !ok && all && !x.noted[id] {
			x.set(id, cachedLog{})
		}
	}
	x.noted, x.scanned = nil, x.scanned || all
}

func (x *cacheIndex) size() int64 {
	x.mu.Lock()
	defer x.mu.Unlock()
	return x.total
}
