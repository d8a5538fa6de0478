package readback

import (
	"context"
	"errors"
	"fmt"
	"iter"
	"time"

	"github.com/coldtail/coldtail/archiver/bucket"
)

// A silentError is the cause that a watchdog ends a context with.
type silentError struct{ timeout time.Duration }

func (e *silentError) Error() string {
	return fmt.Sprintf("the bucket gave nothing for %s", e.timeout)
}

// watchdog ends a context when the bucket gave nothing for some time, however
// much there is to wait for in all: a slow link is no reason to give up.
type watchdog struct {
	ctx     context.Context
	cancel  context.CancelCauseFunc
	timer   *time.Timer
	timeout time.Duration
}

// watch returns a context that a watchdog guards; stop it.
func watch(parent context.Context, timeout time.Duration) (context.Context, *watchdog) {
	ctx, cancel := context.WithCancelCause(parent)
	w := &watchdog{ctx: ctx, cancel: cancel, timeout: timeout}
	w.timer = time.AfterFunc(timeout, func() { cancel(&silentError{timeout}) })
	return ctx, w
}

func (w *watchdog) progress() { w.timer.Reset(w.timeout) }

func (w *watchdog) stop() {
	w.timer.Stop()
	w.cancel(nil)
}

// explain says of an error that it came of waiting, where it did.
func (w *watchdog) explain(err error) error {
	cause := context.Cause(w.ctx)
	if !errors.As(cause, new(*silentError)) {
		return err
	}
	if be := (*bucket.Error)(nil); errors.As(err, &be) {
		return fmt.Errorf("%w: %w", cause, be) // what the attempts failed with
	}
	return cause
}

// watched tells a watchdog of what a bucket gives.
type watched struct {
	bucket.Bucket
	dog *watchdog
}

func (b watched) List(ctx context.Context, prefix string, opts bucket.ListOptions) iter.Seq2[bucket.Object, error] {
	return func(yield func(bucket.Object, error) bool) {
		failed := false
		for o, err := range b.Bucket.List(ctx, prefix, opts) {
			if failed = err != nil; !failed {
				b.dog.progress()
			}
			if !yield(o, err) {
				return
			}
		}
		if !failed {
			b.dog.progress() // an empty listing is an answer too
		}
	}
}
