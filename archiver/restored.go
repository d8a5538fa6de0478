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

// archivedBefore looks for an object that has all of a chunk's entries. A state
// that was put back has segments which the process that went on may have archived,
// with what it had added to them. Where the bucket may not be listed there is none.
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

// store puts a chunk, unless it is of a copied segment and was archived before. What
// was written gets its checksum, so that it is noticed if somebody overwrites it;
// what was there may have other bytes.
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

// sizeOf returns the size of an object that was there. It is usually what an attempt
// wrote that was killed then, maybe another version's, which encodes otherwise. Where
// the bucket may not be listed it is taken for the same.
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

// maxETag bounds what a store may have written into the state for each object.
const maxETag = 128
