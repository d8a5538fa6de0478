package spool // inside: see spool_test.go

import (
	"bytes"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"testing"

	"github.com/coldtail/coldtail/codec"
)

// TestPowerLoss takes the power away after every step: what was not synced is
// there, or not, or in part, or as zeros, file by file. All that was committed
// comes back, in order, and nothing that was never written; entries that were
// dropped come back as gaps. A process that is killed loses nothing but the count
// of what was dropped last.
func TestPowerLoss(t *testing.T) {
	if testing.Short() {
		t.Skip("skipped by -short: it goes through every step of a log a dozen times")
	}
	for seed := range uint64(12) {
		t.Run(fmt.Sprint(seed), func(t *testing.T) { powerLoss(t, rand.New(rand.NewPCG(seed, 1))) })
	}
}

func powerLoss(t *testing.T, r *rand.Rand) {
	g := newRig(t)
	d := &disk{content: map[string][]byte{}, named: map[string]bool{}}
	committed := 0 // lines that a Commit returned for
	g.cfg.Hook = func(step, path string) {
		switch step {
		case "append":
			return
		case "data", "index", "gap", "dropping":
			if step == "dropping" {
				path = filepath.Join(path, DroppingFile)
			}
			b, err := os.ReadFile(path)
			check(t, err)
			d.content[filepath.Base(path)] = b
			if step == "gap" || step == "dropping" {
				d.syncNames(t, g.cfg.Dir)
			}
		case "sealed":
			name := filepath.Base(path)
			d.content[name] = d.content[formerName(name)]
		case "commit":
			d.syncNames(t, g.cfg.Dir)
		}
		if r.IntN(4) == 0 {
			g.lose(d, committed, r)
			g.kill()
		}
	}
	g.open()
	for i := range 60 {
		switch r.IntN(8) {
		case 0:
			check(t, g.log.Commit())
			committed = len(g.sent)
		case 3:
			gap := codec.Gap{Reason: "test"}
			for range 1 + r.IntN(3) {
				for range 1 + r.IntN(5) {
					gap.Entries++
					g.sent = append(g.sent, droppedLine)
				}
				g.log.Dropping(gap)
				if r.IntN(2) == 0 {
					check(t, g.log.Commit())
					committed = len(g.sent)
				}
			}
			check(t, g.log.AppendGap(Gap{Gap: gap}))
		case 1:
			g.log.Roll()
		case 2:
			f := g.frame(fmt.Sprint("torn ", i))
			g.write(f[:len(f)/2])
			g.fill()
			g.log.Roll()
			g.write(f[len(f)/2:])
			g.sent = append(g.sent, fmt.Sprint("torn ", i))
			g.fill()
		default:
			for range 1 + r.IntN(20) {
				g.send(fmt.Sprintf("%d %s", len(g.sent), bytes.Repeat([]byte("x"), r.IntN(2000))))
			}
		}
		if r.IntN(4) == 0 {
			g.lose(d, committed, r)
			g.kill()
		}
	}
}

// kill opens what a process that is killed now leaves.
func (g *rig) kill() {
	g.t.Helper()
	if len(g.sent) == 0 {
		return
	}
	got := g.recovered(g.killed(), true, len(g.sent))
	for _, s := range g.sent[len(got):] {
		if s != droppedLine {
			g.t.Fatalf("%d of %d lines came back after a kill", len(got), len(g.sent))
		}
	}
}

// recovered opens the directory that a crash left, twice, and expects the first
// of what was sent. More entries follow without a hole in the numbers. Of what was
// not committed a gap may tell, where a segment's header was lost and its records
// were not.
func (g *rig) recovered(dir string, trust bool, committed int) (got []string) {
	g.t.Helper()
	cfg := g.cfg
	cfg.Dir, cfg.Hook = dir, nil
	for _, last := range []bool{false, true} {
		cfg.Trust = trust || last
		l, _, err := Open(cfg)
		check(g.t, err)
		h := &rig{t: g.t, cfg: cfg, log: l}
		got = h.read(0)
		for i, s := range got {
			if i >= len(g.sent) || s != g.sent[i] && (i < committed || s != droppedLine) {
				g.t.Fatalf("line %d of %d is %.60q", i, len(g.sent), s)
			}
		}
		if last {
			h.pipe()
			l.DropTorn()
			h.send("after")
			if again := h.read(0); !slices.Equal(again, append(got, "after")) {
				g.t.Fatalf("%d lines came back, and %d with one more", len(got), len(again))
			}
		}
		check(g.t, l.Close())
	}
	return got
}

// disk is what would survive a power loss for certain.
type disk struct {
	content map[string][]byte // the synced part of each file
	named   map[string]bool   // the names that were synced
}

func (d *disk) syncNames(t *testing.T, dir string) {
	d.named = map[string]bool{}
	for name := range readDir(t, dir) {
		d.named[name] = true
	}
}

// lose makes a directory that a power loss may leave, and opens it.
func (g *rig) lose(d *disk, committed int, r *rand.Rand) {
	g.t.Helper()
	dir := filepath.Join(g.t.TempDir(), "c")
	check(g.t, os.MkdirAll(dir, 0o700))
	for name, b := range readDir(g.t, g.cfg.Dir) {
		as := name
		if !d.named[name] {
			switch former := formerName(name); {
			case d.named[former]: // renamed, and not synced since: one name or the other
				as = []string{name, former}[r.IntN(2)]
			case r.IntN(3) == 0:
				continue // the file is gone
			}
		}
		check(g.t, os.WriteFile(filepath.Join(dir, as), decay(d.content[name], b, r), 0o600))
	}
	if got := g.recovered(dir, false, committed); len(got) < committed {
		g.t.Fatalf("%d lines came back, %d were committed", len(got), committed)
	}
}

// formerName is what a segment's file was called before it was sealed.
func formerName(name string) string {
	seq, state, gap, ok := parseSegmentName(name)
	if !ok || gap || state != sealed {
		return ""
	}
	return segmentName(seq, extActive)
}

// decay returns b with what is not in synced lost in one of the ways of file
// systems: cut, zeroed in pages, or kept.
func decay(synced, b []byte, r *rand.Rand) []byte {
	if !bytes.HasPrefix(b, synced) {
		synced = nil
	}
	out := bytes.Clone(b)
	switch r.IntN(4) {
	case 0:
		return out[:len(synced)]
	case 1:
		return out[:len(synced)+r.IntN(len(out)-len(synced)+1)]
	case 2:
		const page = 512
		for p := len(synced); p < len(out); p += page {
			if r.IntN(2) == 0 {
				clear(out[p:min(len(out), p+page)])
			}
		}
	}
	return out
}

// readDir returns the files of the log's directory.
func readDir(t *testing.T, dir string) map[string][]byte {
	t.Helper()
	files := map[string][]byte{}
	names, err := os.ReadDir(dir)
	if os.IsNotExist(err) {
		return files
	}
	check(t, err)
	for _, de := range names {
		if de.IsDir() {
			continue
		}
		b, err := os.ReadFile(filepath.Join(dir, de.Name()))
		check(t, err)
		files[de.Name()] = b
	}
	return files
}
