package archiver

import (
	"context"
	"errors"
	"math/rand/v2"
	"sync/atomic"
	"time"

	"github.com/coldtail/coldtail/archiver/bucket"
)

// turnFailures is how many attempts in a row may fail before a container makes
// way for others: few workers serve many containers. It takes some 2 s.
const turnFailures = 5

// restMin and restMax bound how long a container rests after such a turn. The
// rest doubles each time.
const (
	restMin = time.Second
	restMax = 30 * time.Second
)

// errTurn tells that a container's turn is over: its uploads fail, but not for good.
var errTurn = errors.New("uploads keep failing")

// turn is the time in which an uploader serves a container.
type turn struct {
	end     context.CancelCauseFunc
	bucket  bucket.Bucket // transient errors are repeated, but not without limit
	started time.Time
	failed  atomic.Int32 // attempts in a row
}

// newTurn begins a turn. Its context ends with it; end it in any case.
func (a *Archiver) newTurn(ctx context.Context) (context.Context, *turn) {
	t := &turn{started: a.cfg.Now()}
	ctx, t.end = context.WithCancelCause(ctx)
	t.bucket = bucket.Retry(a.bucket, bucket.RetryConfig{
		OnRetry: func(_ bucket.Op, _ string, err error, _ time.Duration) {
			a.health.retried(a, err)
			if t.failed.Add(1) >= turnFailures {
				t.end(errTurn)
			}
		},
	})
	return ctx, t
}

// rest lets the container wait for its next turn.
func (s *stream) rest(t *turn) {
	d := min(max(2*time.Duration(s.resting.Load()), restMin), restMax)
	s.resting.Store(int64(d))
	s.turnAt.Store(t.started.UnixNano())
	s.uploadAt.Store(s.a.cfg.Now().Add(d/2 + rand.N(d/2)).UnixNano())
}

// rests tells whether the container has to wait. Longer than parkTime it never
// does: if it seems so, the clock was set back, as it is where the store refuses
// requests because of it.
func (s *stream) rests() bool {
	left := time.Duration(s.uploadAt.Load() - s.a.cfg.Now().UnixNano())
	return left > 0 && left <= max(parkTime, restMax)
}

// rested forgets that the container has to wait.
func (s *stream) rested() {
	s.resting.Store(0)
	s.uploadAt.Store(0)
}

// uploaded takes note of a success: containers that failed while nothing else
// succeeded either need not wait any longer. One that fails while others
// succeed has troubles of its own.
func (a *Archiver) uploaded() {
	a.health.ok(a)
	before := a.uploadedAt.Swap(a.cfg.Now().UnixNano())
	for _, s := range a.all() {
		if s.resting.Load() > 0 && s.turnAt.Load() > before {
			s.rested()
		}
	}
}
