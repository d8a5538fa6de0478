package spool // inside: see spool_test.go

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"testing"

	"github.com/coldtail/coldtail/codec"
)

// TestLogOutlivesAPanic panics at each step of a segment's life, each time that it
// comes: who contains that goes on with the same log, which has lost nothing.
func TestLogOutlivesAPanic(t *testing.T) {
	steps := map[string]int{}
	life := func(t *testing.T, hook func(step string)) {
		g := newRig(t)
		check(t, g.log.Close())
		g.cfg.Dir = scratch(t) + "/c"
		g.cfg.Hook = func(step, _ string) { hook(step) }
		g.open()
		seg := int64(0)
		for i := range 4 {
			g.contained(func() { g.sendInto(fmt.Sprint("line ", i)) })
			g.contained(func() { check(t, g.log.Commit()) })
			if i == 2 {
				g.sent = append(g.sent, droppedLine)
				g.log.Dropping(codec.Gap{Entries: 1})
				g.contained(func() { check(t, g.log.Commit()) })
				g.contained(func() { check(t, g.log.AppendGap(Gap{Gap: codec.Gap{Entries: 1}})) })
			}
			g.contained(func() { g.log.Roll(); check(t, g.log.Commit()) })
			g.contained(func() { g.wantRead(0) })
			if i == 1 {
				seg = g.log.Pending()[0]
				g.contained(func() { check(t, ignoreGone(g.archived(seg, Object{Segment: seg, Key: "k"}))) })
			}
		}
		g.contained(func() {
			if seg, ok := g.log.OldestPending(); ok && seg == 2 {
				check(t, g.log.Drop(seg, Gap{Gap: codec.Gap{Entries: 1}}))
			}
		})
		g.sent[1] = droppedLine
		g.contained(func() { check(t, g.log.Commit()) })
		g.contained(func() { g.wantRead(0) })
		g.contained(func() { _, err := g.log.Evict(0); check(t, err) })
		if got := g.log.Snapshot().Segments; got[0].Header.SegmentSeq != seg+1 {
			t.Fatalf("the first segment is %d", got[0].Header.SegmentSeq)
		}
		check(t, g.log.Commit())
		g.wantRead(1)
		g.wantKilled(1)
	}
	life(t, func(step string) { steps[step]++ })
	for _, step := range []string{"append", "data", "records", "index", "commit", "seal", "sealed", "gap", "dropping", "listed", "released", "numbered", "removed", "read"} {
		if steps[step] == 0 {
			t.Errorf("step %s is never reached", step)
		}
		for n := range min(steps[step], 12) {
			t.Run(fmt.Sprint(step, " ", n), func(t *testing.T) {
				seen := 0
				life(t, func(at string) {
					if at != step {
						return
					}
					if seen++; seen == n+1 {
						panic("in a test")
					}
				})
			})
		}
	}
}

// contained does f again if it panics, as the archiver does.
func (g *rig) contained(f func()) {
	g.t.Helper()
	for range 2 {
		panicked := func() (panicked bool) {
			defer func() {
				if r := recover(); r != nil {
					if r != "in a test" {
						panic(r)
					}
					panicked = true
				}
			}()
			f()
			return false
		}()
		if !panicked {
			return
		}
	}
	g.t.Fatal("panics again")
}

// sendInto writes a line once, however often it is called.
func (g *rig) sendInto(line string) {
	if !slices.Contains(g.sent, line) {
		g.write(g.frame(line))
		g.sent = append(g.sent, line)
	}
	g.fill()
}

func (g *rig) wantRead(from int) {
	g.t.Helper()
	if got := g.read(0); !slices.Equal(got, g.sent[from:]) {
		g.t.Fatalf("read %q, want %q", got, g.sent[from:])
	}
}

// wantKilled opens what a process that is killed now leaves.
func (g *rig) wantKilled(from int) {
	g.t.Helper()
	cfg := g.cfg
	cfg.Dir, cfg.Hook = g.killed(), nil
	l, _, err := Open(cfg)
	check(g.t, err)
	defer l.Close()
	h := &rig{t: g.t, cfg: cfg, log: l, sent: g.sent}
	h.wantRead(from)
}

func ignoreGone(err error) error {
	if errors.Is(err, ErrGone) {
		return nil // it was done before the panic
	}
	return err
}

// TestFollowerPanics: what a reader's own function panics with leaves no lock.
func TestFollowerPanics(t *testing.T) {
	g := newRig(t)
	release := g.log.Attached()
	defer release()
	g.send("a")
	c := g.log.Snapshot().Cursor(0)
	defer c.Close()
	_, err := c.Next(context.Background(), true, nil)
	check(t, err)
	func() {
		defer func() { _ = recover() }()
		_, _ = c.Next(context.Background(), true, func() error { panic("in a test") })
		t.Error("no panic")
	}()
	g.send("b")
	b, err := c.Next(context.Background(), true, nil)
	if err != nil || len(b.Frames) == 0 {
		t.Fatalf("%d bytes, %v", len(b.Frames), err)
	}
	g.want(g.sent)
}
