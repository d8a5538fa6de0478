package spool // inside: see spool_test.go

import (
	"fmt"
	"slices"
	"testing"
	"time"
)

// TestNewSourceWhileSyncing has entries come from ever new FIFOs while the
// sidecar of a process that was killed is written again.
func TestNewSourceWhileSyncing(t *testing.T) {
	g := newRig(t)
	done := make(chan struct{})
	go func() {
		defer close(done)
		for range 50 {
			check(t, g.log.Close())
			g.open()
			g.sendWhile(func() error { return g.log.Commit() })
		}
	}()
	select {
	case <-done:
	case <-time.After(time.Minute):
		t.Fatal("reading and committing wait for each other")
	}
	if got := g.read(0); !slices.Equal(got, g.sent) {
		t.Errorf("read %d lines of %d", len(got), len(g.sent))
	}
}

// sendWhile sends entries, each from another FIFO, until f returns.
func (g *rig) sendWhile(f func() error) {
	ended := make(chan error, 1)
	go func() { ended <- f() }()
	for {
		s := fmt.Sprint(len(g.sent))
		g.write(g.frame(s))
		g.sent = append(g.sent, s)
		_, err := g.log.Fill(g.r, s)
		check(g.t, err)
		select {
		case err := <-ended:
			check(g.t, err)
			return
		default:
		}
	}
}
