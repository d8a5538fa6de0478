package chunk

import (
	"errors"
	"strings"
	"testing"

	"github.com/coldtail/coldtail/archiver/bucket"
	"github.com/coldtail/coldtail/codec"
)

// laterKeys are names that a later version may give, by what is new about them.
func laterKeys() map[string]string {
	dir, file := sampleKey[:strings.LastIndex(sampleKey, "/")+1], sampleKey[strings.LastIndex(sampleKey, "/")+1:]
	return map[string]string{
		"a ninth field":           strings.Replace(sampleKey, ".parquet", "-0000000001.parquet", 1),
		"another extension":       strings.Replace(sampleKey, ".parquet", ".parquet.zst", 1),
		"a fewer field":           dir + cid + "-" + sid + "-0000000007.parquet",
		"wider numbers":           strings.Replace(sampleKey, "-0000000007-", "-000000000007-", 1),
		"another kind of spool":   dir + cid + "-v2." + strings.Repeat("a", 32) + ".parquet",
		"a level more":            dir + "minute=05/" + file,
		"a level below":           dir + cid + "-" + sid + "/part-1.parquet",
		"another tree":            "arrow" + strings.TrimPrefix(sampleKey, "parquet"),
		"another day marker":      "index/day/" + cid + "/2026-01-02/arrow",
		"a level below a day":     "index/day/" + cid + "/2026-01-02/parquet/03",
		"a day with its hours":    "index/day/" + cid + "/2026-01-02T03/parquet",
		"a level below a name":    "index/name/s/n/h/" + cid + "/2",
		"an hour's level instead": "parquet/dt=2026-01-02/" + file,
	}
}

// foreignKeys are names that no version gives.
func foreignKeys() map[string]string {
	return map[string]string{
		"a file":               "parquet/dt=2026-01-02/hour=03/notes.txt",
		"an archive within":    "old/" + sampleKey,
		"numbers of nobody":    strings.Replace(sampleKey, "-0000000042-", "-0000000000-", 1),
		"no such hour":         strings.Replace(sampleKey, "hour=03", "hour=25", 1),
		"no such day":          strings.Replace(sampleKey, "2026-01-02", "2026-02-30", 1),
		"a short id":           strings.Replace(sampleKey, cid, cid[:63], 1),
		"an engine's":          "parquet/dt=2026-01-02/hour=03/_SUCCESS",
		"a day of no calendar": "index/day/" + cid + "/yesterday/parquet",
		"a day alone":          "index/day/" + cid + "/2026-01-02",
		"a name alone":         "index/name/foreign",
		"another index":        "index/other/" + cid,
		"the empty key":        "",
	}
}

func parseAny(key string) error {
	switch {
	case strings.HasPrefix(key, dayPrefix):
		_, err := ParseDayKey(key)
		return err
	case strings.HasPrefix(key, namePrefix):
		_, err := ParseNameKey(key)
		return err
	}
	_, err := ParseKey(key)
	return err
}

func TestKeysOfLaterVersions(t *testing.T) {
	for name, key := range laterKeys() {
		if err := parseAny(key); !errors.Is(err, codec.ErrNewer) || !strings.Contains(err.Error(), key) {
			t.Errorf("%s: %q: %v", name, key, err)
		}
	}
	for name, key := range foreignKeys() {
		if err := parseAny(key); err == nil || errors.Is(err, codec.ErrNewer) {
			t.Errorf("%s: %q: %v", name, key, err)
		}
	}
	for range 500 {
		key := randomMeta().Key()
		if _, ok := newer(key); ok {
			t.Errorf("%q is of this version", key)
		}
	}
}

// TestListingsNoticeLaterVersions has one later name of each kind in a bucket.
func TestListingsNoticeLaterVersions(t *testing.T) {
	for name, key := range laterKeys() {
		b := openFolder(t)
		put(t, b, key, "")
		for _, k := range foreignKeys() {
			if k != "" && !strings.HasPrefix(key, k) {
				put(t, b, k, "")
			}
		}
		var n Newer
		watch := n.Watch(b, func(id string) bool { return id == cid })
		var other Newer
		unwanted := other.Watch(b, func(id string) bool { return id != cid })
		if n.Err() != nil {
			t.Error("noticed before listing")
		}
		for _, b := range []bucket.Bucket{watch, unwanted} {
			for _, err := range b.List(t.Context(), "", bucket.ListOptions{}) {
				if err != nil {
					t.Fatal(err)
				}
			}
		}
		if err := n.Err(); !errors.Is(err, codec.ErrNewer) || !strings.Contains(err.Error(), key) || other.Err() != nil {
			t.Errorf("%s: %v, %v", name, err, other.Err())
		}
	}
}
