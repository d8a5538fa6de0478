package main

import (
	"context"
	"slices"
	"sync"
	"time"

	"golang.org/x/sync/errgroup"

	"github.com/coldtail/coldtail/archiver/bucket"
	"github.com/coldtail/coldtail/codec"
	"github.com/coldtail/coldtail/codec/key"
	"github.com/coldtail/coldtail/readback/catalog"
)

// partition is an hour's objects of one format, of all containers.
type partition struct {
	format codec.Format
	hour   time.Time
}

// pageKeys is how many objects a store lists at a time.
const pageKeys = 1000

// hourLister lists hours of some containers, with few requests: a request for
// each container, or pages of the whole hour where these are fewer.
type hourLister struct {
	bucket bucket.Bucket

	mu    sync.Mutex
	large map[partition]bool // too many objects of others
}

// forget lets hours that were large be tried again.
func (l *hourLister) forget() {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.large = nil
}

// list calls found for each object that one of wanted's containers has in the
// partition, for one at a time.
func (l *hourLister) list(ctx context.Context, wanted map[partition][]string, found func(catalog.Chunk)) error {
	g, ctx := errgroup.WithContext(ctx)
	g.SetLimit(parallelFinds)
	var mu sync.Mutex
	add := func(chunks []catalog.Chunk) {
		mu.Lock()
		defer mu.Unlock()
		for _, c := range chunks {
			found(c)
		}
	}
	for p, ids := range wanted {
		g.Go(func() error {
			if chunks, ok, err := l.whole(ctx, p, ids); ok || err != nil {
				add(chunks)
				return err
			}
			for _, id := range ids {
				chunks, err := catalog.ListHour(ctx, l.bucket, p.format, id, p.hour)
				if err != nil {
					return err
				}
				add(chunks)
			}
			return nil
		})
	}
	return g.Wait()
}

// whole lists the partition, unless that takes more requests than its
// containers would.
func (l *hourLister) whole(ctx context.Context, p partition, ids []string) (chunks []catalog.Chunk, ok bool, err error) {
	l.mu.Lock()
	large := l.large[p]
	l.mu.Unlock()
	if large || len(ids) < 2 {
		return nil, false, nil
	}
	n := 0
	for o, err := range l.bucket.List(ctx, key.PartitionPrefix(p.format, p.hour), bucket.ListOptions{}) {
		if err != nil {
			return nil, false, err
		}
		if n++; n > pageKeys*(len(ids)-1) {
			l.markLarge(p)
			return nil, false, nil
		}
		if m, err := key.Parse(o.Key); err == nil && slices.Contains(ids, m.ContainerID) {
			chunks = append(chunks, catalog.Chunk{Meta: m, SizeBytes: o.SizeBytes, ETag: o.ETag})
		}
	}
	return chunks, true, nil
}

func (l *hourLister) markLarge(p partition) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.large == nil {
		l.large = map[partition]bool{}
	}
	l.large[p] = true
}
