package archiver

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"slices"
	"time"

	"github.com/coldtail/coldtail/archiver/bucket"
	"github.com/coldtail/coldtail/archiver/encode"
	"github.com/coldtail/coldtail/archiver/spool"
	"github.com/coldtail/coldtail/codec"
	"github.com/coldtail/coldtail/codec/key"
)

// uploadSoon hands a stream with sealed segments to the uploaders, unless it waits
// for one already. If their queue is full, the next commit does.
func (a *Archiver) uploadSoon(s *stream) {
	if len(s.upload) == 0 || s.rest.lasts(a.cfg.Now()) || len(s.log.Pending()) == 0 || s.waiting.Swap(true) {
		return
	}
	select {
	case a.uploads <- s:
	default:
		s.waiting.Store(false)
	}
}

func (a *Archiver) uploadLoop(ctx context.Context) {
	for {
		select {
		case <-ctx.Done():
			return
		case s := <-a.uploads:
			s.waiting.Store(false)
			a.uploadQueued(ctx, s)
		}
	}
}

// uploading archives a container's segments. It is the upload token: only the holder
// touches it.
type uploading struct {
	s        *stream
	unread   trouble // failing to archive from the spool
	badSeg   int64   // the segment that could not be read, and how often
	badReads int
}

// uploadQueued uploads a stream, unless that is being done or it has come to rest since
// it was queued.
func (a *Archiver) uploadQueued(ctx context.Context, s *stream) {
	if s.rest.lasts(a.cfg.Now()) {
		return
	}
	select {
	case u := <-s.upload:
		defer func() { s.upload <- u }()
		_ = u.all(ctx) // it was reported, and the stream rests
	default:
	}
}

// uploadAll archives all sealed segments of a stream.
func (a *Archiver) uploadAll(ctx context.Context, s *stream) error {
	select {
	case u := <-s.upload:
		defer func() { s.upload <- u }()
		return u.all(ctx)
	case <-ctx.Done():
		return context.Cause(ctx)
	}
}

// all archives a stream's sealed segments, oldest first. After errTurn, try the store
// again later.
func (u *uploading) all(ctx context.Context) error {
	s, a := u.s, u.s.a
	turnCtx, t := a.newTurn(ctx)
	defer t.end(nil)
	defer a.noteCached(s)
	for _, seg := range s.log.Pending() {
		err := u.archiveOrGiveUp(turnCtx, t, seg)
		switch {
		case err == nil:
			u.unread.ends()
			s.rest.end()
			a.uploaded()
			continue
		case ctx.Err() != nil:
			return context.Cause(ctx)
		case errors.Is(context.Cause(turnCtx), errTurn):
			s.rest.afterTurn(t.started, a.cfg.Now())
			return fmt.Errorf("%w: %w", errTurn, err)
		case local(err):
			u.diskFailed(seg, err)
			s.rest.afterTurn(t.started, a.cfg.Now())
			return err
		}
		a.health.failed(err)
		s.rest.park(a.cfg.Now())
		return err
	}
	s.rest.end()
	if _, err := s.log.Evict(s.inlet.options().CacheBytes); err != nil {
		u.diskFailed(0, err)
	}
	return nil
}

// archiveOrGiveUp archives a segment or, if that is hopeless, a gap in its place.
func (u *uploading) archiveOrGiveUp(ctx context.Context, t *turn, seg int64) error {
	s, a := u.s, u.s.a
	var err error
	for range 3 { // the segment, its gap, what is left if that cannot be encoded either
		if a.contain("archive a segment", s.id, func() { err = u.archiveWithRoom(ctx, t, seg) }) {
			err = encode.ErrPoison
		}
		switch {
		case errors.Is(err, spool.ErrGone):
			return nil
		case ctx.Err() != nil, !local(err) && !encode.Hopeless(err), local(err) && !u.unreadable(seg, err):
			return err
		}
		if err := a.giveUp(s, seg, err); err != nil {
			return err
		}
	}
	return err
}

// local reports whether an error is the local disk's rather than the store's.
func local(err error) bool {
	var store *bucket.Error
	return !errors.As(err, &store) && encode.Local(err)
}

// maxReads is how often a segment that cannot be read is tried before it, or
// what of it cannot be read, is given up.
const maxReads = 5

// unreadable counts the attempts to read a segment from a disk that fails. It
// reports whether these were enough.
func (u *uploading) unreadable(seg int64, err error) bool {
	var path *fs.PathError
	if !errors.As(err, &path) || path.Op != "read" {
		return false
	}
	if u.badSeg != seg {
		u.badSeg, u.badReads = seg, 0
	}
	u.badReads++
	return u.badReads >= maxReads
}

