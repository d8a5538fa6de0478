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

func containerOf(n int) string { return fmt.Sprintf("%064x", n) }

func TestLimitDropsMarkersOfLostDays(t *testing.T) {
	b := open(t, Config{Dir: t.TempDir(), MaxSizeBytes: 124_576})
	c1, c2, c3 := containerOf(1), containerOf(2), containerOf(3)
	kept := []string{
		"index/day/" + c1 + "/2026-01-02/parquet",
		"index/day/" + c3 + "/2026-01-01/parquet", // written a moment ago, its object is to come
		"index/name/svc/n1/host/" + c1, "index/name/svc/n3/host/" + c3,
		"index/by-name/n1/2026-01-02/svc/host/" + c1, "index/by-host/host/2026-01-02/svc/n1/" + c1, "index/complete/by-name",
		"index/by-name/n1/" + c1, "index/of-a-newer-version/x", "index/newer/n3/" + c3 + "/more",
	}
	gone := []string{
		"index/day/" + c1 + "/2026-01-01/parquet", "index/day/" + c2 + "/2026-01-01/parquet",
		"index/name/svc/n2/host/" + c2, "index/by-name/n2/" + c2,
		"index/by-name/n1/2026-01-01/svc/host/" + c1, "index/by-host/host/2026-01-01/svc/n1/" + c1, "index/by-host/host/2026-01-02/svc/n2/" + c2,
	}
	for _, m := range append(gone, kept...) {
		put(t, b, m, "")
		if !strings.Contains(m, c3) {
			age(t, b, m, 2*markerGrace)
		}
	}
	for i := range 4 {
		put(t, b, chunk(1, i, c2+"-1"), content)
	}
	put(t, b, chunk(2, 0, c1+"-1"), content)
	// This leaves no room for any hour of day one.
	put(t, b, chunk(2, 1, c1+"-2"), strings.Repeat("x", 40_000))
	checkKeys(t, b, append(kept, chunk(2, 0, c1+"-1"), chunk(2, 1, c1+"-2")))
}

// TestLimitOfWrongClocks: objects of a clock that was ahead, or not set, do not
// outlive all that came later.
func TestLimitOfWrongClocks(t *testing.T) {
	b := open(t, Config{Dir: t.TempDir(), MaxSizeBytes: 100_000})
	day := func(day, name string) string { return "parquet/dt=" + day + "/hour=00/" + name + ".parquet" }
	now := time.Now().UTC()
	today := now.Format(time.DateOnly)
	tomorrow := now.Add(24 * time.Hour).Format(time.DateOnly)
	stored := func(key string, ago time.Duration) {
		put(t, b, key, content)
		age(t, b, key, ago)
	}
	stored(day("2099-01-01", "a"), 10*24*time.Hour)
	stored(day("2098-01-01", "ahead-still"), -100*24*time.Hour) // its folder's clock was ahead, too
	stored(day("9999-12-31", "b"), 9*24*time.Hour)
	stored(day("1970-01-01", "not-set"), 5*time.Minute)
	stored(day("2020-01-01", "imported"), time.Minute)
	for i := range 3 {
		stored(day(now.Add(-time.Duration(i+2)*24*time.Hour).Format(time.DateOnly), "real"), time.Duration(i+2)*24*time.Hour)
	}
	stored(day(today, "real"), time.Minute)
	stored(day(tomorrow, "real"), time.Minute)
	var order []string
	for i := range 9 {
		before := keys(t, b)
		put(t, b, day(today, fmt.Sprintf("new%d", i)), content)
		after := keys(t, b)
		for _, k := range before {
			if !slices.Contains(after, k) && !strings.Contains(k, "/new") {
				order = append(order, k)
			}
		}
	}
	want := []string{day("2098-01-01", "ahead-still"), day("2020-01-01", "imported"), day("2099-01-01", "a"), day("9999-12-31", "b")}
	if len(order) < 7 || !slices.Equal(order[:4], want) {
		t.Fatalf("went: %q\nwant first: %q", order, want)
	}
	for i, k := range order[4:7] {
		if want := now.Add(-time.Duration(4-i) * 24 * time.Hour).Format(time.DateOnly); !strings.Contains(k, want) {
			t.Errorf("%s went, want one of %s", k, want)
		}
	}
}

// TestLimitUnderAClockThatIsBehind: where all days seem to be still to come, the
// oldest goes first, whatever its format.
func TestLimitUnderAClockThatIsBehind(t *testing.T) {
	b := open(t, Config{Dir: t.TempDir(), MaxSizeBytes: 40_000})
	later := []string{"ndjson/dt=2098-01-02/hour=00/a.json.gz", "parquet/dt=2098-01-01/hour=00/a.parquet", "parquet/dt=2098-01-03/hour=00/a.parquet"}
	for _, key := range later {
		put(t, b, key, content)
		age(t, b, key, -100*365*24*time.Hour)
	}
	put(t, b, "parquet/dt=1970-01-01/hour=00/a.parquet", content)
	put(t, b, "parquet/dt=1970-01-01/hour=00/b.parquet", content)
	checkKeys(t, b, []string{later[0], "parquet/dt=1970-01-01/hour=00/a.parquet", "parquet/dt=1970-01-01/hour=00/b.parquet", later[2]})
}

// TestLimitWithManyContainers: the markers of containers that lived for a moment
// today do not fill the folder.
func TestLimitWithManyContainers(t *testing.T) {
	b := open(t, Config{Dir: t.TempDir(), MaxSizeBytes: 60 * overheadBytes})
	today := time.Now().UTC().Format(time.DateOnly)
	for i := range 60 {
		id := containerOf(i)
		object := fmt.Sprintf("parquet/dt=%s/hour=00/%s-1.parquet", today, id)
		for _, key := range []string{"index/day/" + id + "/" + today + "/parquet", "index/name/svc/name/host/" + id, object} {
			put(t, b, key, "")
			age(t, b, key, 2*markerGrace-time.Duration(i)*time.Second)
		}
		if last := keys(t, b); !slices.Contains(last, object) {
			t.Fatalf("container %d is not there", i)
		}
	}
	checkKeys(t, b, keys(t, b))
	objects, marked := 0, 0
	for _, k := range keys(t, b) {
		if strings.HasPrefix(k, "parquet/") {
			objects++
		} else {
			marked++
		}
	}
	if objects < 8 || marked > 2*objects+10 {
		t.Errorf("%d objects and %d markers are left", objects, marked)
	}
}

// TestMarkerIsWantedAgain: a marker that is put again, and is there, is not taken
// for one that leads nowhere.
func TestMarkerIsWantedAgain(t *testing.T) {
	b := open(t, Config{Dir: t.TempDir(), MaxSizeBytes: 50_000})
	marker := "index/name/svc/name/host/" + containerOf(1)
	put(t, b, marker, "")
	age(t, b, marker, 2*markerGrace)
	if err := b.Put(t.Context(), marker, strings.NewReader(""), 0, bucket.PutOptions{IfAbsent: true}); err != nil {
		t.Fatal(err)
	}
	for i := range 6 {
		put(t, b, chunk(1, i, containerOf(2)+"-1"), content)
	}
	if got := keys(t, b); got[0] != marker {
		t.Errorf("left: %q", got)
	}
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
