package archiver

import (
	"context"
	"errors"
	"fmt"

	"github.com/coldtail/coldtail/archiver/spool"
	"github.com/coldtail/coldtail/codec"
)

// What cannot be archived is put aside with its bytes, and a gap row stands in
// its place: for the entries that are concerned where these can be told, else for
// the segment. So the container's other segments go on, and every number is in
// the archive as an entry or in a gap.

// What encoding a segment did to the process.
var (
	errPoison = errors.New("encoding the segment panicked")
	errKilled = errors.New("encoding the segment ended the process")
)

// hopeless reports whether it is the segment that hinders its archiving, for good.
func hopeless(err error) bool {
	var bad *codec.CorruptError
	return errors.Is(err, errPoison) || errors.Is(err, errMismatch) || errors.Is(err, errKilled) || errors.As(err, &bad)
}

// maxSearches bounds how often a segment is encoded without what could not be
// encoded the time before.
const maxSearches = 8

// encodeWhole is encode, again without the entries that cannot be encoded, where
// these are not all.
func (a *Archiver) encodeWhole(ctx context.Context, c *content, retry bool, put func(*encoded) error) (corrupt []error, err error) {
	var causes []error
	for range maxSearches {
		corrupt, err = a.encode(ctx, c, retry, put)
		if err == nil || local(err) || !hopeless(err) || errors.Is(err, errKilled) || c.v.Header.Gap != nil {
			return append(corrupt, causes...), err
		}
		causes = []error{err}
		if found, err := a.findBad(ctx, c); err != nil {
			return corrupt, err
		} else if !found {
			break
		}
	}
	return corrupt, err
}

// findBad is the content's, and reports whether it found anything.
func (a *Archiver) findBad(ctx context.Context, c *content) (found bool, err error) {
	end, err := a.begin(c) // that encodes, too
	if err != nil {
		return false, err
	}
	defer func() {
		if err == nil {
			err = end()
		} else {
			err = errors.Join(err, end())
		}
	}()
	panicked := a.contain("look for what cannot be encoded", c.v.Header.ContainerID, func() { found = c.findBad(ctx) == nil })
	if ctx.Err() != nil {
		return false, context.Cause(ctx)
	}
	return found && !panicked, nil
}

// keepDamaged reports what of a segment was given up, and keeps the segment.
func (a *Archiver) keepDamaged(s *stream, seg int64, c *content, causes []error) error {
	if err := s.log.KeepCopy(seg); err != nil {
		return err
	}
	a.aside.look(s.id)
	a.metrics.corrupt.Add(float64(len(causes)))
	a.cfg.Logger.Error("part of a spooled segment is damaged or cannot be encoded: the rest is archived with gap rows in its place, the segment is kept in the quarantine",
		"container", s.id, "segment", seg, "records", len(causes), "entries", c.lost, "err", causes[0])
	return nil
}

// giveUp puts a gap in the place of a segment that cannot be archived, and keeps
// its bytes in the quarantine.
func (a *Archiver) giveUp(s *stream, seg int64, cause error) error {
	s.drops.Lock()
	defer s.drops.Unlock()
	a.cfg.Logger.Error("quarantined a segment that cannot be archived; its bytes are kept, and a gap row stands for its entries",
		"container", s.id, "segment", seg, "err", cause)
	err := a.replaceByGap(s, seg, cause)
	if err != nil {
		return fmt.Errorf("quarantine segment %d: %w", seg, err)
	}
	a.metrics.quarantined.Inc()
	a.aside.look(s.id)
	return nil // its gap is archived next, and ends what is known of attempts
}

func (a *Archiver) replaceByGap(s *stream, seg int64, cause error) error {
	v, err := s.log.OpenSegment(seg)
	var bad *codec.CorruptError
	if err != nil && !errors.As(err, &bad) { // its file may be gone
		return err
	}
	defer v.Close()
	if v.Header.Gap != nil { // nothing is left that could say it
		return s.log.Quarantine(seg)
	}
	gap, err := a.gapOf(s, v, cause)
	if err != nil {
		return err
	}
	if err := s.log.KeepCopy(seg); err != nil {
		return err
	}
	if err := a.drop(s, seg, gap); err != nil {
		return err
	}
	a.noteGivenUp(s, gap.Entries)
	return nil
}

// gapOf describes a segment that is given up. One that cannot be read, or ends the
// process that reads it, is described by its header.
func (a *Archiver) gapOf(s *stream, v *spool.View, cause error) (gap spool.Gap, err error) {
	reason := reasonEncode
	var bad *codec.CorruptError
	switch {
	case errors.Is(cause, errKilled):
		reason = reasonKilled
	case local(cause) || errors.As(cause, &bad):
		reason = reasonDamaged
	}
	if reason != reasonKilled {
		panicked := a.contain("describe a segment", s.id, func() { gap, err = a.gapFor(s, v.Header.SegmentSeq, reason) })
		if !panicked && err == nil {
			return gap, nil
		}
	}
	return headerGap(v, reason), nil
}

// headerGap describes a segment by its header alone.
func headerGap(v *spool.View, reason string) spool.Gap {
	at := v.Header.CreatedNano
	return spool.Gap{Gap: codec.Gap{Entries: v.Entries(), FirstNano: at, LastNano: at, Reason: reason}}
}

// noteGivenUp counts entries that are given up as dropped ones are.
func (a *Archiver) noteGivenUp(s *stream, entries int64) {
	a.metrics.dropped.Add(float64(entries))
	s.dropped.Add(entries)
}
