package statedir

import (
	"crypto/rand"
	"encoding/hex"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"time"

	"golang.org/x/sys/unix"

	"github.com/coldtail/coldtail/archiver/durable"
)

// A state that is put back from a copy does not know what was archived since, and would
// give the same numbers again. So a state in use leaves a mark each minute: a file whose
// time of change (ctime) only the kernel sets, and use.json, which has that time. However
// a copy was made, its ctime is another.
const (
	// longAway is after how long without use a state is taken for one that was put back.
	// A disk that was put back, with its times, shows nothing else.
	longAway = 24 * time.Hour
	// shortAway is how long a restart, an upgrade or a boot may take. If a state is not
	// used for longer, any container may have been logged to another one.
	shortAway = 10 * time.Minute
	maxAways  = 32
)

// use is what a state knows of its own use: use.json.
type use struct {
	SpoolID string    `json:"spool_id"`
	At      time.Time `json:"at"` // when it was last known to be in use
	Mark    string    `json:"mark"`
	Changed int64     `json:"mark_ctime"` // Unix nanoseconds
	// Since is from when on the state has been in use, but for Aways.
	Since time.Time `json:"since"`
	Aways []away    `json:"aways,omitempty"` // oldest first
	// Renewed reports that the spool id is not the first.
	Renewed bool `json:"renewed,omitempty"`
	// Forgot is when finished containers were forgotten last, if ever.
	Forgot time.Time `json:"forgot,omitzero"`
}

// away is when a state was not in use, for a short time.
type away struct {
	From time.Time `json:"from"`
	To   time.Time `json:"to"`
}

// useJSON is the kind of file that use.json is.
var useJSON = durable.JSON{Body: "use", Version: 1, Versioned: true}

func readUse(dir string) (u use, err error) {
	path := filepath.Join(dir, useFile)
	b, err := os.ReadFile(path)
	if err != nil {
		return u, err
	}
	if _, err := useJSON.Decode(b, &u); err != nil {
		return use{}, fmt.Errorf("%s: %w", path, err)
	}
	return u, nil
}

// away reports whether the state was not in use all the time since the container
// was made, so that another one may know of it.
func (u *use) away(created time.Time) bool {
	if created.Before(u.Since) {
		return true
	}
	for _, a := range u.Aways {
		if !created.Before(a.From) && !created.After(a.To) {
			return true
		}
	}
	return false
}

// restored returns why a state is taken for one that was put back, "" if it is not.
func (u *use) restored(dir string, st state, now time.Time) string {
	var fi unix.Stat_t
	err := unix.Stat(filepath.Join(dir, filepath.Base(u.Mark)), &fi)
	switch {
	case u.SpoolID != st.SpoolID:
		return "its files are not of one time"
	case err != nil || fi.Ctim.Nano() != u.Changed:
		return "it is a copy"
	case now.Sub(u.At) > longAway:
		return "it was not used for " + now.Sub(u.At).Round(time.Hour).String()
	}
	return ""
}

// openUse judges whether the state is what it was when it was last used. If not, it
// gets a new spool id, which write has to make durable.
func openUse(dir string, st *state, fresh bool, now time.Time) (u use, why string, err error) {
	u, err = readUse(dir)
	switch {
	case fresh:
		return use{SpoolID: st.SpoolID, Since: now}, "", nil
	case errors.Is(err, os.ErrNotExist):
		// It was last used by a version that left no marks, and since the last
		// container's directory was made.
		u = use{Since: st.Created}
		if fi, err := os.Stat(filepath.Join(dir, spoolDir)); err == nil {
			u.Aways = []away{{fi.ModTime(), now}}
		}
	case errors.Is(err, durable.ErrDamaged):
		u = use{Since: now} // what was before is unknown
	case err != nil:
		return u, "", fmt.Errorf("read state: %w", err)
	default:
		if why = u.restored(dir, *st, now); why != "" {
			st.SpoolID = newSpoolID()
			u = use{Since: later(now, u.At), Renewed: true, Forgot: u.Forgot}
			break
		}
		u.returned(now)
	}
	u.SpoolID = st.SpoolID
	return u, why, nil
}

// later returns the later of two times. If a clock starts in 1970, its time is not one
// since which everything is known.
func later(x, y time.Time) time.Time {
	if x.Before(y) {
		return y
	}
	return x
}

// returned notes that the state was away until now.
func (u *use) returned(now time.Time) {
	from, to := u.At, now
	if to.Before(from) { // the clock was set back
		from, to = to, from
	}
	if to.Sub(from) > shortAway {
		u.Since, u.Aways = to, nil
		return
	}
	u.Aways = append(u.Aways, away{from, to})
	if n := len(u.Aways) - maxAways; n > 0 {
		u.Since, u.Aways = u.Aways[n-1].To, u.Aways[n:]
	}
}

// leaveMark makes it durable that the state is in use now. The old mark goes once
// use.json names the new one.
func (u *use) leaveMark(dir string, now time.Time) error {
	f, err := os.CreateTemp(dir, markPrefix+"*")
	if err != nil {
		return fmt.Errorf("mark the state as used: %w", err)
	}
	next, old := *u, u.Mark
	next.At, next.Mark = now, filepath.Base(f.Name())
	err = f.Sync()
	var fi unix.Stat_t
	if err == nil {
		err = unix.Fstat(int(f.Fd()), &fi)
	}
	next.Changed = fi.Ctim.Nano()
	if err = errors.Join(err, f.Close()); err == nil {
		err = next.write(dir)
	}
	if err != nil && !errors.Is(err, durable.ErrUnsynced) {
		return errors.Join(fmt.Errorf("mark the state as used: %w", err), os.Remove(f.Name()))
	}
	*u = next
	if err == nil && old != "" {
		_ = os.Remove(filepath.Join(dir, old)) // one that is left does no harm
	}
	return err
}

func (u *use) write(dir string) error {
	b, err := useJSON.Encode(u)
	if err != nil {
		return err
	}
	return durable.WriteFile(filepath.Join(dir, useFile), b, 0o600)
}

// removeMarks removes marks that a crash left.
func (u *use) removeMarks(dir string) {
	des, err := os.ReadDir(dir)
	if err != nil {
		return
	}
	for _, de := range des {
		if strings.HasPrefix(de.Name(), markPrefix) && de.Name() != u.Mark {
			_ = os.Remove(filepath.Join(dir, de.Name()))
		}
	}
}

func newSpoolID() string {
	var id [8]byte
	_, _ = rand.Read(id[:]) // never fails
	return hex.EncodeToString(id[:])
}
