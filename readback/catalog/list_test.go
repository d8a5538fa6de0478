package catalog

import (
	"context"
	"errors"
	"iter"
	"log/slog"
	"math/rand/v2"
	"reflect"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/coldtail/coldtail/archiver/bucket"
	"github.com/coldtail/coldtail/archiver/bucket/filebucket"
	"github.com/coldtail/coldtail/codec"
	"github.com/coldtail/coldtail/codec/key"
)

const (
	logID    = "0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef"
	logSpool = "fedcba9876543210"
)

var logMeta = key.Meta{
	Format: codec.Parquet, ContainerID: logID, SpoolID: logSpool, SegmentSeq: 7, FirstSeq: 1700000000000001, LastSeq: 1700000000000042,
	Entries: 42, MinNano: 1767323045123456789, MaxNano: 1767323046000000000, Hour: time.Date(2026, 1, 2, 3, 0, 0, 0, time.UTC),
}

func openFolder(t *testing.T) bucket.Bucket {
	t.Helper()
	b, err := filebucket.Open(filebucket.Config{Dir: t.TempDir()}, slog.New(slog.DiscardHandler))
	if err != nil {
		t.Fatal(err)
	}
	return b
}

func put(t *testing.T, b bucket.Bucket, key, content string) {
	t.Helper()
	if err := b.Put(t.Context(), key, strings.NewReader(content), int64(len(content)), bucket.PutOptions{}); err != nil {
		t.Fatal(err)
	}
}

// store puts a chunk with its markers and returns it as a listing should.
func store(t *testing.T, b bucket.Bucket, m key.Meta) key.Meta {
	t.Helper()
	put(t, b, m.DayKey(), "")
	put(t, b, m.Key(), "content")
	return m
}

func TestListOrder(t *testing.T) {
	b := openFolder(t)
	other := strings.Repeat("b", 64)
	mk := func(spool string, seg, first, last int64, f codec.Format, hour string) key.Meta {
		h, err := time.Parse("2006-01-02T15", hour)
		if err != nil {
			t.Fatal(err)
		}
		return key.Meta{
			Format: f, ContainerID: logID, SpoolID: strings.Repeat(spool, 16), SegmentSeq: seg, FirstSeq: first, LastSeq: last, Entries: 1,
			MinNano: h.UnixNano(), MaxNano: h.UnixNano() + 1, Hour: h,
		}
	}
	// The second state has the smaller id; the format was changed, the clock
	// stepped back over midnight, and a segment has entries of two hours.
	want := []key.Meta{
		mk("f", 1, 100, 109, codec.Parquet, "2026-01-02T23"),
		mk("f", 2, 110, 140, codec.Parquet, "2026-01-03T00"),
		mk("f", 2, 111, 139, codec.Parquet, "2026-01-02T22"),
		mk("f", 3, 141, 150, codec.NDJSON, "2026-01-03T00"),
		mk("0", 1, 900, 900, codec.NDJSON, "2026-01-01T05"),
		mk("0", 2, 901, 950, codec.Parquet, "2026-02-01T05"),
	}
	for _, i := range rand.Perm(len(want)) {
		store(t, b, want[i])
	}
	foreign := want[0]
	foreign.ContainerID = other
	store(t, b, foreign)
	put(t, b, key.PartitionPrefix(codec.Parquet, want[0].Hour)+logID+"-notes.txt", "foreign")
	put(t, b, "index/day/"+logID+"/yesterday/parquet", "")

	got, err := List(t.Context(), b, logID)
	if err != nil {
		t.Fatal(err)
	}
	checkMetas(t, got, want)
	for _, c := range got {
		if c.SizeBytes != 7 || c.ETag == "" {
			t.Errorf("%s: size %d, ETag %q", c.Key(), c.SizeBytes, c.ETag)
		}
	}
	got, err = ListDay(t.Context(), b, key.Day{ContainerID: logID, Day: want[0].Hour.Truncate(24 * time.Hour), Format: codec.Parquet})
	if err != nil {
		t.Fatal(err)
	}
	checkMetas(t, got, []key.Meta{want[0], want[2]})
	got, err = ListHour(t.Context(), b, codec.NDJSON, logID, want[3].Hour)
	if err != nil {
		t.Fatal(err)
	}
	checkMetas(t, got, want[3:4])

	days, err := Days(t.Context(), b, logID)
	if err != nil || len(days) != 5 {
		t.Fatalf("days: %+v, %v", days, err)
	}
	for i := 1; i < len(days); i++ {
		if days[i].Day.Before(days[i-1].Day) {
			t.Errorf("days not in order: %+v", days)
		}
	}
	if got, err := List(t.Context(), b, strings.Repeat("c", 64)); err != nil || len(got) != 0 {
		t.Errorf("unknown container: %v, %v", got, err)
	}
}

