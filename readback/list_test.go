package readback_test

import (
	"context"
	"fmt"
	"hash/crc32"
	"log/slog"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/coldtail/coldtail/archiver/bucket"
	"github.com/coldtail/coldtail/archiver/spool"
	"github.com/coldtail/coldtail/codec"
	"github.com/coldtail/coldtail/codec/key"
	"github.com/coldtail/coldtail/readback"
)

// TestTailOfTheList: a tail of what is only in the bucket, and a follower that lags,
// read the spool's list from its end, and get what those who read all of it get,
// whatever is wrong with the list.
func TestTailOfTheList(t *testing.T) {
	g := newRig(t, codec.NDJSON)
	created := time.Now()
	for range 12 {
		g.print(5)
		g.flush(true)
	}
	g.print(3) // local
	path := filepath.Join(g.dir, "state", "spool", id, "archived.log")
	whole, err := os.ReadFile(path)
	check(t, err)
	lines := strings.SplitAfter(strings.TrimSuffix(string(whole), "\n"), "\n")
	lines[len(lines)-1] += "\n"
	if len(lines) != 12 {
		t.Fatalf("%d lines", len(lines))
	}
	for what, list := range map[string][]string{
		"as it is":                   lines,
		"a segment listed twice":     slices.Concat(lines[:11], lines[10:11], lines[11:]),
		"the last listed twice":      slices.Concat(lines, lines[11:]),
		"a line is damaged":          slices.Concat(lines[:9], []string{"x" + lines[9][1:]}, lines[10:]),
		"a line is missing":          slices.Concat(lines[:9], lines[10:]),
		"cut":                        slices.Concat(lines[:11], []string{lines[11][:40]}),
		"the order is another":       slices.Concat(lines[:9], lines[10:11], lines[9:10], lines[11:]),
		"the last segment is listed": lines[11:],
		"empty":                      nil,
	} {
		check(t, os.WriteFile(path, []byte(strings.Join(list, "")), 0o600))
		for _, tail := range []int64{1, 3, 4, 8, 9, 23, 63, 64} {
			want := g.sent[max(0, len(g.sent)-int(tail)):]
			if got := g.read(readback.Query{ContainerID: id, Tail: tail, Created: created}); !slices.Equal(got, want) {
				t.Errorf("%s: tail %d: got %q, want %q", what, tail, got, want)
			}
		}
		if got := g.read(readback.Query{ContainerID: id, Tail: -1, Created: created}); !slices.Equal(got, g.sent) {
			t.Errorf("%s: got %q, want %q", what, got, g.sent)
		}
	}
	check(t, os.WriteFile(path, whole, 0o600))
}

// oldContainer is what the state has of a container with n archived objects of 10
// minutes each, none of which is local, or in the bucket any more.
func oldContainer(tb testing.TB, n int) (*readback.Reader, time.Time) {
	tb.Helper()
	dir := tb.TempDir()
	sum := func(b []byte) uint32 { return crc32.Checksum(b, crc32.MakeTable(crc32.Castagnoli)) }
	start := time.Date(2023, 1, 1, 0, 0, 0, 0, time.UTC)
	seq := start.UnixMicro()
	var list []byte
	for i := range n {
		at := start.Add(time.Duration(i) * 10 * time.Minute)
		m := key.Meta{
			Format: codec.Parquet, Hour: at.Truncate(time.Hour), ContainerID: id, SpoolID: "0123456789abcdef", SegmentSeq: int64(i + 1),
			FirstSeq: seq, LastSeq: seq + 99, Entries: 100, MinNano: at.UnixNano(), MaxNano: at.UnixNano() + 99,
		}
		seq += 100
		line := fmt.Appendf(nil, "%d %d %s", m.SegmentSeq, 12345, m.Key())
		list = fmt.Appendf(list, "%d %d:%08x %s\n", m.SegmentSeq, 12345, sum(line), m.Key())
	}
	stream := fmt.Appendf(nil, `{"last_seq":%d,"last_segment":%d}`, seq-1, n)
	for name, b := range map[string][]byte{
		"archived.log": list, "stream.json": fmt.Appendf(nil, `{"crc32c":%d,"stream":%s}`, sum(stream), stream),
	} {
		if err := os.WriteFile(filepath.Join(dir, name), b, 0o600); err != nil {
			tb.Fatal(err)
		}
	}
	l, _, err := spool.Open(spool.Config{Dir: dir, ContainerID: id, SpoolID: "0123456789abcdef", Logger: slog.New(slog.DiscardHandler), Now: time.Now})
	if err != nil {
		tb.Fatal(err)
	}
	tb.Cleanup(func() { _ = l.Close() })
	return readback.New(readback.Config{
		Bucket: expired{}, LocalSince: start,
		Local: func(string) (*spool.Snapshot, error) { return l.Snapshot(), nil },
	}), start.Add(time.Second)
}

// expired is a bucket whose objects are gone, and that nobody lists.
type expired struct{ bucket.Bucket }

func (expired) Get(_ context.Context, key string, _ bucket.GetOptions) (bucket.Body, error) {
	return bucket.Body{}, &bucket.Error{Op: bucket.OpGet, Key: key, Err: bucket.ErrNotFound}
}

// TestOldListIsBounded: the list of a container of three years is read from its end
// for a tail, and within bounds for all of it.
func TestOldListIsBounded(t *testing.T) {
	if testing.Short() {
		t.Skip("skipped by -short: it measures memory")
	}
	r, created := oldContainer(t, 157_680)
	read := func(tail int64) (peak, allocated uint64) {
		var before, after runtime.MemStats
		peak = peakHeap(func() {
			runtime.ReadMemStats(&before)
			for _, err := range r.Entries(t.Context(), readback.Query{ContainerID: id, Created: created, Tail: tail}) {
				check(t, err)
			}
			runtime.ReadMemStats(&after)
		})
		return peak, after.TotalAlloc - before.TotalAlloc
	}
	if _, allocated := read(10); allocated > 2<<20 {
		t.Errorf("a tail of 10 entries: %d bytes allocated", allocated)
	}
	peak, allocated := read(-1)
	t.Logf("all: at most %d MiB of heap, %d MiB allocated", peak>>20, allocated>>20)
	if peak > 220<<20 {
		t.Errorf("all entries: at most %d bytes of heap", peak)
	}
}

// BenchmarkOldList is what a container of three years costs: 157,680 objects, one for
// ten minutes.
func BenchmarkOldList(b *testing.B) {
	r, created := oldContainer(b, 157_680)
	for _, q := range []readback.Query{{Tail: 10}, {Tail: 1000}, {Tail: -1}} {
		q.ContainerID, q.Created = id, created
		b.Run(fmt.Sprint("tail ", q.Tail), func(b *testing.B) {
			b.ReportAllocs()
			var peak uint64
			for range b.N {
				peak = max(peak, peakHeap(func() {
					for range r.Entries(b.Context(), q) {
					}
				}))
			}
			b.ReportMetric(float64(peak)/(1<<20), "peak-MiB")
		})
	}
}

// peakHeap is how much of the heap was in use at most while f ran, by samples.
func peakHeap(f func()) (peak uint64) {
	runtime.GC()
	var done atomic.Bool
	sampled := make(chan uint64)
	go func() {
		var m runtime.MemStats
		for most := uint64(0); ; time.Sleep(time.Millisecond) {
			runtime.ReadMemStats(&m)
			if most = max(most, m.HeapInuse); done.Load() {
				sampled <- most
				return
			}
		}
	}()
	f()
	done.Store(true)
	return <-sampled
}
