package statedir

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"time"

	"golang.org/x/sys/unix"

	"github.com/coldtail/coldtail/archiver/durable"
	"github.com/coldtail/coldtail/archiver/spool"
	"github.com/coldtail/coldtail/codec"
)

// RemoveFinished removes a state directory that was last used before the time, if
// everything in it is archived and its quarantine is empty. It reports whether it
// did. A directory that a process uses stays.
func RemoveFinished(stateDir string, before time.Time) (removed bool, err error) {
	if filepath.Ext(stateDir) == removedExt { // a crash left it
		return true, os.RemoveAll(stateDir)
	}
	if used, err := lastUsed(stateDir); err != nil || !used.Before(before) {
		return false, err
	}
	lock, err := openLock(stateDir, 0)
	switch {
	case errors.Is(err, unix.EWOULDBLOCK), errors.Is(err, os.ErrNotExist):
		return false, nil
	case err != nil:
		return false, err
	}
	defer lock.Close()
	// Again: a process may have used it until it was locked.
	used, err := lastUsed(stateDir)
	if err != nil || !used.Before(before) {
		return false, err
	}
	if all, err := allArchived(stateDir); err != nil || !all || newerState(stateDir) {
		return false, err
	}
	// One rename decides: half of a state would be taken for a damaged one.
	gone := stateDir + removedExt
	if err := errors.Join(os.RemoveAll(gone), os.Rename(stateDir, gone)); err != nil {
		return false, fmt.Errorf("remove a finished state: %w", err)
	}
	return true, errors.Join(durable.SyncDir(filepath.Dir(stateDir)), os.RemoveAll(gone))
}

// lastUsed returns when a process last used a state. Each process marks that; one of
// the first release only wrote the identity. A directory that is not a state, or not
// yet, counts as always in use.
func lastUsed(stateDir string) (time.Time, error) {
	for _, name := range []string{useFile, stateFile} {
		fi, err := os.Stat(filepath.Join(stateDir, name))
		if err == nil {
			return fi.ModTime(), nil
		}
		if !errors.Is(err, os.ErrNotExist) {
			return time.Time{}, fmt.Errorf("look at a state: %w", err)
		}
	}
	return time.Unix(1<<40, 0), nil
}

// newerState reports whether a later version wrote the state's files. What else it
// keeps there is unknown.
func newerState(stateDir string) bool {
	_, uerr := readUse(stateDir)
	b, _ := os.ReadFile(filepath.Join(stateDir, stateFile)) // what cannot be read is not newer
	_, serr := parseState(b)
	return errors.Is(uerr, codec.ErrNewer) || errors.Is(serr, codec.ErrNewer)
}

// allArchived reports whether everything in a state is archived.
func allArchived(stateDir string) (bool, error) {
	ids, err := Path(stateDir).logs()
	if err != nil {
		return false, err
	}
	for _, id := range ids {
		dir := Path(stateDir).Log(id)
		aside, err := spool.Aside(dir)
		if err != nil || len(aside) > 0 || spool.HasWaiting(dir) {
			return false, err
		}
	}
	return true, nil
}
