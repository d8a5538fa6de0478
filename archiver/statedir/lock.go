package statedir

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"

	"golang.org/x/sys/unix"

	"github.com/coldtail/coldtail/archiver/durable"
)

// lockState makes a state directory, if there is none, and locks it. If RemoveFinished
// removes the directory before it is locked, it is made again.
func lockState(dir string) (*os.File, error) {
	for {
		if err := durable.MkdirAll(filepath.Join(dir, spoolDir), 0o700); err != nil {
			return nil, fmt.Errorf("open state directory: %w", err)
		}
		lock, err := openLock(dir, os.O_CREATE)
		if errors.Is(err, os.ErrNotExist) {
			continue
		}
		if err != nil {
			return nil, err
		}
		held, err1 := lock.Stat()
		there, err2 := os.Stat(lock.Name())
		if err1 == nil && err2 == nil && os.SameFile(held, there) {
			return lock, nil
		}
		if err := errors.Join(err1, lock.Close()); err != nil {
			return nil, fmt.Errorf("open state directory: %w", err)
		}
	}
}

// openLock opens a state's lock file, with flags, and locks it.
func openLock(dir string, flags int) (*os.File, error) {
	lock, err := os.OpenFile(filepath.Join(dir, lockFile), os.O_RDWR|flags|unix.O_CLOEXEC, 0o600)
	if err != nil {
		return nil, fmt.Errorf("open state directory: %w", err)
	}
	if err := unix.Flock(int(lock.Fd()), unix.LOCK_EX|unix.LOCK_NB); err != nil {
		lock.Close()
		return nil, fmt.Errorf("lock state directory %s: another coldtail uses it (choose another one with --state): %w", dir, err)
	}
	return lock, nil
}
