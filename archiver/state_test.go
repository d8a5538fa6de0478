package archiver

import (
	"bytes"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

// TestDamagedState: whatever byte of whichever file of the state is damaged, or
// how short it is, the state keeps its identity, and the file is written again.
func TestDamagedState(t *testing.T) {
	dir := t.TempDir()
	var log bytes.Buffer
	logger := slog.New(slog.NewTextHandler(&log, nil))
	now := time.Now()
	want, sameBoot, err := loadState(dir, now, logger)
	check(t, err)
	if sameBoot {
		t.Error("a new state is of this boot")
	}
	again := func(what string, damaged bool) {
		t.Helper()
		log.Reset()
		st, sameBoot, err := loadState(dir, now.Add(time.Hour), logger)
		check(t, err)
		if st.SpoolID != want.SpoolID || !st.Created.Equal(want.Created) || !sameBoot {
			t.Fatalf("%s: got %+v, of this boot: %v; want %+v", what, st, sameBoot, want)
		}
		if strings.Contains(log.String(), "damaged") != damaged {
			t.Fatalf("%s: logged %q", what, &log)
		}
	}
	again("whole", false)
	whole, err := os.ReadFile(filepath.Join(dir, stateFile))
	check(t, err)
	for _, name := range []string{stateFile, stateCopyFile} {
		path := filepath.Join(dir, name)
		for i := range len(whole) - 1 { // the last is the line's end
			bad := bytes.Clone(whole)
			bad[i] ^= 1
			check(t, os.WriteFile(path, bad, 0o600))
			again(name+" with a changed byte", true)
			check(t, os.WriteFile(path, whole[:i], 0o600))
			again(name+", cut", true)
		}
		check(t, os.Remove(path))
		again(name+" gone", false)
		if b, err := os.ReadFile(path); err != nil || !bytes.Equal(b, whole) {
			t.Errorf("%s: %q, %v", name, b, err)
		}
	}
	for _, name := range []string{stateFile, stateCopyFile} {
		check(t, os.WriteFile(filepath.Join(dir, name), []byte("{}"), 0o600))
	}
	if _, _, err := loadState(dir, now, logger); err == nil || !strings.Contains(err.Error(), stateFile+" and ") {
		t.Errorf("both damaged: %v", err)
	}
}