// diskFailed reports, once per change, that the local disk hinders archiving.
func (u *uploading) diskFailed(seg int64, err error) {
	u.s.a.metrics.spoolErrors.Inc()
	if u.unread.begins() {
		u.s.a.cfg.Logger.Error("cannot archive from the spool: the local disk fails", "container", u.s.id, "segment", seg, "err", err)
	}
}

// archiveWithRoom is archive. If the disk has no room for a chunk on its way, it
// removes archived segments, then the ballast for as long, and retries: nothing else
// makes room while no container writes.
func (u *uploading) archiveWithRoom(ctx context.Context, t *turn, seg int64) error {
	return u.s.a.withBallast(func() error {
		err := u.archive(ctx, t, seg)
		for noRoom(err) && u.s.a.makeRoom() {
			err = u.archive(ctx, t, seg)
		}
		return err
	})
}

// archive puts a segment's chunks in the bucket and releases the segment.
func (u *uploading) archive(ctx context.Context, t *turn, seg int64) error {
	s, a := u.s, u.s.a
	v, err := s.log.OpenSegment(seg)
	if err != nil {
		return err
	}
	defer v.Close()
	var objs []spool.Object
	if v.Header.Gap != nil {
		if objs, v.Header, err = stored(ctx, t.bucket, v.Header); err != nil {
			return err
		}
		if len(objs) > 0 && len(v.Header.Gap.Replaced) == 0 {
			return a.cancelGap(s, v, objs)
		}
	}
	cancelled := len(objs) > 0
	// Damage is passed over. What could not be read this time is tried again.
	retry := u.badSeg != seg || u.badReads+1 < maxReads
	res, err := a.encoder.Segment(ctx, v, retry, func(c *encode.Chunk) error {
		a.cfg.Hook("encoded", c.Meta.Key())
		o, err := a.store(ctx, t, c, v.Header)
		if err != nil {
			return err
		}
		if !slices.ContainsFunc(objs, func(b spool.Object) bool { return b.Key == o.Key }) { // else a second attempt
			objs = append(objs, o)
		}
		return nil
	})
	if err != nil {
		return err
	}
	if len(res.Damage) > 0 {
		if err := a.keepDamaged(s, seg, res); err != nil {
			return err
		}
	}
	err = s.log.Archived(v, objs)
	switch {
	case errors.Is(err, spool.ErrGone):
		return nil // dropped meanwhile: the gap finds these objects, and is cancelled
	case err != nil:
		return err
	case cancelled, !a.state.OfState(v.Header.SpoolID):
		// The bucket has more than the gap, or the copy, that is here.
		return errors.Join(s.log.Forget(seg), a.encoder.Done(&v.Header))
	}
	if v.Header.Gap == nil {
		s.quota.dropping.ends() // what is dropped next is logged
	} else {
		s.quota.dropping.begins()
	}
	a.noteGivenUp(s, res.Lost)
	return a.encoder.Done(&v.Header)
}

// cancelGap ends a gap all of whose entries are in the bucket after all.
func (a *Archiver) cancelGap(s *stream, v *spool.View, objs []spool.Object) error {
	a.cfg.Logger.Info("entries that were dropped had been archived before: there is no gap", "container", s.id, "segment", v.Header.SegmentSeq)
	if err := s.log.Archived(v, objs); err != nil {
		return err
	}
	return s.log.Forget(v.Header.SegmentSeq)
}

// put stores a chunk, after the markers that announce it.
func (a *Archiver) put(ctx context.Context, t *turn, c *encode.Chunk, meta codec.Meta, res *bucket.PutResult) error {
	m := c.Meta
	name := key.Name{Service: meta.ServiceName, Name: meta.ContainerName, Host: meta.HostName, ContainerID: m.ContainerID}
	if err := a.markers.put(ctx, t.bucket, a.cfg.Now(), m.Markers(name)...); err != nil {
		return err
	}
	a.cfg.Hook("marked", m.Key())
	start := time.Now()
	if err := t.bucket.Put(ctx, m.Key(), c.File, c.SizeBytes, bucket.PutOptions{IfAbsent: true, Result: res}); err != nil {
		return err
	}
	t.failed.Store(0)
	a.cfg.Hook("put", m.Key())
	a.metrics.uploads.Inc()
	a.metrics.uploadBytes.Add(float64(c.SizeBytes))
	a.metrics.uploadEntries.Add(float64(m.Entries - c.Gaps))
	a.metrics.uploadSeconds.Observe(time.Since(start).Seconds())
	return nil
}
