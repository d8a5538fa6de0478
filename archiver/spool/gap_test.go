package spool // inside: see spool_test.go

import (
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"testing"

	"github.com/coldtail/coldtail/codec"
)

// drop has the log count entries as dropped, and gives it the gap.
func (g *rig) drop(entries int64) {
	g.t.Helper()
	gap := codec.Gap{Entries: entries, FirstNano: 5, LastNano: 7, Reason: "test"}
	g.sent = append(g.sent, slices.Repeat([]string{droppedLine}, int(entries))...)
	g.log.Dropping(gap)
	check(g.t, g.log.AppendGap(Gap{Gap: gap}))
}

// killed is the directory of a process that is killed now.
func (g *rig) killed() string {
	dir := filepath.Join(g.t.TempDir(), "c")
	check(g.t, os.CopyFS(dir, os.DirFS(g.cfg.Dir)))
	return dir
}

// TestAppendGapWritesNothing: a gap has its numbers at once, and is written by
// the commit.
func TestAppendGapWritesNothing(t *testing.T) {
	g := newRig(t)
	g.drop(3)
	if !g.log.Reserved() || len(readDir(t, g.cfg.Dir)) > 0 {
		t.Fatalf("reserved: %v; files: %v", g.log.Reserved(), readDir(t, g.cfg.Dir))
	}
	if p := g.log.Pending(); len(p) > 0 {
		t.Fatalf("segments %v are to be archived and not on the disk", p)
	}
	if got := g.read(0); !slices.Equal(got, g.sent) {
		t.Fatalf("read %q", got)
	}
	check(t, g.log.Commit())
	if p := g.log.Pending(); g.log.Reserved() || !slices.Equal(p, []int64{1}) {
		t.Fatalf("reserved: %v, pending %v", g.log.Reserved(), p)
	}
}

// TestKilledBeforeAGapIsWritten, while older segments go: what follows the gap
// tells of it, and stream.json does not count it.
func TestKilledBeforeAGapIsWritten(t *testing.T) {
	g := newRig(t)
	g.send("first")
	g.log.Roll()
	check(t, g.log.Commit())
	check(t, g.archived(1))
	g.drop(3)
	g.send("second")
	g.drop(2)
	g.send("third")
	if _, err := g.log.Evict(0); err != nil {
		t.Fatal(err)
	}
	g.sent = g.sent[1:]
	if got := g.recovered(g.killed(), true, len(g.sent)); !slices.Equal(got, g.sent) {
		t.Fatalf("recovered %q", got)
	}
}

// TestArchivedGapStaysArchived, though what follows it was not committed when
// the process was killed.
func TestArchivedGapStaysArchived(t *testing.T) {
	g := newRig(t)
	g.drop(3)
	g.send("after")
	dir := ""
	g.log.cfg.Hook = func(step, _ string) {
		if step == "data" { // of what follows
			check(t, os.Rename(filepath.Join(g.cfg.Dir, segmentName(1, extGap)), filepath.Join(g.cfg.Dir, segmentName(1, extGapArchived))))
			dir = g.killed()
			check(t, streamState{LastSegment: 1, LastSeq: g.log.segments[0].lastSeq}.write(dir))
			check(t, os.Remove(filepath.Join(dir, segmentName(1, extGapArchived))))
		}
	}
	check(t, g.log.Commit())
	g.log.cfg.Hook = nil
	g.sent = []string{"after"}
	if got := g.recovered(dir, true, len(g.sent)); !slices.Equal(got, g.sent) {
		t.Fatalf("recovered %q", got)
	}
}

// TestGapThatCannotBeWritten keeps what follows from being committed, as that
// would say that the gap is there, and the last that was known of the gap on the disk.
func TestGapThatCannotBeWritten(t *testing.T) {
	g := newRig(t)
	g.send("first")
	g.log.Dropping(codec.Gap{Entries: 3, Reason: "test"})
	check(t, g.log.Commit())
	g.drop(5)
	inTheWay := filepath.Join(g.cfg.Dir, segmentName(2, extGap))
	check(t, os.Mkdir(inTheWay, 0o700))
	g.send("second")
	for range 3 {
		g.log.Dropping(codec.Gap{Entries: 7, Reason: "test"})
		if err := g.log.Commit(); err == nil || !g.log.Reserved() {
			t.Fatalf("committed: %v, reserved: %v", err, g.log.Reserved())
		}
	}
	dir := g.killed()
	check(t, os.Remove(filepath.Join(dir, segmentName(2, extGap))))
	if got := g.recovered(dir, true, len(g.sent)); !slices.Equal(got, g.sent) {
		t.Fatalf("recovered %q after a kill", got)
	}
	// A power loss takes what was not committed.
	dir = g.killed()
	check(t, os.Remove(filepath.Join(dir, segmentName(2, extGap))))
	if got := g.recovered(dir, false, len(g.sent)); fmt.Sprint(got) != fmt.Sprint(g.sent[:4]) {
		t.Fatalf("recovered %q after a power loss", got)
	}
	check(t, os.Remove(inTheWay))
	check(t, g.log.Commit())
	if got := g.read(0); g.log.Reserved() || !slices.Equal(got, g.sent) {
		t.Fatalf("read %q", got)
	}
}
