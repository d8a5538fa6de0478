package archiver

import (
	"bytes"
	"crypto/rand"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"hash/crc32"
	"log/slog"
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

	stateCopyFile = "state-copy.json"
)

// state is what identifies a state directory: state.json, and its copy.
type state struct {
	SpoolID string    `json:"spool_id"` // 16 hexadecimal digits
	Created time.Time `json:"created"`
	BootID  string    `json:"boot_id"` // of the kernel that ran last
	CRC32C  uint32    `json:"crc32c,omitempty"`
}

// openState locks the directory and reads or makes its identity. sameBoot tells
// that the machine has not gone down since the directory was last used.
func openState(dir string, now time.Time, log *slog.Logger) (st state, sameBoot bool, lock *os.File, err error) {
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
	st, sameBoot, err = loadState(dir, now, log)
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

// loadState reads the identity, or makes one. Of its two files, one may be damaged:
// that is written again.
func loadState(dir string, now time.Time, log *slog.Logger) (st state, sameBoot bool, err error) {
	boot, err := bootID()
	if err != nil {
		return st, false, err
	}
	st, whole, err := readState(dir, log)
	if errors.Is(err, os.ErrNotExist) {
		var id [8]byte
		_, _ = rand.Read(id[:]) // never fails
		st, err = state{SpoolID: hex.EncodeToString(id[:]), Created: now.UTC()}, nil
	}
	if err != nil {
		return st, false, err
	}
	if sameBoot = st.BootID == boot; sameBoot && whole {
		return st, true, nil
	}
	st.BootID = boot
	return st, sameBoot, st.write(dir)
}

// readState returns the first of the two files' content that is whole, and
// whether both are, and the same.
func readState(dir string, log *slog.Logger) (st state, whole bool, err error) {
	var found [][]byte
	var bad []string
	for _, name := range []string{stateFile, stateCopyFile} {
		path := filepath.Join(dir, name)
		b, err := os.ReadFile(path)
		if errors.Is(err, os.ErrNotExist) {
			continue
		}
		if err != nil {
			return st, false, fmt.Errorf("read state: %w", err)
		}
		s, ok := parseState(b)
		if !ok {
			bad = append(bad, path)
			continue
		}
		if found == nil {
			st = s
		}
		found = append(found, b)
	}
	switch {
	case found == nil && bad == nil:
		return st, false, os.ErrNotExist
	case found == nil:
		return st, false, fmt.Errorf("read state: damaged, without a copy that is not: remove %s to go on with a new spool id", strings.Join(bad, " and "))
	case bad != nil:
		log.Error("a file of the state was damaged: writing it again from the other", "file", bad[0])
	}
	return st, len(found) == 2 && bytes.Equal(found[0], found[1]), nil
}

// parseState reads a file of the state. One without a checksum is older than
// checksums are.
func parseState(b []byte) (st state, ok bool) {
	dec := json.NewDecoder(bytes.NewReader(b))
	dec.DisallowUnknownFields() // as the checksum's, with its name damaged
	if dec.Decode(&st) != nil || !validSpoolID(st.SpoolID) {
		return state{}, false
	}
	sum, err := st.sum()
	return st, err == nil && (st.CRC32C == 0 || st.CRC32C == sum)
}

// sum is the checksum of the JSON without it; never 0.
func (st state) sum() (uint32, error) {
	st.CRC32C = 0
	b, err := json.Marshal(st)
	return max(1, crc32.Checksum(b, crc32.MakeTable(crc32.Castagnoli))), err
}

func (st state) write(dir string) error {
	sum, err := st.sum()
	if err != nil {
		return fmt.Errorf("encode state: %w", err)
	}
	st.CRC32C = sum
	b, err := json.Marshal(st)
	if err != nil {
		return fmt.Errorf("encode state: %w", err)
	}
	for _, name := range []string{stateFile, stateCopyFile} {
		if err := durable.WriteFile(filepath.Join(dir, name), append(b, '\n'), 0o600); err != nil {
			return fmt.Errorf("write state: %w", err)
		}
	}
	return nil
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
