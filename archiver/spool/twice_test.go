package spool // inside: see spool_test.go

import (
	"os"
	"path/filepath"
	"slices"
	"testing"
)

// TestNumberTwice: of a directory that was put back over what was there, one file
// counts for each number, the others are put aside, and all entries are read once.
func TestNumberTwice(t *testing.T) {
	for _, trust := range []bool{true, false} {
		for _, also := range []string{extActive, extArchived} {
			g := newRig(t)
			g.cfg.Trust = trust
			g.send("a", "b")
			g.log.Roll()
			check(t, g.log.Commit())
			g.send("c")
			check(t, g.log.Close())
			sealed := filepath.Join(g.cfg.Dir, segmentName(1, extSealed))
			twin := segmentName(1, also)
			b, err := os.ReadFile(sealed)
			check(t, err)
			check(t, os.WriteFile(filepath.Join(g.cfg.Dir, twin), b, 0o600))
			l, aside, err := Open(g.cfg)
			check(t, err)
			g.log = l
			if aside != 1 {
				t.Errorf("%s, trust %v: %d files put aside, want 1", also, trust, aside)
			}
			g.send("d")
			g.log.Roll()
			check(t, g.log.Commit())
			g.want(g.sent)
			for _, seg := range g.log.Pending() {
				check(t, g.archived(seg, Object{Segment: seg, SizeBytes: 1, Key: "k"}))
			}
			if p := g.log.Pending(); len(p) != 0 {
				t.Errorf("%s, trust %v: %v wait to be archived for ever", also, trust, p)
			}
			files, err := Aside(g.cfg.Dir)
			check(t, err)
			if !slices.ContainsFunc(files, func(f AsideFile) bool { return f.Name == twin }) {
				t.Errorf("%s, trust %v: in quarantine: %v", also, trust, files)
			}
			check(t, g.log.Close())
			g.open() // finds nothing wrong
		}
	}
}
