package spool

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"math"
	"os"
	"slices"

	"golang.org/x/sys/unix"

	"github.com/coldtail/coldtail/codec"
)

// loadSegment reads a segment from the disk, and mends its sidecar where that is
// damaged. Records are believed when their own checksum holds; whether their
// data does, reading shows. An active segment's data past the last record is
// parsed where only the process had died (trust), and cut off where the machine
// had. It returns how many bytes were lost.
func loadSegment(dir string, seq int64, found phase, trust bool) (*segment, int64, error) {
	s := &segment{dir: dir, phase: found}
	s.header.SegmentSeq = seq
	sc, err := openSidecar(s.path(extIndex))
	if err != nil {
		return s, 0, err
	}
	if sc.header.SegmentSeq != seq {
		return s, 0, &codec.CorruptError{What: "sidecar " + s.path(extIndex), Err: errHeader}
	}
	s.header = sc.header
	fi, err := os.Stat(s.name())
	if err != nil {
		return s, 0, fmt.Errorf("load segment: %w", err)
	}
	lost := int64(0)
	switch {
	case found == archived && (sc.damaged || sc.rest || sc.dataEnd() != fi.Size()):
		return s, 0, &codec.CorruptError{What: "segment " + s.name(), Offset: min(sc.dataEnd(), fi.Size()), Err: errHole}
	case sc.damaged, sc.restored, found == filling && sc.foreign, found == sealed && (sc.rest || sc.dataEnd() < fi.Size()):
		s.trouble |= mended
		if lost, err = s.repair(sc, fi.Size(), found == sealed); err != nil {
			return s, 0, err
		}
	case found != archived:
		s.shrink(sc)
	}
	s.adopt(sc.records)
	if found != filling {
		s.written = s.end
		s.forget()
		return s, lost, nil
	}
	n, err := s.recover(sc, fi, trust)
	return s, lost + n, err
}

// maxBounds is how many of a segment's bounds are kept in memory.
const maxBounds = 512

// forget drops the records: they are read from the sidecar again. Only where
// what is no frame begins and ends is kept, as the data does not show that.
func (s *segment) forget() {
	s.bounds = nil
	for _, r := range s.records {
		if r.kind == kindSkip && len(s.bounds) < maxBounds {
			s.bounds = append(s.bounds, r.Offset, r.end())
		}
	}
	s.records, s.committed, s.handed = nil, 0, 0
}

// adopt takes over the records.
func (s *segment) adopt(recs []Record) {
	s.lastSeq = s.header.FirstSeq - 1
	s.records, s.committed, s.handed = recs, len(recs), len(recs)
	for _, r := range recs {
		s.end = r.end()
		if r.kind == kindBatch {
			s.lastSeq = r.LastSeq()
			if s.firstNano == 0 {
				s.firstNano = r.ArrivalNano
			}
		}
	}
}

// recover opens an active segment's files to go on where they end. It returns
// how many bytes were neither frames nor the start of one.
func (s *segment) recover(sc *sidecar, fi fs.FileInfo, trust bool) (lost int64, err error) {
	data, err := os.OpenFile(s.path(extActive), os.O_RDWR|unix.O_CLOEXEC, 0)
	if err != nil {
		return 0, fmt.Errorf("recover segment: %w", err)
	}
	idx, err := os.OpenFile(s.path(extIndex), os.O_RDWR|unix.O_CLOEXEC, 0)
	if err != nil {
		return 0, errors.Join(fmt.Errorf("recover segment: %w", err), data.Close())
	}
	s.data, s.idx = data, &index{f: idx, end: sc.end, last: sc.source, sources: sc.sources, head: make([]byte, sc.start)}
	s.unsynced, s.resync.index = dirtyIndex|dirtyNames, trust
	if _, err := idx.ReadAt(s.idx.head, 0); err != nil {
		return 0, fmt.Errorf("recover segment: %w", err)
	}
	if err := idx.Truncate(s.idx.end); err != nil {
		return 0, fmt.Errorf("recover segment: %w", err)
	}
	s.written = s.end
	if s.end > fi.Size() {
		s.enter(rolled) // archiving it reports what is lost
		return 0, nil
	}
	if trust {
		s.written = fi.Size()
		s.resync.data = s.written
		// What is parsed arrived before the file was last written.
		return s.parseSources(sc.sources, codec.UnixNano(fi.ModTime()))
	}
	broken, err := s.broken(fi.Size())
	if err != nil {
		return 0, err
	}
	if broken {
		s.enter(rolled) // archiving it reports what is lost
	}
	// What no record covers was not synced: pages of it may be missing within a
	// line, which nothing would tell.
	if err := data.Truncate(s.end); err != nil {
		return 0, fmt.Errorf("recover segment: %w", err)
	}
	return fi.Size() - s.end, nil
}

// broken reports whether the data under a record is not what it was. Such a
// segment takes no more entries, and archiving it reports the loss.
func (s *segment) broken(sizeBytes int64) (bool, error) {
	var buf []byte
	for _, r := range s.records {
		if r.kind != kindBatch {
			continue
		}
		b, err := readRecord(s.data, sizeBytes, r, buf)
		var perr *fs.PathError
		if errors.As(err, &perr) {
			return false, fmt.Errorf("recover segment: %w", err)
		}
		if err != nil {
			return true, nil
		}
		buf = b
	}
	return false, nil
}

// parseSources is parse for all that was written. If a source record says that
// another FIFO's bytes begin, or the same one's after a frame that was given up,
// no frame goes on.
func (s *segment) parseSources(sources []placed, arrivalNano int64) (lost int64, err error) {
	end := placed{Record: Record{Offset: math.MaxInt64}}
	for _, src := range slices.Concat(sources, []placed{end}) {
		to := min(src.Offset, s.written)
		if to <= s.end {
			continue
		}
		n, err := s.parse(s.data, to, arrivalNano)
		lost += n
		if err != nil {
			return lost, err
		}
		if rest := to - s.end; rest > 0 && src.Offset <= s.written {
			s.skip(rest)
			lost += rest
		}
	}
	return lost, nil
}

// parse finds the frames from the segment's end up to offset to of the data.
func (s *segment) parse(data io.ReaderAt, to, arrivalNano int64) (lost int64, err error) {
	window := int64(maxRecordBytes)
	for s.end < to {
		b := make([]byte, min(window, to-s.end))
		if _, err := data.ReadAt(b, s.end); err != nil {
			return lost, fmt.Errorf("recover segment: %w", err)
		}
		entries, n := s.take(b, arrivalNano)
		lost += n
		if entries > 0 || n > 0 {
			continue
		}
		if int64(len(b)) == to-s.end {
			break
		}
		window = int64(len(b) + codec.FrameMissing(b))
	}
	return lost, nil
}
