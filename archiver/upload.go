package archiver

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"slices"
	"syscall"
	"time"

	"github.com/coldtail/coldtail/archiver/bucket"
	"github.com/coldtail/coldtail/archiver/encode"
	"github.com/coldtail/coldtail/archiver/spool"
	"github.com/coldtail/coldtail/codec"
	"github.com/coldtail/coldtail/codec/key"
)

// parkTime is how long a container's uploads rest after an error that does not
// go away on its own, such as access denied.
const parkTime = 30 * time.Second

// uploadSoon hands a stream with sealed segments to the uploaders, unless it
// waits for one. Where their queue is full, the next commit does.
func (a *Archiver) uploadSoon(s *stream) {
	if len(s.upload) > 0 || s.rests() || len(s.log.Pending()) == 0 || s.waiting.Swap(true) {
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

// uploadQueued uploads a stream, unless somebody is at it or it has come to rest
// since it was queued.
func (a *Archiver) uploadQueued(ctx context.Context, s *stream) {
	if s.rests() {
		return
	}
	select {
	case s.upload <- struct{}{}:
		defer func() { <-s.upload }()
		_ = a.uploadLocked(ctx, s) // it was reported, and the stream rests
	default:
	}
}

// upload archives all sealed segments of a stream.
func (a *Archiver) upload(ctx context.Context, s *stream) error {
	select {
	case s.upload <- struct{}{}:
		defer func() { <-s.upload }()
		return a.uploadLocked(ctx, s)
	case <-ctx.Done():
		return context.Cause(ctx)
	}
}

// uploadLocked archives a stream's sealed segments, oldest first. errTurn tells
// that the store is to be tried again later. Called with s.upload held.
func (a *Archiver) uploadLocked(ctx context.Context, s *stream) error {
	turnCtx, t := a.newTurn(ctx)
	defer t.end(nil)
	defer a.noteCached(s)
	for _, seg := range s.log.Pending() {
		err := a.archiveOrGiveUp(turnCtx, t, s, seg)
		switch {
		case err == nil:
			s.unread.Store(false)
			s.rested()
			a.uploaded()
			continue
		case ctx.Err() != nil:
			return context.Cause(ctx)
		case errors.Is(context.Cause(turnCtx), errTurn):
			s.rest(t)
			return fmt.Errorf("%w: %w", errTurn, err)
		case local(err):
			a.diskFailed(s, seg, err)
			s.rest(t)
			return err
		}
		a.health.failed(a, err)
		s.uploadAt.Store(a.cfg.Now().Add(parkTime).UnixNano())
		return err
	}
	s.rested()
	if _, err := s.log.Evict(s.options().CacheBytes); err != nil {
		a.diskFailed(s, 0, err)
	}
	return nil
}

// archiveOrGiveUp archives a segment or, where that is hopeless, a gap in its
// place. Called with s.upload held.
func (a *Archiver) archiveOrGiveUp(ctx context.Context, t *turn, s *stream, seg int64) error {
	var err error
	for range 3 { // the segment, its gap, what is left where that cannot be encoded either
		if a.contain("archive a segment", s.id, func() { err = a.archiveWithRoom(ctx, t, s, seg) }) {
			err = encode.ErrPoison
		}
		switch {
		case errors.Is(err, spool.ErrGone):
			return nil
		case ctx.Err() != nil, !local(err) && !encode.Hopeless(err), local(err) && !s.unreadable(seg, err):
			return err
		}
		if err := a.giveUp(s, seg, err); err != nil {
			return err
		}
	}
	return err
}

// local tells whether an error is the local disk's rather than the store's.
func local(err error) bool {
	var store *bucket.Error
	return !errors.As(err, &store) && encode.Local(err)
}

// maxReads is how often a segment that cannot be read is tried before it, or
// what of it cannot be read, is given up.
const maxReads = 5

// unreadable counts the attempts to read a segment from a disk that fails, and
// tells whether these were enough. Called with s.upload held.
func (s *stream) unreadable(seg int64, err error) bool {
	var path *fs.PathError
	if !errors.As(err, &path) || path.Op != "read" {
		return false
	}
	if s.badSeg != seg {
		s.badSeg, s.badReads = seg, 0
	}
	s.badReads++
	return s.badReads >= maxReads
}

// diskFailed reports, once per change, that the local disk hinders archiving.
func (a *Archiver) diskFailed(s *stream, seg int64, err error) {
	a.metrics.spoolErrors.Inc()
	if !s.unread.Swap(true) {
		a.cfg.Logger.Error("cannot archive from the spool: the local disk fails", "container", s.id, "segment", seg, "err", err)
	}
}

// archiveWithRoom is archive, again where the disk had no room for a chunk on its
// way and some can be made: segments that are archived go, then the ballast for as
// long. Nobody else would make room while no container writes.
func (a *Archiver) archiveWithRoom(ctx context.Context, t *turn, s *stream, seg int64) error {
	err := a.archive(ctx, t, s, seg)
	for noRoom(err) && a.makeRoom() {
		err = a.archive(ctx, t, s, seg)
	}
	if noRoom(err) && os.Remove(a.state.Ballast()) == nil {
		err = a.archive(ctx, t, s, seg)
		a.makeBallast()
	}
	return err
}

// noRoom tells that the local disk is full.
func noRoom(err error) bool {
	return local(err) && (errors.Is(err, syscall.ENOSPC) || errors.Is(err, syscall.EDQUOT))
}

// archive puts a segment's chunks in the bucket and releases the segment.
func (a *Archiver) archive(ctx context.Context, t *turn, s *stream, seg int64) error {
	v, err := s.log.OpenSegment(seg)
	if err != nil {
		return err
	}
	defer v.Close()
	var objs []spool.Object
	if v.Header.Gap != nil {
		if objs, err = a.stored(ctx, t.bucket, v); err != nil {
			return err
		}
		if len(objs) > 0 && len(v.Header.Gap.Replaced) == 0 {
			return a.cancelGap(s, v, objs)
		}
	}
	cancelled := len(objs) > 0
	// Damage is passed over; what only could not be read now is tried again.
	retry := s.badSeg != seg || s.badReads+1 < maxReads
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
		// The bucket tells more than the gap, or the copy, that is here.
		return errors.Join(s.log.Forget(seg), a.encoder.Done(&v.Header))
	}
	s.dropping.Store(v.Header.Gap != nil)
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
