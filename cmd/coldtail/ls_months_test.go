package main

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/coldtail/coldtail/archiver/bucket/buckettest"
	"github.com/coldtail/coldtail/codec"
	"github.com/coldtail/coldtail/codec/key"
	"github.com/coldtail/coldtail/codec/randtest"
)

// keysOf are those of a container's objects, one at each time, and its markers.
func keysOf(n key.Name, f codec.Format, times ...time.Time) (keys []string) {
	keys = append(keys, n.Key())
	for i, at := range times {
		seq := int64(i + 1)
		m := key.Meta{
			Format: f, ContainerID: n.ContainerID, SpoolID: strings.Repeat("5", 16), SegmentSeq: seq, FirstSeq: seq, LastSeq: seq, Entries: 1,
			MinNano: max(0, codec.UnixNano(at)), MaxNano: max(0, codec.UnixNano(at)), Hour: at.UTC().Truncate(time.Hour),
		}
		keys = append(keys, m.Key(), m.DayKey())
	}
	return keys
}

// forgedKeys are objects that somebody who may put some filed under days of n
// years that no clock gives.
func forgedKeys(n int) (keys []string) {
	for i := range n {
		year := i
		if year > 2000 {
			year = 9999 - i + 2000
		}
		keys = append(keys, keysOf(container("x", "x", "x"), codec.Parquet, time.Date(year, 3, 4, 5, 0, 0, 0, time.UTC))[1])
	}
	return keys
}

// TestLsOfForgedYears: an object under a day that no clock gives costs no more
// than any other, and is listed.
func TestLsOfForgedYears(t *testing.T) {
	n := container("web", "web-1", "north")
	now := time.Now()
	own := keysOf(n, codec.Parquet, now.AddDate(0, 0, -40), now.AddDate(0, 0, -1), now)
	count := func(forged ...string) (lists int64) {
		l := &buckettest.Listing{Sections: []buckettest.Section{buckettest.Keys(append(forged, own...)...)}}
		rows, err := (&scan{bucket: l, shelves: shelves{}}).run(t.Context(), &who{})
		objects := int64(0)
		for _, r := range rows {
			objects += r.objects
		}
		if err != nil || objects != int64(3+len(forged)) {
			t.Errorf("%d forged: %d objects, %v", len(forged), objects, err)
		}
		return l.Lists.Load()
	}
	none := count()
	for _, forged := range []int{1, 20, 4000} {
		most := none + int64(2*forged/buckettest.PageKeys) + 1
		if lists := count(forgedKeys(forged)...); lists > most {
			t.Errorf("%d forged objects: %d listings, without them %d", forged, lists, none)
		} else {
			t.Logf("%d forged objects: %d listings, without them %d", forged, lists, none)
		}
	}
	// Within the years that a clock may give, a month each, if there are so many.
	if lists := count(keysOf(n, codec.NDJSON, time.Date(2013, 1, 2, 0, 0, 0, 0, time.UTC))[1]); lists > none+4 {
		t.Errorf("an object of 2013: %d listings, without it %d", lists, none)
	}
	// A container's marker of such a day, too.
	var days []string
	for i := range 2000 {
		days = append(days, key.Day{ContainerID: n.ContainerID, Day: now.AddDate(0, 0, -i), Format: codec.Parquet}.Key())
	}
	l := &buckettest.Listing{Sections: []buckettest.Section{buckettest.Keys(append(days, own...)...)}}
	if _, err := (&scan{bucket: l, shelves: shelves{}}).run(t.Context(), &who{names: []string{"web-1"}}); err != nil || l.Lists.Load() > 100 {
		t.Errorf("2000 markers: %d listings, %v", l.Lists.Load(), err)
	} else {
		t.Logf("2000 markers of days: %d listings", l.Lists.Load())
	}
}

// TestLsCountsEach: however the days are listed, each object counts once.
func TestLsCountsEach(t *testing.T) {
	r := randtest.New(t)
	start := time.Now().AddDate(0, 0, -200)
	for range 3 {
		var keys []string
		want := map[string]int64{}
		for c := range 3 {
			n := container("s", fmt.Sprint("n", c), "h")
			var times []time.Time
			for range 1 + r.IntN(40) {
				day := start.AddDate(0, 0, r.IntN(201))
				if r.IntN(6) == 0 {
					day = time.Date(r.IntN(9999), 1, 1, 0, 0, 0, 0, time.UTC)
				}
				some := 1 + r.IntN(4)
				if r.IntN(6) == 0 {
					some = r.IntN(12 * pageKeys)
				}
				for range some {
					times = append(times, day.Add(time.Duration(r.IntN(24))*time.Hour))
				}
			}
			keys = append(keys, keysOf(n, codec.Formats()[r.IntN(2)], times...)...)
			want[n.Name] = int64(len(times))
		}
		l := &buckettest.Listing{Sections: []buckettest.Section{buckettest.Keys(keys...)}}
		for _, w := range []*who{{}, {services: []string{"s"}}, {names: []string{"n1"}}} {
			rows, err := (&scan{bucket: l, shelves: shelves{}}).run(t.Context(), w)
			if err != nil {
				t.Fatal(err)
			}
			for _, row := range rows {
				if row.objects != want[row.Name.Name] {
					t.Errorf("%v: %d objects of %s, want %d", w, row.objects, row.Name.Name, want[row.Name.Name])
				}
			}
			if len(w.names) == 0 && len(rows) != 3 {
				t.Errorf("%+v", rows)
			}
		}
	}
}

// TestLsIsBounded: more containers than a list may have are refused.
func TestLsIsBounded(t *testing.T) {
	defer func(n int) { maxShelves = n }(maxShelves)
	maxShelves = 3
	var keys []string
	for c := range 4 {
		keys = append(keys, keysOf(container("s", fmt.Sprint("n", c), "h"), codec.Parquet, time.Now())...)
	}
	l := &buckettest.Listing{Sections: []buckettest.Section{buckettest.Keys(keys...)}}
	if _, err := (&scan{bucket: l, shelves: shelves{}}).run(t.Context(), &who{}); err == nil || !strings.Contains(err.Error(), "narrow the list") {
		t.Errorf("got %v", err)
	}
}

// TestLsOfAnotherTree: what a later version files in a tree of its own is named.
func TestLsOfAnotherTree(t *testing.T) {
	s := newShelf(t)
	s.say(container("web", "web-1", "north"), at(0, "a"))
	for _, key := range []string{"athena-results/x", "dt=2026-01-01/x", "vacation/dt=2026-01-01/hour=00/photo.jpg"} {
		s.touch(key)
	}
	if res := s.run("ls", "-q"); res.status != exitOK {
		t.Errorf("others' trees: %+v", res)
	}
	key := "vortex/dt=2026-01-01/hour=00/" + strings.Repeat("a", 64) + "-1.vortex"
	s.touch(key)
	if res := s.run("ls", "-q"); res.status != exitFailure || res.stdout == "" || !strings.Contains(res.stderr, key) {
		t.Errorf("a later version's tree: %+v", res)
	}
}
