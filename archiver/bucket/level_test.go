package bucket_test

import (
	"context"
	"errors"
	"fmt"
	"iter"
	"slices"
	"strings"
	"testing"
	"testing/synctest"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/coldtail/coldtail/archiver/bucket"
	"github.com/coldtail/coldtail/archiver/bucket/buckettest"
)

// breaking is a bucket whose listings fail after every few of what they yield.
type breaking struct {
	bucket.Bucket
	every int
}

var errBroken = errors.New("connection reset")

func (b *breaking) List(ctx context.Context, prefix string, opts bucket.ListOptions) iter.Seq2[bucket.Object, error] {
	return func(yield func(bucket.Object, error) bool) {
		n := 0
		for o, err := range b.Bucket.List(ctx, prefix, opts) {
			if n++; n > b.every {
				yield(bucket.Object{}, &bucket.Error{Op: bucket.OpList, Key: prefix, Err: errBroken})
				return
			}
			if !yield(o, err) {
				return
			}
		}
	}
}

// TestDecoratorsListALevel lists one through every decorator, of a store that
// fails all the time: nothing comes twice, nothing of what is below.
func TestDecoratorsListALevel(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		m, err := bucket.NewMetrics(prometheus.NewRegistry())
		if err != nil {
			t.Fatal(err)
		}
		var keys, want []string
		for i := range 50 {
			k := fmt.Sprintf("%02d", i)
			keys = append(keys, "team/logs/d/"+k+"/x", "team/logs/d/"+k+"/y/z", "team/logs/d/"+k+"-")
			want = append(want, "d/"+k+"-", "d/"+k+"/")
		}
		l := &buckettest.Listing{Sections: []buckettest.Section{buckettest.Keys(keys...)}}
		b := bucket.Prefix(bucket.Retry(m.Bucket(&breaking{l, 3}), bucket.RetryConfig{}), "team/logs")
		var got []string
		for o, err := range b.List(t.Context(), "d/", bucket.ListOptions{StartAfter: "d/00", Delimited: true}) {
			if err != nil {
				t.Fatal(err)
			}
			if o.CommonPrefix != strings.HasSuffix(o.Key, "/") {
				t.Errorf("common prefix: %v, of %q", o.CommonPrefix, o.Key)
			}
			got = append(got, o.Key)
		}
		if !slices.Equal(got, want) {
			t.Errorf("got %q", got)
		}
		if n := l.Lists.Load(); n != 34 { // 100 entries, 3 each
			t.Errorf("%d requests", n)
		}
	})
}
