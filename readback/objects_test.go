package readback_test

import (
	"context"
	"slices"
	"sync/atomic"
	"testing"

	"github.com/coldtail/coldtail/archiver/bucket"
	"github.com/coldtail/coldtail/codec"
	"github.com/coldtail/coldtail/readback"
	"github.com/coldtail/coldtail/readback/catalog"
)

// getCounter counts what is read.
type getCounter struct {
	bucket.Bucket
	gets atomic.Int64
}

func (c *getCounter) Get(ctx context.Context, key string, opts bucket.GetOptions) (bucket.Body, error) {
	c.gets.Add(1)
	return c.Bucket.Get(ctx, key, opts)
}

// TestObjects reads what was archived after a first look, whatever the order of
// the listing, and reads nothing ahead where it is lazy.
func TestObjects(t *testing.T) {
	g := newRig(t, codec.Parquet)
	for range 3 {
		g.print(2)
		g.flush(true)
	}
	listed, err := catalog.List(t.Context(), g.bucket, id)
	check(t, err)
	if len(listed) < 3 {
		t.Fatalf("%d objects", len(listed))
	}
	fresh := slices.DeleteFunc(listed, func(c catalog.Chunk) bool { return c.SegmentSeq == 1 })
	slices.Reverse(fresh)
	for _, lazy := range []bool{false, true} {
		b := &getCounter{Bucket: g.bucket}
		r := readback.New(readback.Config{Bucket: b})
		var got []string
		told := 0
		var metas []codec.Meta
		q := readback.Query{ContainerID: id, Lazy: lazy, Described: func(m codec.Meta) { metas = append(metas, m) }}
		for e, err := range r.Objects(t.Context(), q, fresh) {
			check(t, err)
			if e.Seq > 0 {
				got = append(got, string(e.Line))
				continue
			}
			told++
			if n := b.gets.Swap(0); told == 1 && n > 0 {
				t.Errorf("%d reads before the first object is due", n)
			}
			if want := g.time(2 * told); e.TimeNano != want {
				t.Errorf("nothing before %d, want %d", e.TimeNano, want)
			}
		}
		if len(metas) != 2 || metas[0].ContainerName != "n" || metas[1].ContainerID != id {
			t.Errorf("described as %+v", metas)
		}
		if !slices.Equal(got, g.sent[2:]) || lazy && told != 2 || !lazy && told > 0 {
			t.Errorf("lazy %v: got %q of %q, told %d times", lazy, got, g.sent, told)
		}
	}
}
