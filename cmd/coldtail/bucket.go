package main

import (
	"context"
	"io"
	"iter"
	"log/slog"
	"sync"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/coldtail/coldtail/archiver/bucket"
	"github.com/coldtail/coldtail/cmd/coldtail/bucketurl"
)

// openBucket opens the configured archive, measured where reg is not nil. It
// does not need the network. Its errors hold no credentials.
func (a *app) openBucket(ctx context.Context, c *config, reg prometheus.Registerer, logger *slog.Logger) (bucket.Bucket, error) {
	rawURL, _ := c.bucketURL()
	b, err := bucketurl.Open(ctx, rawURL, a.getenv, logger)
	if err != nil || reg == nil {
		return b, err
	}
	m, err := bucket.NewMetrics(reg)
	if err != nil {
		return nil, err
	}
	return m.Bucket(b), nil
}

// complaintInterval is how often a bucket that is away is mentioned.
const complaintInterval = time.Minute

// retrying repeats what fails for a while, and says so now and then.
func retrying(b bucket.Bucket, logger *slog.Logger) bucket.Bucket {
	var mu sync.Mutex
	var last time.Time
	return bucket.Retry(b, bucket.RetryConfig{OnRetry: func(op bucket.Op, _ string, err error, wait time.Duration) {
		mu.Lock()
		defer mu.Unlock()
		if !last.IsZero() && time.Since(last) < complaintInterval {
			return
		}
		last = time.Now()
		logger.Warn("the bucket does not answer as it should; trying on", "operation", string(op), "err", err, "wait", wait)
	}})
}

// brokenBucket stands in for one that cannot be opened, so that what is running
// is still spooled until the configuration is mended.
type brokenBucket struct{ err error }

func (b brokenBucket) fail(op bucket.Op, key string) error {
	return &bucket.Error{Op: op, Key: key, Permanent: true, Err: b.err}
}

func (b brokenBucket) Put(_ context.Context, key string, _ io.ReaderAt, _ int64, _ bucket.PutOptions) error {
	return b.fail(bucket.OpPut, key)
}

func (b brokenBucket) Get(_ context.Context, key string, _ bucket.GetOptions) (bucket.Body, error) {
	return bucket.Body{}, b.fail(bucket.OpGet, key)
}

func (b brokenBucket) List(_ context.Context, prefix string, _ bucket.ListOptions) iter.Seq2[bucket.Object, error] {
	return func(yield func(bucket.Object, error) bool) { yield(bucket.Object{}, b.fail(bucket.OpList, prefix)) }
}

func (b brokenBucket) Delete(_ context.Context, key string) error {
	return b.fail(bucket.OpDelete, key)
}
