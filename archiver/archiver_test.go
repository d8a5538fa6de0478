package archiver // waits for what no caller sees, and does what the clock would

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/coldtail/coldtail/archiver/bucket"
	"github.com/coldtail/coldtail/archiver/bucket/filebucket"
	"github.com/coldtail/coldtail/archiver/fifotest"
	"github.com/coldtail/coldtail/archiver/statedir"
	"github.com/coldtail/coldtail/codec"
	"github.com/coldtail/coldtail/codec/chunkfile"
	"github.com/coldtail/coldtail/codec/key"
	"github.com/coldtail/coldtail/readback/catalog"
)

// rig is an Archiver that runs over a folder bucket. The tests of this package are
// inside it: they wait for what no caller sees, such as that a quota is exceeded or a
// turn is over, and seal, drop or tidy up when they want to.
type rig struct {
	t      *testing.T
	cfg    Config
	bucket bucket.Bucket
	a      *Archiver
	cancel func()
	done   chan error
}

func newRig(t *testing.T) *rig {
	t.Helper()
	b, err := filebucket.Open(filebucket.Config{Dir: filepath.Join(t.TempDir(), "bucket")}, slog.New(slog.DiscardHandler))
	check(t, err)
	g := &rig{t: t, bucket: b, cfg: Config{StateDir: filepath.Join(t.TempDir(), "state"), Logger: slog.New(slog.DiscardHandler), CommitInterval: 20 * time.Millisecond}}
	g.start()
	t.Cleanup(func() {
		if g.a != nil {
			g.stop()
		}
	})
	return g
}

func (g *rig) start() {
	g.t.Helper()
	a, err := New(g.cfg, g.bucket)
	check(g.t, err)
	g.run(a)
}

// run runs an archiver until stop.
func (g *rig) run(a *Archiver) {
	ctx, cancel := context.WithCancel(context.Background())
	g.a, g.cancel, g.done = a, cancel, make(chan error, 1)
	go func() { g.done <- a.Run(ctx) }()
}

func (g *rig) stop() {
	g.t.Helper()
	g.cancel()
	check(g.t, <-g.done)
	g.a = nil
}

// detachAll detaches every attached FIFO.
func detachAll(ctx context.Context, a *Archiver) error {
	a.mu.Lock()
	paths := slices.Collect(maps.Keys(a.paths))
	a.mu.Unlock()
	var errs []error
	for _, p := range paths {
		errs = append(errs, a.Detach(ctx, p))
	}
	return errors.Join(errs...)
}

// daemon plays the daemon's side of a FIFO.
type daemon struct {
	path string
	f    *fifotest.FIFO
}

func newDaemon(t *testing.T) *daemon {
	t.Helper()
	f := fifotest.New(t)
	return &daemon{path: f.Name(), f: f}
}

func (d *daemon) log(e codec.Entry) { d.f.Log(e) }

func (d *daemon) print(lines ...string) { d.f.Print(lines...) }

func source(path, id string) Source {
	return Source{Path: path, Meta: codec.Meta{ContainerID: id, ContainerName: "web", ServiceName: "svc", HostName: "h"}, Options: DefaultOptions()}
}

var (
	idA = strings.Repeat("a", 64)
	idB = strings.Repeat("b", 64)
)

// archived decodes all of a container's chunks in order and checks that each
// holds what its key says.
func (g *rig) archived(id string) (lines []string) {
	g.t.Helper()
	chunks, err := catalog.List(g.t.Context(), g.bucket, id)
	check(g.t, err)
	last := int64(0)
	for _, c := range chunks {
		var st codec.Stats
		g.decode(c, func(e *codec.Entry) {
			if e.Seq <= last {
				g.t.Fatalf("entry %d after %d", e.Seq, last)
			}
			if got := key.Hour(e.TimeNano, time.Now().UnixNano()); !got.Equal(c.Hour) {
				g.t.Fatalf("entry of %s in the partition of %s", got, c.Hour)
			}
			last = e.Seq
			st.Add(e)
			lines = append(lines, string(e.Line))
		})
		if st.Entries != c.Entries || st.FirstSeq != c.FirstSeq || st.LastSeq != c.LastSeq || st.MinNano != c.MinNano || st.MaxNano != c.MaxNano {
			g.t.Fatalf("the key says %+v, the rows %+v", c.Meta, st)
		}
	}
	return lines
}

