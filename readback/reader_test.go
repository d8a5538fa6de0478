package readback_test

import (
	"context"
	"errors"
	"fmt"
	"iter"
	"log/slog"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/coldtail/coldtail/archiver"
	"github.com/coldtail/coldtail/archiver/bucket"
	"github.com/coldtail/coldtail/archiver/bucket/filebucket"
	"github.com/coldtail/coldtail/archiver/fifotest"
	"github.com/coldtail/coldtail/codec"
	"github.com/coldtail/coldtail/readback"
)

var id = strings.Repeat("c", 64)

// rig is a container's whole way: FIFO, archiver, bucket, reader.
type rig struct {
	t   *testing.T
	dir string
	// bucketDir is the folder behind bucket.
	bucketDir string
	bucket    *deafBucket
	store     bucket.Bucket // that the archiver has; nil: the same
	a         *archiver.Archiver
	r         *readback.Reader
	cancel    func()
	done      chan error
	fifo      *fifotest.FIFO
	format    codec.Format
	sent      []string
	base      time.Time
}

func newRig(t *testing.T, format codec.Format) *rig {
	dir := filepath.Join(t.TempDir(), "bucket")
	b, err := filebucket.Open(filebucket.Config{Dir: dir}, slog.New(slog.DiscardHandler))
	check(t, err)
	g := &rig{t: t, dir: t.TempDir(), bucketDir: dir, bucket: &deafBucket{Bucket: b}, format: format, base: time.Now().Add(-time.Minute)}
	g.start("state")
	t.Cleanup(g.stop)
	return g
}

func (g *rig) start(state string) {
	g.t.Helper()
	store := bucket.Bucket(g.bucket)
	if g.store != nil {
		store = g.store
	}
	a, err := archiver.New(archiver.Config{StateDir: filepath.Join(g.dir, state), Logger: slog.New(slog.DiscardHandler), CommitInterval: 10 * time.Millisecond}, store)
	check(g.t, err)
	ctx, cancel := context.WithCancel(context.Background())
	g.a, g.cancel, g.done = a, cancel, make(chan error, 1)
	go func() { g.done <- a.Run(ctx) }()
	g.r = readback.New(readback.Config{Bucket: g.bucket, Local: a.Snapshot, LocalSince: a.Created(), Timeout: time.Second})
	g.attach()
}

func (g *rig) stop() {
	g.cancel()
	check(g.t, <-g.done)
	g.fifo.Close()
}

func (g *rig) attach() {
	g.t.Helper()
	g.fifo = fifotest.New(g.t)
	opts := archiver.DefaultOptions()
	opts.Format = g.format
	check(g.t, g.a.Attach(g.t.Context(), archiver.Source{Path: g.fifo.Name(), Meta: codec.Meta{ContainerID: id, ContainerName: "n"}, Options: opts}))
}

func (g *rig) detach() {
	g.t.Helper()
	check(g.t, g.a.Detach(g.t.Context(), g.fifo.Name()))
}

// print writes lines, a second apart in their own time, and waits until the
// spool has them.
func (g *rig) print(n int) {
	g.t.Helper()
	for range n {
		line := fmt.Sprint("line ", len(g.sent))
		g.fifo.Log(codec.Entry{TimeNano: g.time(len(g.sent)), Line: []byte(line)})
		g.sent = append(g.sent, line)
	}
	g.detach()
	g.attach()
}

func (g *rig) time(i int) int64 { return g.base.UnixNano() + int64(i)*1000 }

func (g *rig) flush(evict bool) {
	g.t.Helper()
	res, err := g.a.Flush(g.t.Context(), evict)
	if err != nil || res.Pending != 0 {
		g.t.Fatalf("flush: %+v, %v", res, err)
	}
}

func (g *rig) read(q readback.Query) (lines []string) {
	g.t.Helper()
	lines, err := g.tryRead(q)
	check(g.t, err)
	return lines
}

