package spool

import (
	"errors"
	"fmt"
	"hash/crc32"
	"io"
	"io/fs"
	"math"
	"os"
	"path/filepath"
	"slices"
	"sync"

	"golang.org/x/sys/unix"

	"github.com/coldtail/coldtail/codec"
)

// segment is one segment of a Log. Fields are guarded by the Log's mu, except
// for those of the sidecar file, which have a lock of their own because the
// committer writes there while Fill goes on.
type segment struct {
	dir    string
	header Header
	state  State

	// records cover the data from offset 0; the last one may still grow while
	// it is not closed. Dropped once the segment is committed for good: then
	// they are read from the sidecar again.
	records   []Record
	open      bool    // the last record may grow
	committed int     // how many of the records are in the sidecar
	handed    int     // how many of them a commit has taken: these never change
	written   int64   // bytes in the data file, an unfinished frame included
	end       int64   // where the last whole frame ends
	lastSeq   int64   // FirstSeq-1 while empty
	firstNano int64   // arrival of the first batch, 0 while empty
	bounds    []int64 // once the records are dropped: offsets that no frame crosses

	data *os.File // nil unless active or about to be sealed
	idx  *index
	// rolled is set when a later segment takes the entries.
	rolled bool
	// mended and damaged tell what was found: a sidecar that was repaired, and data
	// that is no longer what its records say.
	mended, damaged bool
	unread          int // how often its sidecar could not be read
	// doubtful is how far the data has to be written again before it is synced,
	// from the last record in the sidecar on; 0 where it has not. Guarded by
	// commitMu.
	doubtful int64
	// synced tells that what was written to the sidecar, and the segment's
	// names, are durable; named that the names are.
	synced, named bool
}

func (s *segment) path(ext string) string {
	return filepath.Join(s.dir, segmentName(s.header.SegmentSeq, ext))
}

// name is the path of the segment's data as its state has it; of a gap, that of
// its header.
func (s *segment) name(state State) string {
	switch {
	case s.header.Gap != nil && state == Archived:
		return s.path(extGapArchived)
	case s.header.Gap != nil:
		return s.path(extGap)
	}
	return s.path("." + state.String())
}

func (s *segment) entries() int64 { return s.lastSeq - s.header.FirstSeq + 1 }
func (s *segment) torn() bool     { return s.written > s.end }

// uncommitted is how many bytes of whole frames have no record on the disk.
func (s *segment) uncommitted() int64 {
	if s.committed == 0 {
		return s.end
	}
	return s.end - s.records[s.committed-1].end()
}

// openRecord returns the record that may take more data, or nil.
func (s *segment) openRecord() *Record {
	if !s.open {
		return nil
	}
	return &s.records[len(s.records)-1]
}

// extend adds whole frames that end the data so far.
func (s *segment) extend(frames []byte, entries, arrivalNano int64) {
	r := s.openRecord()
	if r == nil || r.Length+int64(len(frames)) > maxRecordBytes && r.Length > 0 {
		s.records = append(s.records, Record{
			kind: kindBatch, Offset: s.end, FirstSeq: s.lastSeq + 1, ArrivalNano: arrivalNano,
		})
		s.open = true
		r = s.openRecord()
	}
	r.CRC = crc32.Update(r.CRC, castagnoli, frames)
	r.Length += int64(len(frames))
	r.Entries += entries
	s.end += int64(len(frames))
	s.lastSeq += entries
	if s.firstNano == 0 {
		s.firstNano = arrivalNano
	}
}

// maxSkipBytes bounds a skip record as batches are bounded: what a record has may
// be in memory.
const maxSkipBytes = maxRecordBytes

// skip marks n bytes after the last whole frame as not being frames.
func (s *segment) skip(n int64) {
	s.open = false
	for ; n > 0; n -= s.skipPart(n) {
	}
}

// skipPart marks as many of n bytes as fit into one record, and returns how many.
func (s *segment) skipPart(n int64) int64 {
	k := len(s.records)
	if k <= s.handed || s.records[k-1].kind != kindSkip || s.records[k-1].Length == maxSkipBytes {
		s.records = append(s.records, Record{kind: kindSkip, Offset: s.end})
		k++
	}
	r := &s.records[k-1]
	n = min(n, maxSkipBytes-r.Length)
	r.Length += n
	s.end += n
	return n
}

// hand closes the last record and returns those that are not in the sidecar.
// What is handed out never changes: what comes next has a record of its own.
func (s *segment) hand() []Record {
	s.open = false
	s.handed = len(s.records)
	return slices.Clone(s.records[s.committed:])
}

// index is the sidecar's file, to which records are appended.
type index struct {
	mu   sync.Mutex
	f    *os.File
	end  int64
	buf  []byte
	last uint32 // the last source record's

	head     []byte   // the header
	sources  []placed // the source records
	doubtful bool     // has to be written again before it is synced; guarded by commitMu
}

