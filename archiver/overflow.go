package archiver

import (
	"context"
	"errors"
	"fmt"
	"os"
	"sync/atomic"
	"time"

	"golang.org/x/sys/unix"

	"github.com/coldtail/coldtail/archiver/bucket"
	"github.com/coldtail/coldtail/archiver/encode"
	"github.com/coldtail/coldtail/archiver/spool"
	"github.com/coldtail/coldtail/codec"
	"github.com/coldtail/coldtail/codec/key"
)

// Overflow says what happens to a container's entries when its spool is full.
type Overflow string

// The policies.
const (
	// DropOld replaces the oldest entries that are not archived by a gap. It is
	// the default, as a container whose FIFO nobody reads cannot be stopped.
	DropOld Overflow = "drop-old"
	// DropNew replaces the entries that come by a gap.
	DropNew Overflow = "drop-new"
	// Block stops reading: the container waits as soon as its pipe is full.
	Block Overflow = "block"
)

// Overflows lists the policies.
func Overflows() []Overflow { return []Overflow{DropOld, DropNew, Block} }

// Why entries were dropped, as gap rows say it.
const (
	reasonQuota = "the container's spool is full"
	reasonTotal = "the spool of all containers is full"
	reasonDisk  = "the disk is full"
	// What comes in place of rows of a container whose spool cannot be written.
	reasonBroken = "the disk cannot be written"
)

// quotaLoop holds all streams together to the total quota, and makes room where
// the disk is full. It is a goroutine of its own because dropping syncs.
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
	// Commits of one stream may come together: two would drop more than they have to.
	s.drops.Lock()
	defer s.drops.Unlock()
	policy, most := s.quota()
	for {
		over := s.log.Info().PendingBytes > most
		if policy != DropOld {
			s.setOver(&s.over, over)
			return
		}
		if !over {
			s.setOver(&s.over, false)
			return
		}
		dropped, err := a.dropNext(s, reasonQuota)
		// Where the disk does not let the oldest go, what comes is dropped.
		s.setOver(&s.over, err != nil)
		if !dropped {
			return
		}
	}
}

// setOver changes one of the stream's two flags; its ingest has to know.
func (s *stream) setOver(flag *atomic.Bool, over bool) {
	if flag.Swap(over) != over {
		s.wake()
	}
}

// enforceTotal holds all streams together to the total quota, at the cost of
// the largest user.
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
			policy, _ := largest.quota()
			drops = policy == DropOld
		}
		for _, s := range all {
			s.setOver(&s.overTotal, over && !drops && s == largest)
		}
		if !drops {
			return
		}
		dropped, err := a.dropOldest(largest, reasonTotal)
		largest.setOver(&largest.overTotal, err != nil)
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
		if policy, _ := s.quota(); policy != DropOld {
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

// quota returns the stream's policy and how many bytes it may hold that are not
// archived.
func (s *stream) quota() (Overflow, int64) {
	o := s.options()
	return o.Overflow, o.SpoolBytes
}

func (s *stream) options() Options {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.opts
}

// dropOldest replaces the stream's oldest segment that is not archived by a
// gap. It reports whether it did; the error is the disk's.
func (a *Archiver) dropOldest(s *stream, reason string) (dropped bool, err error) {
	s.drops.Lock()
	defer s.drops.Unlock()
	return a.dropNext(s, reason)
}

// dropNext is dropOldest for who holds s.drops.
func (a *Archiver) dropNext(s *stream, reason string) (dropped bool, err error) {
	seg, ok := s.log.OldestPending()
	if !ok {
		// All of it is in the active segment.
		s.log.Roll()
		if err := s.log.Commit(); err != nil && !errors.Is(err, spool.ErrFull) {
			return false, err // the next commit reports it
		}
		if seg, ok = s.log.OldestPending(); !ok {
			return false, nil
		}
	}
	gap, err := a.gapFor(s, seg, reason)
	if err == nil {
		err = a.drop(s, seg, gap)
	}
	if err != nil {
		if now, ok := s.log.OldestPending(); !ok || now != seg {
			return true, nil // it was archived meanwhile, which makes room too
		}
		if !s.stuck.Swap(true) {
			a.cfg.Logger.Error("cannot drop entries to make room", "container", s.id, "segment", seg, "err", err)
		}
		return false, err
	}
	s.stuck.Store(false)
	a.noteDropped(s, gap.Entries, reason)
	return true, nil
}

// drop drops a segment, with the help of the ballast where the disk has no
// room even for a gap.
func (a *Archiver) drop(s *stream, seg int64, gap spool.Gap) error {
	err := s.log.Drop(seg, gap)
	if errors.Is(err, spool.ErrFull) {
		if rerr := os.Remove(a.state.Ballast()); rerr != nil {
			return errors.Join(err, rerr)
		}
		err = s.log.Drop(seg, gap)
	}
	if err == nil {
		a.makeBallast()
	}
	return err
}

// ballastBytes is what is kept back for gaps.
const ballastBytes = 1 << 20

// makeBallast takes disk space that can be given up when there is no other. That
// it fails on a full disk does not matter.
func (a *Archiver) makeBallast() {
	f, err := os.OpenFile(a.state.Ballast(), os.O_WRONLY|os.O_CREATE|unix.O_CLOEXEC, 0o600)
	if err != nil {
		return
	}
	defer f.Close()
	_ = unix.Fallocate(int(f.Fd()), 0, 0, ballastBytes)
}

// gapFor describes a segment that is about to be dropped.
func (a *Archiver) gapFor(s *stream, seg int64, reason string) (spool.Gap, error) {
	v, err := s.log.OpenSegment(seg)
	var bad *codec.CorruptError
	switch {
	case errors.As(err, &bad): // its file is gone
		return encode.HeaderGap(v, reason), nil
	case err != nil:
		return spool.Gap{}, err
	}
	defer v.Close()
	return encode.Gap(v, reason)
}

// stored returns which of a gap's replaced objects are in the bucket after all,
// and takes these out of the gap. With none left, there is no gap.
func (a *Archiver) stored(ctx context.Context, b bucket.Bucket, v *spool.View) (objs []spool.Object, err error) {
	gap := *v.Header.Gap
	gap.Replaced = nil
	for _, r := range v.Header.Gap.Replaced {
		body, err := b.Get(ctx, r.Key, bucket.GetOptions{Offset: -1})
		switch {
		case errors.Is(err, bucket.ErrNotFound):
			gap.Replaced = append(gap.Replaced, r)
		case err != nil:
			return nil, fmt.Errorf("look for an object that a gap replaces: %w", err)
		default:
			objs = append(objs, spool.Object{Segment: v.Header.SegmentSeq, SizeBytes: body.Object.SizeBytes, Key: r.Key})
			if err := body.Close(); err != nil {
				return nil, err
			}
		}
	}
	if len(objs) > 0 && len(gap.Replaced) > 0 {
		encode.SumUp(&gap)
		m, err := key.Parse(gap.Replaced[0].Key)
		if err != nil {
			return nil, err
		}
		// The segment's first number may be a stored object's.
		v.Header.FirstSeq = m.FirstSeq
	}
	v.Header.Gap = &gap
	return objs, nil
}

func (a *Archiver) noteDropped(s *stream, entries int64, reason string) {
	a.metrics.dropped.Add(float64(entries))
	s.dropped.Add(entries)
	if !s.dropping.Swap(true) {
		a.cfg.Logger.Error("dropping entries: the archive gets a gap row for them", "container", s.id, "reason", reason)
	}
}
