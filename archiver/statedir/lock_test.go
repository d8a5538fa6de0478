package statedir // damages and ages files that it alone knows

import (
	"errors"
	"os"
	"path/filepath"
	"testing"
	"time"
)

// TestRemovedMeanwhile: a process that waits for the lock of a state which is removed
// meanwhile gets that of a new state, in a directory that is there.
func TestRemovedMeanwhile(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "state")
	check(t, os.MkdirAll(Path(dir).Spool(), 0o700))
	old, err := openLock(dir, os.O_CREATE)
	check(t, err)
	check(t, os.Rename(dir, dir+removedExt))
	lock, err := lockState(dir)
	check(t, err)
	held, err1 := lock.Stat()
	there, err2 := os.Stat(filepath.Join(dir, lockFile))
	check(t, errors.Join(err1, err2))
	if !os.SameFile(held, there) {
		t.Error("the lock is not the directory's")
	}
	check(t, errors.Join(old.Close(), lock.Close()))
	// What a crash left goes, too.
	if removed, err := RemoveFinished(dir+removedExt, time.Time{}); err != nil || !removed {
		t.Errorf("half removed: %v, %v", removed, err)
	}
}

func check(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}