// decode calls f with a chunk's entries.
func (g *rig) decode(c catalog.Chunk, f func(*codec.Entry)) {
	g.t.Helper()
	body, err := g.bucket.Get(g.t.Context(), c.Key(), bucket.GetOptions{})
	check(g.t, err)
	b, err := io.ReadAll(body)
	check(g.t, errors.Join(err, body.Close()))
	d, err := chunkfile.NewDecoder(c.Format, bytes.NewReader(b), int64(len(b)), codec.Range{Tail: codec.All})
	check(g.t, err)
	for {
		var e codec.Entry
		if err := d.Next(&e); errors.Is(err, io.EOF) {
			break
		} else if err != nil {
			g.t.Fatal(err)
		}
		f(&e)
	}
	check(g.t, d.Close())
}

func (g *rig) flush() {
	g.t.Helper()
	res, err := g.a.Flush(g.t.Context(), false)
	if err != nil || res.Pending != 0 {
		g.t.Fatalf("flush: %+v, %v", res, err)
	}
	wantClean(g.t, g.bucket)
}

func (g *rig) want(id string, lines []string) {
	g.t.Helper()
	if got := g.archived(id); !slices.Equal(got, lines) {
		g.t.Fatalf("archived %d lines %.60q, want %d %.60q", len(got), got, len(lines), lines)
	}
}

func numbers(n int) (lines []string) {
	for i := range n {
		lines = append(lines, fmt.Sprint("line ", i))
	}
	return lines
}

func TestMainPath(t *testing.T) {
	for _, format := range codec.Formats() {
		t.Run(string(format), func(t *testing.T) {
			g := newRig(t)
			d := newDaemon(t)
			src := source(d.path, idA)
			src.Options.Format = format
			check(t, g.a.Attach(t.Context(), src))
			check(t, g.a.Attach(t.Context(), src)) // a repeated request
			lines := numbers(20_000)
			d.print(lines...)
			check(t, g.a.Detach(t.Context(), d.path))
			check(t, g.a.Detach(t.Context(), d.path))
			g.flush()
			g.want(idA, lines)
			var names []key.Name
			for n, err := range catalog.Names(t.Context(), g.bucket, key.Name{Service: "svc"}) {
				check(t, err)
				names = append(names, n)
			}
			if len(names) != 1 || names[0].ContainerID != idA {
				t.Fatalf("names %v", names)
			}
		})
	}
}

// TestDetachDrains is the property that no other log plugin has: what the pipe
// holds when the daemon says stop is not lost.
func TestDetachDrains(t *testing.T) {
	g := newRig(t)
	for i := range 50 {
		d := newDaemon(t)
		lines := numbers(1 + i*7)
		d.print(lines...) // before anybody reads
		id := fmt.Sprintf("%064x", i)
		check(t, g.a.Attach(t.Context(), source(d.path, id)))
		check(t, g.a.Detach(t.Context(), d.path))
		sn, err := g.a.Snapshot(id)
		check(t, err)
		n := int64(0)
		for _, v := range sn.Segments {
			n += v.Entries()
		}
		if n != int64(len(lines)) {
			t.Fatalf("%d entries in the spool, want %d", n, len(lines))
		}
	}
}

func TestStopDoesNotSeal(t *testing.T) {
	g := newRig(t)
	var lines []string
	for i := range 5 { // a crash-looping container
		d := newDaemon(t)
		check(t, g.a.Attach(t.Context(), source(d.path, idA)))
		d.print(fmt.Sprint("run ", i))
		lines = append(lines, fmt.Sprint("run ", i))
		check(t, g.a.Detach(t.Context(), d.path))
	}
	g.flush()
	g.want(idA, lines)
	chunks, err := catalog.List(t.Context(), g.bucket, idA)
	check(t, err)
	if len(chunks) > 2 { // two, should the hour have passed
		t.Fatalf("%d objects for five runs", len(chunks))
	}
}

