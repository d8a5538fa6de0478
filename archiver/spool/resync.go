package spool

import (
	"fmt"
	"hash/crc32"
	"slices"

	"golang.org/x/sys/unix"
)

// A sync that fails says that some of what was written is not on the disk, but
// not what. The kernel then counts the pages as clean: the next sync of the same
// file succeeds without writing them. So whatever was not synced before is
// written again first, from memory or, if its checksum holds, from the page
// cache, and only then synced. A process that is started while its spool is
// still in the page cache cannot know whether its predecessor was told of such a
// failure, and writes again too.

// syncData syncs the data under the records that are not in the sidecar yet.
// Called with commitMu held.
func (l *Log) syncData(s *segment, recs []Record) error {
	if s.resync.data > 0 {
		if err := l.rewrite(s, recs); err != nil {
			return full(fmt.Errorf("write segment again: %w", err))
		}
	}
	err := unix.Fdatasync(int(s.data.Fd()))
	l.mu.Lock()
	defer l.mu.Unlock()
	if err != nil {
		s.resync.data = s.written
		return full(fmt.Errorf("sync segment: %w", err))
	}
	s.resync.data = 0
	return nil
}

// rewrite writes the data from the first of the records on, up to where it is
// doubtful, once more. If it can no longer be read as it was, it is left
// alone: archiving reports the loss, and the segment takes no more.
func (l *Log) rewrite(s *segment, recs []Record) error {
	end := int64(0)
	for _, r := range recs {
		end = r.end()
		if r.Offset >= s.resync.data {
			break
		}
		b, err := l.wanted(s, r)
		if err != nil {
			l.giveUp(s, r, err)
			continue
		}
		if _, err := s.data.WriteAt(b, r.Offset); err != nil {
			return err
		}
	}
	if end >= s.resync.data {
		return nil
	}
	// An unfinished frame.
	b, err := l.lockedBytes(s, end, s.resync.data)
	if err != nil {
		return err
	}
	_, err = s.data.WriteAt(b, end)
	return err
}

// wanted returns the data under a record as it was when it came.
func (l *Log) wanted(s *segment, r Record) ([]byte, error) {
	b, err := l.lockedBytes(s, r.Offset, r.end())
	if err == nil && r.kind == kindBatch && crc32.Checksum(b, castagnoli) != r.CRC {
		err = fmt.Errorf("checksum mismatch")
	}
	return b, err
}

// giveUp takes note that the disk lost what was under a record.
func (l *Log) giveUp(s *segment, r Record, err error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if s.trouble&lostData == 0 {
		l.cfg.Logger.Error("the disk lost entries before they were synced: reading names them in their place", "container", l.cfg.ContainerID,
			"segment", s.header.SegmentSeq, "first_seq", r.FirstSeq, "entries", r.Entries, "err", err)
	}
	s.trouble |= lostData
	if s == l.active {
		l.rollDue = true
	}
}

// syncIndex syncs the sidecar of an active segment. Called with commitMu held.
func (l *Log) syncIndex(s *segment) error {
	x := s.idx
	if s.resync.index {
		if err := l.rewriteIndex(s); err != nil {
			return full(fmt.Errorf("write sidecar again: %w", err))
		}
	}
	// Without x.mu: Fill takes it where a container's FIFO is a new one.
	err := unix.Fdatasync(int(x.f.Fd()))
	if s.resync.index = err != nil; s.resync.index {
		return full(fmt.Errorf("sync sidecar: %w", err))
	}
	return nil
}

// rewriteIndex writes all of the sidecar once more. Fill, which holds l.mu, may
// wait for x.mu to add a source record: neither is taken within the other here,
// and neither is held while the disk is written.
func (l *Log) rewriteIndex(s *segment) error {
	_, err := s.idx.f.WriteAt(l.indexContent(s), 0)
	return err
}

// indexContent is what is in the sidecar of an active segment. Called with
// commitMu held.
func (l *Log) indexContent(s *segment) []byte { return s.idx.content(l.written(s)) }

// written returns the records that are in the sidecar.
func (l *Log) written(s *segment) []Record {
	l.mu.Lock()
	defer l.mu.Unlock()
	return slices.Clone(s.records[:s.committed])
}

// content is what is in the sidecar: the header, and the records where they are.
func (x *index) content(recs []Record) []byte {
	x.mu.Lock()
	defer x.mu.Unlock()
	b := append(make([]byte, 0, x.end), x.head...)
	sources := x.sources
	for int64(len(b)) < x.end {
		if len(sources) > 0 && sources[0].at == int64(len(b)) {
			b = sources[0].append(b)
			sources = sources[1:]
			continue
		}
		if len(recs) == 0 {
			break
		}
		b = recs[0].append(b)
		recs = recs[1:]
	}
	return b
}
