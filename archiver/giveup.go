package archiver

import (
	"errors"
	"fmt"

	"github.com/coldtail/coldtail/archiver/encode"
	"github.com/coldtail/coldtail/archiver/spool"
	"github.com/coldtail/coldtail/codec"
)

// What cannot be archived is put aside with its bytes, and a gap row stands in its
// place: for the entries concerned if these can be found, else for the segment. So
// the container's other segments are archived, and every number is in the archive,
// as an entry or in a gap.

// keepDamaged logs what of a segment was given up, and keeps the segment.
func (a *Archiver) keepDamaged(s *stream, seg int64, res encode.Result) error {
	if err := s.log.KeepCopy(seg); err != nil {
		return err
	}
	a.aside.look(s.id)
	a.metrics.corrupt.Add(float64(len(res.Damage)))
	a.cfg.Logger.Error("part of a spooled segment is damaged or cannot be encoded: the rest is archived with gap rows in its place, the segment is kept in the quarantine",
		"container", s.id, "segment", seg, "records", len(res.Damage), "entries", res.Lost, "err", res.Damage[0])
	return nil
}

// giveUp puts a gap in the place of a segment that cannot be archived, and keeps
// its bytes in the quarantine.
func (a *Archiver) giveUp(s *stream, seg int64, cause error) error {
	s.quota.drops.Lock()
	defer s.quota.drops.Unlock()
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
	if v.Header.Gap != nil { // nothing is left to describe it by
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

// gapOf describes a segment that is given up: by its header, if it cannot be read or
// ends the process that reads it.
func (a *Archiver) gapOf(s *stream, v *spool.View, cause error) (gap spool.Gap, err error) {
	reason := encode.ReasonEncode
	var bad *codec.CorruptError
	switch {
	case errors.Is(cause, encode.ErrKilled):
		reason = encode.ReasonKilled
	case local(cause) || errors.As(cause, &bad):
		reason = encode.ReasonDamaged
	}
	if reason != encode.ReasonKilled {
		panicked := a.contain("describe a segment", s.id, func() { gap, err = a.gapFor(s, v.Header.SegmentSeq, reason) })
		if !panicked && err == nil {
			return gap, nil
		}
	}
	return encode.HeaderGap(v, reason), nil
}

// noteGivenUp counts entries that are given up, as dropped ones.
func (a *Archiver) noteGivenUp(s *stream, entries int64) {
	a.metrics.dropped.Add(float64(entries))
	s.quota.dropped.Add(entries)
}
