package archiver

import (
	"context"
	"sync"
	"sync/atomic"
	"time"
)

// Overflow says what happens to a container's entries when its spool is full.
type Overflow string

// The policies.
const (
	// DropOld replaces the oldest entries that are not archived by a gap. It is
	// the default, as a container whose FIFO is not read cannot be stopped.
	DropOld Overflow = "drop-old"
	// DropNew replaces new entries by a gap.
	DropNew Overflow = "drop-new"
	// Block stops reading: the container waits as soon as its pipe is full.
	Block Overflow = "block"
)

// Overflows lists the policies.
func Overflows() []Overflow { return []Overflow{DropOld, DropNew, Block} }

// Why entries were dropped, as gap rows say it.
const (
	reasonQuota  = "the container's spool is full"
	reasonTotal  = "the spool of all containers is full"
	reasonDisk   = "the disk is full"
	reasonBroken = "the disk cannot be written"
)

// quota is what keeps a stream within its bounds.
type quota struct {
	// The stream is beyond its own bound, or is the largest user beyond the total one,
	// and its policy is not DropOld. The ingest looks at these.
	own, total atomic.Bool

	dropping trouble      // entries being dropped
	dropped  atomic.Int64 // entries

	drops sync.Mutex // held while segments are dropped
	stuck trouble    // failing to drop segments
}

// exceeded reports whether new entries are dropped, or wait.
func (q *quota) exceeded() bool { return q.own.Load() || q.total.Load() }

// setExceeded sets own or total, and lets the ingest look at it.
func (s *stream) setExceeded(mark *atomic.Bool, exceeded bool) {
	if mark.Swap(exceeded) != exceeded {
		s.inlet.wake()
	}
}

// quotaLoop holds all streams together to the total quota, and makes room if the
// disk is full. It has its own goroutine because dropping syncs.
func (a *Archiver) quotaLoop(ctx context.Context) {
	t := time.NewTicker(a.cfg.CommitInterval)
	defer t.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-t.C:
			a.contain("hold the total quota", "", a.enforceTotal)
		case <-a.full:
			a.contain("make room on the disk", "", func() {
				if !a.makeRoom() {
					a.shed()
				}
			})
		}
	}
}

// roomSoon asks for room on the disk. It does not wait.
func (a *Archiver) roomSoon() {
	select {
	case a.full <- struct{}{}:
	default:
	}
}

// enforce holds a stream to its own quota. It runs after commits: it syncs.
func (a *Archiver) enforce(s *stream) {
	// Concurrent commits of one stream would drop more than they have to.
	s.quota.drops.Lock()
	defer s.quota.drops.Unlock()
	o := s.inlet.options()
	for {
		over := s.log.Info().PendingBytes > o.SpoolBytes
		if o.Overflow != DropOld {
			s.setExceeded(&s.quota.own, over)
			return
		}
		if !over {
			s.setExceeded(&s.quota.own, false)
			return
		}
		dropped, err := a.dropNext(s, reasonQuota)
		// If the disk does not let the oldest go, new entries are dropped.
		s.setExceeded(&s.quota.own, err != nil)
		if !dropped {
			return
		}
	}
}

// enforceTotal holds all streams together to the total quota, at the cost of the
// largest user.
func (a *Archiver) enforceTotal() {
	for {
		var largest *stream
		total, most := int64(0), int64(0)
		all := a.all()
		for _, s := range all {
			n := s.log.Info().PendingBytes
			total += n
			if n > most {
				most, largest = n, s
			}
		}
		if q := a.aside.sum().Bytes; total+q > a.cfg.SpoolBytes && q > 0 {
			a.aside.trim(max(0, a.cfg.SpoolBytes-total), becauseTotal)
		}
		over := total > a.cfg.SpoolBytes && largest != nil
		drops := false
		if over {
			drops = largest.inlet.options().Overflow == DropOld
		}
		for _, s := range all {
			s.setExceeded(&s.quota.total, over && !drops && s == largest)
		}
		if !drops {
			return
		}
		dropped, err := a.dropOldest(largest, reasonTotal)
		largest.setExceeded(&largest.quota.total, err != nil)
		if !dropped {
			return
		}
	}
}

// shed drops the oldest entries of the largest user that allows it, because the
// disk is full. It reports whether that freed anything.
func (a *Archiver) shed() bool {
	var largest *stream
	most := int64(0)
	for _, s := range a.all() {
		if s.inlet.options().Overflow != DropOld {
			continue
		}
		if n := s.log.Info().PendingBytes; n > most {
			most, largest = n, s
		}
	}
	if largest == nil {
		return false
	}
	dropped, _ := a.dropOldest(largest, reasonDisk) // it was logged
	return dropped
}
