package archiver // see rig

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"sync/atomic"
	"testing"
	"time"

	"github.com/coldtail/coldtail/archiver/statedir"
	"github.com/coldtail/coldtail/codec"
	"github.com/coldtail/coldtail/readback"
)

// TestIdleLogsAreClosed: the log of a container that has ended is given back,
// unless something of it waits to be archived. The container can come back.
func TestIdleLogsAreClosed(t *testing.T) {
	g := newRig(t)
	g.stop()
	away := &awayBucket{Bucket: g.bucket}
	var ahead atomic.Int64
	now := time.Now() // stands still, however slow this is
	g.bucket, g.cfg.Now = away, func() time.Time { return now.Add(time.Duration(ahead.Load())) }
	g.start()
	const containers = 100
	id := func(i int) string { return fmt.Sprintf("%064x", i) }
	start := func(i int) *daemon {
		d := newDaemon(t)
		check(t, g.a.Attach(t.Context(), source(d.path, id(i))))
		return d
	}
	for i := range containers {
		d := start(i)
		d.print("first")
		waitFor(t, "it to be read", func() bool { return d.f.Drained() }) // as a container is quiet when it ends
		check(t, g.a.Detach(t.Context(), d.path))
		check(t, d.f.Close())
	}
	g.flush()
	away.set(errors.New("connection refused"))
	running, pending := start(containers), start(containers+1)
	pending.print("waits")
	check(t, g.a.Detach(t.Context(), pending.path))
	g.a.closeIdle()
	if n := len(g.a.all()); n != containers+2 {
		t.Fatalf("%d logs are open, none of %d is idle yet", n, containers+2)
	}
	ahead.Store(int64(2 * idleStream))
	g.a.closeIdle()
	waitFor(t, "all logs to be closed but that of a running container and one that waits to be archived", func() bool {
		g.a.closeIdle()
		return len(g.a.all()) == 2
	})
	running.print("it was idle")
	check(t, g.a.Detach(t.Context(), running.path))
	d := start(0)
	d.print("second")
	check(t, g.a.Detach(t.Context(), d.path))
	away.set(nil)
	g.flush()
	g.want(id(0), []string{"first", "second"})
	g.want(id(containers), []string{"it was idle"})
	g.want(id(containers+1), []string{"waits"})
	var lines []string
	for e, err := range readback.New(readback.Config{Bucket: g.bucket, Local: g.a.Snapshot, LocalSince: g.a.Created()}).Entries(
		t.Context(), readback.Query{ContainerID: id(1), Tail: codec.All}) {
		check(t, err)
		lines = append(lines, string(e.Line))
	}
	if fmt.Sprint(lines) != "[first]" {
		t.Errorf("read %q of a log that was closed", lines)
	}
}

// cachedSegments lists the archived segments of all containers.
func (a *Archiver) cachedSegments() (all []cached) {
	ids, _ := a.state.Containers() // none if they cannot be read
	for _, id := range ids {
		all = append(all, a.cachedOf(id)...)
	}
	slices.SortStableFunc(all, func(x, y cached) int { return x.modified.Compare(y.modified) })
	return all
}

// TestCacheBounds: the local copies of archived segments go by age and by size,
// the oldest first, and what they held is still in the archive.
func TestCacheBounds(t *testing.T) {
	g := newRig(t)
	g.stop()
	var ahead atomic.Int64
	g.cfg.Now = func() time.Time { return time.Now().Add(time.Duration(ahead.Load())) }
	g.start()
	lines := numbers(1000)
	for i := range 4 {
		d := newDaemon(t)
		check(t, g.a.Attach(t.Context(), source(d.path, fmt.Sprintf("%064x", i))))
		d.print(lines...)
		check(t, g.a.Detach(t.Context(), d.path))
		g.flush()
	}
	all := g.a.cachedSegments()
	if len(all) != 4 {
		t.Fatalf("%d segments are cached, want 4", len(all))
	}
	for i, c := range all {
		age := time.Now().Add(time.Duration(i-4) * time.Minute)
		files, err := filepath.Glob(filepath.Join(statedir.Path(g.cfg.StateDir).Log(c.container), "*.archived"))
		check(t, err)
		check(t, os.Chtimes(files[0], age, age))
	}
	// A process looks at files that it did not archive itself.
	g.stop()
	g.start()
	g.a.trimCache(2*all[0].sizeBytes, g.cfg.CacheAge+time.Hour)
	left := g.a.cachedSegments()
	if len(left) != 2 || left[0].container != all[2].container || left[1].container != all[3].container {
		t.Fatalf("left %+v of %+v", left, all)
	}
	ahead.Store(int64(time.Hour))
	g.a.trimCache(1<<30, time.Hour+90*time.Second)
	if left = g.a.cachedSegments(); len(left) != 1 || left[0].container != all[3].container {
		t.Fatalf("left %+v, want the youngest", left)
	}
	for i := range 4 {
		g.want(fmt.Sprintf("%064x", i), lines)
	}
}