func (g *rig) tryRead(q readback.Query) (lines []string, err error) {
	q.ContainerID = id
	for e, err := range g.r.Entries(g.t.Context(), q) {
		if err != nil {
			return lines, err
		}
		if e.Seq != 0 {
			lines = append(lines, string(e.Line))
		}
	}
	return lines, nil
}

func (g *rig) want(q readback.Query, lines []string) {
	g.t.Helper()
	if got := g.read(q); !slices.Equal(got, lines) {
		g.t.Fatalf("%+v: got %d lines %.100q, want %d %.100q", q, len(got), got, len(lines), lines)
	}
}

// places puts a log's first and second half where it may be.
var places = map[string]func(g *rig){
	"live":     func(g *rig) { g.print(60) },
	"cached":   func(g *rig) { g.print(60); g.flush(false) },
	"archived": func(g *rig) { g.print(60); g.flush(true) },
	"archived, cached and live": func(g *rig) {
		g.print(20)
		g.flush(true)
		g.print(20)
		g.flush(false)
		g.print(20)
	},
	"many objects": func(g *rig) {
		for range 12 {
			g.print(5)
			g.flush(true)
		}
	},
	"state lost in between": func(g *rig) {
		g.print(30)
		g.flush(false)
		g.stop()
		g.start("another state")
		g.print(30)
	},
	"state lost, all archived": func(g *rig) {
		g.print(30)
		g.flush(false)
		g.stop()
		g.start("another state")
		g.print(30)
		g.flush(true)
	},
}

// TestEveryPlace: what is read does not depend on where it is.
func TestEveryPlace(t *testing.T) {
	for _, format := range codec.Formats() {
		for name, place := range places {
			t.Run(string(format)+"/"+name, func(t *testing.T) {
				g := newRig(t, format)
				place(g)
				g.want(readback.Query{Tail: -1}, g.sent)
				g.want(readback.Query{Tail: 0}, nil)
				for _, n := range []int{1, 3, 7, 19, 20, 21, 40, 59, 60, 1000} {
					g.want(readback.Query{Tail: int64(n)}, g.sent[max(0, 60-n):])
				}
				at := func(i int) time.Time { return time.Unix(0, g.time(i)) }
				g.want(readback.Query{Tail: -1, Since: at(25)}, g.sent[25:])
				g.want(readback.Query{Tail: -1, Until: at(25)}, g.sent[:26])
				g.want(readback.Query{Tail: -1, Since: at(10), Until: at(50)}, g.sent[10:51])
				g.want(readback.Query{Tail: 30, Since: at(25), Until: at(40)}, g.sent[30:41])
				g.want(readback.Query{Tail: -1, Since: at(1000)}, nil)
			})
		}
	}
}

// TestLocalReadNeedsNoBucket: what the spool holds is read while the bucket is away.
func TestLocalReadNeedsNoBucket(t *testing.T) {
	g := newRig(t, codec.Parquet)
	young := g.a.Created().Add(time.Second)
	g.print(30)
	g.flush(false)
	g.print(30)
	g.bucket.fail = away
	g.want(readback.Query{Tail: -1, Created: young}, g.sent)
	g.want(readback.Query{Tail: 50}, g.sent[10:])
	g.want(readback.Query{Tail: -1, Since: time.Now()}, nil)
}

// TestYoungReadListsNothing: what a spool archived it knows itself, for a whole
// log, for a follower, and of an older container where a tail is in it.
func TestYoungReadListsNothing(t *testing.T) {
	g := newRig(t, codec.Parquet)
	for range 3 {
		g.print(10)
		g.flush(true)
	}
	g.bucket.fail = func(op bucket.Op, key string) error {
		if op == bucket.OpList {
			t.Errorf("listed %q", key)
		}
		return nil
	}
	g.want(readback.Query{Tail: -1, Created: g.a.Created().Add(time.Second)}, g.sent)
	g.want(readback.Query{Tail: 25, Created: g.a.Created().Add(-time.Hour)}, g.sent[5:])
}

