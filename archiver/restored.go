package archiver

import (
	"context"
	"fmt"
	"strings"

	"github.com/coldtail/coldtail/archiver/bucket"
	"github.com/coldtail/coldtail/archiver/chunk"
	"github.com/coldtail/coldtail/archiver/spool"
)

// archivedBefore looks for an object that has all of a chunk's entries. A state
// that was put back has segments which the process that went on may have archived,
// with what it had added to them. Where the bucket may not be listed there is none.
func archivedBefore(ctx context.Context, b bucket.Bucket, m chunk.Meta) (o spool.Object, found bool, err error) {
	prefix := fmt.Sprintf("%s%s-%010d-", chunk.HourPrefix(m.Format, m.ContainerID, m.Hour), m.SpoolID, m.SegmentSeq)
	for obj, err := range b.List(ctx, prefix, bucket.ListOptions{}) {
		if bucket.Permanent(err) {
			return o, false, nil
		}
		if err != nil {
			return o, false, fmt.Errorf("look for what the state had archived before it was put back: %w", err)
		}
		was, err := chunk.ParseKey(obj.Key)
		if err == nil && was.FirstSeq <= m.FirstSeq && was.LastSeq >= m.LastSeq && strings.HasPrefix(obj.Key, prefix) {
			return spool.Object{Segment: m.SegmentSeq, SizeBytes: obj.SizeBytes, Key: obj.Key}, true, nil
		}
	}
	return o, false, nil
}

// store puts a chunk, unless it is of a copied segment and was archived before.
func (a *Archiver) store(ctx context.Context, t *turn, c *encoded, h spool.Header) (spool.Object, error) {
	if !a.ofState(h.SpoolID) {
		if o, found, err := archivedBefore(ctx, t.bucket, c.meta); found || err != nil {
			return o, err
		}
	}
	return spool.Object{Segment: h.SegmentSeq, SizeBytes: c.sizeBytes, Key: c.meta.Key()}, a.put(ctx, t, c, h.Meta)
}
