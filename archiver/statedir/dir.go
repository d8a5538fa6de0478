package statedir

import (
	"errors"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/coldtail/coldtail/archiver/durable"
	"github.com/coldtail/coldtail/archiver/spool"
	"github.com/coldtail/coldtail/codec"
)

// Dir is a state directory that this process has locked. Its methods may be called
// concurrently.
type Dir struct {
	Path
	now      func() time.Time
	log      *slog.Logger
	lock     *os.File
	started  state // as it was at the start
	sameBoot bool
	forgot   atomic.Int64 // see use.Forgot; Unix nanoseconds, 0 for never

	mu       sync.Mutex
	use      use  // as it is on the disk
	unmarked bool // the last mark could not be made, and that was logged
}

// Open locks a state directory, which is made if it does not exist, and reads its
// identity. What of an encoding an earlier process left in Temp is removed.
func Open(path string, now func() time.Time, log *slog.Logger) (*Dir, error) {
	lock, err := lockState(path)
	if err != nil {
		return nil, err
	}
	d := &Dir{Path: Path(path), now: now, log: log, lock: lock}
	if d.started, d.sameBoot, err = loadState(path, now(), log); err != nil {
		return nil, errors.Join(err, lock.Close())
	}
	if err := os.RemoveAll(d.Temp()); err != nil {
		return nil, errors.Join(fmt.Errorf("clean state directory: %w", err), lock.Close())
	}
	d.use = d.started.use
	d.use.removeMarks(path)
	if !d.use.Forgot.IsZero() {
		d.forgot.Store(codec.UnixNano(d.use.Forgot))
	}
	return d, nil
}

// Close lets another process have the directory.
func (d *Dir) Close() error { return d.lock.Close() }

// SpoolID identifies the state: 16 hexadecimal digits.
func (d *Dir) SpoolID() string { return d.started.SpoolID }

// Created is when the directory was made.
func (d *Dir) Created() time.Time { return d.started.Created }

// BootID identifies the running boot of the kernel.
func (d *Dir) BootID() string { return d.started.BootID }

// SameBoot reports whether the machine has not gone down since the directory was
// last used.
func (d *Dir) SameBoot() bool { return d.sameBoot }

// Renewed reports whether the spool id is not the first.
func (d *Dir) Renewed() bool { return d.started.use.Renewed }

// Away reports whether another state may know of a container that was made then,
// as this one was not in use all the time since, or has forgotten it. The spool
// id is that of its log.
func (d *Dir) Away(spoolID string, created time.Time) bool {
	return d.started.use.away(created) || spoolID != d.SpoolID() && codec.UnixNano(created) <= d.forgot.Load()
}

// Mark makes it durable that the state is in use. That it cannot be done is logged
// once per change.
func (d *Dir) Mark() {
	d.mu.Lock()
	defer d.mu.Unlock()
	err := d.use.leaveMark(string(d.Path), d.now())
	if err != nil && !d.unmarked {
		d.log.Error("cannot note that the state is in use", "err", err)
	}
	d.unmarked = err != nil
}

// Forget makes it durable that containers are forgotten which were made by then.
func (d *Dir) Forget(by time.Time) error {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.use.Forgot = by
	if err := d.use.leaveMark(string(d.Path), by); err != nil {
		return err
	}
	d.forgot.Store(codec.UnixNano(by))
	return nil
}

// Forgot is when containers were forgotten last: Unix nanoseconds, 0 for never.
func (d *Dir) Forgot() int64 { return d.forgot.Load() }

// idDigits is how many digits of a spool id are the state's. The rest distinguishes
// the logs of a container that was forgotten and came back, as each counts its segments
// from 1.
const idDigits = 8

// FreshID is the spool id of a log that begins now.
func (d *Dir) FreshID() string {
	if d.forgot.Load() == 0 {
		return d.SpoolID()
	}
	return d.SpoolID()[:idDigits] + newSpoolID()[idDigits:]
}

// OfState reports whether a log with this spool id began in the state as it is.
func (d *Dir) OfState(spoolID string) bool {
	return strings.HasPrefix(spoolID, d.SpoolID()[:idDigits])
}

// RemoveLog removes the folder of a container if it is finished. For others it is
// removed at once.
func (d *Dir) RemoveLog(containerID string) error {
	dir := d.Log(containerID)
	des, err := os.ReadDir(dir)
	if errors.Is(err, os.ErrNotExist) {
		return nil
	}
	if err != nil || !spool.Finished(des) {
		return err
	}
	if err := durable.MkdirAll(d.Temp(), 0o700); err != nil {
		return fmt.Errorf("forget a finished container: %w", err)
	}
	gone := filepath.Join(d.Temp(), "forgotten-"+containerID)
	if err := os.Rename(dir, gone); err != nil {
		return fmt.Errorf("forget a finished container: %w", err)
	}
	return os.RemoveAll(gone)
}
