package spool

import (
	"errors"
	"fmt"
	"io/fs"
	"path/filepath"
	"slices"

	"github.com/coldtail/coldtail/archiver/durable"
	"github.com/coldtail/coldtail/archiver/spool/quarantine"
)

// AsideFile is a file in a log's quarantine.
type AsideFile struct {
	quarantine.File
	// Unarchived reports whether entries were in it that are not in the bucket.
	// Of other files the bucket has all, or they hold no entries.
	Unarchived bool
}

// Aside lists what lies in the quarantine of the log in dir.
func Aside(dir string) (out []AsideFile, err error) {
	files, err := quarantine.Files(dir)
	for _, f := range files {
		_, p, _, ok := parseSegmentName(f.Name)
		out = append(out, AsideFile{f, f.Name == DroppingFile || ok && p != archived})
	}
	return out, err
}

// quarantine moves a file aside; quarantine.Sync makes that durable.
func (l *Log) quarantine(name string) error {
	return quarantine.Move(l.cfg.Dir, name, l.cfg.Now().UnixNano())
}

// KeepCopy links a sealed segment into the quarantine, where it stays when the
// log is done with it.
func (l *Log) KeepCopy(segmentSeq int64) error {
	l.commitMu.Lock()
	defer l.commitMu.Unlock()
	s := l.find(segmentSeq)
	if s == nil {
		return fmt.Errorf("keep segment %d: %w", segmentSeq, ErrGone)
	}
	for _, f := range []struct{ file, ext string }{{s.name(), extSealed}, {s.path(extIndex), extIndex}} {
		err := quarantine.Keep(l.cfg.Dir, f.file, segmentName(segmentSeq, f.ext), s.header.CreatedNano)
		if err != nil && !errors.Is(err, fs.ErrNotExist) { // what somebody removed cannot be kept
			return fmt.Errorf("keep segment: %w", full(err))
		}
	}
	return durable.SyncDir(filepath.Join(l.cfg.Dir, quarantine.Dir))
}

// Quarantine puts a sealed segment aside that cannot be archived, with its bytes
// kept. Its numbers become a hole: Drop leaves a gap in its place.
func (l *Log) Quarantine(segmentSeq int64) error {
	l.commitMu.Lock()
	defer l.commitMu.Unlock()
	s := l.find(segmentSeq)
	if s == nil || s.phase < sealing {
		return fmt.Errorf("quarantine segment %d: it is not sealed", segmentSeq)
	}
	// Its numbers must not be given again.
	if err := l.writeState(nil); err != nil {
		return full(err)
	}
	return errors.Join(l.moveAside(s), quarantine.Sync(l.cfg.Dir))
}

func (l *Log) moveAside(s *segment) error {
	l.mu.Lock()
	defer l.mu.Unlock()
	if err := l.quarantine(filepath.Base(s.name())); err != nil {
		return err
	}
	l.segments = slices.DeleteFunc(l.segments, func(o *segment) bool { return o == s })
	l.changed()
	if s.header.Gap != nil {
		return nil
	}
	return l.quarantine(segmentName(s.header.SegmentSeq, extIndex))
}
