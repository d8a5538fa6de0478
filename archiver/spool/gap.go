package spool

import (
	"errors"
	"fmt"
	"os"

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
	if s == nil || s.state != Sealed || s.header.Gap != nil {
		return fmt.Errorf("drop segment %d: it is not waiting to be archived", segmentSeq)
	}
	h := s.header
	h.Gap = &g
	// One rename decides: where the gap's file is, the segment's no longer count.
	if err := writeHeader(s.path(extGap), &h); err != nil {
		return err
	}
	l.step("gap", s.path(extGap))
	data, idx := s.path(extSealed), s.path(extIndex)
	l.mu.Lock()
	s.header = h
	s.written, s.end = 0, 0
	l.mu.Unlock()
	if err := errors.Join(os.Remove(data), os.Remove(idx)); err != nil {
		return fmt.Errorf("drop segment: %w", err)
	}
	return nil
}

// OldestPending returns the number of the first segment that waits to be
// archived and could be dropped.
func (l *Log) OldestPending() (segmentSeq int64, ok bool) {
	l.mu.Lock()
	defer l.mu.Unlock()
	for _, s := range l.segments {
		if s.state == Sealed && s.synced && s.header.Gap == nil {
			return s.header.SegmentSeq, true
		}
	}
	return 0, false
}

// AppendGap adds a gap after the last entry, for entries that never came in. An
// unfinished frame must not be there.
func (l *Log) AppendGap(g Gap) error {
	l.commitMu.Lock()
	defer l.commitMu.Unlock()
	l.mu.Lock()
	l.rollDue = true
	l.rollIfDue()
	if l.active != nil {
		l.mu.Unlock()
		return errors.New("append gap: a frame is unfinished")
	}
	if err := l.ensureDir(); err != nil {
		l.mu.Unlock()
		return full(err)
	}
	h := l.nextHeader()
	h.Gap = &g
	l.mu.Unlock()
	s := &segment{dir: l.cfg.Dir, header: h, state: Sealed, rolled: true, synced: true, named: true, lastSeq: h.FirstSeq + g.Entries - 1}
	if err := writeHeader(s.path(extGap), &h); err != nil {
		return err
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	l.stream = streamState{LastSeq: s.lastSeq, LastSegment: h.SegmentSeq}
	l.segments = append(l.segments, s)
	l.wake()
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
func loadGap(dir string, seq int64, state State) (*segment, error) {
	s := &segment{dir: dir, state: state, synced: true, named: true}
	s.header = Header{SegmentSeq: seq, Gap: &Gap{}}
	sc, err := openSidecar(s.name(state))
	if err != nil {
		return s, err
	}
	if sc.header.SegmentSeq != seq || sc.header.Gap == nil {
		return s, &codec.CorruptError{What: "gap " + s.name(state), Err: errHeader}
	}
	s.header = sc.header
	s.lastSeq = s.header.FirstSeq + s.header.Gap.Entries - 1
	if s.mended = sc.restored || sc.damaged || sc.rest; s.mended {
		if err := writeHeader(s.name(state), &s.header); err != nil {
			return s, err
		}
	}
	// What a crash left of the segment that it replaced.
	for _, name := range []string{s.path(extSealed), s.path(extIndex)} {
		if err := os.Remove(name); err != nil && !errors.Is(err, os.ErrNotExist) {
			return s, fmt.Errorf("load gap: %w", err)
		}
	}
	return s, nil
}
