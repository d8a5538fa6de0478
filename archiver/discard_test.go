package archiver // see rig

import (
	"testing"
	"time"

	"github.com/coldtail/coldtail/archiver/fifotest"
)

// TestDropNewEnds has a container write and stop as soon as there is room again,
// before the gap of what was dropped is written: what it wrote is not lost.
func TestDropNewEnds(t *testing.T) {
	g := newRig(t)
	g.stop()
	g.cfg.CommitInterval = time.Hour // nobody looks whether the quota is exceeded
	g.start()
	d := newDaemon(t)
	s, err := g.a.stream(idA)
	check(t, err)
	s.setExceeded(&s.quota.own, true)
	src := source(d.path, idA)
	src.Options.Overflow = DropNew
	check(t, g.a.Attach(t.Context(), src))
	d.print("dropped")
	waitFor(t, "it to be dropped", func() bool { return g.a.Status().Dropped == 1 })
	// The ingest finds all of this in one turn.
	at, _ := g.a.attached(d.path)
	func() {
		s.inlet.mu.Lock()
		defer s.inlet.mu.Unlock()
		s.quota.own.Store(false)
		d.print("after")
		at.detach.Store(true)
		s.inlet.wakeLocked()
	}()
	check(t, g.a.Detach(t.Context(), d.path))
	g.flush()
	if got, dropped := split(t, g.archived(idA)); len(got) != 1 || got[0] != "after" || dropped != 1 {
		t.Fatalf("archived %q, %d dropped", got, dropped)
	}
}

// TestDropNewFromTwo has two FIFOs of a container dropped from, each in the middle
// of a frame when the other is read: nothing passes for garbage.
func TestDropNewFromTwo(t *testing.T) {
	g, away, src, d := fullRig(t, DropNew)
	other := newDaemon(t)
	second := src
	second.Path = other.path
	check(t, g.a.Attach(t.Context(), src, second))
	lines := numbers(30_000)
	d.print(lines...)
	waitFor(t, "the spool to be full", func() bool { return g.a.all()[0].quota.exceeded() })
	n := len(lines)
	for range 100 {
		frame := fifotest.Frame("dropped")
		for _, half := range [][]byte{frame[:10], frame[10:]} {
			d.f.Send(half)
			waitFor(t, "it to be read", func() bool { return d.f.Drained() })
			other.print("dropped from the other")
		}
		waitFor(t, "the other's to be read", func() bool { return other.f.Drained() })
		n += 3
	}
	g.comeBack(away)
	check(t, detachAll(t.Context(), g.a))
	g.flush()
	got, dropped := split(t, g.archived(idA))
	if len(got)+int(dropped) != n || g.a.Status().LostBytes != 0 {
		t.Fatalf("%d lines and %d dropped of %d; %d bytes lost", len(got), dropped, n, g.a.Status().LostBytes)
	}
}
