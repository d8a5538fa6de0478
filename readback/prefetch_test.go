package readback_test

import (
	"bytes"
	"context"
	"errors"
	"io"
	"slices"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/coldtail/coldtail/archiver/bucket"
	"github.com/coldtail/coldtail/codec"
	"github.com/coldtail/coldtail/codec/chunkfile"
	"github.com/coldtail/coldtail/readback"
	"github.com/coldtail/coldtail/readback/catalog"
)

// tenMinutes archives n chunks of entries, ten minutes apart.
func tenMinutes(a *archive, n, entries int) {
	for i := range n {
		a.burst(time.Date(2026, 11, 1, 0, 0, 0, 0, time.UTC).Add(time.Duration(i)*10*time.Minute), entries)
	}
}

// TestPrefetch: a full read asks for the next objects while it reads, in order.
func TestPrefetch(t *testing.T) {
	const chunks = 120
	for _, format := range codec.Formats() {
		a := newArchive(t, format)
		tenMinutes(a, chunks, 5)
		c := &counter{Bucket: a.open(), delay: tripTime}
		synctest.Test(t, func(t *testing.T) {
			trips, got := timed(t, c, readback.Query{Tail: -1})
			if !slices.Equal(got, a.lines) {
				t.Errorf("got %d lines, want %d", len(got), len(a.lines))
			}
			t.Logf("%s: %d round trips, %d requests, up to %d at a time", format, trips, c.requests, c.most)
			if trips > chunks/6 {
				t.Errorf("%s: %d round trips for %d objects", format, trips, chunks)
			}
		})
	}
}

// TestPrefetchIsBounded: what is fetched for a reader that takes nothing stays
// within 32 MiB beside the object that it reads, and is dropped with it.
func TestPrefetchIsBounded(t *testing.T) {
	a := newArchive(t, codec.Parquet)
	a.filler = 32 << 10
	tenMinutes(a, 20, 100)
	c := &counter{Bucket: a.open(), delay: tripTime}
	synctest.Test(t, func(t *testing.T) {
		r := readback.New(readback.Config{Bucket: c})
		for _, err := range r.Entries(t.Context(), readback.Query{ContainerID: id, Tail: -1}) {
			check(t, err)
			time.Sleep(time.Minute) // all that is going to be fetched has been
			c.mu.Lock()
			got, flying := c.bytes, c.flying
			c.mu.Unlock()
			t.Logf("%d bytes were fetched", got)
			if got < 16<<20 || got > 33<<20 || flying != 0 {
				t.Errorf("%d bytes were fetched, %d are on their way", got, flying)
			}
			break
		}
		if c.flying != 0 {
			t.Errorf("%d bodies are open", c.flying)
		}
	})
}

// TestPrefetchIsShared: many readers that take nothing hold 128 MiB together
// beside the object that each reads, and give it back.
func TestPrefetchIsShared(t *testing.T) {
	const readers = 12
	a := newArchive(t, codec.Parquet)
	a.filler = 32 << 10
	tenMinutes(a, 20, 100)
	c := &counter{Bucket: a.open(), delay: tripTime}
	synctest.Test(t, func(t *testing.T) {
		r := readback.New(readback.Config{Bucket: c})
		read := func(n int) (bytes int64) {
			gone := make(chan struct{})
			var wg sync.WaitGroup
			for range n {
				wg.Go(func() {
					for _, err := range r.Entries(t.Context(), readback.Query{ContainerID: id, Tail: -1}) {
						check(t, err)
						<-gone
						break
					}
				})
			}
			time.Sleep(time.Minute) // all that is going to be fetched has been
			close(gone)
			wg.Wait()
			bytes, c.bytes = c.bytes, 0
			return bytes
		}
		one := read(1)
		all := read(readers)
		again := read(1)
		t.Logf("fetched %d bytes for one reader, %d for %d, %d for one after them", one, all, readers, again)
		if all < 100<<20 || all > (128+readers*4)<<20 {
			t.Errorf("%d bytes were fetched for %d readers", all, readers)
		}
		if again != one {
			t.Errorf("%d bytes were fetched for one reader, and %d after the others", one, again)
		}
	})
}

// TestPrefetchOpensFew: of small objects, too, no more than 16 are open at a time,
// as each has more in memory than its bytes.
func TestPrefetchOpensFew(t *testing.T) {
	a := newArchive(t, codec.Parquet)
	tenMinutes(a, 40, 5)
	c := &counter{Bucket: a.open(), delay: tripTime}
	objects, err := catalog.List(t.Context(), a.open(), id)
	check(t, err)
	synctest.Test(t, func(t *testing.T) {
		r := readback.New(readback.Config{Bucket: c})
		n := 0
		for _, err := range r.Objects(t.Context(), readback.Query{ContainerID: id}, objects) {
			check(t, err)
			if n++; n%5 != 1 {
				continue // not the first of its object
			}
			time.Sleep(time.Minute) // all that is going to be fetched has been
			c.mu.Lock()
			got := c.requests
			c.mu.Unlock()
			if want := min(n/5+16, len(objects)); got != want {
				t.Errorf("%d objects were fetched at entry %d, want %d", got, n, want)
			}
		}
	})
}

