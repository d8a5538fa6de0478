package spool

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"

	"github.com/coldtail/coldtail/archiver/durable"
	"github.com/coldtail/coldtail/codec"
)

// Gap stands for entries that were dropped: those of a whole segment, or those
// that came while nothing was taken. It has their sequence numbers.
type Gap struct {
	codec.Gap
	// Replaced are the objects that the dropped segment would have become. An
	// upload whose answer was lost may have stored them all the same.
	Replaced []Replaced `json:"replaced,omitempty"`
}

// Replaced is an object that a gap may stand for in vain.
type Replaced struct {
	Key     string
	Entries int64
	// FirstNano and LastNano are its entries' smallest and largest time.
	FirstNano, LastNano int64
}

// frame is the gap's row as an entry.
func (h *Header) gapFrame() []byte {
	return codec.AppendFrame(nil, &codec.Entry{Source: codec.GapSource, TimeNano: h.Gap.LastNano, Line: h.Gap.Line()})
}

// Drop replaces a sealed segment by a gap of the same sequence numbers, and
// frees its space. The gap is archived in its place.
func (l *Log) Drop(segmentSeq int64, g Gap) error {
	l.commitMu.Lock()
	defer l.commitMu.Unlock()
	s := l.find(segmentSeq)
	if s == nil || s.phase != sealed || s.header.Gap != nil {
		return fmt.Errorf("drop segment %d: it is not waiting to be archived: %w", segmentSeq, ErrGone)
	}
	h := s.header
	h.Gap = &g
	// One rename decides: where the gap's file is, the segment's no longer count.
	err := writeHeader(s.path(extGap), &h)
	if err != nil && !errors.Is(err, durable.ErrUnsynced) {
		return err
	}
	l.step("gap", s.path(extGap))
	l.locked(func() {
		l.enter(s, sealing)
		s.header, s.written, s.end = h, 0, 0
		if s.unsynced = unreplaced; err != nil {
			s.unsynced |= dirtyNames
		}
	})
	if err != nil {
		return err // the next commit syncs the name, and then removes the data
	}
	return l.syncNames(s)
}

// removeReplaced removes the files of the segment that a gap stands for, if they
// are there.
func (s *segment) removeReplaced() error {
	for _, name := range []string{s.path(extSealed), s.path(extIndex)} {
		if err := os.Remove(name); err != nil && !errors.Is(err, os.ErrNotExist) {
			return fmt.Errorf("remove a dropped segment: %w", err)
		}
	}
	return nil
}

// OldestPending returns the number of the first segment that waits to be
// archived and could be dropped.
func (l *Log) OldestPending() (segmentSeq int64, ok bool) {
	l.mu.Lock()
	defer l.mu.Unlock()
	for _, s := range l.segments {
		if s.phase == sealed && s.header.Gap == nil {
			return s.header.SegmentSeq, true
		}
	}
	return 0, false
}

// AppendGap adds a gap after the last entry, for entries that never came in. An
// unfinished frame must not be there. It does not wait for the disk: the next
// commit writes the gap, and until then only memory has it, or the header of the
// segment that follows.
func (l *Log) AppendGap(g Gap) error {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.rollDue = true
	l.rollIfDue()
	if l.active != nil {
		return errors.New("append gap: a frame is unfinished")
	}
	h := l.nextHeader()
	h.Gap = &g
	l.appendGap(h)
	return nil
}

// appendGap is AppendGap for a header. Called with mu held.
func (l *Log) appendGap(h Header) {
	l.reserve(h)
	l.stream.LastSeq, l.stream.LastSegment, l.stream.NextSeq = h.FirstSeq+h.Gap.Entries-1, h.SegmentSeq, 0
	l.dropping.Gap = nil // this was it
	l.wake()
}

// Dropping says what the gap is that AppendGap will write, so far. Commit makes
// it durable, so that a crash in between forgets little of it.
func (l *Log) Dropping(g codec.Gap) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.dropping = l.nextHeader()
	l.dropping.Gap = &Gap{Gap: g}
}

