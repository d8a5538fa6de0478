package spool

import (
	"errors"
	"fmt"
	"os"
	"slices"

	"github.com/coldtail/coldtail/archiver/durable"
)

// remove unlinks a segment. Called with commitMu held.
func (l *Log) remove(s *segment) error {
	if err := l.writeState(s); err != nil {
		return full(err)
	}
	l.step("numbered", l.cfg.Dir)
	var i int
	l.locked(func() {
		i = slices.Index(l.segments, s)
		l.segments = slices.Delete(l.segments, i, i+1)
		l.changed()
	})
	// The data first: a sidecar alone is nothing.
	err := errors.Join(s.closeFiles(), os.Remove(s.name()))
	if err != nil && !errors.Is(err, os.ErrNotExist) {
		// It is still there, and what is local has to be in one piece.
		l.locked(func() {
			l.segments = slices.Insert(l.segments, i, s)
			l.changed()
		})
		return fmt.Errorf("remove segment: %w", err)
	}
	l.step("removed", s.name())
	if s.header.Gap == nil {
		if err := os.Remove(s.path(extIndex)); err != nil && !errors.Is(err, os.ErrNotExist) {
			return fmt.Errorf("remove sidecar: %w", err)
		}
	}
	return nil
}

// writeState makes the committed state durable.
func (l *Log) writeState(except *segment) error {
	var st streamState
	l.locked(func() { st = l.committedState(except) })
	err := st.write(l.cfg.Dir)
	if errors.Is(err, os.ErrNotExist) { // somebody removed the directory
		err = errors.Join(durable.MkdirAll(l.cfg.Dir, 0o700), st.write(l.cfg.Dir))
	}
	return err
}

// committedState is the stream state without what a power loss may take: numbers
// that were given to entries that are gone would leave a hole. It does not
// count the segment except, which has no entries or is archived. Called with mu
// held.
func (l *Log) committedState(except *segment) streamState {
	st := l.stream
	if l.active != nil {
		st.LastSeq = l.active.lastSeq
	}
	for _, s := range l.segments {
		if s == except || l.isCommitted(s) {
			continue
		}
		st.LastSegment, st.LastSeq = s.header.SegmentSeq, s.header.FirstSeq-1
		if s.committed == 0 {
			st.LastSegment--
			if s.header.Origin {
				st.LastSeq = 0
			}
		}
		if s.header.SpoolID != l.cfg.SpoolID {
			st.LastSeq = 0 // see renew
		}
		for _, r := range s.records[:s.committed] {
			if r.kind == kindBatch && s.header.SpoolID == l.cfg.SpoolID {
				st.LastSeq = r.LastSeq()
			}
		}
		return st
	}
	return st
}

// isCommitted reports whether a power loss takes nothing of a segment. Called with
// mu held.
func (l *Log) isCommitted(s *segment) bool {
	if s.active() {
		return s.committed > 0 && !s.dirty().has(dirtyData)
	}
	return s.phase != reserved
}

// Forget removes the local copy of an archived segment.
func (l *Log) Forget(segmentSeq int64) error {
	l.commitMu.Lock()
	defer l.commitMu.Unlock()
	s := l.find(segmentSeq)
	if s == nil || s.phase != archived {
		return fmt.Errorf("forget segment %d: it is not archived", segmentSeq)
	}
	return l.remove(s)
}

// GapBytes is what a gap counts in the cache: a block of most file systems.
const GapBytes = 4096

// cachedBytes is what an archived segment counts in the cache.
func (s *segment) cachedBytes() int64 {
	if s.header.Gap != nil {
		return GapBytes
	}
	return s.written
}

// Cached returns how large the archived segments are that are still here, and the
// file of the oldest.
func (l *Log) Cached() (sizeBytes int64, oldest string) {
	l.mu.Lock()
	defer l.mu.Unlock()
	for _, s := range l.segments {
		if s.phase != archived {
			continue
		}
		if sizeBytes += s.cachedBytes(); oldest == "" {
			oldest = s.name()
		}
	}
	return sizeBytes, oldest
}

// Evict removes archived segments, the oldest first, until no more than
// keepBytes of them are left, and returns how many bytes that freed.
func (l *Log) Evict(keepBytes int64) (freedBytes int64, err error) {
	l.commitMu.Lock()
	defer l.commitMu.Unlock()
	var cached []*segment
	total := int64(0)
	l.locked(func() {
		for _, s := range l.segments {
			if s.phase == archived {
				cached = append(cached, s)
				total += s.cachedBytes()
			}
		}
	})
	for _, s := range cached {
		if total <= keepBytes {
			break
		}
		if err := l.remove(s); err != nil {
			return freedBytes, err
		}
		total -= s.cachedBytes()
		freedBytes += s.cachedBytes()
	}
	return freedBytes, nil
}
