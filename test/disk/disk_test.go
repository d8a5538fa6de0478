package disk

import (
	"context"
	"fmt"
	"log/slog"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/coldtail/coldtail/archiver"
	"github.com/coldtail/coldtail/archiver/bucket"
	"github.com/coldtail/coldtail/archiver/bucket/filebucket"
	"github.com/coldtail/coldtail/archiver/fifotest"
	"github.com/coldtail/coldtail/codec"
	"github.com/coldtail/coldtail/readback"
	"github.com/coldtail/coldtail/readback/verify"
)

func check(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

// waitFor waits until cond holds. The limit is a guard against hanging.
func waitFor(t testing.TB, what string, cond func() bool) {
	t.Helper()
	for end := time.Now().Add(2 * time.Minute); !cond(); time.Sleep(time.Millisecond) {
		if time.Now().After(end) {
			t.Fatalf("waited in vain for %s", what)
		}
	}
}

// mounted is a Store that is mounted, or the reason to skip the test.
func mounted(t *testing.T) (s *Store, dir string) {
	t.Helper()
	dir = t.TempDir()
	s = NewStore()
	unmount, err := s.Mount(dir)
	if err != nil {
		t.Skipf("skipped: a FUSE file system cannot be mounted here: %v", err)
	}
	t.Cleanup(func() { check(t, unmount()) })
	return s, dir
}

// rig is an Archiver over a state directory and a folder bucket.
type rig struct {
	t       *testing.T
	state   string
	folder  string
	bucket  bucket.Bucket
	reg     *prometheus.Registry
	log     *report
	a       *archiver.Archiver
	cancel  func()
	done    chan error
	options archiver.Options

	mu        sync.Mutex
	committed map[string]int // group commits by container
}

func newRig(t *testing.T, state string) *rig {
	o := archiver.DefaultOptions()
	o.RollBytes, o.CacheBytes = 64<<10, 128<<10
	return &rig{t: t, state: state, folder: filepath.Join(t.TempDir(), "bucket"), options: o, committed: map[string]int{}}
}

// report keeps what was logged.
type report struct {
	mu sync.Mutex
	sb strings.Builder
}

func (r *report) Write(b []byte) (int, error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.sb.Write(b)
}

func (r *report) count(s string) int {
	r.mu.Lock()
	defer r.mu.Unlock()
	return strings.Count(r.sb.String(), s)
}

func (g *rig) start() {
	g.t.Helper()
	b, err := filebucket.Open(filebucket.Config{Dir: g.folder}, slog.New(slog.DiscardHandler))
	check(g.t, err)
	if g.bucket == nil {
		g.bucket = b
	}
	g.reg, g.log = prometheus.NewRegistry(), &report{}
	g.a, err = archiver.New(archiver.Config{
		StateDir: g.state, Logger: slog.New(slog.NewTextHandler(g.log, nil)), Registerer: g.reg,
		CommitInterval: 10 * time.Millisecond, CommitBytes: 32 << 10, Hook: g.hook,
	}, g.bucket)
	check(g.t, err)
	ctx, cancel := context.WithCancel(context.Background())
	g.cancel, g.done = cancel, make(chan error, 1)
	a := g.a
	go func() { g.done <- a.Run(ctx) }()
	g.t.Cleanup(g.stop)
}

func (g *rig) hook(step, name string) {
	if step == "committed" {
		g.mu.Lock()
		defer g.mu.Unlock()
		g.committed[name]++
	}
}

// commits is how many group commits of a container have ended.
func (g *rig) commits(id string) int {
	g.mu.Lock()
	defer g.mu.Unlock()
	return g.committed[id]
}

// stop ends the archiver, if it still runs.
func (g *rig) stop() {
	if g.a == nil {
		return
	}
	g.a = nil
	g.cancel()
	if err := <-g.done; err != nil {
		g.t.Errorf("run: %v", err)
	}
}

// metric is the sum of a counter, or of a histogram's counts.
func (g *rig) metric(name string) float64 {
	g.t.Helper()
	fams, err := g.reg.Gather()
	check(g.t, err)
	for _, f := range fams {
		if f.GetName() == "coldtail_"+name {
			m := f.GetMetric()[0]
			return m.GetCounter().GetValue() + float64(m.GetHistogram().GetSampleCount())
		}
	}
	g.t.Fatalf("no metric %s", name)
	return 0
}

// container writes to a FIFO as the daemon does.
type container struct {
	g    *rig
	id   string
	f    *fifotest.FIFO
	sent []string
}

func (g *rig) container(i int) *container {
	return &container{g: g, id: fmt.Sprintf("%064x", i), f: fifotest.New(g.t)}
}

func (c *container) source() archiver.Source {
	return archiver.Source{
		Path: c.f.Name(), Options: c.g.options, Resume: true,
		Meta: codec.Meta{ContainerID: c.id, ContainerName: "web", ServiceName: "svc", HostName: "h"},
	}
}

func (c *container) print(lines ...string) {
	for _, l := range lines {
		c.f.Print(l)
		c.sent = append(c.sent, l)
	}
}

// flush archives everything, and has the judge look at it.
func (g *rig) flush() {
	g.t.Helper()
	res, err := g.a.Flush(g.t.Context(), false)
	if err != nil || res.Pending != 0 {
		g.t.Fatalf("flush: %+v, %v", res, err)
	}
	sum, err := verify.Run(g.t.Context(), g.bucket, verify.Config{Found: func(f verify.Finding) {
		if !f.Kind.Note() {
			g.t.Errorf("%s: %s: %s (and %s), numbers %d to %d", f.Kind, f.Detail, f.Key, f.Other, f.FirstSeq, f.LastSeq)
		}
	}})
	check(g.t, err)
	if sum.Dropped > 0 {
		g.t.Logf("%d entries were dropped", sum.Dropped)
	}
}

// read is what docker logs gives: from the spool and the archive, or from the
// archive alone.
func (g *rig) read(id string, local bool) (lines []string) {
	g.t.Helper()
	cfg := readback.Config{Bucket: g.bucket}
	if local {
		cfg.Local, cfg.LocalSince = g.a.Snapshot, g.a.Created()
	}
	for e, err := range readback.New(cfg).Entries(g.t.Context(), readback.Query{ContainerID: id, Tail: codec.All}) {
		check(g.t, err)
		if e.Seq != 0 {
			lines = append(lines, string(e.Line))
		}
	}
	return lines
}
