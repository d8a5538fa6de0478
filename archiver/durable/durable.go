package durable

import (
	"crypto/rand"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"syscall"
)

// Files are the files of the whole file system, or of a folder: see [In].
type Files struct{ system }

// system is what an [os.Root] has for the files in it.
type system interface {
	OpenFile(name string, flag int, perm fs.FileMode) (*os.File, error)
	Mkdir(name string, perm fs.FileMode) error
	Rename(oldName, newName string) error
	Remove(name string) error
	Stat(name string) (fs.FileInfo, error)
}

// In returns the files in a folder. Paths are relative to it, and no link leads
// out of it.
func In(root *os.Root) Files { return Files{root} }

// all is the whole file system.
var all = Files{whole{}}

type whole struct{}

func (whole) OpenFile(name string, flag int, perm fs.FileMode) (*os.File, error) {
	return os.OpenFile(name, flag, perm)
}
func (whole) Mkdir(name string, perm fs.FileMode) error { return os.Mkdir(name, perm) }
func (whole) Rename(oldName, newName string) error      { return os.Rename(oldName, newName) }
func (whole) Remove(name string) error                  { return os.Remove(name) }
func (whole) Stat(name string) (fs.FileInfo, error)     { return os.Stat(name) }

// ErrUnsynced reports that a file has its new name, but that a power loss may take
// it back.
var ErrUnsynced = errors.New("cannot make a file's name durable")

// tempPrefix starts the names of unfinished files.
const tempPrefix = ".tmp-"

// IsTemp reports whether a file of this name (not path) is one that this package did
// not finish. After a crash the owner of its directory may remove it.
func IsTemp(name string) bool { return strings.HasPrefix(name, tempPrefix) }

// WriteFile makes path a file with this content and replaces one that is there.
// After an error, path is what it was; after ErrUnsynced it is complete.
func WriteFile(path string, data []byte, perm fs.FileMode) error {
	return Write(path, perm, func(w io.Writer) error {
		_, err := w.Write(data)
		return err
	})
}

// Write is WriteFile for content that write produces.
func Write(path string, perm fs.FileMode, write func(w io.Writer) error) error {
	tmp, err := all.WriteTemp(filepath.Dir(path), perm, write)
	if err != nil {
		return err
	}
	if err := Rename(tmp, path); err != nil {
		_ = os.Remove(tmp) // is gone if only the directory's fsync failed
		return err
	}
	return nil
}

// Rename renames a file, replacing newPath if it exists, and syncs the
// directories that it changed. The file's content must be synced already. With
// ErrUnsynced, newPath is the file.
func Rename(oldPath, newPath string) error { return all.Rename(oldPath, newPath) }

// SyncDir makes the creation, renaming and removal of names in dir durable. File
// systems that cannot sync directories are not an error.
func SyncDir(dir string) error { return all.SyncDir(dir) }

// MkdirAll creates dir and the parents that it lacks, durably.
func MkdirAll(dir string, perm fs.FileMode) error { return all.MkdirAll(dir, perm) }

// WriteTemp writes and syncs a file of a fresh name in dir and returns its
// path, for a later Rename within the same file system. It leaves no file after an error.
func (fsys Files) WriteTemp(dir string, perm fs.FileMode, write func(w io.Writer) error) (string, error) {
	path := filepath.Join(dir, tempPrefix+rand.Text())
	f, err := fsys.OpenFile(path, os.O_RDWR|os.O_CREATE|os.O_EXCL, 0o600)
	if err != nil {
		return "", fmt.Errorf("create temporary file: %w", err)
	}
	if err := fill(f, perm, write); err != nil {
		_ = fsys.Remove(path)
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

// Rename is [Rename] for these files.
func (fsys Files) Rename(oldPath, newPath string) error {
	if err := fsys.system.Rename(oldPath, newPath); err != nil {
		return err
	}
	newDir, oldDir := filepath.Dir(newPath), filepath.Dir(oldPath)
	// The new name first: a crash in between leaves two names rather than none.
	err := fsys.SyncDir(newDir)
	if err == nil && oldDir != newDir {
		err = fsys.SyncDir(oldDir)
	}
	if err != nil {
		return fmt.Errorf("%w: %w", ErrUnsynced, err)
	}
	return nil
}

// SyncDir is [SyncDir] for these files.
func (fsys Files) SyncDir(dir string) error {
	d, err := fsys.OpenFile(dir, os.O_RDONLY, 0)
	if err != nil {
		return err
	}
	err = d.Sync()
	if cerr := d.Close(); err == nil {
		err = cerr
	}
	// CIFS answers EINVAL and some FUSE file systems ENOTSUP: they sync names by
	// themselves or not at all.
	if errors.Is(err, syscall.ENOTSUP) || errors.Is(err, syscall.EINVAL) {
		return nil
	}
	return err
}

// MkdirAll is [MkdirAll] for these files.
func (fsys Files) MkdirAll(dir string, perm fs.FileMode) error {
	dir = filepath.Clean(dir)
	if info, err := fsys.Stat(dir); err == nil {
		if info.IsDir() {
			return nil
		}
		return &fs.PathError{Op: "mkdir", Path: dir, Err: syscall.ENOTDIR}
	}
	parent := filepath.Dir(dir)
	if parent != dir {
		if err := fsys.MkdirAll(parent, perm); err != nil {
			return err
		}
	}
	if err := fsys.Mkdir(dir, perm); err != nil && !errors.Is(err, fs.ErrExist) {
		return err
	}
	return fsys.SyncDir(parent)
}
