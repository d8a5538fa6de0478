package readback_test

import (
	"slices"
	"testing"
	"testing/synctest"
	"time"

	"github.com/coldtail/coldtail/codec"
	"github.com/coldtail/coldtail/readback"
)

// What a tail may take of a bucket.
const (
	maxTrips    = 5 // one after the other
	maxRequests = 40
	maxBytes    = 2 << 20
)

const tripTime = 30 * time.Millisecond

// TestTailRequests: the last ten entries of a container with 10,000 chunks and
// without local state take few requests, however long ago they were written.
func TestTailRequests(t *testing.T) {
	if testing.Short() {
		t.Skip("skipped by -short: it makes archives of years")
	}
	const opened = 30
	const year = 365 * 24 * time.Hour
	for _, tc := range []struct {
		name    string
		chunks  int
		every   time.Duration // between chunks
		entries int           // of a chunk
		hour    int           // of the last chunk
	}{
		{"ten weeks of six chunks an hour", 10_000, 10 * time.Minute, 3, 0},
		{"a year of a chunk an hour", 10_000, time.Hour, 4, 0},
		{"a week of a chunk a minute", 10_000, time.Minute, 2, 20},
		{"five years of a chunk a day", 1826, 24 * time.Hour, 10, 9},
	} {
		t.Run(tc.name, func(t *testing.T) {
			last := time.Date(2026, 11, 21, tc.hour, 30, 0, 0, time.UTC)
			a := newArchive(t, codec.Parquet)
			for i := range tc.chunks {
				a.hollow = i < tc.chunks-opened
				a.burst(last.Add(-time.Duration(tc.chunks-1-i)*tc.every), tc.entries)
			}
			// Hours ago, if the clock was wrong, it has not been yet.
			for _, idle := range []time.Duration{-14 * time.Hour, -5 * time.Hour, time.Minute, year / 2, 3 * year} {
				checkTail(t, a, last.Add(idle), 10)
			}
		})
	}
}

// TestTailOfLargeChunk: of a large object only the end is read.
func TestTailOfLargeChunk(t *testing.T) {
	if testing.Short() {
		t.Skip("skipped by -short: it makes a large object")
	}
	for _, format := range codec.Formats() {
		t.Run(string(format), func(t *testing.T) {
			a := newArchive(t, format)
			a.filler = 100 // a range of NDJSON looks back 4096 lines
			last := time.Date(2026, 11, 21, 12, 0, 0, 0, time.UTC)
			a.burst(last, 40_000)
			checkTail(t, a, last.Add(time.Hour), 10)
		})
	}
}

// checkTail reads the last n entries at a given time, and judges the requests.
func checkTail(t *testing.T, a *archive, now time.Time, n int) {
	t.Helper()
	c := &counter{Bucket: a.open(), delay: tripTime}
	synctest.Test(t, func(t *testing.T) {
		time.Sleep(time.Until(now))
		trips, got := timed(t, c, readback.Query{Tail: int64(n)})
		if want := a.lines[len(a.lines)-n:]; !slices.Equal(got, want) {
			t.Errorf("got %q, want %q", got, want)
		}
		t.Logf("on %s: %d round trips, %d requests, %d bytes", now.Format("2006-01-02 15:04"), trips, c.requests, c.bytes)
		if trips > maxTrips || c.requests > maxRequests || c.bytes > maxBytes {
			t.Errorf("more than %d round trips, %d requests or %d bytes", maxTrips, maxRequests, maxBytes)
		}
	})
}

// timed reads, in a bubble, and returns how many round trips it took.
func timed(t *testing.T, c *counter, q readback.Query) (trips int, lines []string) {
	t.Helper()
	q.ContainerID = id
	r := readback.New(readback.Config{Bucket: c})
	start := time.Now()
	for e, err := range r.Entries(t.Context(), q) {
		if err != nil {
			t.Fatal(err)
		}
		lines = append(lines, string(e.Line))
	}
	return int(time.Since(start) / c.delay), lines
}

// TestRangeRequests: a range of times opens no object outside of it, and lists
// its own hours only.
func TestRangeRequests(t *testing.T) {
	if testing.Short() {
		t.Skip("skipped by -short: it makes archives of years")
	}
	const chunks, perHour = 10_000, 6
	last := time.Date(2026, 11, 21, 12, 30, 0, 0, time.UTC)
	at := func(i int) time.Time { return last.Add(-time.Duration(chunks-1-i) * time.Hour / perHour) }
	a := newArchive(t, codec.Parquet)
	for i := range chunks {
		a.hollow = 12 <= i && i < chunks/2 || chunks/2+12 <= i && i < chunks-18
		a.burst(at(i), 3)
	}
	for _, tc := range []struct {
		name        string
		first, last int // chunk that is wanted
		q           readback.Query
		lists       int
	}{
		{"the last three hours", chunks - 18, chunks - 1, readback.Query{Tail: -1, Since: at(chunks - 18)}, 1 + 4 + 12},
		{"two hours a month ago", chunks / 2, chunks/2 + 11, readback.Query{Tail: -1, Since: at(chunks / 2), Until: at(chunks/2 + 12).Add(-time.Second)}, 1 + 3},
		{"the beginning", 0, 11, readback.Query{Tail: -1, Until: at(12).Add(-time.Second)}, 1 + 24},
		{"a tail that reaches beyond", chunks - 3, chunks - 1, readback.Query{Tail: 1000, Since: at(chunks - 3)}, 1 + 13 + 24},
		{"a tail that ends before", chunks - 2, chunks - 1, readback.Query{Tail: 6, Since: at(0)}, 1 + 8 + 11},
	} {
		t.Run(tc.name, func(t *testing.T) {
			c := &counter{Bucket: a.open(), delay: tripTime}
			synctest.Test(t, func(t *testing.T) {
				time.Sleep(time.Until(last))
				trips, got := timed(t, c, tc.q)
				if want := a.lines[3*tc.first : 3*(tc.last+1)]; !slices.Equal(got, want) {
					t.Errorf("got %q, want %q", got, want)
				}
				t.Logf("%d round trips, %d requests, %d bytes", trips, c.requests, c.bytes)
				if objects := tc.last - tc.first + 1; trips > maxTrips || c.requests > tc.lists+objects {
					t.Errorf("more than %d round trips or %d listings and %d objects", maxTrips, tc.lists, objects)
				}
			})
		})
	}
}
