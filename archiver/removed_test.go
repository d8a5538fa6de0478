package archiver // see rig

import (
	"errors"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/coldtail/coldtail/archiver/statedir"
)

// TestRemoveFinished: a state goes that nobody has used for long, once all that it
// held is in the bucket, and no other.
func TestRemoveFinished(t *testing.T) {
	week := 7 * 24 * time.Hour
	for name, tc := range map[string]struct {
		prepare func(g *rig) // the stopped archiver's state
		age     time.Duration
		want    bool
	}{
		"finished":             {func(*rig) {}, 2 * week, true},
		"used lately":          {func(*rig) {}, week / 2, false},
		"waits to be archived": {func(g *rig) { g.put("0000000009.sealed") }, 2 * week, false},
		"a gap waits":          {func(g *rig) { g.put("0000000009.gap") }, 2 * week, false},
		"put aside":            {func(g *rig) { g.put("quarantine/1-0000000009.sealed") }, 2 * week, false},
		"of a later version":   {func(g *rig) { g.later() }, 2 * week, false},
		"of the first release": {func(g *rig) { check(g.t, os.Remove(filepath.Join(g.cfg.StateDir, "use.json"))) }, 2 * week, true},
	} {
		t.Run(name, func(t *testing.T) {
			g := newRig(t)
			d := newDaemon(t)
			check(t, g.a.Attach(t.Context(), source(d.path, idA)))
			d.print("line")
			g.detach(d)
			g.flush()
			g.stop()
			tc.prepare(g)
			g.aged(tc.age)
			removed, err := statedir.RemoveFinished(g.cfg.StateDir, time.Now().Add(-week))
			check(t, err)
			_, serr := os.Stat(g.cfg.StateDir)
			if there := serr == nil; removed != tc.want || there == tc.want {
				t.Errorf("removed: %v, want %v; there: %v", removed, tc.want, there)
			}
		})
	}
}

// TestRemoveUsed: a state that a process has open stays, however old its files
// look, and a directory that is none.
func TestRemoveUsed(t *testing.T) {
	g := newRig(t)
	g.aged(1000 * time.Hour)
	if removed, err := statedir.RemoveFinished(g.cfg.StateDir, time.Now()); err != nil || removed {
		t.Errorf("in use: %v, %v", removed, err)
	}
	if removed, err := statedir.RemoveFinished(t.TempDir(), time.Now()); err != nil || removed {
		t.Errorf("no state: %v, %v", removed, err)
	}
}

// put makes a file in a container's directory.
func (g *rig) put(name string) {
	path := filepath.Join(statedir.Path(g.cfg.StateDir).Log(idA), name)
	check(g.t, errors.Join(os.MkdirAll(filepath.Dir(path), 0o700), os.WriteFile(path, nil, 0o600)))
}

// later makes the state's mark one of a later version.
func (g *rig) later() {
	check(g.t, os.WriteFile(filepath.Join(g.cfg.StateDir, "use.json"), []byte(`{"version":2}`), 0o600))
}

// aged sets back the times of the files by which a state's last use is told.
func (g *rig) aged(age time.Duration) {
	at := time.Now().Add(-age)
	for _, name := range []string{"use.json", "state.json"} {
		if err := os.Chtimes(filepath.Join(g.cfg.StateDir, name), at, at); err != nil && !errors.Is(err, os.ErrNotExist) {
			g.t.Fatal(err)
		}
	}
}
