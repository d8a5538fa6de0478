// Package durable makes files that are whole or absent after any crash. There
// is one order that does so, and this package is the only place that has it:
//
//	write a temporary file -> fsync it -> rename it -> fsync the directory
//
// Without the first fsync a power loss may leave the new name with no content;
// without the second the rename itself may be forgotten.
package durable

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"syscall"
)

// ErrUnsynced tells that a file has its new name already, but that a power loss
// may still take that back.
var ErrUnsynced = errors.New("cannot make a file's name durable")

// tempPrefix starts the names of unfinished files.
const tempPrefix = ".tmp-"

// IsTemp reports whether a file of this name (not path) is an unfinished one of
// this package's: after a crash it may be removed, by whoever owns its directory.
func IsTemp(name string) bool { return strings.HasPrefix(name, tempPrefix) }

// WriteFile makes path a file with this content, replacing one that is there.
// After an error, path is either what it was or complete; with ErrUnsynced it is
// complete.
func WriteFile(path string, data []byte, perm fs.FileMode) error {
	return Write(path, perm, func(w io.Writer) error {
		_, err := w.Write(data)
		return err
	})
}

// Write is WriteFile for content that write produces.
func Write(path string, perm fs.FileMode, write func(w io.Writer) error) error {
	tmp, err := WriteTemp(filepath.Dir(path), perm, write)
	if err != nil {
		return err
	}
	if err := Rename(tmp, path); err != nil {
		_ = os.Remove(tmp) // is gone if only the directory's fsync failed
		return err
	}
	return nil
}

// WriteTemp writes and syncs a file of a fresh name in dir and returns its
// path, for a later Rename within the same file system. It leaves no file after an error.
func WriteTemp(dir string, perm fs.FileMode, write func(w io.Writer) error) (string, error) {
	f, err := os.CreateTemp(dir, tempPrefix+"*")
	if err != nil {
		return "", fmt.Errorf("create temporary file: %w", err)
	}
	path := f.Name()
	if err := fill(f, perm, write); err != nil {
		_ = os.Remove(path)
		return "", err
	}
	return path, nil
}

// fill writes, syncs and closes f.
func fill(f *os.File, perm fs.FileMode, write func(w io.Writer) error) error {
	err := func() error {
		if err := f.Chmod(perm); err != nil {
			return err
		}
		if err := write(f); err != nil {
			return fmt.Errorf("write %s: %w", f.Name(), err)
		}
		return f.Sync()
	}()
	// A close may report what a write did not, on network file systems.
	if cerr := f.Close(); err == nil {
		err = cerr
	}
	return err
}

// Rename renames a file, replacing newPath if it exists, and syncs the
// directories that it changed. The file's content must be synced already. With
// ErrUnsynced, newPath is the file.
func Rename(oldPath, newPath string) error {
	if err := os.Rename(oldPath, newPath); err != nil {
		return err
	}
	newDir, oldDir := filepath.Dir(newPath), filepath.Dir(oldPath)
	// The new name first: a crash in between leaves two names rather than none.
	err := SyncDir(newDir)
	if err == nil && oldDir != newDir {
		err = SyncDir(oldDir)
	}
	if err != nil {
		return fmt.Errorf("%w: %w", ErrUnsynced, err)
	}
	return nil
}

// SyncDir makes the creation, renaming and removal of names in dir durable. It
// is no error that a file system does not support it.
func SyncDir(dir string) error {
	d, err := os.Open(dir)
	if err != nil {
		return err
	}
	err = d.Sync()
	if cerr := d.Close(); err == nil {
		err = cerr
	}
	// CIFS answers EINVAL, some FUSE file systems ENOTSUP: they sync names on
	// their own or not at all.
	if errors.Is(err, syscall.ENOTSUP) || errors.Is(err, syscall.EINVAL) {
		return nil
	}
	return err
}

// MkdirAll creates dir and the parents that it lacks, durably.
func MkdirAll(dir string, perm fs.FileMode) error {
	dir = filepath.Clean(dir)
	if info, err := os.Stat(dir); err == nil {
		if info.IsDir() {
			return nil
		}
		return &fs.PathError{Op: "mkdir", Path: dir, Err: syscall.ENOTDIR}
	}
	parent := filepath.Dir(dir)
	if parent != dir {
		if err := MkdirAll(parent, perm); err != nil {
			return err
		}
	}
	if err := os.Mkdir(dir, perm); err != nil && !errors.Is(err, fs.ErrExist) {
		return err
	}
	return SyncDir(parent)
}
