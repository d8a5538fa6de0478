package buckettest

import (
	"context"
	"errors"
	"slices"
	"strings"
	"testing"

	"github.com/coldtail/coldtail/archiver/bucket"
)

func testCancelled(t *testing.T, b bucket.Bucket) {
	put(t, b, "k", "x", bucket.PutOptions{})
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	check := func(op string, err error) {
		t.Helper()
		if !errors.Is(err, context.Canceled) {
			t.Errorf("%s: %v, want context.Canceled", op, err)
		}
	}
	check("put", b.Put(ctx, "new", strings.NewReader("y"), 1, bucket.PutOptions{}))
	check("delete", b.Delete(ctx, "k"))
	body, err := b.Get(ctx, "k", bucket.GetOptions{})
	if err == nil {
		_ = body.Close()
	}
	check("get", err)
	err = nil
	for _, err = range b.List(ctx, "", bucket.ListOptions{}) {
		if err != nil {
			break
		}
	}
	check("list", err)
	if got := list(t, b, "", ""); !slices.Equal(got, []string{"k"}) {
		t.Errorf("listed %q afterwards", got)
	}
}

// cancelling is content that ends a context when it is read to the half.
type cancelling struct {
	size   int64
	cancel func()
}

func (c cancelling) ReadAt(p []byte, off int64) (int, error) {
	clear(p)
	if off+int64(len(p)) > c.size/2 {
		c.cancel()
	}
	return len(p), nil
}

func testCancelledMidway(t *testing.T, b bucket.Bucket) {
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	const size = 32 << 20 // more than fits into buffers on the way
	if err := b.Put(ctx, "half", cancelling{size, cancel}, size, bucket.PutOptions{}); !errors.Is(err, context.Canceled) {
		t.Errorf("put: %v, want context.Canceled", err)
	}
	if got := list(t, b, "", ""); len(got) > 0 {
		t.Errorf("listed %q afterwards", got)
	}
	put(t, b, "a", "x", bucket.PutOptions{})
	put(t, b, "b", "x", bucket.PutOptions{})
	ctx, cancel = context.WithCancel(t.Context())
	defer cancel()
	var keys []string
	var last error
	for o, err := range b.List(ctx, "", bucket.ListOptions{}) {
		if last = err; err == nil {
			keys = append(keys, o.Key)
		}
		cancel()
	}
	// What was fetched before may still come, but no end that looks complete.
	if !errors.Is(last, context.Canceled) && !slices.Equal(keys, []string{"a", "b"}) {
		t.Errorf("listed %q, then %v", keys, last)
	}
}
