package bucket

import (
	"context"
	"fmt"
	"io"
	"iter"
	"time"

	"github.com/cenkalti/backoff/v5"
)

// RetryConfig says how to wait between attempts. The zero value is the default.
type RetryConfig struct {
	// First and Max bound the wait, which is random between zero and a limit
	// that doubles from First to Max ("full jitter": many uploaders do not
	// come back in step). Defaults: 200 ms and 30 s.
	First, Max time.Duration
	// OnRetry, if set, is told of each failed attempt and the wait that follows it.
	OnRetry func(op Op, key string, err error, wait time.Duration)
}

// Retry returns b with transient errors repeated without limit until the
// context ends; it is the only place that repeats anything. Errors that would
// not go away are returned at once. A body that fails midway goes on where it
// stopped, with the ETag pinned, and a listing after its last key.
func Retry(b Bucket, cfg RetryConfig) Bucket {
	if cfg.First <= 0 {
		cfg.First = 200 * time.Millisecond
	}
	if cfg.Max <= 0 {
		cfg.Max = 30 * time.Second
	}
	return &retrier{b: b, cfg: cfg}
}

type retrier struct {
	b   Bucket
	cfg RetryConfig
}

// newBackOff waits between 0 and twice the interval, which is full jitter for
// half the limits.
func (r *retrier) newBackOff() *backoff.ExponentialBackOff {
	return &backoff.ExponentialBackOff{
		InitialInterval:     r.cfg.First / 2,
		MaxInterval:         r.cfg.Max / 2,
		Multiplier:          2,
		RandomizationFactor: 1,
	}
}

// do repeats attempt until it succeeds, fails for good, or ctx ends.
func (r *retrier) do(ctx context.Context, op Op, key string, bo backoff.BackOff, attempt func() error) error {
	var last error
	_, err := backoff.Retry(ctx, func() (struct{}, error) {
		last = attempt()
		if last != nil && (ctx.Err() != nil || !Transient(last)) {
			return struct{}{}, backoff.Permanent(last)
		}
		return struct{}{}, last
	},
		backoff.WithBackOff(bo),
		backoff.WithMaxElapsedTime(0),
		backoff.WithNotify(func(err error, wait time.Duration) {
			if r.cfg.OnRetry != nil {
				r.cfg.OnRetry(op, key, err, wait)
			}
		}))
	if err != nil && last != nil && ctx.Err() != nil {
		// What the wait was for says more than that it ended.
		return fmt.Errorf("%w, after: %w", err, last)
	}
	return err
}

func (r *retrier) Put(ctx context.Context, key string, rd io.ReaderAt, sizeBytes int64, opts PutOptions) error {
	return r.do(ctx, OpPut, key, r.newBackOff(), func() error {
		return r.b.Put(ctx, key, rd, sizeBytes, opts)
	})
}

func (r *retrier) Delete(ctx context.Context, key string) error {
	return r.do(ctx, OpDelete, key, r.newBackOff(), func() error {
		return r.b.Delete(ctx, key)
	})
}

func (r *retrier) Get(ctx context.Context, key string, opts GetOptions) (Body, error) {
	var body Body
	err := r.do(ctx, OpGet, key, r.newBackOff(), func() error {
		var err error
		body, err = r.b.Get(ctx, key, opts)
		return err
	})
	if err != nil {
		return Body{}, err
	}
	start, left := opts.Span(body.Object.SizeBytes)
	body.ReadCloser = &resumingBody{
		ctx: ctx, r: r, key: key, etag: body.Object.ETag,
		cur: body.ReadCloser, offset: start, left: left, bo: r.newBackOff(),
	}
	return body, nil
}

// List keeps one backoff for the whole listing, reset by every key, so that a
// store that fails on each page is still asked ever more rarely.
func (r *retrier) List(ctx context.Context, prefix string, opts ListOptions) iter.Seq2[Object, error] {
	return func(yield func(Object, error) bool) {
		bo := &steadyBackOff{ExponentialBackOff: r.newBackOff()}
		stopped := false
		err := r.do(ctx, OpList, prefix, bo, func() error {
			for o, err := range r.b.List(ctx, prefix, opts) {
				if err != nil {
					return err
				}
				opts.StartAfter = o.Key
				bo.progress()
				if !yield(o, nil) {
					stopped = true
					return nil
				}
			}
			return nil
		})
		if err != nil && !stopped {
			yield(Object{}, err)
		}
	}
}

// steadyBackOff is not reset by backoff.Retry at its start, only by progress.
type steadyBackOff struct{ *backoff.ExponentialBackOff }

func (*steadyBackOff) Reset()      {}
func (b *steadyBackOff) progress() { b.ExponentialBackOff.Reset() }

// resumingBody is a body that survives its connection.
type resumingBody struct {
	ctx    context.Context // of the Get, as with net/http's bodies
	r      *retrier
	key    string
	etag   string
	cur    io.ReadCloser // nil after a failed read
	offset int64         // absolute, of the next byte
	left   int64         // bytes still to come
	bo     *backoff.ExponentialBackOff
}

func (b *resumingBody) Read(p []byte) (int, error) {
	if b.left <= 0 {
		return 0, io.EOF
	}
	if len(p) == 0 {
		return 0, nil
	}
	p = p[:min(int64(len(p)), b.left)]
	var n int
	err := b.r.do(b.ctx, OpRead, b.key, &steadyBackOff{b.bo}, func() error {
		var err error
		n, err = b.readOnce(p)
		return err
	})
	if n > 0 {
		b.bo.Reset()
		b.offset += int64(n)
		b.left -= int64(n)
	}
	return n, err
}

// readOnce reads at least one byte or fails; the end of the stream is a failure
// here, since there are bytes left.
func (b *resumingBody) readOnce(p []byte) (int, error) {
	if b.cur == nil {
		body, err := b.r.b.Get(b.ctx, b.key, GetOptions{Offset: b.offset, Length: b.left, ETag: b.etag})
		if err != nil {
			return 0, err
		}
		b.cur = body.ReadCloser
	}
	n, err := io.ReadAtLeast(b.cur, p, 1)
	if n > 0 {
		return n, nil // an error will come again, or be resumed from
	}
	_ = b.cur.Close()
	b.cur = nil
	if err == io.EOF {
		err = io.ErrUnexpectedEOF
	}
	return 0, &Error{Op: OpRead, Key: b.key, Err: err}
}

func (b *resumingBody) Close() error {
	b.left = 0
	if b.cur == nil {
		return nil
	}
	return b.cur.Close()
}