func TestSilentFIFOLeavesNothing(t *testing.T) {
	g := newRig(t)
	d := newDaemon(t)
	check(t, g.a.Attach(t.Context(), source(d.path, idA)))
	check(t, g.a.Detach(t.Context(), d.path))
	g.flush()
	if _, err := os.Stat(statedir.Path(g.cfg.StateDir).Log(idA)); !os.IsNotExist(err) {
		t.Fatalf("a directory was made: %v", err)
	}
	g.want(idA, nil)
}

// TestTwoFIFOsOfOneContainer is live-restore and `docker logs` of a stopped
// container: a second FIFO comes while the first is there.
func TestTwoFIFOsOfOneContainer(t *testing.T) {
	g := newRig(t)
	silent, d1, d2 := newDaemon(t), newDaemon(t), newDaemon(t)
	for _, d := range []*daemon{silent, d1, d2} {
		check(t, g.a.Attach(t.Context(), source(d.path, idA)))
	}
	d1.print("one")
	check(t, d1.f.Close()) // the daemon died: EOF counts as stop
	waitFor(t, "the end of the first fifo", func() bool { return len(g.a.Status().Streams) == 1 && g.a.Status().Streams[0].FIFOs == 2 })
	d2.print("two")
	check(t, g.a.Detach(t.Context(), silent.path))
	d2.print("three")
	check(t, g.a.Detach(t.Context(), d2.path))
	g.flush()
	g.want(idA, []string{"one", "two", "three"})
}

func TestUnknownFIFO(t *testing.T) {
	g := newRig(t)
	d := newDaemon(t)
	d.print("whose?")
	check(t, g.a.Detach(t.Context(), d.path))
	check(t, g.a.Detach(t.Context(), filepath.Join(t.TempDir(), "missing")))
	check(t, detachAll(t.Context(), g.a))
	if err := g.a.Attach(t.Context(), source(filepath.Join(t.TempDir(), "missing"), idA)); err == nil {
		t.Fatal("attached a fifo that is not there")
	}
}

// TestHours: an entry is filed under its own hour, whatever its neighbours' is.
func TestHours(t *testing.T) {
	g := newRig(t)
	d := newDaemon(t)
	check(t, g.a.Attach(t.Context(), source(d.path, idA)))
	now := time.Now()
	var want [3][]string
	for i := range 300 {
		h := i % 3
		line := fmt.Sprint("line ", i)
		want[h] = append(want[h], line)
		d.log(codec.Entry{Line: []byte(line), TimeNano: now.Add(-time.Duration(h) * time.Hour).UnixNano()})
	}
	check(t, g.a.Detach(t.Context(), d.path))
	g.flush()
	chunks, err := catalog.List(t.Context(), g.bucket, idA)
	check(t, err)
	got := map[time.Time][]string{}
	for _, c := range chunks {
		g.decode(c, func(e *codec.Entry) { got[c.Hour] = append(got[c.Hour], string(e.Line)) })
	}
	if len(got) != len(want) {
		t.Fatalf("%d hours, want %d", len(got), len(want))
	}
	for h := range want {
		hour := now.Add(-time.Duration(h) * time.Hour).UTC().Truncate(time.Hour)
		if !slices.Equal(got[hour], want[h]) {
			t.Errorf("%s: %q, want %q", hour, got[hour], want[h])
		}
	}
}

// TestRestart: what was not archived is, after the next start.
func TestRestart(t *testing.T) {
	g := newRig(t)
	away := &awayBucket{Bucket: g.bucket}
	away.set(errors.New("connection refused"))
	g.stop()
	g.bucket, g.cfg.ShutdownTimeout = away, 50*time.Millisecond
	g.start()
	d := newDaemon(t)
	src := source(d.path, idA)
	src.Options.RollBytes = 64 << 10
	check(t, g.a.Attach(t.Context(), src))
	lines := numbers(30_000)
	d.print(lines[:15_000]...)
	g.stop()
	if st, err := os.ReadDir(statedir.Path(g.cfg.StateDir).Log(idA)); err != nil || len(st) == 0 {
		t.Fatalf("nothing in the spool: %v", err)
	}
	away.set(nil)
	g.start()
	src.Resume = true
	check(t, g.a.Attach(t.Context(), src))
	d.print(lines[15_000:]...)
	check(t, g.a.Detach(t.Context(), d.path))
	g.flush()
	g.want(idA, lines)
	if e := g.a.Status().LastError; e != "" {
		t.Fatalf("last error %q", e)
	}
}