func (x *index) append(recs ...Record) error {
	x.mu.Lock()
	defer x.mu.Unlock()
	x.buf = x.buf[:0]
	for _, r := range recs {
		x.buf = r.append(x.buf)
	}
	n, err := x.f.WriteAt(x.buf, x.end)
	if err != nil {
		return fmt.Errorf("write records: %w", err)
	}
	for i, r := range recs {
		if r.kind == kindSource {
			x.sources = append(x.sources, placed{x.end + int64(i)*recordLen, r})
		}
	}
	x.end += int64(n)
	return nil
}

// createSegment makes the files of a new active segment. They become durable
// with the first commit.
func createSegment(dir string, h Header) (*segment, error) {
	s := &segment{dir: dir, header: h, lastSeq: h.FirstSeq - 1}
	b, err := appendHeader(nil, &h)
	if err != nil {
		return nil, err
	}
	// The sidecar goes first: a data file without one could not be archived.
	idx, err := os.OpenFile(s.path(extIndex), os.O_RDWR|os.O_CREATE|os.O_TRUNC|unix.O_CLOEXEC, 0o600)
	if err != nil {
		return nil, fmt.Errorf("create segment: %w", err)
	}
	if _, err := idx.Write(b); err != nil {
		err = errors.Join(err, idx.Close(), os.Remove(idx.Name()))
		return nil, fmt.Errorf("create segment: %w", err)
	}
	data, err := os.OpenFile(s.path(extActive), os.O_RDWR|os.O_CREATE|os.O_EXCL|unix.O_CLOEXEC, 0o600)
	if err != nil {
		err = errors.Join(err, idx.Close(), os.Remove(idx.Name()))
		return nil, fmt.Errorf("create segment: %w", err)
	}
	s.idx = &index{f: idx, end: int64(len(b)), head: b}
	s.data = data
	return s, nil
}

// closeFiles closes what an active segment holds open.
func (s *segment) closeFiles() error {
	var err error
	if s.data != nil {
		err = s.data.Close()
		s.data = nil
	}
	if s.idx != nil {
		err = errors.Join(err, s.idx.f.Close())
		s.idx = nil
	}
	return err
}

// loadSegment reads a segment from the disk, and mends its sidecar where that is
// damaged. Records are believed when their own checksum holds; whether their
// data does, reading tells. An active segment's data past the last record is
// parsed where only the process had died (trust), and cut off where the machine
// had. It returns how many bytes were lost.
func loadSegment(dir string, seq int64, state State, trust bool) (*segment, int64, error) {
	s := &segment{dir: dir, state: state, synced: true, named: true}
	s.header.SegmentSeq = seq
	sc, err := openSidecar(s.path(extIndex))
	if err != nil {
		return s, 0, err
	}
	if sc.header.SegmentSeq != seq {
		return s, 0, &codec.CorruptError{What: "sidecar " + s.path(extIndex), Err: errHeader}
	}
	s.header = sc.header
	fi, err := os.Stat(s.name(state))
	if err != nil {
		return s, 0, fmt.Errorf("load segment: %w", err)
	}
	lost := int64(0)
	switch {
	case state == Archived && (sc.damaged || sc.rest || sc.dataEnd() != fi.Size()):
		return s, 0, &codec.CorruptError{What: "segment " + s.name(state), Offset: min(sc.dataEnd(), fi.Size()), Err: errHole}
	case sc.damaged, sc.restored, state == Active && sc.foreign, state == Sealed && (sc.rest || sc.dataEnd() < fi.Size()):
		s.mended = true
		if lost, err = s.repair(sc, fi.Size(), state == Sealed); err != nil {
			return s, 0, err
		}
	}
	s.adopt(sc.records)
	if state != Active {
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
// what is no frame begins and ends is kept, as the data does not tell that.
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
	s.data, s.idx = data, &index{f: idx, end: sc.end, last: sc.source, sources: sc.sources, head: make([]byte, sc.start), doubtful: trust}
	s.synced, s.named = false, false
	if _, err := idx.ReadAt(s.idx.head, 0); err != nil {
		return 0, fmt.Errorf("recover segment: %w", err)
	}
	if err := idx.Truncate(s.idx.end); err != nil {
		return 0, fmt.Errorf("recover segment: %w", err)
	}
	s.written = s.end
	if s.end > fi.Size() {
		s.damaged = true
		return 0, nil
	}
	if trust {
		s.written = fi.Size()
		s.doubtful = s.written
		// What is parsed arrived before the file was last written.
		return s.parseSources(sc.sources, codec.UnixNano(fi.ModTime()))
	}
	if s.damaged, err = s.broken(fi.Size()); err != nil {
		return 0, err
	}
	// What no record covers was not synced: pages of it may be missing within a
	// line, which nothing would tell.
	if err := data.Truncate(s.end); err != nil {
		return 0, fmt.Errorf("recover segment: %w", err)
	}
	return fi.Size() - s.end, nil
}

// broken tells whether the data under a record is not what it was. Such a
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

// parseSources is parse for all that was written. Where a source record says that
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