func checkMetas(t *testing.T, got []Chunk, want []key.Meta) {
	t.Helper()
	if len(got) != len(want) {
		t.Fatalf("%d chunks, want %d", len(got), len(want))
	}
	for i := range got {
		if got[i].Meta != want[i] {
			t.Errorf("chunk %d:\ngot  %s\nwant %s", i, got[i].Key(), want[i].Key())
		}
	}
}

// watched counts listings and can fail.
type watched struct {
	bucket.Bucket
	mu          sync.Mutex
	running     int
	most, total int
	fail        string // in the prefix of the listings to fail
}

var errAway = errors.New("bucket is away")

func (w *watched) List(ctx context.Context, prefix string, opts bucket.ListOptions) iter.Seq2[bucket.Object, error] {
	return func(yield func(bucket.Object, error) bool) {
		w.mu.Lock()
		w.running++
		w.total++
		w.most = max(w.most, w.running)
		w.mu.Unlock()
		time.Sleep(time.Millisecond)
		defer func() {
			w.mu.Lock()
			w.running--
			w.mu.Unlock()
		}()
		if w.fail != "" && strings.Contains(prefix, w.fail) {
			yield(bucket.Object{}, errAway)
			return
		}
		w.Bucket.List(ctx, prefix, opts)(yield)
	}
}

func TestListIsParallelAndBounded(t *testing.T) {
	// In a bubble the sleeps end when all that may run are asleep.
	synctest.Test(t, testListIsParallelAndBounded)
}

func testListIsParallelAndBounded(t *testing.T) {
	w := &watched{Bucket: openFolder(t)}
	for d := range 2 {
		m := logMeta
		m.Hour = m.Hour.AddDate(0, 0, d)
		store(t, w, m)
	}
	if got, err := List(t.Context(), w, logID); err != nil || len(got) != 2 {
		t.Fatalf("%v, %v", got, err)
	}
	if w.total != 1+2*24 || w.most != parallelLists {
		t.Errorf("%d listings, %d at a time", w.total, w.most)
	}
	w.fail = "dt=2026-01-03/hour=17"
	if _, err := List(t.Context(), w, logID); !errors.Is(err, errAway) {
		t.Errorf("got %v", err)
	}
	w.fail = "index/"
	if _, err := List(t.Context(), w, logID); !errors.Is(err, errAway) {
		t.Errorf("got %v", err)
	}
}

func TestNames(t *testing.T) {
	b := openFolder(t)
	long := strings.Repeat("l", 500)
	id := func(c string) string { return strings.Repeat(c, 64) }
	all := []key.Name{
		{Service: "api", Name: "api-1", Host: "h1", ContainerID: id("1")},
		{Service: "api", Name: "api-1", Host: "h2", ContainerID: id("2")},
		{Service: "api", Name: "api-1", Host: "h2", ContainerID: id("3")},
		{Service: "api", Name: "api-2", Host: "h1", ContainerID: id("4")},
		{Service: "db", Name: "api-1", Host: "", ContainerID: id("5")},
	}
	for _, n := range all {
		put(t, b, n.Key(), "")
	}
	put(t, b, key.Name{Service: long, Name: "x", Host: "h1", ContainerID: id("6")}.Key(), "")
	put(t, b, "index/name/foreign", "")
	for _, c := range []struct {
		filter key.Name
		want   []key.Name
	}{
		{key.Name{Service: "api"}, all[:4]},
		{key.Name{Service: "api", Name: "api-1"}, all[:3]},
		{key.Name{Service: "api", Name: "api-1", Host: "h2"}, all[1:3]},
		{key.Name{Name: "api-1"}, []key.Name{all[0], all[1], all[2], all[4]}},
		{key.Name{Service: "api", Host: "h1"}, []key.Name{all[0], all[3]}},
		{key.Name{ContainerID: id("4")}, all[3:4]},
		{key.Name{Service: "ap"}, nil},
		{key.Name{Service: long}, []key.Name{{Service: strings.Repeat("l", 182) + "…", Name: "x", Host: "h1", ContainerID: id("6")}}},
		{key.Name{Service: long + "x"}, nil},
	} {
		got, err := collect(Names(t.Context(), b, c.filter))
		if err != nil || !reflect.DeepEqual(got, c.want) {
			t.Errorf("%+v: %+v, %v; want %+v", c.filter, got, err, c.want)
		}
	}
	if got, err := collect(Names(t.Context(), b, key.Name{})); err != nil || len(got) != 6 {
		t.Errorf("all: %+v, %v", got, err)
	}
}

func collect[T any](seq iter.Seq2[T, error]) (all []T, err error) {
	for x, err := range seq {
		if err != nil {
			return all, err
		}
		all = append(all, x)
	}
	return all, nil
}
