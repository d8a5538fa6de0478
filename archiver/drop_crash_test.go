package archiver // see rig

import (
	"encoding/binary"
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/coldtail/coldtail/archiver/fifotest"
	"github.com/coldtail/coldtail/archiver/spool"
	"github.com/coldtail/coldtail/archiver/statedir"
)

// TestKilledWhileDropping kills the process while it drops what comes: what a
// group commit has counted is in the gap after the next start.
func TestKilledWhileDropping(t *testing.T) {
	if testing.Short() {
		t.Skip("skipped by -short: it kills processes")
	}
	t.Setenv(envDrop, "1")
	t.Setenv(envAway, "1")
	g := newCrash(t, 1)
	d := g.daemons[0]
	cmd := g.child("")
	var lines []string
	for dropped := int64(0); dropped == 0; _, dropped = g.onDisk(t) {
		more := numbers(10_000)
		d.print(more...)
		lines = append(lines, more...)
	}
	waitFor(t, "a commit of what was dropped", func() bool {
		kept, dropped := g.onDisk(t)
		return kept+dropped == int64(len(lines)) && dropped > 0
	})
	check(t, cmd.Process.Kill())
	_ = cmd.Wait() // killed
	_, dropped := g.onDisk(t)

	r := newRig(t)
	r.stop()
	r.cfg.StateDir = g.state
	r.start()
	src := crashSource(d.path, 0)
	check(t, r.a.Attach(t.Context(), src))
	d.print("after")
	lines = append(lines, "after")
	check(t, r.a.Detach(t.Context(), d.path))
	r.flush()
	got, gaps := split(t, r.archived(src.Meta.ContainerID))
	if gaps < dropped || int64(len(got))+gaps != int64(len(lines)) {
		t.Fatalf("%d lines and %d dropped of %d; %d were counted before the kill", len(got), gaps, len(lines), dropped)
	}
	if _, err := os.Stat(filepath.Join(statedir.Path(g.state).Log(src.Meta.ContainerID), spool.DroppingFile)); !os.IsNotExist(err) {
		t.Errorf("the growing gap is still there: %v", err)
	}
	r.stop()
	r.start() // and is not taken twice
	r.flush()
	if _, again := split(t, r.archived(src.Meta.ContainerID)); again != gaps {
		t.Errorf("%d dropped after another start, %d before", again, gaps)
	}
}

// onDisk counts the entries in the segments, and those that gaps stand for, the
// growing one among them.
func (g *crash) onDisk(t *testing.T) (kept, dropped int64) {
	t.Helper()
	files, err := filepath.Glob(filepath.Join(statedir.Path(g.state).Spool(), "*", "*"))
	check(t, err)
	gaps := map[int64]int64{} // by segment
	for _, name := range files {
		b, err := os.ReadFile(name)
		if err != nil {
			continue // it has another name by now
		}
		switch {
		case strings.HasSuffix(name, ".active"), strings.HasSuffix(name, ".sealed"):
			entries, _ := fifotest.Split(b)
			kept += int64(len(entries))
		case strings.HasSuffix(name, ".gap"), filepath.Base(name) == spool.DroppingFile:
			var h spool.Header
			check(t, json.Unmarshal(b[12:12+binary.LittleEndian.Uint32(b[8:])], &h))
			gaps[h.SegmentSeq] = max(gaps[h.SegmentSeq], h.Gap.Entries)
		}
	}
	for _, n := range gaps {
		dropped += n
	}
	return kept, dropped
}
