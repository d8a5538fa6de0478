package key

import (
	"slices"
	"strings"
	"testing"
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
		if s, err := ParseSeen(key); err != nil || s.Name != n || !s.Day.Equal(startOfDay(sample.Hour)) {
			t.Errorf("%s: %+v, %v", key, s, err)
		}
	}
	for _, key := range append(want, Complete) {
		if !IsMarker(key) {
			t.Errorf("%s is a marker", key)
		}
	}
	for _, key := range []string{
		"", "index/by-name/x/2026-01-02/s/h/abc", "index/by-name/x/2026-13-02/s/h/" + cid, "index/by-name//2026-01-02/s/h/" + cid,
		"index/by-name/x/s/h/" + cid, "index/by-zone/x/2026-01-02/s/h/" + cid, "index/by-name/~2F/2026-01-02/s/h/" + cid,
	} {
		if s, err := ParseSeen(key); err == nil {
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

// FuzzParseSeen, as FuzzParseName.
func FuzzParseSeen(f *testing.F) {
	for _, key := range sample.Markers(Name{Service: "shop/api", Name: strings.Repeat("/", 99), Host: "h"}) {
		f.Add(key)
	}
	f.Add("index/by-name/~/0000-01-01/~/~/" + cid + "/")
	f.Fuzz(func(t *testing.T, key string) {
		s, err := ParseSeen(key)
		if err == nil && !strings.Contains(key, cutMark) && s.NameKey() != key && s.HostKey() != key {
			t.Errorf("%q is read as %+v", key, s)
		}
		if _, ok := OfLaterVersion(key); ok && (err == nil || IsMarker(key)) {
			t.Errorf("%q is of this version and of a later one", key)
		}
	})
}

// FuzzParseDay, as FuzzParse.
func FuzzParseDay(f *testing.F) {
	f.Add(sample.DayKey())
	for _, key := range laterKeys() {
		f.Add(key)
	}
	for _, key := range foreignKeys() {
		f.Add(key)
	}
	f.Fuzz(func(t *testing.T, key string) {
		d, err := ParseDay(key)
		if err == nil && d.Key() != key {
			t.Errorf("%q is read as %q", key, d.Key())
		}
		_, isKey := Parse(key)
		if id, ok := OfLaterVersion(key); ok && (!isHex(id, containerLen) || err == nil || isKey == nil || IsMarker(key)) {
			t.Errorf("%q is of this version and of a later one", key)
		}
	})
}
