package archiver

import (
	"context"
	"errors"
	"fmt"

	"github.com/coldtail/coldtail/archiver/bucket"
	"github.com/coldtail/coldtail/archiver/encode"
	"github.com/coldtail/coldtail/archiver/spool"
	"github.com/coldtail/coldtail/codec"
	"github.com/coldtail/coldtail/codec/key"
)

// dropOldest replaces the stream's oldest segment that is not archived by a
// gap. It reports whether it did; the error is the disk's.
func (a *Archiver) dropOldest(s *stream, reason string) (dropped bool, err error) {
	s.quota.drops.Lock()
	defer s.quota.drops.Unlock()
	return a.dropNext(s, reason)
}

// dropNext is dropOldest for the holder of quota.drops.
func (a *Archiver) dropNext(s *stream, reason string) (dropped bool, err error) {
	seg, ok := s.log.OldestPending()
	if !ok {
		// All entries are in the active segment.
		s.log.Roll()
		if err := s.log.Commit(); err != nil && !errors.Is(err, spool.ErrFull) {
			return false, err // the next commit reports it
		}
		if seg, ok = s.log.OldestPending(); !ok {
			return false, nil
		}
	}
	gap, err := a.gapFor(s, seg, reason)
	if err == nil {
		err = a.drop(s, seg, gap)
	}
	if err != nil {
		if now, ok := s.log.OldestPending(); !ok || now != seg {
			return true, nil // it was archived meanwhile, which makes room, too
		}
		if s.quota.stuck.begins() {
			a.cfg.Logger.Error("cannot drop entries to make room", "container", s.id, "segment", seg, "err", err)
		}
		return false, err
	}
	s.quota.stuck.ends()
	a.noteDropped(s, gap.Entries, reason)
	return true, nil
}

// drop drops a segment.
func (a *Archiver) drop(s *stream, seg int64, gap spool.Gap) error {
	err := a.withBallast(func() error { return s.log.Drop(seg, gap) })
	if err == nil {
		a.makeBallast() // if the disk had no room for it before
	}
	return err
}

// gapFor describes a segment that is about to be dropped.
func (a *Archiver) gapFor(s *stream, seg int64, reason string) (spool.Gap, error) {
	v, err := s.log.OpenSegment(seg)
	var bad *codec.CorruptError
	switch {
	case errors.As(err, &bad): // its file is gone
		return encode.HeaderGap(v, reason), nil
	case err != nil:
		return spool.Gap{}, err
	}
	defer v.Close()
	return encode.Gap(v, reason)
}

// stored returns which of a gap's replaced objects are in the bucket after all, and
// the header of the gap without them. If it replaces none, there is no gap.
func stored(ctx context.Context, b bucket.Bucket, h spool.Header) (objs []spool.Object, rest spool.Header, err error) {
	gap := *h.Gap
	gap.Replaced = nil
	for _, r := range h.Gap.Replaced {
		body, err := b.Get(ctx, r.Key, bucket.GetOptions{Offset: -1})
		switch {
		case errors.Is(err, bucket.ErrNotFound):
			gap.Replaced = append(gap.Replaced, r)
		case err != nil:
			return nil, h, fmt.Errorf("look for an object that a gap replaces: %w", err)
		default:
			objs = append(objs, spool.Object{Segment: h.SegmentSeq, SizeBytes: body.Object.SizeBytes, Key: r.Key})
			if err := body.Close(); err != nil {
				return nil, h, err
			}
		}
	}
	rest = h
	rest.Gap = &gap
	if len(objs) > 0 && len(gap.Replaced) > 0 {
		encode.SumUp(&gap)
		m, err := key.Parse(gap.Replaced[0].Key)
		if err != nil {
			return nil, h, err
		}
		// The segment's first number may be a stored object's.
		rest.FirstSeq = m.FirstSeq
	}
	return objs, rest, nil
}

func (a *Archiver) noteDropped(s *stream, entries int64, reason string) {
	a.metrics.dropped.Add(float64(entries))
	s.quota.dropped.Add(entries)
	if s.quota.dropping.begins() {
		a.cfg.Logger.Error("dropping entries: the archive gets a gap row for them", "container", s.id, "reason", reason)
	}
}
