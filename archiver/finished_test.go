package archiver // see rig

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"slices"
	"sync/atomic"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"github.com/coldtail/coldtail/archiver/bucket"
	"github.com/coldtail/coldtail/archiver/statedir"
	"github.com/coldtail/coldtail/codec/key"
	"github.com/coldtail/coldtail/readback"
)

// deadContainers makes what containers leave of which all is archived and nothing
// is cached.
func deadContainers(tb testing.TB, state string, n int) {
	tb.Helper()
	for i := range n {
		id := fmt.Sprintf("%064x", i)
		dir := statedir.Path(state).Log(id)
		check2(tb, os.MkdirAll(dir, 0o700))
		check2(tb, os.WriteFile(filepath.Join(dir, "archived.log"), fmt.Appendf(nil, "1 100 parquet/dt=2026-01-01/hour=00/%s\n", id), 0o600))
		check2(tb, os.WriteFile(filepath.Join(dir, "stream.json"), []byte(`{"crc32c":0,"stream":{}}`), 0o600))
	}
}

func check2(tb testing.TB, err error) {
	tb.Helper()
	if err != nil {
		tb.Fatal(err)
	}
}

// watcher counts how often files in directories, or these, are opened.
type watcher struct {
	t  *testing.T
	fd int
}

func watchOpens(t *testing.T, dirs ...string) *watcher {
	fd, err := unix.InotifyInit1(unix.IN_NONBLOCK | unix.IN_CLOEXEC)
	check(t, err)
	t.Cleanup(func() { unix.Close(fd) })
	for _, dir := range dirs {
		if _, err := unix.InotifyAddWatch(fd, dir, unix.IN_OPEN); err != nil {
			t.Skipf("cannot watch %d directories: %v", len(dirs), err)
		}
	}
	return &watcher{t, fd}
}

// opens is how many there were since the last call.
func (w *watcher) opens() (n int) {
	w.t.Helper()
	buf := make([]byte, 64<<10)
	for {
		m, err := unix.Read(w.fd, buf)
		if errors.Is(err, unix.EAGAIN) {
			return n
		}
		check(w.t, err)
		for b := buf[:m]; len(b) > 0; n++ {
			b = b[unix.SizeofInotifyEvent+binary.NativeEndian.Uint32(b[12:]):]
		}
	}
}

// TestDeadContainers: the directories of containers that are finished are looked at
// once, and then neither at a start, nor each minute, nor where the disk is full.
func TestDeadContainers(t *testing.T) {
	g := newRig(t)
	g.stop()
	const n = 500
	deadContainers(t, g.cfg.StateDir, n)
	dirs, err := filepath.Glob(filepath.Join(statedir.Path(g.cfg.StateDir).Spool(), "*"))
	check(t, err)
	w := watchOpens(t, dirs...)
	g.start()
	<-g.a.recovered
	if got := w.opens(); got < n {
		t.Fatalf("an early version's state: %d opened of %d, which nobody knows of", got, n)
	}
	g.a.trimCache(g.cfg.CacheBytes, time.Hour) // looks for what is cached
	w.opens()
	minute := func(what string) {
		t.Helper()
		for range 10 {
			g.a.trimCache(1<<30, time.Hour)
			g.a.closeIdle()
			g.a.makeRoom()
		}
		if got := w.opens(); got != 0 {
			t.Errorf("%s: %d directories opened in 10 minutes", what, got)
		}
	}
	minute("first")
	g.stop()
	for range 3 {
		g.start()
		<-g.a.recovered
		g.stop()
	}
	if got := w.opens(); got != 0 {
		t.Errorf("%d directories opened at 3 starts", got)
	}
	// One of them comes back, and is looked at again until it is finished.
	g.start()
	d := newDaemon(t)
	id := fmt.Sprintf("%064x", 7)
	check(t, g.a.Attach(t.Context(), source(d.path, id)))
	d.print("back")
	check(t, g.a.Detach(t.Context(), d.path))
	away := &awayBucket{Bucket: g.bucket}
	away.set(errors.New("connection refused"))
	g.stop()
	g.bucket = away
	g.start()
	<-g.a.recovered
	if g.a.finished.Has(id) {
		t.Error("a container that waits to be archived is finished")
	}
	away.set(nil)
	_, err = g.a.Flush(t.Context(), false)
	check(t, err)
	g.want(id, []string{"back"})
}

