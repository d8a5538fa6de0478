package archiver

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"sync"
	"time"

	"golang.org/x/sync/errgroup"

	"github.com/coldtail/coldtail/archiver/spool"
)

// FlushResult is what a flush did and left, of what was there when it began.
type FlushResult struct {
	Containers   int        `json:"containers"`
	Segments     int64      `json:"segments"` // archived now
	Pending      int        `json:"pending"`  // segments left
	EvictedBytes int64      `json:"evicted_bytes"`
	Quarantine   Quarantine `json:"quarantine"` // of now and from earlier
}

// Flush seals and uploads everything that was attached or left by an earlier
// run, and waits for it. With evict it then removes the local cache, which is only
// what the bucket has. It returns an error if something is not archived: because
// that failed, because it lies in quarantine, or because its log cannot be opened.
func (a *Archiver) Flush(ctx context.Context, evict bool) (FlushResult, error) {
	select {
	case <-a.recovered:
	case <-ctx.Done():
		return FlushResult{}, context.Cause(ctx)
	}
	a.markers.forget() // they may have been deleted: what is flushed has to be found
	a.scanOnce()       // what the list of finished containers lacks is flushed, too
	opened := a.openAgain(ctx)
	res, err := a.flush(ctx)
	if evict {
		res.EvictedBytes = a.trimCache(0, a.cfg.CacheAge)
	}
	a.lookAside()
	res.Quarantine = a.aside.sum()
	return res, errors.Join(err, opened, res.Quarantine.err())
}

// unopenedIDs are the containers whose log could not be opened.
func (a *Archiver) unopenedIDs() []string {
	a.mu.Lock()
	defer a.mu.Unlock()
	return slices.Sorted(maps.Keys(a.unopened))
}

// openAgain tries to open the logs that could not be opened.
func (a *Archiver) openAgain(ctx context.Context) error {
	var errs []error
	for _, id := range a.unopenedIDs() {
		if ctx.Err() != nil {
			return errors.Join(append(errs, context.Cause(ctx))...)
		}
		if _, err := a.stream(id); err != nil {
			errs = append(errs, fmt.Errorf("the log in %s is not archived: %w", a.state.Log(id), err))
		}
	}
	if n := len(errs) - maxPaths; n > 0 {
		errs = append(errs[:maxPaths], fmt.Errorf("the logs of %d more containers are not archived either", n))
	}
	return errors.Join(errs...)
}

// flush is Flush for the logs that are open.
func (a *Archiver) flush(ctx context.Context) (FlushResult, error) {
	var res FlushResult
	var mu sync.Mutex
	var errs []error
	note := func(archived, left int, err error) {
		mu.Lock()
		defer mu.Unlock()
		res.Segments += int64(archived)
		res.Pending += left
		errs = append(errs, err)
	}
	var g errgroup.Group
	g.SetLimit(a.cfg.Workers + committers)
	for _, s := range a.all() {
		res.Containers++
		f := &flushing{s: s, upTo: s.log.Info().LastSeq}
		f.had = s.log.Waiting(f.upTo)
		g.Go(func() error {
			var err error
			if a.contain("flush", s.id, func() { err = f.run(ctx) }) {
				err = fmt.Errorf("flush container %.12s: it panicked; the log has more", s.id)
			}
			left := s.log.Waiting(f.upTo)
			if left > 0 && err == nil {
				err = fmt.Errorf("flush container %.12s: %d segments are left", s.id, left)
			}
			note(max(0, f.had-left), left, err)
			return nil
		})
	}
	_ = g.Wait() // errors are in errs
	return res, errors.Join(errs...)
}

// flushing is the flush of one container's log, of what it held at the beginning.
type flushing struct {
	s    *stream
	upTo int64 // the last entry's number then
	had  int   // segments that were not archived
}

// frameWait is how long a flush waits for the end of an entry. Before that, its
// segment cannot be archived.
const frameWait = 2 * time.Second

func (f *flushing) run(ctx context.Context) (err error) {
	defer func() { err = errors.Join(err, f.s.log.Newer()) }()
	f.s.rest.end()
	patience := int(frameWait / retryDelay)
	for {
		err = f.seal()
		if err != nil {
			return err
		}
		// Turn by turn: a new one begins with short waits again.
		err = f.s.a.uploadAll(ctx, f.s)
		pause := restMin
		switch {
		case errors.Is(err, errTurn):
		case err != nil || f.s.log.Waiting(f.upTo) == 0 || f.s.log.Newer() != nil || patience == 0 || !f.s.inlet.reads():
			return err
		default: // an entry is unfinished, or the archiving of a segment began only now
			patience--
			pause = retryDelay
		}
		select {
		case <-time.After(pause):
		case <-ctx.Done():
			if err == nil {
				return context.Cause(ctx)
			}
			return fmt.Errorf("%w, after: %w", context.Cause(ctx), err)
		}
	}
}

// seal closes what there is, as a group commit does.
func (f *flushing) seal() error {
	a := f.s.a
	f.s.log.Roll()
	err := f.s.log.Commit()
	for errors.Is(err, spool.ErrFull) && (a.makeRoom() || a.shed()) {
		err = f.s.log.Commit()
	}
	return err
}
