package filebucket

import (
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/coldtail/coldtail/archiver/bucket"
)

// size of the objects in these tests: each counts 10,000.
var content = strings.Repeat("x", 10_000-overheadBytes)

func chunk(day, hour int, name string) string {
	return fmt.Sprintf("parquet/dt=2026-01-%02d/hour=%02d/%s.parquet", day, hour, name)
}

// age makes a file look older.
func age(t *testing.T, b *Bucket, key string, by time.Duration) {
	t.Helper()
	at := time.Now().Add(-by)
	if err := os.Chtimes(filepath.Join(b.cfg.Dir, key), at, at); err != nil {
		t.Fatal(err)
	}
}

func TestLimitRemovesOldestDataFirst(t *testing.T) {
	b := open(t, Config{Dir: t.TempDir(), MaxSizeBytes: 100_000})
	// Put in another order than that of the data, and in two formats.
	put(t, b, chunk(3, 1, "a"), content)
	put(t, b, chunk(1, 9, "a"), content)
	put(t, b, "ndjson/dt=2026-01-01/hour=10/a.json.gz", content)
	put(t, b, chunk(1, 11, "old"), content)
	put(t, b, chunk(1, 11, "new"), content)
	age(t, b, chunk(1, 11, "old"), time.Minute)
	for i := range 5 {
		put(t, b, chunk(2, i, "a"), content)
	}
	if got := len(keys(t, b)); got != 10 {
		t.Fatalf("%d objects at exactly the limit, want 10", got)
	}
	// One more: down to nine tenths, and up again.
	put(t, b, chunk(4, 0, "a"), content)
	want := []string{"ndjson/dt=2026-01-01/hour=10/a.json.gz", chunk(1, 11, "new"), chunk(1, 11, "old")}
	for i := range 5 {
		want = append(want, chunk(2, i, "a"))
	}
	want = append(want, chunk(3, 1, "a"), chunk(4, 0, "a"))
	checkKeys(t, b, want)
	put(t, b, chunk(4, 1, "a"), content)
	put(t, b, chunk(4, 2, "a"), content)
	want = append(slices.DeleteFunc(want, func(k string) bool {
		return strings.HasPrefix(k, "ndjson") || k == chunk(1, 11, "old")
	}), chunk(4, 1, "a"), chunk(4, 2, "a"))
	checkKeys(t, b, want)
}

func checkKeys(t *testing.T, b *Bucket, want []string) {
	t.Helper()
	slices.Sort(want)
	if got := keys(t, b); !slices.Equal(got, want) {
		t.Fatalf("left: %q\nwant: %q", got, want)
	}
	var total int64
	for o, err := range b.List(t.Context(), "", bucket.ListOptions{}) {
		if err != nil {
			t.Fatal(err)
		}
		total += cost(o.SizeBytes)
	}
	if got := b.limit.total.Load(); got != total {
		t.Fatalf("counted %d, there are %d", got, total)
	}
	if total > b.cfg.MaxSizeBytes {
		t.Fatalf("%d bytes in a folder of %d", total, b.cfg.MaxSizeBytes)
	}
}

func TestLimitCountsWhatIsThere(t *testing.T) {
	dir := t.TempDir()
	first := open(t, Config{Dir: dir})
	for i := range 20 {
		put(t, first, chunk(1, i, "a"), content)
	}
	b := open(t, Config{Dir: dir, MaxSizeBytes: 100_000})
	put(t, b, chunk(1, 23, "a"), content)
	if got := keys(t, b); len(got) != 10 || got[9] != chunk(1, 23, "a") || got[0] != chunk(1, 11, "a") {
		t.Fatalf("left: %q", got)
	}
	// Replacing and deleting keep the account.
	put(t, b, chunk(1, 23, "a"), content+content)
	put(t, b, chunk(1, 23, "a"), "")
	if err := b.Delete(t.Context(), chunk(1, 22, "a")); err != nil { // twenty were put: it is not there
		t.Fatal(err)
	}
	if err := b.Delete(t.Context(), chunk(1, 19, "a")); err != nil {
		t.Fatal(err)
	}
	checkKeys(t, b, keys(t, b))
}

func TestLimitDropsMarkersOfLostDays(t *testing.T) {
	b := open(t, Config{Dir: t.TempDir(), MaxSizeBytes: 100_000})
	markers := []string{
		"index/day/c1/2026-01-01/parquet", "index/day/c1/2026-01-02/parquet",
		"index/day/c2/2026-01-01/parquet",
		"index/day/c3/2026-01-01/parquet", // written a moment ago, its object is to come
		"index/name/svc/n1/host/c1", "index/name/svc/n2/host/c2", "index/name/svc/n3/host/c3",
	}
	for _, m := range markers {
		put(t, b, m, "")
		if !strings.Contains(m, "c3") {
			age(t, b, m, 2*markerGrace)
		}
	}
	for i := range 6 {
		put(t, b, chunk(1, i, "c1"), content)
	}
	// With seven markers this leaves no room for any hour of day one.
	put(t, b, chunk(2, 0, "c1"), strings.Repeat("x", 60_000))
	want := slices.DeleteFunc(slices.Clone(markers), func(m string) bool {
		return m == "index/day/c1/2026-01-01/parquet" || strings.Contains(m, "c2")
	})
	checkKeys(t, b, append(want, chunk(2, 0, "c1")))
}

func TestLimitRefusesWhatCannotFit(t *testing.T) {
	b := open(t, Config{Dir: t.TempDir(), MaxSizeBytes: 50_000})
	big := strings.Repeat("x", 50_000)
	if err := b.Put(t.Context(), chunk(1, 1, "a"), strings.NewReader(big), 50_000, bucket.PutOptions{}); !bucket.Permanent(err) {
		t.Fatalf("larger than the folder: %v", err)
	}
	put(t, b, "something/else", big[:40_000])
	if err := b.Put(t.Context(), chunk(1, 1, "a"), strings.NewReader(content), int64(len(content)), bucket.PutOptions{}); !bucket.Permanent(err) {
		t.Fatalf("no room beside other files: %v", err)
	}
	checkKeys(t, b, []string{"something/else"})
}