// TestForgottenContainer: once all of a container is archived and nothing of it was
// cached for long, its directory goes. Its log is read on from the bucket, also if it
// was made after the state, and goes on where it comes back, also after a restart.
func TestForgottenContainer(t *testing.T) {
	g := newRig(t)
	g.stop()
	var ahead atomic.Int64
	g.cfg.Now = func() time.Time { return time.Now().Add(time.Duration(ahead.Load())) }
	g.start()
	const id = "a1"
	key := key.ContainerID(id)
	created := time.Now()
	dir := statedir.Path(g.cfg.StateDir).Log(key)
	var want []string
	run := func(lines ...string) {
		t.Helper()
		d := newDaemon(t)
		check(t, g.a.Attach(t.Context(), source(d.path, id)))
		d.print(lines...)
		check(t, g.a.Detach(t.Context(), d.path))
		want = append(want, lines...)
	}
	read := func(what string) {
		t.Helper()
		for _, tail := range []int{-1, 1, 3, 4, 100} {
			wanted := want
			if tail >= 0 {
				wanted = want[max(0, len(want)-tail):]
			}
			var got []string
			r := readback.New(readback.Config{Bucket: g.bucket, Local: g.a.Snapshot, LocalSince: g.a.Created()})
			for e, err := range r.Entries(t.Context(), readback.Query{ContainerID: id, Created: created, Tail: int64(tail)}) {
				check(t, err)
				if e.Seq > 0 {
					got = append(got, string(e.Line))
				}
			}
			if !slices.Equal(got, wanted) {
				t.Errorf("%s: tail %d: got %q, want %q", what, tail, got, wanted)
			}
		}
	}
	j := &janitor{a: g.a}
	forget := func() {
		t.Helper()
		g.flush()
		_, err := g.a.Flush(t.Context(), true)
		check(t, err)
		ahead.Add(int64(2 * idleStream))
		g.a.closeIdle()
		j.forgetFinished()
		if _, err := os.Stat(dir); err != nil {
			t.Fatalf("forgotten at once: %v", err)
		}
		ahead.Add(int64(g.a.cfg.CacheAge + time.Hour))
		j.forgetFinished()
		if _, err := os.Stat(dir); !errors.Is(err, os.ErrNotExist) {
			t.Fatalf("its directory: %v", err)
		}
	}
	for round := range 3 {
		run(fmt.Sprint("a", round), fmt.Sprint("b", round))
		read("local")
		forget()
		read("forgotten")
		ahead.Add(int64(2 * idleStream))
		g.a.closeIdle()
		read("forgotten and closed")
		if round == 1 {
			ahead.Store(0) // as the marks have the time
			g.stop()
			g.start()
			j = &janitor{a: g.a}
			read("restarted")
		}
	}
	run("last")
	read("back")
	g.flush()
	read("back and archived")
	g.want(key, want)
	wantClean(t, g.bucket)
}

// TestArchivedGapsGo: gaps leave the cache as segments do.
func TestArchivedGapsGo(t *testing.T) {
	g := newRig(t)
	d := newDaemon(t)
	check(t, g.a.Attach(t.Context(), source(d.path, "g")))
	d.print("a", "b")
	check(t, g.a.Detach(t.Context(), d.path))
	s, err := g.a.stream("g")
	check(t, err)
	if dropped, err := g.a.dropOldest(s, reasonQuota); !dropped || err != nil {
		t.Fatalf("dropped: %v, %v", dropped, err)
	}
	g.flush()
	glob := filepath.Join(statedir.Path(g.cfg.StateDir).Log(s.id), "*.gap-archived")
	if files, _ := filepath.Glob(glob); len(files) != 1 {
		t.Fatalf("gaps: %v", files)
	}
	_, err = g.a.Flush(t.Context(), true)
	check(t, err)
	if files, _ := filepath.Glob(glob); len(files) != 0 {
		t.Errorf("left: %v", files)
	}
}

// BenchmarkDeadContainers is what 100,000 containers that are finished cost: a start,
// and a minute.
func BenchmarkDeadContainers(b *testing.B) {
	const n = 100_000
	cfg := Config{StateDir: b.TempDir(), Logger: slog.New(slog.DiscardHandler)}
	deadContainers(b, cfg.StateDir, n)
	start := func() (*Archiver, func()) {
		a, err := New(cfg, nobody{})
		check2(b, err)
		ctx, cancel := context.WithCancel(context.Background())
		done := make(chan error, 1)
		go func() { done <- a.Run(ctx) }()
		<-a.recovered
		return a, func() { cancel(); check2(b, <-done) }
	}
	b.Run("first start", func(b *testing.B) {
		b.ReportAllocs()
		defer cpuTime(b)()
		for range b.N {
			_ = os.Remove(statedir.Path(cfg.StateDir).Finished())
			_, stop := start()
			stop()
		}
	})
	b.Run("start", func(b *testing.B) {
		b.ReportAllocs()
		defer cpuTime(b)()
		for range b.N {
			_, stop := start()
			stop()
		}
	})
	a, stop := start()
	defer stop()
	b.Run("scan of a day", func(b *testing.B) {
		b.ReportAllocs()
		defer cpuTime(b)()
		for range b.N {
			a.scan()
		}
	})
	a.scanOnce()
	b.Run("minute", func(b *testing.B) {
		b.ReportAllocs()
		defer cpuTime(b)()
		for range b.N {
			a.trimCache(1<<30, time.Hour)
			a.closeIdle()
		}
	})
}

// cpuTime reports the process's own.
func cpuTime(b *testing.B) (end func()) {
	used := func() time.Duration {
		var u unix.Rusage
		check2(b, unix.Getrusage(unix.RUSAGE_SELF, &u))
		return time.Duration(u.Utime.Nano() + u.Stime.Nano())
	}
	before := used()
	return func() { b.ReportMetric(float64((used()-before).Microseconds())/1000/float64(b.N), "cpu-ms/op") }
}

// nobody is a bucket that nobody asks.
type nobody struct{ bucket.Bucket }
