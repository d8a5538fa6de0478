package spool

import (
	"cmp"
	"errors"
	"slices"

	"github.com/coldtail/coldtail/archiver/durable"
)

// Who reads a FIFO must not wait for the disk, so a gap for entries that were
// dropped as they came is only reserved: it has its numbers and is read like any
// other, and the next commit writes it. Until then the header of the segment that
// follows tells of it, for a process that is killed. A commit goes in the
// segments' order and ends at a gap that it cannot write, so that a segment with
// records has no gap before it that was not written.

// Reserved reports whether a gap waits to be written.
func (l *Log) Reserved() bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.figures().reserved > 0
}

// reserve adds a gap that has no file yet, after the segments before
// it. Called with mu held.
func (l *Log) reserve(h Header) {
	s := &segment{dir: l.cfg.Dir, header: h, phase: reserved, unsynced: dirtyNames | unreplaced, lastSeq: h.FirstSeq + h.Gap.Entries - 1}
	i, _ := slices.BinarySearchFunc(l.segments, h.SegmentSeq, func(s *segment, seq int64) int { return cmp.Compare(s.header.SegmentSeq, seq) })
	l.segments = slices.Insert(l.segments, i, s)
	l.changed()
}

// reservations are the gaps that wait to be written, for the header of the
// segment after them. Called with mu held.
func (l *Log) reservations() []reservation {
	var out []reservation
	for _, s := range l.segments {
		if s.phase != reserved {
			continue
		}
		h := &s.header
		out = append(out, reservation{SegmentSeq: h.SegmentSeq, FirstSeq: h.FirstSeq, Origin: h.Origin, CreatedNano: h.CreatedNano, Gap: *h.Gap})
	}
	return out
}

// writeReserved makes the file of a gap, if it was only reserved so far. Called
// with commitMu held.
func (l *Log) writeReserved(s *segment) error {
	if is, err := l.isReserved(s); !is || err != nil {
		return full(err)
	}
	err := writeHeader(s.path(extGap), &s.header)
	if err != nil && !errors.Is(err, durable.ErrUnsynced) {
		return l.dirGone(err)
	}
	l.locked(func() {
		l.enter(s, sealing)
		if err == nil {
			s.unsynced &^= dirtyNames
		}
	})
	l.step("gap", s.path(extGap))
	return err
}

// isReserved reports whether s is a gap that has no file yet, and makes the
// directory for it.
func (l *Log) isReserved(s *segment) (bool, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if s.phase != reserved {
		return false, nil
	}
	return true, l.ensureDir()
}

// adoptReserved reserves again the gaps that an earlier process had no time to
// write. If the segment after one has records, or stream.json counts it, it
// was written: the order of a commit is that of the segments.
func (l *Log) adoptReserved(stream streamState) {
	there := map[int64]bool{}
	for _, s := range l.segments {
		there[s.header.SegmentSeq] = true
	}
	for _, s := range slices.Clone(l.segments) {
		if !s.active() || s.committed > 0 {
			continue
		}
		for _, r := range s.header.Reserved {
			if there[r.SegmentSeq] || r.SegmentSeq <= stream.LastSegment {
				continue
			}
			there[r.SegmentSeq] = true
			h := s.header
			h.SegmentSeq, h.FirstSeq, h.Origin, h.CreatedNano = r.SegmentSeq, r.FirstSeq, r.Origin, r.CreatedNano
			h.Gap, h.Reserved = &r.Gap, nil
			l.reserve(h)
		}
	}
}
