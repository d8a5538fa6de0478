package spool

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"

	"github.com/coldtail/coldtail/archiver/durable"
	"github.com/coldtail/coldtail/archiver/spool/archivedlog"
)

// Commit makes durable what Fill brought so far: it syncs the data, then writes
// its records and syncs these. It then seals the segments that were closed.
// It waits for the disk, Fill does not wait for it.
func (l *Log) Commit() error {
	l.commitMu.Lock()
	defer l.commitMu.Unlock()
	var errs []error
	for _, s := range l.uncommitted() {
		err := l.commit(s)
		if err == nil && l.sealable(s) {
			err = l.seal(s)
		}
		errs = append(errs, err)
		if err != nil && s.header.Gap != nil && s.unsynced.has(dirtyNames) {
			break // a segment that has records says that the gaps before it are there
		}
	}
	return errors.Join(append(errs, l.commitDropping())...)
}

// uncommitted returns the segments of which something is not durable yet.
func (l *Log) uncommitted() (todo []*segment) {
	l.mu.Lock()
	defer l.mu.Unlock()
	for _, s := range l.segments {
		if s.phase == rolled || s.dirty() != 0 {
			todo = append(todo, s)
		}
	}
	l.forgetTail(len(todo) > 0)
	return todo
}

// sealable reports whether a segment was closed and all its records are written.
// It may have been closed, with more entries, while it was being committed:
// then it is the next commit's.
func (l *Log) sealable(s *segment) bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	return s.phase == rolled && !s.dirty().has(dirtyData)
}

// forgetTail frees the memory of a container that has been silent for some
// commits. Called with mu held.
func (l *Log) forgetTail(busy bool) {
	if busy {
		l.idle = 0
		return
	}
	if l.idle++; l.idle > 4 && l.active != nil && !l.active.torn() {
		l.tail = nil
	}
}

// commit syncs one segment. Called with commitMu held.
func (l *Log) commit(s *segment) error {
	if err := l.writeReserved(s); err != nil {
		return err
	}
	if recs := l.hand(s); len(recs) > 0 {
		if err := l.syncData(s, recs); err != nil {
			return err
		}
		l.step("data", s.path(extActive))
		if err := s.idx.append(recs...); err != nil {
			return full(err)
		}
		// Written, if not yet synced: a retry must not write them again.
		l.locked(func() {
			s.committed += len(recs)
			s.unsynced |= dirtyIndex
		})
		l.step("records", s.path(extIndex))
	}
	return l.syncNames(s)
}

// hand is segment.hand for the committer.
func (l *Log) hand(s *segment) []Record {
	l.mu.Lock()
	defer l.mu.Unlock()
	return s.hand()
}

// syncNames makes a segment's records, and its names if they are new, durable.
// Called with commitMu held.
func (l *Log) syncNames(s *segment) error {
	if s.unsynced == 0 {
		return nil
	}
	if s.unsynced.has(dirtyIndex) {
		if err := l.syncIndex(s); err != nil {
			return err
		}
		l.step("index", s.path(extIndex))
	}
	if s.unsynced.has(dirtyNames) {
		if err := l.syncDirs(); err != nil {
			return err
		}
	}
	if s.unsynced.has(unreplaced) {
		if err := s.removeReplaced(); err != nil {
			return err
		}
	}
	l.locked(func() {
		s.unsynced = 0
		if s.phase == sealing {
			l.enter(s, sealed)
		}
	})
	l.step("commit", l.cfg.Dir)
	return nil
}

// syncDirs makes the names in the log's directory durable, and its own.
// Called with commitMu held.
func (l *Log) syncDirs() error {
	if err := durable.SyncDir(l.cfg.Dir); err != nil {
		return err
	}
	found := false
	l.locked(func() { found = l.found })
	if found {
		return nil
	}
	if err := durable.SyncDir(filepath.Dir(l.cfg.Dir)); err != nil {
		return err
	}
	l.locked(func() { l.found = true })
	return nil
}

// seal ends a committed segment: its file gets the name that says so. An
// unfinished frame never gets here, an empty segment is removed.
func (l *Log) seal(s *segment) error {
	if s.entries() == 0 {
		return l.remove(s)
	}
	if err := l.checkFiles(s); err != nil {
		return full(err)
	}
	l.step("seal", s.path(extActive))
	if err := l.nameSealed(s); err != nil {
		return full(fmt.Errorf("seal segment: %w", err))
	}
	l.step("sealed", s.path(extSealed))
	// Until then it is not Pending: a segment that was archived must not come
	// back active after a power loss, and take more entries.
	return l.syncNames(s)
}

