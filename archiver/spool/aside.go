package spool

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"golang.org/x/sys/unix"

	"github.com/coldtail/coldtail/archiver/durable"
)

// AsideFile is a file in a log's quarantine.
type AsideFile struct {
	Path      string
	SizeBytes int64
	Modified  time.Time
	// Unarchived reports whether entries were in it that are not in the bucket.
	// Of other files the bucket has all, or they hold no entries.
	Unarchived bool
}

// Aside lists what lies in the quarantine of the log in dir.
func Aside(dir string) ([]AsideFile, error) {
	des, err := os.ReadDir(filepath.Join(dir, quarantineDir))
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, fmt.Errorf("look into a quarantine: %w", err)
	}
	var out []AsideFile
	for _, de := range des {
		fi, err := de.Info()
		if errors.Is(err, fs.ErrNotExist) {
			continue
		}
		if err != nil {
			return nil, fmt.Errorf("look into a quarantine: %w", err)
		}
		out = append(out, AsideFile{
			Path: filepath.Join(dir, quarantineDir, de.Name()), SizeBytes: fi.Size(), Modified: fi.ModTime(), Unarchived: unarchived(de.Name()),
		})
	}
	return out, nil
}

// asideName is a file's name in the quarantine: id keeps files of one name apart,
// as a segment's number may be given again.
func asideName(id int64, name string) string { return fmt.Sprintf("%d-%s", id, name) }

// asideBase is asideName's inverse. Names were not always made by it.
func asideBase(name string) string {
	if _, rest, ok := strings.Cut(name, "-"); ok {
		return rest
	}
	return name
}

func unarchived(name string) bool {
	name = asideBase(name)
	if name == DroppingFile {
		return true
	}
	_, p, _, ok := parseSegmentName(name)
	return ok && p != archived
}

// quarantine moves a file; syncQuarantine makes that durable.
func (l *Log) quarantine(name string) error {
	dir := filepath.Join(l.cfg.Dir, quarantineDir)
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return fmt.Errorf("quarantine %s: %w", name, err)
	}
	for id := l.cfg.Now().UnixNano(); ; id++ {
		to := filepath.Join(dir, asideName(id, name))
		err := unix.Renameat2(unix.AT_FDCWD, filepath.Join(l.cfg.Dir, name), unix.AT_FDCWD, to, unix.RENAME_NOREPLACE)
		if errors.Is(err, unix.EINVAL) || errors.Is(err, unix.ENOSYS) { // a file system that does not know the flag
			if _, err = os.Lstat(to); err == nil {
				continue
			}
			err = os.Rename(filepath.Join(l.cfg.Dir, name), to)
		}
		switch {
		case errors.Is(err, fs.ErrExist):
		case err != nil && !errors.Is(err, fs.ErrNotExist):
			return fmt.Errorf("quarantine %s: %w", name, err)
		default:
			return nil
		}
	}
}

func (l *Log) syncQuarantine() error {
	return errors.Join(durable.SyncDir(filepath.Join(l.cfg.Dir, quarantineDir)), durable.SyncDir(l.cfg.Dir))
}

// keep links a file of the log in dir into its quarantine, as it is now. A link
// to the same file is not made twice.
func keep(dir, file, name string, id int64) error {
	aside := filepath.Join(dir, quarantineDir)
	if err := durable.MkdirAll(aside, 0o700); err != nil {
		return err
	}
	for ; ; id++ {
		to := filepath.Join(aside, asideName(id, name))
		err := os.Link(file, to)
		if errors.Is(err, unix.EPERM) || errors.Is(err, unix.EOPNOTSUPP) || errors.Is(err, unix.ENOSYS) {
			err = copyFile(file, to) // a file system without links
		}
		if !errors.Is(err, fs.ErrExist) {
			return err
		}
		was, err1 := os.Lstat(to)
		is, err2 := os.Lstat(file)
		if err := errors.Join(err1, err2); err != nil {
			return err
		}
		if os.SameFile(was, is) {
			return nil
		}
	}
}

// copyFile copies a file to one that does not exist.
func copyFile(from, to string) (err error) {
	if _, err := os.Lstat(to); err == nil {
		return fs.ErrExist
	}
	src, err := os.Open(from)
	if err != nil {
		return err
	}
	defer src.Close()
	return durable.Write(to, 0o600, func(w io.Writer) error {
		_, err := io.Copy(w, src)
		return err
	})
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
		err := keep(l.cfg.Dir, f.file, segmentName(segmentSeq, f.ext), s.header.CreatedNano)
		if err != nil && !errors.Is(err, fs.ErrNotExist) { // what somebody removed cannot be kept
			return fmt.Errorf("keep segment: %w", full(err))
		}
	}
	return durable.SyncDir(filepath.Join(l.cfg.Dir, quarantineDir))
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
	return errors.Join(l.moveAside(s), l.syncQuarantine())
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
