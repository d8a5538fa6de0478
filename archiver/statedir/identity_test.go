package statedir // damages and ages files that it alone knows

import (
	"bytes"
	"errors"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/coldtail/coldtail/archiver/durable"
	"github.com/coldtail/coldtail/codec"
)

// TestDamagedState: whatever byte of whichever file of the state is damaged, or
// how short it is, the state keeps its identity, and the file is written again.
func TestDamagedState(t *testing.T) {
	if testing.Short() {
		t.Skip("skipped by -short: it damages every file of a state")
	}
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

// TestNewerState: fields that a later version added are ignored and kept; a later
// format is refused, whichever of the files it is in, and both stay as they are.
func TestNewerState(t *testing.T) {
	dir := t.TempDir()
	logger := slog.New(slog.DiscardHandler)
	want, _, err := loadState(dir, time.Now(), logger)
	check(t, err)
	path, copied := filepath.Join(dir, stateFile), filepath.Join(dir, stateCopyFile)
	whole, err := os.ReadFile(path)
	check(t, err)
	load := func() (state, error) {
		st, _, err := loadState(dir, time.Now(), logger)
		return st, err
	}
	next := want
	next.extra = []durable.Member{{Name: "future", Value: []byte(`{"a":[1, 2]}`)}}
	summed, err := next.format()
	check(t, err)
	for what, b := range map[string][]byte{
		"outside of the checksum": bytes.Replace(whole, []byte("{"), []byte(`{"future":{"a":[1, 2]},`), 1),
		"in the checksum":         summed,
	} {
		check(t, os.WriteFile(path, b, 0o600))
		check(t, os.WriteFile(copied, b, 0o600))
		st, err := load()
		if err != nil || st.SpoolID != want.SpoolID || len(st.extra) != 1 {
			t.Fatalf("a new field %s: %+v, %v", what, st, err)
		}
		check(t, os.Remove(copied)) // so that both are written again
		if _, err := load(); err != nil {
			t.Fatal(err)
		}
		again, err := os.ReadFile(copied)
		if err != nil || !bytes.Contains(again, []byte(`"future":{"a":[1, 2]}`)) {
			t.Errorf("a new field %s, written again: %q, %v", what, again, err)
		}
	}
	newer := bytes.Replace(whole, []byte("{"), []byte(`{"version":2,`), 1)
	for _, p := range []string{path, copied} {
		check(t, os.WriteFile(path, whole, 0o600))
		check(t, os.WriteFile(copied, whole, 0o600))
		check(t, os.WriteFile(p, newer, 0o600))
		if _, err := load(); !errors.Is(err, codec.ErrNewer) || strings.Contains(err.Error(), "remove") {
			t.Errorf("version 2 in %s: %v", p, err)
		}
		if b, err := os.ReadFile(p); err != nil || !bytes.Equal(b, newer) {
			t.Errorf("version 2 in %s is now %q, %v", p, b, err)
		}
	}
}
