package archiver

import (
	"bytes"
	"context"
	"fmt"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/coldtail/coldtail/archiver/bucket"
	"github.com/coldtail/coldtail/codec"
	"github.com/coldtail/coldtail/codec/key"
)

// markers remembers which index markers exist.
type markers struct {
	mu    sync.Mutex
	known map[string]time.Time // when they were put
	begun atomic.Bool          // begin was called, and settled it
}

const (
	// maxMarkers bounds what is remembered. Putting a marker again does no harm.
	maxMarkers = 10_000
	// markersAge is how long they are believed to be there: a container's logs may be
	// deleted while it writes, or the bucket emptied. Putting them with each object
	// would be paid requests, of which a quiet container needs one an hour.
	markersAge = 6 * time.Hour
)

// put stores the markers of a container and of a day, all of them again each day: a
// bounded folder drops the names of containers that have no day left.
func (m *markers) put(ctx context.Context, b bucket.Bucket, now time.Time, keys ...string) error {
	all := strings.Join(keys, "\n")
	if m.has(all, now) {
		return nil
	}
	if m.begun.CompareAndSwap(false, true) {
		m.begun.Store(begin(ctx, b))
	}
	for _, k := range keys {
		if err := b.Put(ctx, k, bytes.NewReader(nil), 0, bucket.PutOptions{IfAbsent: true}); err != nil {
			return fmt.Errorf("put index marker: %w", err)
		}
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.known == nil || len(m.known) >= maxMarkers {
		m.known = map[string]time.Time{}
	}
	m.known[all] = now
	return nil
}

// has reports whether the markers were put lately.
func (m *markers) has(all string, now time.Time) bool {
	m.mu.Lock()
	defer m.mu.Unlock()
	at, known := m.known[all]
	age := now.Sub(at)
	return known && age >= 0 && age < markersAge
}

// forget has all markers put again.
func (m *markers) forget() {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.known = nil
	m.begun.Store(false)
}

// begin notes in an empty archive that its names are complete (docs/format.md, "By
// name and by host"). Without the right to list, that is left to `coldtail reindex`.
// It reports whether this was settled.
func begin(ctx context.Context, b bucket.Bucket) bool {
	trees := []string{key.IndexPrefix}
	for _, f := range codec.Formats() {
		trees = append(trees, key.FormatPrefix(f))
	}
	for _, tree := range trees {
		for _, err := range b.List(ctx, tree, bucket.ListOptions{}) {
			return err == nil || bucket.Permanent(err) // there is something, or it may not be listed
		}
	}
	return b.Put(ctx, key.Complete, bytes.NewReader(nil), 0, bucket.PutOptions{IfAbsent: true}) == nil
}
