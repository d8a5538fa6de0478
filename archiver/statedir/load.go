package statedir

import (
	"encoding/hex"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/coldtail/coldtail/archiver/durable"
)

// loadState reads the identity, or makes one. A state that was put back gets a new
// one, too. One of the two files may be damaged; it is written again.
func loadState(dir string, now time.Time, log *slog.Logger) (st state, sameBoot bool, err error) {
	boot, err := bootID()
	if err != nil {
		return st, false, err
	}
	st, whole, err := readState(dir, log)
	fresh := errors.Is(err, os.ErrNotExist)
	if fresh {
		st, err = state{SpoolID: newSpoolID(), Created: now.UTC()}, nil
	}
	if err != nil {
		return st, false, err
	}
	u, why, err := openUse(dir, &st, fresh, now)
	if err != nil {
		return st, false, err
	}
	if why != "" {
		// The list may be younger than the logs.
		if err := os.Remove(filepath.Join(dir, finishedFile)); err != nil && !errors.Is(err, os.ErrNotExist) {
			return st, false, fmt.Errorf("read state: %w", err)
		}
		log.Warn("the state may know less than was archived from it: it goes on with a new spool id", "state", dir, "why", why, "spool", st.SpoolID)
	}
	if sameBoot = st.BootID == boot; !sameBoot || !whole || why != "" {
		st.BootID = boot
		if err := st.write(dir); err != nil {
			return st, false, err
		}
	}
	st.use = u
	if err := st.use.leaveMark(dir, now); err != nil { // its disk may be full
		log.Error("cannot note that the state is in use", "err", err)
	}
	return st, sameBoot, nil
}

// readState returns the first of the two files' content that is whole, and
// whether both are, and the same.
func readState(dir string, log *slog.Logger) (st state, whole bool, err error) {
	found := false
	copies, err := durable.ReadCopies(func(b []byte) error {
		one, err := parseState(b)
		if err == nil && !found {
			st, found = one, true
		}
		return err
	}, filepath.Join(dir, stateFile), filepath.Join(dir, stateCopyFile))
	switch {
	case errors.Is(err, os.ErrNotExist):
		return state{}, false, os.ErrNotExist
	case err != nil: // also where one is newer, and the other is not
		return state{}, false, fmt.Errorf("read state %w", err)
	case !found:
		return st, false, fmt.Errorf("read state: damaged, and no copy is whole: remove %s to go on with a new spool id", strings.Join(copies.Damaged, " and "))
	case copies.Damaged != nil:
		log.Error("a file of the state was damaged: writing it again from the other", "file", copies.Damaged[0])
	}
	return st, copies.Same, nil
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
