package readback

import (
	"context"
	"iter"
	"math"
	"slices"

	"github.com/coldtail/coldtail/codec"
	"github.com/coldtail/coldtail/codec/key"
	"github.com/coldtail/coldtail/readback/catalog"
)

// Objects reads all entries of some objects of one container, in order and with
// the errors of Entries. Of q it heeds the container, Lazy, Described and
// From. Pollers use it to read newly listed objects.
func (r *Reader) Objects(ctx context.Context, q Query, objects []catalog.Chunk) iter.Seq2[codec.Entry, error] {
	return func(yield func(codec.Entry, error) bool) {
		rd := &reading{r: r, q: q, yield: yield, since: math.MinInt64, until: math.MaxInt64}
		rd.end(rd.remote(ctx, arrange(slices.Clone(objects), func(key.Meta) bool { return false }), 0))
	}
}
