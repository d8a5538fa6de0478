package quarantine

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"time"

	"golang.org/x/sys/unix"

	"github.com/coldtail/coldtail/archiver/durable"
)

// Dir is the quarantine's name in a log's folder.
const Dir = "quarantine"

// File is a file in a quarantine.
type File struct {
	Path      string
	Name      string // what it was called before
	SizeBytes int64
	Modified  time.Time
}

// Files lists the quarantine of the log in dir.
func Files(dir string) ([]File, error) {
	des, err := os.ReadDir(filepath.Join(dir, Dir))
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, fmt.Errorf("look into a quarantine: %w", err)
	}
	var out []File
	for _, de := range des {
		fi, err := de.Info()
		if errors.Is(err, fs.ErrNotExist) {
			continue
		}
		if err != nil {
			return nil, fmt.Errorf("look into a quarantine: %w", err)
		}
		out = append(out, File{filepath.Join(dir, Dir, de.Name()), nameBefore(de.Name()), fi.Size(), fi.ModTime()})
	}
	return out, nil
}

// Name is a file's name in the quarantine: id keeps files of one name apart,
// as a segment's number may be given again.
func Name(id int64, name string) string { return fmt.Sprintf("%d-%s", id, name) }

// nameBefore is Name's inverse. Names were not always made by it.
func nameBefore(name string) string {
	if _, rest, ok := strings.Cut(name, "-"); ok {
		return rest
	}
	return name
}

// Move moves the file called name of the log in dir into its quarantine, under the first
// id from id on that is free. Sync makes that durable.
func Move(dir, name string, id int64) error {
	from, aside := filepath.Join(dir, name), filepath.Join(dir, Dir)
	if err := os.MkdirAll(aside, 0o700); err != nil {
		return fmt.Errorf("quarantine %s: %w", name, err)
	}
	for ; ; id++ {
		to := filepath.Join(aside, Name(id, name))
		err := unix.Renameat2(unix.AT_FDCWD, from, unix.AT_FDCWD, to, unix.RENAME_NOREPLACE)
		if errors.Is(err, unix.EINVAL) || errors.Is(err, unix.ENOSYS) { // a file system that does not know the flag
			if _, err = os.Lstat(to); err == nil {
				continue
			}
			err = os.Rename(from, to)
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

// Sync makes durable what was moved.
func Sync(dir string) error {
	return errors.Join(durable.SyncDir(filepath.Join(dir, Dir)), durable.SyncDir(dir))
}

// Keep links a file of the log in dir into its quarantine, as it is now. A link
// to the same file is not made twice.
func Keep(dir, file, name string, id int64) error {
	aside := filepath.Join(dir, Dir)
	if err := durable.MkdirAll(aside, 0o700); err != nil {
		return err
	}
	for ; ; id++ {
		to := filepath.Join(aside, Name(id, name))
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
