package catalog

import (
	"context"
	"iter"
	"math/rand/v2"
	"strings"
	"testing"
	"time"

	"github.com/coldtail/coldtail/archiver/bucket"
	"github.com/coldtail/coldtail/codec"
	"github.com/coldtail/coldtail/codec/key"
)

// keys is a bucket that has its listing in memory: what is left is planning.
type keys struct {
	bucket.Bucket
	objects []bucket.Object
}

func (k keys) List(context.Context, string, bucket.ListOptions) iter.Seq2[bucket.Object, error] {
	return func(yield func(bucket.Object, error) bool) {
		for _, o := range k.objects {
			if !yield(o, nil) {
				return
			}
		}
	}
}

// BenchmarkPlan makes a plan of 10,000 keys: parses them, puts them in order,
// and proves that none is missing.
func BenchmarkPlan(b *testing.B) {
	const chunks = 10_000
	start := time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)
	var k keys
	for i := range int64(chunks) {
		at := start.Add(time.Duration(i) * 10 * time.Minute)
		m := key.Meta{
			Format: codec.Parquet, ContainerID: logID, SpoolID: strings.Repeat("a", 16), SegmentSeq: i + 1, FirstSeq: 1 + 10*i, LastSeq: 10 + 10*i,
			Entries: 10, MinNano: at.UnixNano(), MaxNano: at.UnixNano(), Hour: at.Truncate(time.Hour),
		}
		k.objects = append(k.objects, bucket.Object{Key: m.Key(), SizeBytes: 1})
	}
	rand.Shuffle(chunks, func(i, j int) { k.objects[i], k.objects[j] = k.objects[j], k.objects[i] })
	b.ReportAllocs()
	for b.Loop() {
		f := &finder{b: k, id: logID, w: Want{Tail: chunks * 10}, listed: map[key.Partition]bool{}}
		found, err := list(b.Context(), k, "")
		if err != nil {
			b.Fatal(err)
		}
		f.add(found)
		if ok, err := f.proven(b.Context(), false); !ok || err != nil {
			b.Fatal(ok, err)
		}
	}
}
