package catalog

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/coldtail/coldtail/archiver/bucket/buckettest"
	"github.com/coldtail/coldtail/codec"
	"github.com/coldtail/coldtail/codec/key"
	"github.com/coldtail/coldtail/codec/randtest"
)

// listing is a bucket of empty objects in memory, which counts requests.
type listing struct {
	buckettest.Listing
	keys []string
}

func newListing(keys ...string) *listing {
	return &listing{Listing: buckettest.Listing{Sections: []buckettest.Section{buckettest.Keys(keys...)}}, keys: keys}
}

// logged returns the keys of a container's chunks with an entry at each time, and
// their markers.
func logged(id string, f codec.Format, times ...time.Time) (keys []string) {
	for i, at := range times {
		m := key.Meta{
			Format: f, ContainerID: id, SpoolID: logSpool, SegmentSeq: int64(i + 1), FirstSeq: int64(i + 1), LastSeq: int64(i + 1), Entries: 1,
			MinNano: max(0, at.Unix()) * 1e9 % 1e18, Hour: at.UTC().Truncate(time.Hour),
		}
		m.MaxNano = m.MinNano
		keys = append(keys, m.Key(), m.DayKey())
	}
	return keys
}

// own returns the container's chunks among the keys, in the order of List.
func (l *listing) own(id string) (chunks []Chunk) {
	for _, k := range slices.Compact(slices.Sorted(slices.Values(l.keys))) {
		if m, err := key.Parse(k); err == nil && m.ContainerID == id {
			chunks = append(chunks, Chunk{Meta: m})
		}
	}
	Sort(chunks)
	return chunks
}

// TestSweep: whatever others have on a container's days and between, all of its
// objects are found, and no other.
func TestSweep(t *testing.T) {
	ids := []string{logID, strings.Repeat("0", 64), strings.Repeat("f", 64)}
	r := randtest.New(t)
	start := time.Now().AddDate(0, 0, -60)
	for range 6 {
		var keys []string
		for _, id := range ids {
			var times []time.Time
			for range 1 + r.IntN(30) {
				day := start.AddDate(0, 0, r.IntN(60))
				if r.IntN(5) == 0 { // of a clock that is wrong
					day = time.Date(r.IntN(9999), 1, 1, 0, 0, 0, 0, time.UTC)
				}
				n := 1 + r.IntN(4)
				if r.IntN(4) == 0 {
					n = pageKeys/2 + r.IntN(2*pageKeys) // fills pages
				}
				for range n {
					times = append(times, day.Add(time.Duration(r.IntN(24))*time.Hour))
				}
			}
			keys = append(keys, logged(id, codec.Formats()[r.IntN(2)], times...)...)
		}
		for range r.IntN(3000) { // days that somebody made up
			keys = append(keys, fmt.Sprintf("index/day/%s/%04d-%02d-%02d/parquet", logID, r.IntN(9999), 1+r.IntN(12), 1+r.IntN(28)))
		}
		for range r.IntN(100) {
			keys = append(keys, fmt.Sprintf("parquet/dt=%s/%d", key.DayText(start.AddDate(0, 0, r.IntN(60))), r.IntN(99)), fmt.Sprintf("parquet/dt=x%d", r.IntN(99)))
		}
		l := newListing(keys...)
		for _, id := range ids {
			want := l.own(id)
			got, err := List(t.Context(), l, id)
			if err != nil || !slices.Equal(got, want) {
				t.Fatalf("%d chunks, want %d, %v", len(got), len(want), err)
			}
			got, err = Find(t.Context(), l, id, Want{Tail: codec.All})
			if err != nil || !slices.Equal(got, want) {
				t.Fatalf("%d chunks, want %d, %v", len(got), len(want), err)
			}
			if got, err = Find(t.Context(), l, id, Want{Tail: int64(len(want)) + 1}); err != nil || !slices.Equal(got, want) {
				t.Fatalf("a tail of all: %d chunks, want %d, %v", len(got), len(want), err)
			}
		}
	}
}

// TestForgedDays: markers of days on which there is nothing cost next to nothing,
// whichever days these are.
func TestForgedDays(t *testing.T) {
	now := time.Now()
	var made []string // by somebody who may put objects
	mark := func(n int, day func(int) time.Time) (keys []string) {
		for i := range n {
			keys = append(keys, key.Day{ContainerID: logID, Day: day(i), Format: codec.Formats()[i%2]}.Key())
		}
		return keys
	}
	own := logged(logID, codec.Parquet, now.Add(-30*time.Hour), now.Add(-time.Hour))
	for name, forged := range map[string][]string{
		"of the last years": mark(2000, func(i int) time.Time { return now.AddDate(0, 0, -i) }),
		"before coldtail":   mark(20_000, func(i int) time.Time { return time.Date(0, 1, 1+i, 0, 0, 0, 0, time.UTC) }),
		"to come":           mark(20_000, func(i int) time.Time { return now.AddDate(0, 0, 3+i) }),
	} {
		made = append(made, forged...)
		for _, w := range []Want{{Tail: codec.All}, {Tail: 100}, {Tail: 1}, {Tail: codec.All, Since: now.Add(-2 * time.Hour)}, {Tail: codec.All, Until: now}} {
			l := newListing(append(own, forged...)...)
			got, err := Find(t.Context(), l, logID, w)
			if err != nil || !slices.ContainsFunc(got, func(c Chunk) bool { return c.Hour.Equal(l.own(logID)[1].Hour) }) {
				t.Errorf("%s, %+v: %d chunks, %v", name, w, len(got), err)
			}
			const most = 200
			if n := l.Lists.Load(); n > most {
				t.Errorf("%s, %+v: %d listings, want at most %d", name, w, n, most)
			} else {
				t.Logf("%s, %+v: %d listings", name, w, n)
			}
		}
	}
	l := newListing(append(own, made...)...)
	days, err := Days(t.Context(), l, logID)
	if err != nil || len(days) > 2000+2+2*pageKeys+1 || l.Lists.Load() > 10 {
		t.Errorf("%d days with %d listings, %v", len(days), l.Lists.Load(), err)
	}
	if first, last := days[0].Day, days[len(days)-1].Day; first.Year() != 0 || last.Before(now.AddDate(0, 0, 20_000)) {
		t.Errorf("from %s to %s", first, last)
	}
}

// TestTailOfYears: a tail that asks for more than the last two years gets it.
func TestTailOfYears(t *testing.T) {
	var times []time.Time
	for i := range 1100 {
		times = append(times, time.Now().AddDate(0, 0, i-1099))
	}
	l := newListing(logged(logID, codec.Parquet, times...)...)
	for _, w := range []Want{{Tail: 1000}, {Tail: 2000}, {Tail: 2000, Since: times[200]}} {
		got, err := Find(t.Context(), l, logID, w)
		if want := min(int(w.Tail), len(times)); err != nil || len(got) < want && (w.Since.IsZero() || len(got) < 900) {
			t.Errorf("%+v: %d chunks, %v", w, len(got), err)
		}
	}
}
