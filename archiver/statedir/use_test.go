package statedir // damages and ages files that it alone knows

import (
	"errors"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"github.com/coldtail/coldtail/archiver/durable"
	"github.com/coldtail/coldtail/codec"
)

// TestUse: what a state takes its own absence for, by its length and by what was
// done to its files, and of which containers it then knows the whole history.
func TestUse(t *testing.T) {
	made := time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC)
	for _, c := range []struct {
		what    string
		away    time.Duration // after an hour's use
		do      func(dir string) error
		renewed bool
		old     bool // of a container that was made before: whether all is known
	}{
		{"restarted", time.Second, nil, false, true},
		{"booted", 9 * time.Minute, nil, false, true},
		{"off for the night", 14 * time.Hour, nil, false, false},
		{"the clock was set back a little", -time.Minute, nil, false, true},
		{"the clock starts in 1970", time.Unix(60, 0).Sub(made), nil, false, false},
		{"off for days", 25 * time.Hour, nil, true, false},
		{"touched as after a snapshot", time.Second, func(dir string) error {
			marks, err := filepath.Glob(filepath.Join(dir, markPrefix+"*"))
			if err != nil || len(marks) != 1 {
				return fmt.Errorf("marks %v, %w", marks, err)
			}
			var was, is unix.Stat_t
			err = unix.Stat(marks[0], &was)
			for is = was; err == nil && is.Ctim == was.Ctim; { // until the kernel's clock of files ticks
				err = errors.Join(os.Chtimes(marks[0], time.Now(), time.Now()), unix.Stat(marks[0], &is))
			}
			return err
		}, true, false},
		{"the mark is gone", time.Second, func(dir string) error {
			marks, _ := filepath.Glob(filepath.Join(dir, markPrefix+"*"))
			return os.Remove(marks[0])
		}, true, false},
		{"use.json is damaged", time.Second, func(dir string) error {
			return os.WriteFile(filepath.Join(dir, useFile), []byte("x"), 0o600)
		}, false, false},
		{"state.json is of another time", time.Second, func(dir string) error {
			return errors.Join(state{SpoolID: newSpoolID(), Created: made}.write(dir))
		}, true, false},
		{"used by a version that left no marks", time.Second, func(dir string) error {
			return os.Remove(filepath.Join(dir, useFile))
		}, false, true},
	} {
		dir := t.TempDir()
		check(t, durable.MkdirAll(filepath.Join(dir, spoolDir), 0o700))
		log := slog.New(slog.DiscardHandler)
		first, _, err := loadState(dir, made, log)
		check(t, err)
		used := made.Add(time.Hour)
		check(t, first.use.leaveMark(dir, used))
		check(t, os.Chtimes(filepath.Join(dir, spoolDir), used, used))
		id := first.SpoolID
		if c.do != nil {
			check(t, c.do(dir))
			if b, err := os.ReadFile(filepath.Join(dir, stateFile)); err == nil {
				st, err := parseState(b)
				check(t, err)
				id = st.SpoolID
			}
		}
		back := used.Add(c.away)
		for i := range 2 { // and again at once
			st, _, err := loadState(dir, back.Add(time.Duration(i)*time.Second), log)
			check(t, err)
			u := &st.use
			if renewed := st.SpoolID != id; i == 0 && renewed != c.renewed || i == 1 && renewed {
				t.Errorf("%s: renewed: %v", c.what, renewed)
			}
			id = st.SpoolID
			if known := !u.away(made.Add(time.Minute)); known != c.old {
				t.Errorf("%s: of a container from before all is known: %v", c.what, known)
			}
			if c.away > 0 && !u.away(used.Add(c.away/2)) {
				t.Errorf("%s: of a container made meanwhile all is known", c.what)
			}
			if u.away(later(back, used).Add(2 * time.Minute)) {
				t.Errorf("%s: of a container made later not all is known", c.what)
			}
			u.removeMarks(dir)
			if marks, _ := filepath.Glob(filepath.Join(dir, markPrefix+"*")); len(marks) != 1 {
				t.Errorf("%s: marks %v", c.what, marks)
			}
		}
	}
}

// TestUseIsBounded: of many restarts the last ones are kept, and what was before the
// oldest of these is not known any more.
func TestUseIsBounded(t *testing.T) {
	now := time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC)
	u := use{Since: now, At: now}
	for range 100 {
		u.At = now.Add(time.Hour)
		now = u.At.Add(time.Second)
		u.returned(now)
	}
	if len(u.Aways) != maxAways || !u.Since.Before(u.Aways[0].From) || now.Sub(u.Since) < (maxAways-1)*time.Hour {
		t.Errorf("%d kept, since %s", len(u.Aways), u.Since)
	}
}

// TestNewerUse: a later version's use.json is left as it is.
func TestNewerUse(t *testing.T) {
	dir := t.TempDir()
	_, _, err := loadState(dir, time.Now(), slog.New(slog.DiscardHandler))
	check(t, err)
	path := filepath.Join(dir, useFile)
	check(t, os.WriteFile(path, []byte(`{"version":2}`), 0o600))
	if _, _, err := loadState(dir, time.Now(), slog.New(slog.DiscardHandler)); !errors.Is(err, codec.ErrNewer) {
		t.Error(err)
	}
	if b, err := os.ReadFile(path); err != nil || string(b) != `{"version":2}` {
		t.Errorf("%q, %v", b, err)
	}
}
