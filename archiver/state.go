package archiver

import (
	"crypto/rand"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"time"

	"golang.org/x/sys/unix"

	"github.com/coldtail/coldtail/archiver/durable"
)

// Names in the state directory.
const (
	lockFile  = "lock"
	stateFile = "state.json"
	spoolDir  = "spool"
	encodeDir = "tmp"
)

// state is what identifies a state directory: state.json.
type state struct {
	SpoolID string    `json:"spool_id"` // 16 hexadecimal digits
	Created time.Time `json:"created"`
	BootID  string    `json:"boot_id"` // of the kernel that ran last
}

// openState locks the directory and reads or makes its identity. sameBoot tells
// that the machine has not gone down since the directory was last used.
func openState(dir string, now time.Time) (st state, sameBoot bool, lock *os.File, err error) {
	if err := durable.MkdirAll(filepath.Join(dir, spoolDir), 0o700); err != nil {
		return st, false, nil, fmt.Errorf("open state directory: %w", err)
	}
	lock, err = os.OpenFile(filepath.Join(dir, lockFile), os.O_RDWR|os.O_CREATE|unix.O_CLOEXEC, 0o600)
	if err != nil {
		return st, false, nil, fmt.Errorf("open state directory: %w", err)
	}
	if err := unix.Flock(int(lock.Fd()), unix.LOCK_EX|unix.LOCK_NB); err != nil {
		lock.Close()
		return st, false, nil, fmt.Errorf("lock state directory %s: another coldtail uses it (choose another one with --state): %w", dir, err)
	}
	st, sameBoot, err = loadState(dir, now)
	if err != nil {
		lock.Close()
		return st, false, nil, err
	}
	// Chunks that were being encoded when the process died.
	if err := os.RemoveAll(filepath.Join(dir, encodeDir)); err != nil {
		lock.Close()
		return st, false, nil, fmt.Errorf("clean state directory: %w", err)
	}
	return st, sameBoot, lock, nil
}

func loadState(dir string, now time.Time) (st state, sameBoot bool, err error) {
	boot, err := bootID()
	if err != nil {
		return st, false, err
	}
	path := filepath.Join(dir, stateFile)
	b, err := os.ReadFile(path)
	switch {
	case err == nil:
		if err := json.Unmarshal(b, &st); err != nil || !validSpoolID(st.SpoolID) {
			return st, false, fmt.Errorf("read %s: it is damaged; remove it to go on with a new spool id: %w", path, errors.Join(err, errors.New("no spool id")))
		}
	case errors.Is(err, os.ErrNotExist):
		var id [8]byte
		_, _ = rand.Read(id[:]) // never fails
		st = state{SpoolID: hex.EncodeToString(id[:]), Created: now.UTC()}
	default:
		return st, false, fmt.Errorf("read state: %w", err)
	}
	sameBoot = st.BootID == boot
	if sameBoot {
		return st, true, nil
	}
	st.BootID = boot
	if b, err = json.Marshal(st); err != nil {
		return st, false, fmt.Errorf("encode state: %w", err)
	}
	return st, false, durable.WriteFile(path, append(b, '\n'), 0o600)
}

func validSpoolID(s string) bool {
	b, err := hex.DecodeString(s)
	return err == nil && len(b) == 8 && strings.ToLower(s) == s
}

func bootID() (string, error) {
	b, err := os.ReadFile("/proc/sys/kernel/random/boot_id")
	if err != nil {
		return "", fmt.Errorf("read the kernel's boot id: %w", err)
	}
	return strings.TrimSpace(string(b)), nil
}
