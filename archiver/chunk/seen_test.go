package chunk

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/coldtail/coldtail/archiver/bucket/buckettest"
	"github.com/coldtail/coldtail/codec"
)

// TestSeenKeysAreAsDocumented holds what must not change.
func TestSeenKeysAreAsDocumented(t *testing.T) {
	n := Name{Service: "shop/api", Name: "shop-api-1", Host: "", ContainerID: cid}
	want := []string{
		"index/name/shop~2fapi/shop-api-1/~/" + cid,
		"index/by-host/~/2026-01-02/shop~2fapi/shop-api-1/" + cid,
		"index/by-name/shop-api-1/2026-01-02/shop~2fapi/~/" + cid,
		"index/day/" + cid + "/2026-01-02/parquet",
	}
	if got := sample.Markers(n); !slices.Equal(got, want) {
		t.Errorf("got %q", got)
	}
	for _, key := range want[1:3] {
		if s, err := ParseSeenKey(key); err != nil || s.Name != n || !s.Day.Equal(day(sample.Hour)) {
			t.Errorf("%s: %+v, %v", key, s, err)
		}
	}
	for _, key := range append(want, CompleteKey()) {
		if !IsMarker(key) {
			t.Errorf("%s is a marker", key)
		}
	}
	for _, key := range []string{
		"", "index/by-name/x/2026-01-02/s/h/abc", "index/by-name/x/2026-13-02/s/h/" + cid, "index/by-name//2026-01-02/s/h/" + cid,
		"index/by-name/x/s/h/" + cid, "index/by-zone/x/2026-01-02/s/h/" + cid, "index/by-name/~2F/2026-01-02/s/h/" + cid,
	} {
		if s, err := ParseSeenKey(key); err == nil {
			t.Errorf("%q is %+v", key, s)
		}
	}
}

// TestMarkersFitAKey: however long and hostile the names are, a store takes the keys.
func TestMarkersFitAKey(t *testing.T) {
	hostile := []string{strings.Repeat("/", 1000), strings.Repeat("\x00\xff", 4000), "..", ".", "~", "", "a/../../b", strings.Repeat("x", 1<<20), "index", "ü\n%2f"}
	for _, name := range hostile {
		for _, service := range hostile {
			n := Name{Service: service, Name: name, Host: hostile[0], ContainerID: cid}
			for _, key := range sample.Markers(n) {
				if len(key) > 800 || strings.ContainsAny(key, "%+ \x00\n") || strings.Contains(key, "//") || strings.Contains(key, "/.") || !IsMarker(key) {
					t.Errorf("%.40q, %.40q: %q", name, service, key)
				}
			}
		}
	}
}

// TestNamedSince finds what containers of a name, and of no other, were seen, in a
// bucket of many.
func TestNamedSince(t *testing.T) {
	now := time.Now()
	var keys []string
	want := map[string]string{}
	note := func(name string, id int, day time.Time) {
		n := Name{Service: "s", Name: name, Host: "h", ContainerID: fmt.Sprintf("%064x", id)}
		s := Seen{n, day}
		keys = append(keys, s.NameKey(), s.HostKey())
		if name == "web" && want[n.ContainerID] < dayText(day) {
			want[n.ContainerID] = dayText(day)
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
		got[s.ContainerID] = max(got[s.ContainerID], dayText(s.Day))
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
	day := func(i int) Seen {
		return Seen{Name{Service: "s", Name: "web", Host: "h", ContainerID: fmt.Sprintf("%064x", i)}, time.Now()}
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
			keys = append(keys, Day{ContainerID: id, Day: time.Now().AddDate(0, 0, -i), Format: codec.Parquet}.Key())
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

// FuzzParseSeenKey, as FuzzParseNameKey.
func FuzzParseSeenKey(f *testing.F) {
	for _, key := range sample.Markers(Name{Service: "shop/api", Name: strings.Repeat("/", 99), Host: "h"}) {
		f.Add(key)
	}
	f.Add("index/by-name/~/0000-01-01/~/~/" + cid + "/")
	f.Fuzz(func(t *testing.T, key string) {
		s, err := ParseSeenKey(key)
		if err == nil && !strings.Contains(key, cutMark) && s.NameKey() != key && s.HostKey() != key {
			t.Errorf("%q is read as %+v", key, s)
		}
		if _, ok := newer(key); ok && (err == nil || IsMarker(key)) {
			t.Errorf("%q is of this version and of a later one", key)
		}
	})
}

// FuzzParseDayKey, as FuzzParseKey.
func FuzzParseDayKey(f *testing.F) {
	f.Add(sample.DayKey())
	for _, key := range laterKeys() {
		f.Add(key)
	}
	for _, key := range foreignKeys() {
		f.Add(key)
	}
	f.Fuzz(func(t *testing.T, key string) {
		d, err := ParseDayKey(key)
		if err == nil && d.Key() != key {
			t.Errorf("%q is read as %q", key, d.Key())
		}
		_, isKey := ParseKey(key)
		if id, ok := newer(key); ok && (!isHex(id, containerLen) || err == nil || isKey == nil || IsMarker(key)) {
			t.Errorf("%q is of this version and of a later one", key)
		}
	})
}