// TestPrefetchEndsWithItsReader: what hangs does not hold up a reader that goes.
func TestPrefetchEndsWithItsReader(t *testing.T) {
	a := newArchive(t, codec.Parquet)
	tenMinutes(a, 30, 5)
	h := &hanging{Bucket: a.open()}
	synctest.Test(t, func(t *testing.T) {
		ctx, cancel := context.WithCancel(t.Context())
		defer cancel()
		start := time.Now()
		time.AfterFunc(time.Second, cancel)
		r := readback.New(readback.Config{Bucket: h, Timeout: time.Hour})
		n := 0
		var last error
		for _, err := range r.Entries(ctx, readback.Query{ContainerID: id, Tail: -1}) {
			n++
			last = err
		}
		if !errors.Is(last, context.Canceled) || n != 3*5+1 || time.Since(start) != time.Second {
			t.Errorf("%d entries and errors, the last one %v, after %s", n, last, time.Since(start))
		}
	})
}

// TestPanicsReachTheReader: what goes wrong while fetching ahead is no more than
// a panic of the reading that asked for it.
func TestPanicsReachTheReader(t *testing.T) {
	a := newArchive(t, codec.Parquet)
	tenMinutes(a, 5, 5)
	r := readback.New(readback.Config{Bucket: &panicking{a.open()}})
	n := 0
	defer func() {
		if v := recover(); v == nil || n != 3*5 {
			t.Errorf("recovered %v after %d entries", v, n)
		}
	}()
	for _, err := range r.Entries(t.Context(), readback.Query{ContainerID: id, Tail: -1}) {
		check(t, err)
		n++
	}
}

// panicking gives three objects.
type panicking struct{ bucket.Bucket }

func (p *panicking) Get(ctx context.Context, key string, opts bucket.GetOptions) (bucket.Body, error) {
	if segmentOf(key) > 3 {
		panic("a bug")
	}
	return p.Bucket.Get(ctx, key, opts)
}

// hanging gives three objects, and lets whoever asks for more wait.
type hanging struct {
	bucket.Bucket
}

func (h *hanging) Get(ctx context.Context, key string, opts bucket.GetOptions) (bucket.Body, error) {
	if segmentOf(key) > 3 {
		<-ctx.Done()
		return bucket.Body{}, ctx.Err()
	}
	return h.Bucket.Get(ctx, key, opts)
}

// BenchmarkRead reads 60 objects from a bucket that takes 30 ms for a request,
// beside one request after the other.
func BenchmarkRead(b *testing.B) {
	const chunks, entries = 60, 1000
	a := newArchive(b, codec.Parquet)
	tenMinutes(a, chunks, entries)
	c := &counter{Bucket: a.open(), delay: tripTime}
	objects, err := catalog.List(b.Context(), c, id)
	check(b, err)
	var oneByOne, ahead time.Duration
	for b.Loop() {
		start := time.Now()
		for _, o := range objects {
			decodeAll(b, c, o)
		}
		oneByOne += time.Since(start)
		start = time.Now()
		n := 0
		for _, err := range readback.New(readback.Config{Bucket: c}).Objects(b.Context(), readback.Query{ContainerID: id}, objects) {
			check(b, err)
			n++
		}
		ahead += time.Since(start)
		if n != chunks*entries {
			b.Fatalf("%d entries", n)
		}
	}
	b.ReportMetric(oneByOne.Seconds()/ahead.Seconds(), "times-as-fast")
	b.ReportMetric(float64(b.N*chunks*entries)/ahead.Seconds(), "entries/s")
}

func decodeAll(b *testing.B, from bucket.Bucket, o catalog.Chunk) {
	b.Helper()
	body, err := from.Get(b.Context(), o.Key(), bucket.GetOptions{})
	check(b, err)
	defer body.Close()
	raw := make([]byte, o.SizeBytes)
	_, err = io.ReadFull(body, raw)
	check(b, err)
	d, err := chunkfile.NewDecoder(o.Format, bytes.NewReader(raw), o.SizeBytes, codec.Range{Tail: codec.All})
	check(b, err)
	defer d.Close()
	var e codec.Entry
	for err = d.Next(&e); err == nil; err = d.Next(&e) {
	}
	if !errors.Is(err, io.EOF) {
		b.Fatal(err)
	}
}
