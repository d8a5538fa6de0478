package spool // inside: see spool_test.go

import (
	"errors"
	"fmt"
	"os"
	"slices"
	"testing"
)

// TestFallbackKeepsWhatItRead is the way of file systems without splice(2): what
// was read from the FIFO but could not be written is written later, in order.
func TestFallbackKeepsWhatItRead(t *testing.T) {
	g := newRig(t)
	g.log.intake.noSplice = true
	for i := range 40 {
		if i%3 == 2 {
			g.failingWrites(func() {
				g.write(g.frame(fmt.Sprint("failed ", i)))
				g.sent = append(g.sent, fmt.Sprint("failed ", i))
				for range 2 {
					if f, err := g.log.Fill(g.r, "fifo"); err == nil || !f.Torn {
						t.Fatalf("filled %+v from a file that cannot be written, %v", f, err)
					}
				}
				g.log.Roll()
			})
		}
		g.send(fmt.Sprint("line ", i))
		if i%7 == 0 {
			check(t, g.log.Commit())
		}
	}
	check(t, g.log.Close())
	g.open()
	if got := g.read(0); !slices.Equal(got, g.sent) {
		t.Fatalf("read %q, want %q", got, g.sent)
	}
}

// failingWrites calls f while the active segment's file cannot be written.
func (g *rig) failingWrites(f func()) {
	g.t.Helper()
	if g.log.active == nil { // the last one was rolled
		g.send("first of a segment")
	}
	s := g.log.active
	data := s.data
	readOnly, err := os.Open(data.Name())
	check(g.t, err)
	s.data = readOnly
	f()
	s.data = data
	check(g.t, readOnly.Close())
}

// TestUnreadableTailIsReadLater: what splice moved but could not be read back is
// numbered by the next attempt, whether or not the FIFO has more.
func TestUnreadableTailIsReadLater(t *testing.T) {
	g := newRig(t)
	g.send("one")
	s := g.log.active
	data := s.data
	writeOnly, err := os.OpenFile(data.Name(), os.O_WRONLY, 0)
	check(t, err)
	s.data = writeOnly
	g.write(append(g.frame("two"), g.frame("three")...))
	g.sent = append(g.sent, "two", "three")
	for range 3 {
		var perr *os.PathError
		if f, err := g.log.Fill(g.r, "fifo"); !errors.As(err, &perr) || !f.Torn {
			t.Fatalf("filled %+v from a file that cannot be read, %v", f, err)
		}
	}
	s.data = data
	check(t, writeOnly.Close())
	if f := g.fill(); f.Entries != 2 {
		t.Fatalf("filled %+v", f)
	}
	g.send("four")
	if got := g.read(0); !slices.Equal(got, g.sent) {
		t.Fatalf("read %q, want %q", got, g.sent)
	}
}
