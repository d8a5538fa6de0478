package readback_test

import (
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/coldtail/coldtail/codec"
	"github.com/coldtail/coldtail/codec/key"
	"github.com/coldtail/coldtail/codec/randtest"
	"github.com/coldtail/coldtail/readback"
)

// TestWildClocks: whatever the clock did while a container wrote, if only it was
// right again at the end and where state was lost, and whatever state and entries were lost, the archive
// gives the entries that the order of arrival says. Ranges are compared without
// what is older than they begin, which the daemon drops anyway.
func TestWildClocks(t *testing.T) {
	if testing.Short() {
		t.Skip("skipped by -short: it makes and reads many archives")
	}
	rnd := randtest.New(t)
	for round := range 20 {
		a := newArchive(t, codec.Formats()[round%2])
		times := wildLife(a, rnd)
		r := readback.New(readback.Config{Bucket: a.open()})
		for range 25 {
			q := readback.Query{ContainerID: id, Tail: -1}
			if rnd.IntN(2) == 0 {
				q.Tail = 1 + rnd.Int64N(int64(len(times)))
			}
			if rnd.IntN(2) == 0 {
				q.Since = times[rnd.IntN(len(times))].Add(time.Duration(rnd.IntN(3)-1) * time.Second)
			}
			if rnd.IntN(3) == 0 {
				q.Until = times[rnd.IntN(len(times))].Add(time.Duration(rnd.IntN(3)-1) * time.Second)
			}
			if hidden(times, q) {
				continue
			}
			var got []string
			for e, err := range r.Entries(t.Context(), q) {
				check(t, err)
				if e.TimeNano >= nano(q.Since) {
					got = append(got, string(e.Line))
				}
			}
			if want := inRange(a.lines, times, q); !slices.Equal(got, want) {
				t.Fatalf("round %d, tail %d, since %v, until %v: got %d lines, want %d\n%.300q\n%.300q", round, q.Tail, q.Since, q.Until, len(got), len(want), got, want)
			}
		}
	}
}

// hidden tells that a range ends by an entry of a clock that ran ahead, before
// anything whose hour is in the range. That a reader of the archive cannot know.
func hidden(times []time.Time, q readback.Query) bool {
	if q.Until.IsZero() {
		return false
	}
	ahead := slices.IndexFunc(times, q.Until.Before)
	in := slices.IndexFunc(times, func(at time.Time) bool {
		return !at.Truncate(time.Hour).After(q.Until) && at.Truncate(time.Hour).Add(time.Hour).After(q.Since)
	})
	return ahead >= 0 && ahead < in
}

// nano is t, or the beginning of time.
func nano(t time.Time) int64 {
	if t.IsZero() {
		return 0
	}
	return t.UnixNano()
}

// inRange is what a query gives of all lines: the tail, from the first that is
// late enough to the first that is too late.
func inRange(lines []string, times []time.Time, q readback.Query) (want []string) {
	i := 0
	if q.Tail >= 0 {
		i = max(0, len(lines)-int(q.Tail))
	}
	for ; i < len(lines); i++ {
		if !q.Until.IsZero() && times[i].After(q.Until) {
			break
		}
		if times[i].UnixNano() >= nano(q.Since) {
			want = append(want, lines[i])
		}
	}
	return want
}

// wildLife archives a container's life, and returns its entries' times.
func wildLife(a *archive, rnd *rand.Rand) (times []time.Time) {
	now := time.Date(2026, 3, 1, 23, 0, 0, 0, time.UTC)
	latest := now
	tick := func(most time.Duration) time.Time {
		now = now.Add(time.Duration(rnd.Int64N(int64(most))))
		if now.After(latest) {
			latest = now
		}
		return now
	}
	segment := func() {
		var seg []time.Time
		for range 1 + rnd.IntN(6) {
			if rnd.IntN(15) == 0 {
				now = now.Add(-time.Duration(rnd.Int64N(int64(50 * time.Hour))))
			}
			seg = append(seg, tick([]time.Duration{time.Minute, 5 * time.Hour}[rnd.IntN(2)]))
		}
		a.format = codec.Formats()[rnd.IntN(2)]
		a.segment(seg...)
		times = append(times, seg...)
	}
	catchUp := func() {
		now = latest
		a.segment(tick(time.Minute))
		times = append(times, now)
	}
	for life := range 1 + rnd.IntN(2) {
		if life > 0 {
			catchUp()
			a.spool, a.seg, a.next = strings.Repeat(fmt.Sprint(rnd.IntN(5)), 16), 0, a.next+1_000_000
			catchUp()
		}
		for range 5 + rnd.IntN(15) {
			switch rnd.IntN(12) {
			case 0:
				now = now.Add(time.Duration(rnd.Int64N(int64(30 * 24 * time.Hour))))
			case 1:
				a.gap(tick(time.Hour), 1+rnd.Int64N(100))
				times = append(times, now)
			}
			segment()
		}
	}
	catchUp()
	return times
}

// TestClockOnceAhead: a clock that ran ahead for an hour leaves a day that looks
// like the newest for long. When the markers were put tells otherwise.
func TestClockOnceAhead(t *testing.T) {
	a := newArchive(t, codec.Parquet)
	start := time.Date(2025, 3, 1, 12, 0, 0, 0, time.UTC)
	put := func(at time.Time, clock time.Time) {
		a.burst(clock, 3)
		marker := key.Day{ContainerID: id, Day: clock.Truncate(24 * time.Hour), Format: codec.Parquet}.Key()
		check(t, os.Chtimes(filepath.Join(a.dir, filepath.FromSlash(marker)), at, at))
	}
	put(start, start)
	put(start.AddDate(0, 0, 1), start.AddDate(1, 0, 0))
	for day := range 10 {
		at := start.AddDate(0, 0, 2+day)
		put(at, at)
	}
	c := &counter{Bucket: a.open(), delay: tripTime}
	synctest.Test(t, func(t *testing.T) {
		time.Sleep(time.Until(start.AddDate(1, 1, 0)))
		_, got := timed(t, c, readback.Query{Tail: 2})
		if want := a.lines[len(a.lines)-2:]; !slices.Equal(got, want) {
			t.Errorf("got %q, want %q", got, want)
		}
	})
}

// TestFormatChangedWithinAnHour: the last entries are those of the format that
// was written last, whatever hour of the day it was.
func TestFormatChangedWithinAnHour(t *testing.T) {
	formats := codec.Formats()
	for _, order := range [][]codec.Format{{formats[0], formats[1]}, {formats[1], formats[0]}} {
		for hour := range 24 {
			a := newArchive(t, order[0])
			last := time.Date(2026, 3, 1, hour, 10, 0, 0, time.UTC)
			a.burst(last, 3)
			a.format = order[1]
			a.burst(last.Add(time.Minute), 3)
			r := readback.New(readback.Config{Bucket: a.open()})
			var got []string
			for e, err := range r.Entries(t.Context(), readback.Query{ContainerID: id, Tail: 2}) {
				check(t, err)
				got = append(got, string(e.Line))
			}
			if want := a.lines[len(a.lines)-2:]; !slices.Equal(got, want) {
				t.Errorf("%s at %d o'clock: got %q, want %q", order[1], hour, got, want)
			}
		}
	}
}