// TestBucketAway: nothing waits for a bucket but the uploads.
func TestBucketAway(t *testing.T) {
	g := newRig(t)
	away := &awayBucket{Bucket: g.bucket}
	away.set(&bucket.Error{Op: bucket.OpPut, Key: "k", Permanent: true, Err: errors.New("access denied")})
	g.stop()
	g.bucket = away
	g.start()
	lines := numbers(5000)
	for _, id := range []string{idA, idB} {
		d := newDaemon(t)
		check(t, g.a.Attach(t.Context(), source(d.path, id)))
		d.print(lines...)
		check(t, g.a.Detach(t.Context(), d.path))
	}
	if res, err := g.a.Flush(t.Context(), true); err == nil || res.Pending < 2 { // more, should the hour have passed
		t.Fatalf("flush: %+v, %v", res, err)
	}
	if e := g.a.Status().LastError; !strings.Contains(e, "access denied") {
		t.Fatalf("last error %q", e)
	}
	away.set(nil)
	g.flush()
	g.want(idA, lines)
	g.want(idB, lines)
}

func TestRollBySize(t *testing.T) {
	g := newRig(t)
	d := newDaemon(t)
	src := source(d.path, idA)
	src.Options.RollBytes, src.Options.CacheBytes = 64<<10, 0
	check(t, g.a.Attach(t.Context(), src))
	lines := numbers(50_000)
	d.print(lines...)
	check(t, g.a.Detach(t.Context(), d.path))
	g.flush()
	g.want(idA, lines)
	chunks, err := catalog.List(t.Context(), g.bucket, idA)
	check(t, err)
	if len(chunks) < 3 {
		t.Fatalf("%d objects", len(chunks))
	}
	if left := g.a.cachedSegments(); len(left) != 0 {
		t.Fatalf("%d segments are cached, none was wanted", len(left))
	}
}

func TestRollByAge(t *testing.T) {
	g := newRig(t)
	d := newDaemon(t)
	src := source(d.path, idA)
	src.Options.RollAge = 30 * time.Millisecond
	check(t, g.a.Attach(t.Context(), src))
	d.print("one")
	waitFor(t, "an upload by age", func() bool { return len(g.archived(idA)) == 1 })
	d.print("two")
	waitFor(t, "another one", func() bool { return len(g.archived(idA)) == 2 })
}

func TestEvict(t *testing.T) {
	g := newRig(t)
	d := newDaemon(t)
	check(t, g.a.Attach(t.Context(), source(d.path, idA)))
	d.print("one", "two")
	check(t, g.a.Detach(t.Context(), d.path))
	res, err := g.a.Flush(t.Context(), true)
	if err != nil || res.EvictedBytes == 0 || len(g.a.cachedSegments()) != 0 {
		t.Fatalf("flush: %+v, %v", res, err)
	}
	g.want(idA, []string{"one", "two"})
}

func TestStateIsLocked(t *testing.T) {
	g := newRig(t)
	if _, err := New(g.cfg, g.bucket); err == nil || !strings.Contains(err.Error(), "another coldtail uses it") {
		t.Fatalf("got %v", err)
	}
}

// TestManyContainers: 40 at full speed, rolling all the time.
func TestManyContainers(t *testing.T) {
	g := newRig(t)
	lines := numbers(3000)
	var wg sync.WaitGroup
	for i := range 40 {
		d := newDaemon(t)
		src := source(d.path, fmt.Sprintf("%064x", i))
		src.Options.RollBytes = 32 << 10
		check(t, g.a.Attach(t.Context(), src))
		wg.Go(func() {
			d.print(lines...)
			if err := g.a.Detach(t.Context(), d.path); err != nil {
				t.Error(err)
			}
		})
	}
	wg.Wait()
	g.flush()
	for i := range 40 {
		g.want(fmt.Sprintf("%064x", i), lines)
	}
}

