package spool // inside: see spool_test.go

import (
	"errors"
	"io"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"
)

// TestFollowersShareTheTail follows a log with a hundred cursors, which lag by
// one batch at most: what they read comes from memory, of which there is one.
func TestFollowersShareTheTail(t *testing.T) {
	const followers, batches = 100, 400
	g := newRig(t)
	var reads atomic.Int64
	g.cfg.Hook = func(step, _ string) {
		if step == "read" {
			reads.Add(1)
		}
	}
	g.open()
	release := g.log.Attached()
	var wg sync.WaitGroup
	var seen [followers]chan int64
	ready := make(chan struct{}, followers)
	for i := range followers {
		seen[i] = make(chan int64, batches)
		wg.Go(func() {
			c := g.log.Snapshot().Cursor(0)
			defer c.Close()
			var once sync.Once
			for {
				b, err := c.Next(t.Context(), true, func() error { once.Do(func() { ready <- struct{}{} }); return nil })
				if errors.Is(err, io.EOF) {
					return
				}
				if err != nil {
					t.Error(err)
					return
				}
				for rest := b.Frames; len(rest) > 0; rest = rest[frameBytes(rest):] {
					seen[i] <- c.Seq()
				}
			}
		})
	}
	for range followers {
		await(t, ready)
	}
	line := strings.Repeat("x", 9000)
	for i := range batches {
		g.send(line)
		if i > 0 {
			for _, ch := range seen {
				await(t, ch)
			}
		}
	}
	release()
	wg.Wait()
	for i, ch := range seen {
		if len(ch) != 1 {
			t.Errorf("follower %d got %d entries more than all but the last, want 1", i, len(ch))
		}
	}
	if n := reads.Load(); n != 0 {
		t.Errorf("the followers read the file %d times", n)
	}
	if n := cap(g.log.tail.b); n > tailMaxBytes {
		t.Errorf("the tail takes %d bytes", n)
	}
}

// frameBytes is the size of the frame that b starts with.
func frameBytes(b []byte) int {
	return 4 + int(b[0])<<24 + int(b[1])<<16 + int(b[2])<<8 + int(b[3])
}

func await[T any](t *testing.T, ch <-chan T) {
	t.Helper()
	select {
	case <-ch:
	case <-time.After(time.Minute):
		t.Fatal("waited for a follower in vain")
	}
}
