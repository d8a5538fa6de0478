package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"iter"
	"net/url"
	"os"
	"sync"
	"sync/atomic"
	"time"

	"github.com/schollz/progressbar/v3"
	"golang.org/x/term"

	"github.com/coldtail/coldtail/archiver/bucket"
)

func isTerminal(f *os.File) bool { return term.IsTerminal(int(f.Fd())) }

// terminal tells whether w is one.
func (a *app) terminal(w io.Writer) bool {
	f, ok := w.(*os.File)
	return ok && isTerminal(f)
}

// newBar returns a progress bar that leaves nothing behind. Its errors do not
// matter: it is a courtesy.
func newBar(to io.Writer, total int64, opts ...progressbar.Option) *progressbar.ProgressBar {
	return progressbar.NewOptions64(total, append([]progressbar.Option{
		progressbar.OptionSetWriter(to),
		progressbar.OptionThrottle(100 * time.Millisecond),
		progressbar.OptionFullWidth(),
		progressbar.OptionClearOnFinish(),
		progressbar.OptionSetPredictTime(true),
	}, opts...)...)
}

// spinnerDelay is how long something may take without a word.
const spinnerDelay = time.Second

// spinner tells what a command waits for, once it has taken long. A nil one is
// silent. It is used by several goroutines.
type spinner struct {
	doing atomic.Pointer[string]
	n     atomic.Int64
	once  sync.Once
	ended chan struct{}
	done  chan struct{}
}

// newSpinner starts one on stderr, where that is a terminal.
func (a *app) newSpinner(doing string) *spinner {
	if !a.terminal(a.stderr) {
		return nil
	}
	s := &spinner{ended: make(chan struct{}), done: make(chan struct{})}
	s.phase(doing)
	go s.run(a.stderr)
	return s
}

func (s *spinner) run(to io.Writer) {
	defer close(s.done)
	select {
	case <-s.ended:
		return
	case <-time.After(spinnerDelay):
	}
	bar := newBar(to, -1, progressbar.OptionSpinnerType(14), progressbar.OptionSetSpinnerChangeInterval(0),
		progressbar.OptionSetElapsedTime(false), progressbar.OptionSetPredictTime(false))
	tick := time.NewTicker(200 * time.Millisecond)
	defer tick.Stop()
	for {
		bar.Describe(fmt.Sprintf("%s: %d", *s.doing.Load(), s.n.Load()))
		_ = bar.Add(0)
		select {
		case <-s.ended:
			_ = bar.Clear()
			return
		case <-tick.C:
		}
	}
}

// phase says what is counted from now on.
func (s *spinner) phase(doing string) {
	if s != nil {
		s.doing.Store(&doing)
		s.n.Store(0)
	}
}

// add counts what has come.
func (s *spinner) add(n int64) {
	if s != nil {
		s.n.Add(n)
	}
}

// stop clears it, for good.
func (s *spinner) stop() {
	if s != nil {
		s.once.Do(func() { close(s.ended) })
		<-s.done
	}
}

var errSilent = errors.New("the bucket did not answer within " + findTimeout.String())

// guard returns b for a search: one that repeats what fails, ends if the bucket
// answers nothing for findTimeout, and tells w of each object that is listed.
func guard(ctx context.Context, b bucket.Bucket, w *spinner) (context.Context, bucket.Bucket, func()) {
	b = bucket.Retry(b, bucket.RetryConfig{})
	ctx, cancel := context.WithCancelCause(ctx)
	timer := time.AfterFunc(findTimeout, func() { cancel(errSilent) })
	stop := func() {
		timer.Stop()
		cancel(nil)
	}
	return ctx, &guarded{Bucket: b, timer: timer, wait: w}, stop
}

type guarded struct {
	bucket.Bucket
	timer *time.Timer
	wait  *spinner
}

func (g *guarded) List(ctx context.Context, prefix string, opts bucket.ListOptions) iter.Seq2[bucket.Object, error] {
	return func(yield func(bucket.Object, error) bool) {
		failed := false
		for o, err := range g.Bucket.List(ctx, prefix, opts) {
			if failed = err != nil; !failed {
				g.timer.Reset(findTimeout)
				if !o.CommonPrefix {
					g.wait.add(1)
				}
			}
			if !yield(o, err) {
				return
			}
		}
		if !failed {
			g.timer.Reset(findTimeout) // to find nothing is an answer too
		}
	}
}

// cause is why a guarded search ended: err, or that the bucket was silent, and
// what the attempts failed with.
func cause(ctx context.Context, err error) error {
	if err == nil || !errors.Is(context.Cause(ctx), errSilent) {
		return err
	}
	var be *bucket.Error
	if !errors.As(err, &be) {
		return fmt.Errorf("search the archive: %w", errSilent)
	}
	why := be.Err
	if ue := (*url.Error)(nil); errors.As(why, &ue) {
		why = ue.Err // without the request, which is long
	}
	return fmt.Errorf("search the archive: %w: %s: %w", errSilent, be.Op, why)
}
