package catalog

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/coldtail/coldtail/archiver/bucket/buckettest"
	"github.com/coldtail/coldtail/codec"
	"github.com/coldtail/coldtail/codec/key"
)

// TestNamedSince finds what containers of a name, and of no other, were seen, in a
// bucket of many.
func TestNamedSince(t *testing.T) {
	now := time.Now()
	var keys []string
	want := map[string]string{}
	note := func(name string, id int, day time.Time) {
		n := key.Name{Service: "s", Name: name, Host: "h", ContainerID: fmt.Sprintf("%064x", id)}
		s := key.Seen{Name: n, Day: day}
		keys = append(keys, s.NameKey(), s.HostKey())
		if name == "web" && want[n.ContainerID] < key.DayText(day) {
			want[n.ContainerID] = key.DayText(day)
		}
	}
	for i := range 5000 {
		note("web", i%1500, now.AddDate(0, 0, -i))
		note([]string{"we", "web-1", "webb", "web~", "a"}[i%5], i, now.AddDate(0, 0, -i))
	}
	note("web", 9001, time.Date(1, 1, 1, 0, 0, 0, 0, time.UTC))
	note("web", 9002, time.Date(9999, 12, 31, 0, 0, 0, 0, time.UTC))
	l := &buckettest.Listing{Sections: []buckettest.Section{buckettest.Keys(append(keys, "index/by-name/web/notes")...)}}
	got := map[string]string{}
	for s, err := range NamedSince(t.Context(), l, "web", time.Time{}) {
		if err != nil || s.Name.Name != "web" {
			t.Fatal(s, err)
		}
		got[s.ContainerID] = max(got[s.ContainerID], key.DayText(s.Day))
	}
	if len(got) != len(want) {
		t.Errorf("%d containers, want %d", len(got), len(want))
	}
	for id, day := range want {
		if got[id] != day {
			t.Errorf("%s was seen last on %s, want %s", id, got[id], day)
		}
	}
	l.Lists.Store(0)
	recent := 0
	for _, err := range HostSince(t.Context(), l, "h", now.AddDate(0, 0, -9)) {
		if recent++; err != nil {
			t.Fatal(err)
		}
	}
	if recent != 2*10+1 || l.Lists.Load() != 1 {
		t.Errorf("%d seen in ten days, with %d listings", recent, l.Lists.Load())
	}
	for _, err := range NamedSince(t.Context(), l, "nobody", time.Time{}) {
		t.Error("somebody", err)
	}
}

func TestSeenAreBounded(t *testing.T) {
	defer func(n int64) { maxSeen = n }(maxSeen)
	maxSeen = 100
	day := func(i int) key.Seen {
		return key.Seen{Name: key.Name{Service: "s", Name: "web", Host: "h", ContainerID: fmt.Sprintf("%064x", i)}, Day: time.Now()}
	}
	l := &buckettest.Listing{Sections: []buckettest.Section{{N: 3000, Key: func(i int) string { return day(i).NameKey() }}}}
	var last error
	for _, err := range NamedSince(t.Context(), l, "web", time.Time{}) {
		last = err
	}
	if last == nil || !strings.Contains(last.Error(), "more than 100 containers") {
		t.Errorf("got %v", last)
	}
}

// TestIDs finds which ids start with some digits by their day markers.
func TestIDs(t *testing.T) {
	var keys []string
	for _, id := range []string{"aa" + strings.Repeat("0", 62), "ab" + strings.Repeat("0", 62), "ab" + strings.Repeat("1", 62), "c" + strings.Repeat("0", 63)} {
		for i := range 1500 {
			keys = append(keys, key.Day{ContainerID: id, Day: time.Now().AddDate(0, 0, -i), Format: codec.Parquet}.Key())
		}
	}
	l := &buckettest.Listing{Sections: []buckettest.Section{buckettest.Keys(append(keys, "index/day/c/x", "index/day/cc")...)}}
	for start, want := range map[string]int{"a": 2, "ab": 2, "aa": 1, "c": 1, "d": 0, "ab1": 1, "aa" + strings.Repeat("0", 62): 1} {
		l.Lists.Store(0)
		ids, err := IDs(t.Context(), l, start)
		if err != nil || len(ids) != want || l.Lists.Load() > 3 {
			t.Errorf("%s: %q with %d listings, %v", start, ids, l.Lists.Load(), err)
		}
	}
}
