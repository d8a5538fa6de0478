package archiver // see rig

import (
	"errors"
	"testing"
)

// TestPhases: a stream's phases follow each other in their order, and anything else
// is a mistake that cannot go unnoticed.
func TestPhases(t *testing.T) {
	follow := map[[2]phase]bool{
		{idle, reading}: true, {reading, idle}: true, {reading, stopping}: true, {stopping, stopped}: true,
		{idle, stopped}: true, {idle, forgotten}: true,
	}
	for from := range forgotten + 1 {
		for to := range forgotten + 1 {
			if got := !panics(func() { p := from; p.to(to) }); got != follow[[2]phase{from, to}] {
				t.Errorf("from %d to %d: %v", from, to, got)
			}
		}
	}
}

func panics(f func()) (yes bool) {
	defer func() { yes = recover() != nil }()
	f()
	return false
}

// TestClose: an Archiver that never ran lets go of the state directory, refuses what
// comes, and keeps what it has read for the next one.
func TestClose(t *testing.T) {
	g := newRig(t)
	g.stop()
	a, err := New(g.cfg, g.bucket)
	check(t, err)
	d := newDaemon(t)
	check(t, a.Attach(t.Context(), source(d.path, idA)))
	d.print("read")
	waitFor(t, "it to be read", d.f.Drained)
	check(t, a.Close())
	if err := a.Attach(t.Context(), source(d.path, idA)); !errors.Is(err, ErrClosing) {
		t.Errorf("attached: %v", err)
	}
	d.print("not read")
	g.start()
	check(t, g.a.Attach(t.Context(), source(d.path, idA)))
	check(t, g.a.Detach(t.Context(), d.path))
	g.flush()
	g.want(idA, []string{"read", "not read"})
}
