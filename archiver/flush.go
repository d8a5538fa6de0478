package archiver

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"sync/atomic"
	"time"

	"golang.org/x/sync/errgroup"

	"github.com/coldtail/coldtail/archiver/spool"
)

// FlushResult tells what a flush did and left.
type FlushResult struct {
	Containers   int   `json:"containers"`
	Segments     int64 `json:"segments"` // archived now
	Pending      int   `json:"pending"`  // segments left
	EvictedBytes int64 `json:"evicted_bytes"`
}

// Flush seals and uploads everything that was attached or left by an earlier
// run, and waits for it. With evict it then removes the local cache: only what
// is in the bucket already. An error tells that something is not archived.
func (a *Archiver) Flush(ctx context.Context, evict bool) (FlushResult, error) {
	select {
	case <-a.recovered:
	case <-ctx.Done():
		return FlushResult{}, context.Cause(ctx)
	}
	res, err := a.flush(ctx)
	if evict {
		res.EvictedBytes = a.trimCache(0, a.cfg.CacheAge)
	}
	return res, err
}

// flush is Flush for the logs that are open.
func (a *Archiver) flush(ctx context.Context) (FlushResult, error) {
	var res FlushResult
	var segments atomic.Int64
	var mu sync.Mutex
	var errs []error
	var g errgroup.Group
	g.SetLimit(a.cfg.Workers + committers)
	for _, s := range a.all() {
		res.Containers++
		g.Go(func() error {
			a.contain("flush", s.id, func() {
				n, err := a.flushStream(ctx, s)
				segments.Add(n)
				mu.Lock()
				defer mu.Unlock()
				errs = append(errs, err)
			})
			return nil
		})
	}
	_ = g.Wait() // errors are in errs
	for _, s := range a.all() {
		res.Pending += s.log.Info().PendingSegments
	}
	res.Segments = segments.Load()
	return res, errors.Join(errs...)
}

func (a *Archiver) flushStream(ctx context.Context, s *stream) (segments int64, err error) {
	defer func() { err = errors.Join(err, s.log.Newer()) }()
	s.log.Roll()
	err = s.log.Commit()
	for errors.Is(err, spool.ErrFull) && (a.makeRoom() || a.shed()) { // as a group commit asks for
		err = s.log.Commit()
	}
	if err != nil {
		return 0, err
	}
	before := len(s.log.Pending())
	s.rested()
	for {
		// Turn by turn: a new one begins with short waits again.
		if err = a.upload(ctx, s); !errors.Is(err, errTurn) {
			break
		}
		select {
		case <-time.After(restMin):
		case <-ctx.Done():
			return int64(before - len(s.log.Pending())), fmt.Errorf("%w, after: %w", context.Cause(ctx), err)
		}
	}
	return int64(before - len(s.log.Pending())), err
}
