package catalog

import (
	"context"
	"iter"
	"sync"

	"github.com/coldtail/coldtail/archiver/bucket"
	"github.com/coldtail/coldtail/codec/key"
)

// Newer notices names of a later version among those that a bucket lists, so
// that a reader says what it did not read. The zero value is ready; it may be
// used concurrently.
type Newer struct {
	mu  sync.Mutex
	key string // the first
}

// Watch returns b, whose listings are looked at. Names of containers that wanted
// does not want do not count; nil wants all.
func (n *Newer) Watch(b bucket.Bucket, wanted func(containerID string) bool) bucket.Bucket {
	return &newerWatch{b, n, wanted}
}

// Err is about the first name of a later version that was met; nil where there
// was none. It wraps codec.ErrNewer.
func (n *Newer) Err() error {
	n.mu.Lock()
	defer n.mu.Unlock()
	if n.key == "" {
		return nil
	}
	return key.LaterVersionError(n.key)
}

type newerWatch struct {
	bucket.Bucket
	n      *Newer
	wanted func(string) bool
}

func (w *newerWatch) List(ctx context.Context, prefix string, opts bucket.ListOptions) iter.Seq2[bucket.Object, error] {
	return func(yield func(bucket.Object, error) bool) {
		for o, err := range w.Bucket.List(ctx, prefix, opts) {
			if id, ok := key.OfLaterVersion(o.Key); err == nil && !o.CommonPrefix && ok && (w.wanted == nil || w.wanted(id)) {
				w.n.note(o.Key)
			}
			if !yield(o, err) {
				return
			}
		}
	}
}

func (n *Newer) note(key string) {
	n.mu.Lock()
	defer n.mu.Unlock()
	if n.key == "" {
		n.key = key
	}
}