// commitDropping writes the gap that grows, unless one before it could not be
// written: of that the file may still tell. Called with commitMu held.
func (l *Log) commitDropping() error {
	h, err := l.takeDropping()
	if h.Gap == nil || err != nil {
		return full(err)
	}
	if err := writeHeader(filepath.Join(l.cfg.Dir, DroppingFile), &h); err != nil {
		l.locked(func() {
			if l.dropping.Gap == nil && l.dropping.SegmentSeq == l.stream.LastSegment+1 {
				l.dropping = h
			}
		})
		return l.dirGone(err)
	}
	l.step("dropping", l.cfg.Dir)
	return nil
}

// takeDropping returns the header of the gap that grows, if it has grown and may
// be written.
func (l *Log) takeDropping() (h Header, err error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.dropping.Gap == nil || l.figures().reserved > 0 || l.newerDropping {
		return Header{}, nil
	}
	if err := l.ensureDir(); err != nil {
		return Header{}, err
	}
	h = l.dropping
	l.dropping.Gap = nil // until there is more
	return h, nil
}

// adoptDropping makes a gap of what an earlier process had dropped when it was
// killed, unless it had done so itself. It then writes all gaps that were
// reserved: where that fails, the next commit does, or the next start.
func (l *Log) adoptDropping(d *damage) error {
	path := filepath.Join(l.cfg.Dir, DroppingFile)
	sc, err := openSidecar(path)
	switch {
	case errors.Is(err, os.ErrNotExist):
	case errors.Is(err, codec.ErrNewer):
		l.newerDropping = true
		l.cfg.Logger.Error("left the count of what was dropped last as it is", "container", l.cfg.ContainerID, "err", err)
	case err != nil:
		if err := l.setAside(d, err, DroppingFile); err != nil {
			return err
		}
	case sc.header.Gap != nil && sc.header.SegmentSeq > l.stream.LastSegment:
		if s := l.active; s != nil && s.torn() { // its rest was dropped
			l.lost += s.written - s.end
			s.skip(s.written - s.end)
		}
		l.rollDue = true
		l.rollIfDue()
		h, next := sc.header, l.nextHeader()
		h.SpoolID, h.FirstSeq, h.Origin, h.SegmentSeq = next.SpoolID, next.FirstSeq, next.Origin, next.SegmentSeq
		l.appendGap(h)
	}
	for _, s := range slices.Clone(l.segments) {
		if err := l.writeReserved(s); err != nil {
			l.cfg.Logger.Error("cannot write yet what was dropped before the restart", "container", l.cfg.ContainerID, "err", err)
			return nil
		}
	}
	if l.newerDropping {
		return nil
	}
	if err := os.Remove(path); err != nil && !errors.Is(err, os.ErrNotExist) {
		return fmt.Errorf("forget a gap that grew: %w", err)
	}
	return nil
}

// writeHeader makes a file that has nothing but a header.
func writeHeader(path string, h *Header) error {
	b, err := appendHeader(nil, h)
	if err != nil {
		return err
	}
	return full(durable.WriteFile(path, b, 0o600))
}

// loadGap reads a gap's header.
func loadGap(dir string, seq int64, found phase) (*segment, error) {
	s := &segment{dir: dir, phase: found}
	s.header = Header{SegmentSeq: seq, Gap: &Gap{}}
	sc, err := openSidecar(s.name())
	if err != nil {
		return s, err
	}
	if sc.header.SegmentSeq != seq || sc.header.Gap == nil {
		return s, &codec.CorruptError{What: "gap " + s.name(), Err: errHeader}
	}
	s.header = sc.header
	s.lastSeq = s.header.FirstSeq + s.header.Gap.Entries - 1
	if sc.restored || sc.damaged || sc.rest {
		s.trouble |= mended
		if err := writeHeader(s.name(), &s.header); err != nil {
			return s, err
		}
	}
	return s, s.removeReplaced() // what a crash left
}
