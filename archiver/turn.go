package archiver

import (
	"context"
	"errors"
	"sync/atomic"
	"time"

	"github.com/coldtail/coldtail/archiver/bucket"
)

// turnFailures is how many attempts in a row may fail before a container makes way
// for others, as few workers serve many containers. That takes some 2 s.
const turnFailures = 5

// errTurn ends a container's turn: its uploads fail, but not for good.
var errTurn = errors.New("uploads keep failing")

// turn is the time in which an uploader serves a container.
type turn struct {
	end     context.CancelCauseFunc
	bucket  bucket.Bucket // repeats requests after transient errors
	started time.Time
	failed  atomic.Int32 // attempts in a row
}

// newTurn begins a turn. Its context ends with it; end it in any case.
func (a *Archiver) newTurn(ctx context.Context) (context.Context, *turn) {
	t := &turn{started: a.cfg.Now()}
	ctx, t.end = context.WithCancelCause(ctx)
	t.bucket = bucket.Retry(a.bucket, bucket.RetryConfig{
		OnRetry: func(_ bucket.Op, _ string, err error, _ time.Duration) {
			a.health.retried(err)
			if t.failed.Add(1) >= turnFailures {
				t.end(errTurn)
			}
		},
	})
	return ctx, t
}

// uploaded notes a success. Containers that failed since the last success need not
// wait any longer. One that fails while others succeed has troubles of its own.
func (a *Archiver) uploaded() {
	a.health.ok()
	before := a.uploadedAt.Swap(a.cfg.Now().UnixNano())
	for _, s := range a.all() {
		s.rest.endIfLater(before)
	}
}
