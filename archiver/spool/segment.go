package spool

import (
	"errors"
	"fmt"
	"hash/crc32"
	"os"
	"path/filepath"
	"slices"
	"sync"

	"golang.org/x/sys/unix"
)

// segment is one segment of a Log. Its fields are guarded by the Log's mu, except
// for resync and for the sidecar's, which has a lock of its own because the
// committer writes there while Fill goes on.
type segment struct {
	dir    string
	header Header // of a gap if one has taken its place
	phase  phase
	// unsynced is changed with the Log's commitMu held, too.
	unsynced dirt
	trouble  trouble

	// records cover the data from offset 0. The last one grows until a commit takes
	// it. Once the segment is sealed they are read from the sidecar.
	records   []Record
	committed int     // how many of the records are in the sidecar
	handed    int     // how many of them a commit has taken: these never change
	written   int64   // bytes in the data file, an unfinished frame included
	end       int64   // where the last whole frame ends
	lastSeq   int64   // FirstSeq-1 while empty
	firstNano int64   // arrival of the first batch, 0 while empty
	bounds    []int64 // once the records are dropped: offsets that no frame crosses

	data   *os.File // nil unless the segment is active
	idx    *index   // nil unless the segment is active
	unread int      // how often its sidecar could not be read
	resync resync
}

// resync is what has to be written again before it is synced, as the last sync
// failed. Only the holder of the Log's commitMu touches it.
type resync struct {
	data  int64 // up to this offset, from the last record in the sidecar on
	index bool  // all of the sidecar
}

func (s *segment) path(ext string) string {
	return filepath.Join(s.dir, segmentName(s.header.SegmentSeq, ext))
}

// name is the path of the segment's data; of a gap, that of its header.
func (s *segment) name() string { return s.nameIn(s.phase) }

// nameIn is name for a phase.
func (s *segment) nameIn(p phase) string {
	gap := s.header.Gap != nil
	switch {
	case p == archived && gap:
		return s.path(extGapArchived)
	case p == archived:
		return s.path(extArchived)
	case gap:
		return s.path(extGap)
	case p == filling, p == rolled:
		return s.path(extActive)
	}
	return s.path(extSealed)
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

// openRecord returns the batch that may take more data, or nil.
func (s *segment) openRecord() *Record {
	last := len(s.records) - 1
	if last < s.handed || s.records[last].kind != kindBatch {
		return nil
	}
	return &s.records[last]
}

// extend adds whole frames that end the data so far.
func (s *segment) extend(frames []byte, entries, arrivalNano int64) {
	r := s.openRecord()
	if r == nil || r.Length+int64(len(frames)) > maxRecordBytes && r.Length > 0 {
		s.records = append(s.records, Record{
			kind: kindBatch, Offset: s.end, FirstSeq: s.lastSeq + 1, ArrivalNano: arrivalNano,
		})
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
	s.handed = len(s.records)
	return slices.Clone(s.records[s.committed:])
}

// index is the sidecar's file, to which records are appended.
type index struct {
	mu      sync.Mutex
	f       *os.File
	end     int64
	buf     []byte
	head    []byte   // the header
	sources []placed // the source records

	last uint32 // the last source record's; guarded by the Log's mu
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
	s := &segment{dir: dir, header: h, unsynced: dirtyIndex | dirtyNames, lastSeq: h.FirstSeq - 1}
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