func TestFollow(t *testing.T) {
	g := newRig(t, codec.Parquet)
	g.print(10)
	g.flush(true)
	g.print(10)
	got := make(chan string, 1000)
	ready := make(chan struct{}, 1000)
	done := make(chan error, 1)
	go func() {
		for e, err := range g.r.Entries(context.Background(), readback.Query{ContainerID: id, Tail: 15, Follow: true}) {
			if err != nil {
				done <- err
				return
			}
			if e.Seq == 0 {
				ready <- struct{}{}
				continue
			}
			got <- string(e.Line)
		}
		close(got)
		done <- nil
	}()
	<-ready
	for range 30 {
		line := fmt.Sprint("line ", len(g.sent))
		g.fifo.Log(codec.Entry{TimeNano: 1, Line: []byte(line)})
		g.sent = append(g.sent, line)
		if len(g.sent) == 35 {
			waitFor(t, func() bool { return g.fifo.Drained() })
			g.flush(true) // under the follower
		}
	}
	g.detach()
	check(t, <-done)
	var lines []string
	for l := range got {
		lines = append(lines, l)
	}
	if !slices.Equal(lines, g.sent[5:]) {
		t.Fatalf("followed %d lines %.100q, want %d", len(lines), lines, len(g.sent)-5)
	}
	g.attach()
}

// TestLaggingFollower takes its entries so late that they are in the bucket only.
func TestLaggingFollower(t *testing.T) {
	g := newRig(t, codec.Parquet)
	g.print(1)
	var lines []string
	for e, err := range g.r.Entries(t.Context(), readback.Query{ContainerID: id, Tail: -1, Follow: true}) {
		check(t, err)
		if e.Seq == 0 {
			break
		}
		lines = append(lines, string(e.Line))
		if len(lines) != 1 {
			continue
		}
		for range 5 {
			for range 40 {
				line := fmt.Sprint("line ", len(g.sent))
				g.fifo.Log(codec.Entry{TimeNano: 1, Line: []byte(line)})
				g.sent = append(g.sent, line)
			}
			waitFor(t, func() bool { return g.a.Status().Streams[0].LastSeq > 0 && g.fifo.Drained() })
			g.flush(true)
		}
	}
	if !slices.Equal(lines, g.sent) {
		t.Fatalf("followed %d lines, want %d", len(lines), len(g.sent))
	}
}

func TestFollowEndsWithItsClient(t *testing.T) {
	g := newRig(t, codec.Parquet)
	g.print(3)
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	n := 0
	var last error
	for e, err := range g.r.Entries(ctx, readback.Query{ContainerID: id, Tail: -1, Follow: true}) {
		last = err
		if err == nil && e.Seq == 0 {
			cancel()
			continue
		}
		n++
	}
	if n != 4 || !errors.Is(last, context.Canceled) {
		t.Fatalf("%d entries and errors, the last error %v", n, last)
	}
}

func waitFor(t *testing.T, ok func() bool) {
	t.Helper()
	for deadline := time.Now().Add(time.Minute); !ok(); time.Sleep(10 * time.Millisecond) {
		if time.Now().After(deadline) {
			t.Fatal("waited in vain")
		}
	}
}

// deafBucket fails where fail is set and returns an error.
type deafBucket struct {
	*filebucket.Bucket
	fail func(op bucket.Op, key string) error
}

func (b *deafBucket) failure(op bucket.Op, key string) error {
	if b.fail == nil {
		return nil
	}
	return b.fail(op, key)
}

func (b *deafBucket) Get(ctx context.Context, key string, opts bucket.GetOptions) (bucket.Body, error) {
	if err := b.failure(bucket.OpGet, key); err != nil {
		return bucket.Body{}, err
	}
	return b.Bucket.Get(ctx, key, opts)
}

func (b *deafBucket) List(ctx context.Context, prefix string, opts bucket.ListOptions) iter.Seq2[bucket.Object, error] {
	if err := b.failure(bucket.OpList, prefix); err != nil {
		return func(yield func(bucket.Object, error) bool) { yield(bucket.Object{}, err) }
	}
	return b.Bucket.List(ctx, prefix, opts)
}

func check(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}
