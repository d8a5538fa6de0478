package spool

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"os"
	"slices"

	"github.com/coldtail/coldtail/archiver/durable"
	"github.com/coldtail/coldtail/codec"
)

// Files may be damaged, cut or removed while the process runs that wrote them.
// It knows what they were: the header, and how many bytes and entries there are.

// errGoneData is deliberately none of the disk's errors: trying again is no use.
var errGoneData = errors.New("its file was removed")

// openData opens the segment's data. Called with the log's mu held, so that the
// name is right.
func (s *segment) openData() (*os.File, error) {
	f, err := os.Open(s.name())
	if errors.Is(err, os.ErrNotExist) {
		if s.data == nil {
			return nil, &codec.CorruptError{What: "segment " + s.name(), Err: errGoneData}
		}
		f, err = os.Open(fmt.Sprintf("/proc/self/fd/%d", s.data.Fd()))
	}
	if err != nil {
		return nil, fmt.Errorf("open segment: %w", err)
	}
	return f, nil
}

// shape is what memory knows of a segment that is no longer active.
type shape struct {
	header  Header
	end     int64
	lastSeq int64
	bounds  []int64
}

// shapeOf returns a segment's shape; ok is false where it was dropped.
func (l *Log) shapeOf(s *segment) (sh shape, ok bool) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return shape{s.header, s.end, s.lastSeq, s.bounds}, s.header.Gap == nil
}

// records returns where the batches of a segment lie that is no longer active. A
// sidecar that is not what it was is made again from the data.
func (v *View) records() ([]Record, error) {
	want, ok := v.log.shapeOf(v.seg)
	if !ok {
		return nil, fmt.Errorf("read segment %d: %w", v.Header.SegmentSeq, ErrGone)
	}
	sc := &sidecar{header: want.header}
	if v.idx != nil {
		read, err := readSidecar(v.idx)
		var bad *codec.CorruptError
		if err != nil && v.log.noteUnread(v.seg) > maxUnread { // the disk does not give it any more
			err = &codec.CorruptError{What: "sidecar " + v.idx.Name(), Err: err}
		}
		switch {
		case err == nil && want.fit(read):
			return read.records, nil
		case err == nil && want.same(&read.header):
			sc = read
		case err != nil && !errors.As(err, &bad) && !errors.Is(err, codec.ErrNewer): // it was ours
			return nil, err
		}
	}
	want.complete(sc)
	for _, at := range want.bounds {
		sc.sources = append(sc.sources, placed{Record: Record{Offset: at}})
	}
	fi, err := v.data.Stat()
	if err != nil {
		return nil, fmt.Errorf("repair segment: %w", err)
	}
	lost, err := v.seg.mend(sc, v.data, fi.Size(), false)
	if errors.Is(err, errHole) {
		return nil, &codec.CorruptError{What: "sidecar of segment " + v.data.Name(), Err: err}
	}
	if err != nil {
		return nil, err
	}
	v.log.keepMended(v.seg, sc, lost)
	return sc.records, nil
}

// maxUnread is how often a sidecar may not be read before the data has to do.
const maxUnread = 2

// noteUnread counts how often a segment's sidecar could not be read.
func (l *Log) noteUnread(s *segment) int {
	l.mu.Lock()
	defer l.mu.Unlock()
	s.unread++
	return s.unread
}

// same reports whether h is the segment's header, but for what is in common.
func (w *shape) same(h *Header) bool {
	return h.SegmentSeq == w.header.SegmentSeq && h.FirstSeq == w.header.FirstSeq && h.ContainerID == w.header.ContainerID && h.Gap == nil
}

// fit reports whether a sidecar says what it should.
func (w *shape) fit(sc *sidecar) bool {
	return w.same(&sc.header) && !sc.damaged && !sc.restored && !sc.rest && sc.dataEnd() == w.end && sc.lastSeq() == w.lastSeq
}

// complete adds a hole for what sc lacks at its end. Records that reach beyond
// the segment are not its own.
func (w *shape) complete(sc *sidecar) {
	sc.header = w.header
	if sc.dataEnd() > w.end || sc.lastSeq() > w.lastSeq || sc.dataEnd() == w.end && sc.lastSeq() < w.lastSeq {
		sc.records, sc.sources = nil, nil
	}
	if at, last := sc.dataEnd(), sc.lastSeq(); at < w.end {
		sc.records = append(sc.records, Record{kind: kindHole, Offset: at, Length: w.end - at, FirstSeq: last + 1, Entries: w.lastSeq - last})
	}
}

// keepMended writes a sidecar that was made again, for the next process. While a
// commit is under way, or where the disk takes nothing, that is left to the next
// reader: this one has what it needs.
func (l *Log) keepMended(s *segment, sc *sidecar, lost int64) {
	if !l.commitMu.TryLock() {
		return
	}
	defer l.commitMu.Unlock()
	if !l.rewritable(s) {
		return
	}
	err := s.rewrite(sc)
	if l.noteMended(s) {
		l.cfg.Logger.Error("repaired the sidecar of a segment that was damaged while the process ran", "container", l.cfg.ContainerID,
			"segment", s.header.SegmentSeq, "lost_bytes", lost, "write_error", err)
	}
}

// rewritable reports whether the segment is still there with its sidecar.
func (l *Log) rewritable(s *segment) bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	return slices.Contains(l.segments, s) && !s.active() && s.header.Gap == nil
}

// noteMended reports whether that is the first time.
func (l *Log) noteMended(s *segment) bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	first := s.trouble&mended == 0
	s.trouble |= mended
	return first
}

// checkFiles sees to it that a segment that is about to be sealed has its files,
// and that its sidecar is what was written to it: from then on memory does not
// have its records any more. Called with commitMu held, all records written.
func (l *Log) checkFiles(s *segment) error {
	if _, err := os.Lstat(s.path(extActive)); errors.Is(err, os.ErrNotExist) {
		if err := durable.MkdirAll(l.cfg.Dir, 0o700); err != nil {
			return fmt.Errorf("restore segment: %w", err)
		}
		l.cfg.Logger.Error("writing a segment's file again that was removed while the process ran", "container", l.cfg.ContainerID, "segment", s.header.SegmentSeq)
		err := durable.Write(s.path(extActive), 0o600, func(w io.Writer) error {
			_, err := io.Copy(w, io.NewSectionReader(s.data, 0, s.end))
			return err
		})
		if err != nil {
			return fmt.Errorf("restore segment: %w", err)
		}
	}
	want := l.indexContent(s)
	got, err := readBounded(s.path(extIndex), int64(len(want))+1)
	if err == nil && bytes.Equal(got, want) {
		return nil
	}
	if err != nil && !errors.Is(err, os.ErrNotExist) {
		return fmt.Errorf("check sidecar: %w", err)
	}
	l.cfg.Logger.Error("repaired the sidecar of a segment that was damaged while the process ran", "container", l.cfg.ContainerID, "segment", s.header.SegmentSeq)
	return s.replaceSidecar(want)
}
