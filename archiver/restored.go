package archiver

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"io"
	"strings"

	"github.com/coldtail/coldtail/archiver/bucket"
	"github.com/coldtail/coldtail/archiver/encode"
	"github.com/coldtail/coldtail/archiver/spool"
	"github.com/coldtail/coldtail/codec/key"
)

// archivedBefore looks for an object that has all of a chunk's entries. The segments of
// a state that was put back may have been archived since the copy was made, with more
// entries. Without the right to list, there is none.
func archivedBefore(ctx context.Context, b bucket.Bucket, m key.Meta) (o spool.Object, found bool, err error) {
	prefix := fmt.Sprintf("%s%s-%010d-", key.HourPrefix(m.Format, m.ContainerID, m.Hour), m.SpoolID, m.SegmentSeq)
	for obj, err := range b.List(ctx, prefix, bucket.ListOptions{}) {
		if bucket.Permanent(err) {
			return o, false, nil
		}
		if err != nil {
			return o, false, fmt.Errorf("look for what the state had archived before it was put back: %w", err)
		}
		was, err := key.Parse(obj.Key)
		if err == nil && was.FirstSeq <= m.FirstSeq && was.LastSeq >= m.LastSeq && strings.HasPrefix(obj.Key, prefix) {
			return spool.Object{Segment: m.SegmentSeq, SizeBytes: obj.SizeBytes, Key: obj.Key}, true, nil
		}
	}
	return o, false, nil
}

// store puts a chunk, unless it is of a copied segment and was archived before. The
// checksum of what was written is kept, so that readers notice if the object is
// overwritten. An object that was there may have other bytes.
func (a *Archiver) store(ctx context.Context, t *turn, c *encode.Chunk, h spool.Header) (o spool.Object, err error) {
	if !a.state.OfState(h.SpoolID) {
		if o, found, err := archivedBefore(ctx, t.bucket, c.Meta); found || err != nil {
			return o, err
		}
	}
	o = spool.Object{Segment: h.SegmentSeq, SizeBytes: c.SizeBytes, Key: c.Meta.Key()}
	sum := sha256.New()
	if _, err := io.Copy(sum, io.NewSectionReader(c.File, 0, c.SizeBytes)); err != nil {
		return o, err
	}
	var res bucket.PutResult
	if err := a.put(ctx, t, c, h.Meta, &res); err != nil {
		return o, err
	}
	if res.Existed {
		o.SizeBytes, err = sizeOf(ctx, t.bucket, o)
		return o, err
	}
	o.SHA256 = hex.EncodeToString(sum.Sum(nil))
	if len(res.ETag) <= maxETag {
		o.ETag = res.ETag
	}
	return o, nil
}

// sizeOf returns the size of an object that was there. Usually an attempt that was
// killed wrote it, maybe another version's, which encodes otherwise. Without the right
// to list, it is taken for the same.
func sizeOf(ctx context.Context, b bucket.Bucket, o spool.Object) (int64, error) {
	for obj, err := range b.List(ctx, o.Key, bucket.ListOptions{}) {
		switch {
		case bucket.Permanent(err):
			return o.SizeBytes, nil
		case err != nil:
			return 0, fmt.Errorf("look for what had been archived before: %w", err)
		case obj.Key == o.Key:
			return obj.SizeBytes, nil
		}
	}
	return o.SizeBytes, nil
}

// maxETag bounds what is kept in the state for each object because a store said it.
const maxETag = 128
