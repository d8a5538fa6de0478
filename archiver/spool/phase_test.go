package spool // phases are the package's own, and Info is compared with its segments

import (
	"fmt"
	"testing"

	"github.com/coldtail/coldtail/codec"
)

// TestPhases has each phase follow each other one: those in the table may, and others
// panic and change nothing.
func TestPhases(t *testing.T) {
	legal := map[[2]phase]string{
		{filling, rolled}:   "a frame's end after Roll, another configuration, damage, or a restart between rolling and sealing",
		{rolled, sealing}:   "the file is renamed after all records are durable",
		{reserved, sealing}: "a commit made the gap's file",
		{sealing, sealed}:   "the directory is synced",
		{sealed, sealing}:   "a gap took the segment's place",
		{sealed, archived}:  "the bucket has it, and archived.log says so",
	}
	for from := range phase(len(phaseNames)) {
		for to := range phase(len(phaseNames)) {
			s := &segment{phase: from}
			panicked := func() (panicked bool) {
				defer func() { panicked = recover() != nil }()
				s.enter(to)
				return false
			}()
			if _, may := legal[[2]phase{from, to}]; panicked == may || may && s.phase != to || !may && s.phase != from {
				t.Errorf("%s to %s: panicked: %t, is %s then", from, to, panicked, s.phase)
			}
		}
	}
}

// TestInfo compares Info with a walk over all segments at each step of their lives.
func TestInfo(t *testing.T) {
	g := newRig(t)
	check(t, g.log.Close())
	steps := 0
	g.cfg.Hook = func(step, _ string) {
		steps++
		g.wantInfo(step)
	}
	do := func(what string, f func()) {
		t.Helper()
		f()
		g.wantInfo(what)
	}
	for range 2 {
		g.open()
		do("open", func() {})
		for i := range 5 {
			do("send", func() { g.send(fmt.Sprint("line ", i)) })
			do("commit", func() { check(t, g.log.Commit()) })
			do("roll", g.log.Roll)
			do("seal", func() { check(t, g.log.Commit()) })
			if i == 2 {
				do("gap", func() { check(t, g.log.AppendGap(Gap{Gap: codec.Gap{Entries: 3}})) })
				do("send", func() { g.send("after the gap") })
			}
		}
		do("drop", func() {
			seg, ok := g.log.OldestPending()
			if !ok {
				t.Fatal("nothing to drop")
			}
			check(t, g.log.Drop(seg, Gap{Gap: codec.Gap{Entries: 1}}))
		})
		pending := g.log.Pending()
		for _, seg := range pending[:3] {
			do("archive", func() { check(t, g.archived(seg, Object{Segment: seg, Key: fmt.Sprint(seg)})) })
		}
		do("quarantine", func() { check(t, g.log.Quarantine(pending[3])) })
		do("forget", func() { check(t, g.log.Forget(pending[0])) })
		do("evict", func() { _, err := g.log.Evict(0); check(t, err) })
		check(t, g.log.Close())
	}
	if steps < 50 {
		t.Errorf("%d steps", steps)
	}
}

// wantInfo compares Info with a walk.
func (g *rig) wantInfo(what string) {
	g.t.Helper()
	if g.log == nil {
		return
	}
	got := g.log.Info()
	l := g.log
	l.mu.Lock()
	defer l.mu.Unlock()
	want := Info{LastSeq: l.lastSeq(), LostBytes: l.lost, Live: l.live, PendingSegments: l.newerPending()}
	gaps := 0
	for _, s := range l.segments {
		switch s.phase {
		case archived:
			want.CachedBytes += s.cachedBytes()
			continue
		case reserved:
			gaps++
		}
		want.PendingBytes += s.end
		if s.entries() > 0 {
			want.PendingSegments++
			if want.OldestPendingNano == 0 {
				want.OldestPendingNano = s.firstNano
			}
		}
	}
	if l.active != nil {
		want.ActiveBytes, want.ActiveFirstNano = l.active.end, l.active.firstNano
	}
	if got != want || l.figures().reserved != gaps {
		g.t.Errorf("%s: %+v and %d gaps, want %+v and %d", what, got, l.figures().reserved, want, gaps)
	}
}
