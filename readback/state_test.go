package readback_test

import (
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"testing"
	"time"

	"github.com/coldtail/coldtail/archiver"
	"github.com/coldtail/coldtail/codec"
	"github.com/coldtail/coldtail/readback"
	"github.com/coldtail/coldtail/readback/catalog"
	"github.com/coldtail/coldtail/readback/verify"
)

// ids are the spools that the container's objects are of, in order.
func (g *rig) ids() (ids []string) {
	g.t.Helper()
	chunks, err := catalog.List(g.t.Context(), g.bucket, id)
	check(g.t, err)
	for _, c := range chunks {
		if !slices.Contains(ids, c.SpoolID) {
			ids = append(ids, c.SpoolID)
		}
	}
	return ids
}

// clean verifies the archive.
func (g *rig) clean() {
	g.t.Helper()
	_, err := verify.Run(g.t.Context(), g.bucket, verify.Config{Found: func(f verify.Finding) {
		if !f.Kind.Note() {
			g.t.Errorf("verify: %+v", f)
		}
	}})
	check(g.t, err)
}

func (g *rig) status() archiver.Status { return g.a.Status() }

func copyState(t *testing.T, from, to string, with ...string) {
	t.Helper()
	out, err := exec.Command(with[0], append(with[1:], from+"/.", to)...).CombinedOutput()
	if err != nil {
		t.Fatalf("%v: %s", err, out)
	}
}

// TestRestoredState: a state that is put back from a copy takes a new spool id, so
// that no number is given twice under one, and reads all that was archived since,
// once. What the copy had not archived yet is archived once, too.
func TestRestoredState(t *testing.T) {
	for what, restore := range map[string]func(t *testing.T, state, backup string){
		"moved": func(t *testing.T, state, backup string) {
			check(t, os.RemoveAll(state))
			check(t, os.Rename(backup, state))
		},
		"copied": func(t *testing.T, state, backup string) {
			check(t, os.RemoveAll(state))
			copyState(t, backup, state, "cp", "-a")
		},
		"copied over it": func(t *testing.T, state, backup string) { copyState(t, backup, state, "cp", "-a") },
	} {
		t.Run(what, func(t *testing.T) {
			g := newRig(t, codec.Parquet)
			state, backup := filepath.Join(g.dir, "state"), filepath.Join(g.dir, "backup")
			created := time.Now()
			g.print(3)
			g.flush(true)
			g.print(2) // in the active segment of the copy
			copyState(t, state, backup, "cp", "-a")
			g.print(3)
			g.flush(true)
			before := g.status().SpoolID
			g.stop()
			restore(t, state, backup)
			g.start("state")
			if now := g.status().SpoolID; now == before {
				t.Errorf("the spool id is still %s", now)
			}
			g.print(3)
			for _, evicted := range []bool{false, true} {
				g.flush(evicted)
				for _, tail := range []int64{-1, 2, 5, 8, 10} {
					got := g.read(readback.Query{ContainerID: id, Created: created, Tail: tail})
					want := g.sent
					if tail >= 0 {
						want = want[len(want)-int(tail):]
					}
					if !slices.Equal(got, want) {
						t.Errorf("evicted: %v, tail %d: got %q, want %q", evicted, tail, got, want)
					}
				}
			}
			if n := len(g.ids()); n != 2 {
				t.Errorf("archived under %d spool ids", n)
			}
			g.clean()
		})
	}
}

// TestSwitchedState: what another state archived is read, whenever the container was
// made, and whether it wrote before.
func TestSwitchedState(t *testing.T) {
	g := newRig(t, codec.NDJSON)
	g.stop()
	g.start("other")
	created := time.Now()
	g.print(3)
	g.flush(false)
	g.stop()
	g.start("state")
	g.print(3)
	for _, evict := range []bool{false, true} {
		g.flush(evict)
		if got := g.read(readback.Query{ContainerID: id, Created: created, Tail: -1}); !slices.Equal(got, g.sent) {
			t.Errorf("evicted: %v: got %q, want %q", evict, got, g.sent)
		}
	}
	g.clean()
}

// TestSameState: a restart of any kind, a state that is moved on its disk, and marks
// that a crash left, change nothing of the identity.
func TestSameState(t *testing.T) {
	g := newRig(t, codec.NDJSON)
	state, moved := filepath.Join(g.dir, "state"), filepath.Join(g.dir, "moved")
	want := g.status().SpoolID
	created := time.Now()
	again := func(what string) {
		t.Helper()
		if got := g.status().SpoolID; got != want {
			t.Errorf("%s: spool id %s, want %s", what, got, want)
		}
		g.print(2)
	}
	g.print(1)
	g.flush(true)
	g.stop()
	g.start("state")
	again("restarted")
	g.stop()
	check(t, os.Rename(state, moved))
	g.start("moved")
	again("moved")
	g.stop()
	check(t, os.WriteFile(filepath.Join(moved, "mark-left"), nil, 0o600))
	g.start("moved")
	again("killed while it made a mark")
	if _, err := os.Stat(filepath.Join(moved, "mark-left")); !os.IsNotExist(err) {
		t.Errorf("the mark that was left: %v", err)
	}
	g.stop()
	check(t, os.WriteFile(filepath.Join(moved, "use.json"), []byte("{}"), 0o600))
	g.start("moved")
	again("use.json damaged")
	g.flush(true)
	if got := g.read(readback.Query{ContainerID: id, Created: created, Tail: -1}); !slices.Equal(got, g.sent) {
		t.Errorf("got %q, want %q", got, g.sent)
	}
	if ids := g.ids(); !slices.Equal(ids, []string{want}) {
		t.Errorf("archived under %v, want %s", ids, want)
	}
	g.clean()
}
