package archiver // see rig

import (
	"fmt"
	"slices"
	"sync/atomic"
	"testing"
	"time"

	"github.com/coldtail/coldtail/codec"
)

// TestHourIsSpread: 5,000 quiet containers seal in the 5 minutes after the hour,
// evenly enough that a store which takes 100 objects a second is never behind,
// and that 16 committers, each of whose commits takes four syncs of 50 ms, hold up
// no other container's group commit by more than a second.
func TestHourIsSpread(t *testing.T) {
	const containers, commitTime, storeRate = 5000, 200 * time.Millisecond, 100
	hour := time.Date(2026, 1, 2, 4, 0, 0, 0, time.UTC)
	first := hour.Add(-7 * time.Minute).UnixNano()
	ids := make([]string, containers)
	for i := range ids {
		ids[i] = fmt.Sprintf("%064x", i)
		if hourOver(ids[i], first, 100, hour.Add(-1)) {
			t.Fatal("closed before the hour has passed")
		}
		if !hourOver(ids[i], first, 100, hour.Add(rollSpread)) || !hourOver(ids[i], first, quietBytes+1, hour) ||
			!hourOver(ids[i], first, 100, hour.Add(-2*time.Hour)) {
			t.Fatal("not closed: long after the hour, or busy, or when the clock is set back")
		}
	}
	var free [committers]time.Time // when each committer is free
	latest, behind := time.Duration(0), 0.0
	const tick = 500 * time.Millisecond
	for now := hour; !now.After(hour.Add(rollSpread)); now = now.Add(tick) {
		behind = max(0, behind-storeRate*tick.Seconds())
		ids = slices.DeleteFunc(ids, func(id string) bool {
			if !hourOver(id, first, 100, now) {
				return false
			}
			i := 0
			for k := range free {
				if free[k].Before(free[i]) {
					i = k
				}
			}
			if free[i].Before(now) {
				free[i] = now
			}
			latest = max(latest, free[i].Sub(now)) // what another one's commit waits that is asked for now
			free[i] = free[i].Add(commitTime)
			behind++
			return true
		})
		if behind > storeRate {
			t.Fatalf("%s after the hour %.0f objects wait", now.Sub(hour), behind)
		}
	}
	if len(ids) > 0 || latest > time.Second {
		t.Errorf("%d are not closed; a commit waits %s", len(ids), latest)
	}
	t.Logf("a commit waits at most %s", latest)
}

// TestQuietStreamsRollLater: what a quiet container writes around the hour goes into
// one segment, and into the partition of its own hour; a busy one begins anew.
func TestQuietStreamsRollLater(t *testing.T) {
	g := newRig(t)
	g.stop()
	hour := time.Now().Truncate(time.Hour)
	var now atomic.Int64
	now.Store(hour.Add(-time.Minute).UnixNano())
	g.cfg.Now = func() time.Time { return time.Unix(0, now.Load()) }
	g.cfg.CommitInterval = time.Hour // no ticks but the test's
	g.start()
	quiet := fmt.Sprintf("%064x", 1)
	for rollDelay(quiet) < 2*time.Minute {
		quiet = quiet[1:] + "7"
	}
	d := newDaemon(t)
	check(t, g.a.Attach(t.Context(), source(d.path, quiet)))
	print := func(line string) {
		t.Helper()
		d.log(codec.Entry{Source: codec.Stdout, TimeNano: now.Load(), Line: []byte(line)})
		waitFor(t, "it to be read", func() bool { return d.f.Drained() })
	}
	s, err := g.a.stream(quiet)
	check(t, err)
	print("before")
	segments := func() int { return len(s.log.Snapshot().Segments) }
	now.Store(hour.Add(time.Minute).UnixNano())
	s.tick(g.cfg.Now())
	print("after")
	if n := segments(); n != 1 {
		t.Errorf("a minute after the hour: %d segments", n)
	}
	now.Store(hour.Add(rollDelay(quiet)).UnixNano())
	s.tick(g.cfg.Now())
	print("later")
	waitFor(t, "the segment to be closed", func() bool { return segments() == 2 })
	check(t, g.a.Detach(t.Context(), d.path))
	g.flush()
	g.want(quiet, []string{"before", "after", "later"})
}
