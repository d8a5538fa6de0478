package reindex

import (
	"bytes"
	"context"
	"fmt"
	"sync"
	"sync/atomic"

	"github.com/coldtail/coldtail/archiver/bucket"
	"github.com/coldtail/coldtail/codec/key"
	"github.com/coldtail/coldtail/readback/catalog"
)

// parallel is how many requests are made at a time.
const parallel = 32

// Config says what to do. Describe is needed.
type Config struct {
	// DryRun makes nothing, and counts what it would.
	DryRun bool
	// Describe reads from an object who its container was.
	Describe func(ctx context.Context, c catalog.Chunk) (key.Name, error)
	// Progress is called with how many keys were looked at.
	Progress func(keys int64)
}

// Summary counts the markers that were missing.
type Summary struct {
	Objects int64 // that were looked at
	Days    int64 // markers of days
	Names   int64 // markers of who a container was
	Seen    int64 // markers by name and by host, together
	// Unnamed are objects of a container without a name that could not be read.
	Unnamed int64
	// Complete tells that the archive says so now.
	Complete bool
}

type run struct {
	cfg Config
	b   bucket.Bucket
	mu  sync.Mutex // guards sum
	sum Summary
	n   atomic.Int64
}

// Run makes the markers that are missing in b, which should repeat what fails
// (bucket.Retry).
func Run(ctx context.Context, b bucket.Bucket, cfg Config) (Summary, error) {
	if cfg.Progress == nil {
		cfg.Progress = func(int64) {}
	}
	r := &run{cfg: cfg, b: b}
	for from, more := "", true; more; {
		var err error
		if from, more, err = r.lost(ctx, from); err != nil {
			return r.sum, err
		}
	}
	for from, more := "", true; more; {
		var err error
		if from, more, err = r.seen(ctx, from); err != nil {
			return r.sum, err
		}
	}
	if !cfg.DryRun {
		if err := r.put(ctx, key.Complete, nil); err != nil {
			return r.sum, err
		}
		r.sum.Complete = true
	}
	return r.sum, nil
}

// put makes a marker and counts it.
func (r *run) put(ctx context.Context, key string, count *int64) error {
	if !r.cfg.DryRun {
		if err := r.b.Put(ctx, key, bytes.NewReader(nil), 0, bucket.PutOptions{IfAbsent: true}); err != nil {
			return fmt.Errorf("put index marker: %w", err)
		}
	}
	if count != nil {
		r.mu.Lock()
		defer r.mu.Unlock()
		*count++
	}
	return nil
}

// looked tells of a key that was looked at.
func (r *run) looked() { r.cfg.Progress(r.n.Add(1)) }
