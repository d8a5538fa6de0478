package readback

import (
	"context"
	"errors"
	"fmt"
	"iter"
	"math"
	"slices"

	"github.com/coldtail/coldtail/archiver/chunk"
	"github.com/coldtail/coldtail/codec"
)

// Objects reads all entries of some objects of one container, in order and with
// the errors of Entries. Who polls a bucket reads what is new by it.
func (r *Reader) Objects(ctx context.Context, containerID string, objects []chunk.Chunk) iter.Seq2[codec.Entry, error] {
	return func(yield func(codec.Entry, error) bool) {
		rd := &reading{r: r, q: Query{ContainerID: containerID}, yield: yield, since: math.MinInt64, until: math.MaxInt64}
		for _, g := range arrange(slices.Clone(objects), func(chunk.Meta) bool { return false }) {
			g.tail = codec.All
			err := rd.group(ctx, g, 0)
			if errors.Is(err, errStop) {
				return
			}
			if err != nil {
				yield(codec.Entry{}, fmt.Errorf("read log of container %.12s: %w", containerID, err))
				return
			}
		}
	}
}