// awayBucket is a bucket whose puts can be made to fail.
type awayBucket struct {
	bucket.Bucket
	mu  sync.Mutex
	err error
}

func (b *awayBucket) set(err error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.err = err
}

func (b *awayBucket) Put(ctx context.Context, key string, r io.ReaderAt, sizeBytes int64, opts bucket.PutOptions) error {
	b.mu.Lock()
	err := b.err
	b.mu.Unlock()
	if err != nil {
		return err
	}
	return b.Bucket.Put(ctx, key, r, sizeBytes, opts)
}

func waitFor(t *testing.T, what string, ok func() bool) {
	t.Helper()
	for deadline := time.Now().Add(2 * time.Minute); !ok(); time.Sleep(10 * time.Millisecond) {
		if time.Now().After(deadline) {
			t.Fatalf("waited in vain for %s", what)
		}
	}
}

func check(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

// TestDetachWhileClosing: the registry must keep a FIFO that was not drained.
func TestDetachWhileClosing(t *testing.T) {
	g := newRig(t)
	d := newDaemon(t)
	check(t, g.a.Attach(t.Context(), source(d.path, idA)))
	a := g.a
	g.stop()
	d.print("left in the pipe")
	if err := a.Detach(t.Context(), d.path); !errors.Is(err, ErrClosing) {
		t.Fatalf("got %v, want ErrClosing", err)
	}
	g.start()
	src := source(d.path, idA)
	src.Resume = true
	check(t, g.a.Attach(t.Context(), src))
	check(t, g.a.Detach(t.Context(), d.path))
	g.flush()
	g.want(idA, []string{"left in the pipe"})
}

// TestClockSteps: order is arrival order and every row is in its own hour,
// whatever the clocks do.
func TestClockSteps(t *testing.T) {
	g := newRig(t)
	g.stop()
	base := time.Now().Add(-5 * time.Hour).Truncate(time.Hour)
	var offset atomic.Int64 // of the arrival clock
	g.cfg.Now = func() time.Time { return base.Add(time.Duration(offset.Load())) }
	g.start()
	var lines []string
	want := map[string]time.Time{} // a line's partition
	for i, step := range []time.Duration{0, 30 * time.Minute, -2 * time.Hour, 3 * time.Hour, 90 * time.Minute, -20 * time.Minute} {
		offset.Store(int64(step))
		d := newDaemon(t)
		check(t, g.a.Attach(t.Context(), source(d.path, idA)))
		arrival := base.Add(step)
		for k, at := range []time.Time{
			arrival, arrival.Add(-26 * time.Hour), arrival.Add(2 * time.Hour), arrival, // other hours
			time.Date(1999, 1, 1, 0, 0, 0, 0, time.UTC), arrival.Add(100 * 24 * time.Hour), // absurd
		} {
			line := fmt.Sprintf("%d %d", i, k)
			lines = append(lines, line)
			want[line] = at.Truncate(time.Hour)
			if k >= 4 {
				want[line] = arrival.Truncate(time.Hour)
			}
			d.log(codec.Entry{Line: []byte(line), TimeNano: at.UnixNano()})
		}
		check(t, g.a.Detach(t.Context(), d.path))
	}
	g.flush()
	chunks, err := catalog.List(t.Context(), g.bucket, idA)
	check(t, err)
	bySeq := map[int64]string{}
	var seqs []int64
	for _, c := range chunks {
		g.decode(c, func(e *codec.Entry) {
			bySeq[e.Seq] = string(e.Line)
			seqs = append(seqs, e.Seq)
			if !c.Hour.Equal(want[string(e.Line)]) {
				t.Errorf("line %q is in the partition of %s, want %s", e.Line, c.Hour, want[string(e.Line)])
			}
		})
	}
	slices.Sort(seqs)
	var got []string
	for _, s := range seqs {
		got = append(got, bySeq[s])
	}
	if !slices.Equal(got, lines) {
		t.Fatalf("got %q, want %q", got, lines)
	}
}
