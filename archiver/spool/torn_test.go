package spool // inside: see spool_test.go

import (
	"slices"
	"testing"
)

// TestKilledAfterATornFrame kills the process after it gave up a frame whose
// writer died, and before that was committed: what follows from another FIFO is
// not taken for the rest of that frame, and keeps its numbers.
func TestKilledAfterATornFrame(t *testing.T) {
	for _, source := range []string{"other fifo", "fifo"} {
		t.Run(source, func(t *testing.T) {
			g := newRig(t)
			g.send("before")
			f := g.frame("the writer of this line died, and what comes from its successor would fit in here; or so it seems, at least until the end of this line comes")
			g.write(f[:40])
			g.fill()
			if n := g.log.DropTorn(); n != 40 {
				t.Fatalf("gave up %d bytes", n)
			}
			for _, s := range []string{"a", "b", "c", "d", "e", "f", "g", "h"} {
				g.write(g.frame(s))
				g.sent = append(g.sent, s)
				g.fillFrom(source)
			}
			if got := g.read(0); !slices.Equal(got, g.sent) {
				t.Fatalf("before: read %q", got)
			}
			last := g.log.Info().LastSeq
			h := &rig{t: t, cfg: g.cfg} // as a process that was killed leaves it
			h.open()
			defer h.log.Close()
			if got := h.read(0); !slices.Equal(got, g.sent) {
				t.Errorf("read %q, want %q", got, g.sent)
			}
			if got := h.log.Info(); got.LastSeq != last {
				t.Errorf("the last number is %d, was %d; %+v", got.LastSeq, last, got)
			}
		})
	}
}