// nameSealed gives a segment the name of a sealed one.
func (l *Log) nameSealed(s *segment) error {
	l.mu.Lock()
	defer l.mu.Unlock()
	if err := os.Rename(s.path(extActive), s.path(extSealed)); err != nil {
		return err
	}
	l.enter(s, sealing)
	s.unsynced = dirtyNames
	// Its records are read from the sidecar from now on.
	s.forget()
	return s.closeFiles()
}

// lastSeq is the number given last. Called with mu held.
func (l *Log) lastSeq() int64 {
	if l.active != nil {
		return l.active.lastSeq
	}
	return max(l.stream.LastSeq, l.stream.Floor-1)
}

// Pending returns the numbers of the segments that wait to be archived, oldest first.
func (l *Log) Pending() []int64 {
	l.mu.Lock()
	defer l.mu.Unlock()
	var out []int64
	for _, s := range l.segments {
		if s.phase == sealed {
			out = append(out, s.header.SegmentSeq)
		}
	}
	return out
}

// Archived records that the objects of a sealed segment, read through v, are in
// the bucket. The segment stays as a local copy until Evict removes it. ErrGone
// reports that the segment was dropped meanwhile.
func (l *Log) Archived(v *View, objs []Object) error {
	l.commitMu.Lock()
	defer l.commitMu.Unlock()
	s := l.find(v.Header.SegmentSeq)
	if s == nil || s.phase != sealed || (s.header.Gap == nil) != (v.Header.Gap == nil) {
		return fmt.Errorf("archive segment %d: %w", v.Header.SegmentSeq, ErrGone)
	}
	// The list first: a segment that is listed but still sealed is archived
	// again, under the same keys.
	if err := archivedlog.Append(l.cfg.Dir, objs); err != nil {
		return full(err)
	}
	l.step("listed", l.cfg.Dir)
	switch err := l.release(s); {
	case errors.Is(err, os.ErrNotExist):
		return l.releaseMissing(s)
	case err != nil:
		return full(fmt.Errorf("archive segment: %w", err))
	}
	l.step("released", s.name())
	return durable.SyncDir(l.cfg.Dir)
}

// release gives a segment the name of an archived one.
func (l *Log) release(s *segment) error {
	l.mu.Lock()
	defer l.mu.Unlock()
	err := os.Rename(s.name(), s.nameIn(archived))
	if err == nil {
		l.enter(s, archived)
	}
	return err
}

// releaseMissing is for a segment whose file was removed while the process ran:
// there is no local copy of it, nor may there be of what is older, as what is
// local has to be in one piece. Called with commitMu held.
func (l *Log) releaseMissing(s *segment) error {
	for _, o := range l.releasedUpTo(s) {
		if err := l.remove(o); err != nil {
			return err
		}
	}
	return nil
}

// releasedUpTo marks s as archived, and returns the archived segments up to it.
func (l *Log) releasedUpTo(s *segment) (out []*segment) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.enter(s, archived)
	for _, o := range l.segments {
		if o.phase == archived && o.header.SegmentSeq <= s.header.SegmentSeq {
			out = append(out, o)
		}
	}
	return out
}

func (l *Log) find(segmentSeq int64) *segment {
	l.mu.Lock()
	defer l.mu.Unlock()
	for _, s := range l.segments {
		if s.header.SegmentSeq == segmentSeq {
			return s
		}
	}
	return nil
}

// Close commits and closes the files. The log cannot be used afterwards, but
// what Snapshot gave stays readable.
func (l *Log) Close() error {
	err := l.Commit()
	l.commitMu.Lock()
	defer l.commitMu.Unlock()
	l.mu.Lock()
	defer l.mu.Unlock()
	l.closed = true
	l.wake()
	for _, s := range l.segments {
		err = errors.Join(err, s.closeFiles())
	}
	return err
}

// Waiting returns how many segments have entries up to number seq and are not
// archived: the active one is counted, and those of a newer version.
func (l *Log) Waiting(seq int64) int {
	l.mu.Lock()
	defer l.mu.Unlock()
	n := l.newerPending()
	for _, s := range l.segments {
		if s.phase != archived && s.entries() > 0 && s.header.FirstSeq <= seq {
			n++
		}
	}
	return n
}
