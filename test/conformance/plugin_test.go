package conformance

import (
	"context"
	"log/slog"
	"os"
	"path/filepath"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/docker/docker/pkg/plugins"
	"github.com/prometheus/client_golang/prometheus"

	"github.com/coldtail/coldtail/archiver"
	"github.com/coldtail/coldtail/archiver/bucket/filebucket"
	"github.com/coldtail/coldtail/archiver/spool"
	"github.com/coldtail/coldtail/codec/key"
	"github.com/coldtail/coldtail/plugin"
	"github.com/coldtail/coldtail/readback"
)

// patience bounds every wait for something that has to happen.
const patience = 2 * time.Minute

// process is coldtail as cmd/coldtail puts it together, within the test.
type process struct {
	dir      string // short: a socket's path has at most 107 bytes
	socket   string
	archiver *archiver.Archiver
	client   *plugins.Client // the daemon's, without the proxy that moves FIFOs

	requests atomic.Int64 // to the bucket, by readers

	mu    sync.Mutex
	reads map[string]int // by container: snapshots that readers took
}

// startProcess starts coldtail with a folder as its bucket until the test ends.
func startProcess(t testing.TB) *process {
	t.Helper()
	dir, err := os.MkdirTemp("", "coldtail")
	check(t, err)
	t.Cleanup(func() { check(t, os.RemoveAll(dir)) })
	log := slog.New(slog.NewTextHandler(t.Output(), &slog.HandlerOptions{Level: slog.LevelWarn}))
	driver := plugin.NewDriver(plugin.DriverConfig{HostName: "host", Logger: log})
	b, err := filebucket.Open(filebucket.Config{Dir: filepath.Join(dir, "bucket")}, log)
	check(t, err)
	state := filepath.Join(dir, "state")
	a, err := archiver.New(archiver.Config{StateDir: state, Logger: log, OnEnd: driver.FIFOEnded}, b)
	check(t, err)
	registry, err := plugin.OpenRegistry(filepath.Join(state, "fifos"), a.BootID(), log)
	check(t, err)
	handler, err := plugin.NewHandler(plugin.HandlerConfig{Driver: driver, Registry: prometheus.NewRegistry(), Logger: log})
	check(t, err)
	p := &process{dir: dir, socket: filepath.Join(dir, "coldtail.sock"), archiver: a, reads: map[string]int{}}
	l, err := plugin.Listen(p.socket)
	check(t, err)
	p.client, err = plugins.NewClient("unix://"+p.socket, nil)
	check(t, err)

	serving, stopServing := context.WithCancel(context.Background())
	running, stopRunning := context.WithCancel(context.Background())
	served, ran := make(chan error, 1), make(chan error, 1)
	go func() { served <- handler.Serve(serving, l) }()
	reader := readback.New(readback.Config{Bucket: &countedBucket{b, &p.requests}, Local: p.snapshot, LocalSince: a.Created()})
	driver.Open(running, plugin.Parts{Archiver: a, Reader: reader, Registry: registry})
	go func() { ran <- a.Run(running) }()
	t.Cleanup(func() {
		stopServing()
		check(t, <-served)
		stopRunning()
		check(t, <-ran)
		driver.Wait()
	})
	return p
}

// snapshot is the archiver's, counted: what is written from then on is new to
// the reader.
func (p *process) snapshot(containerID string) (*spool.Snapshot, error) {
	sn, err := p.archiver.Snapshot(containerID)
	p.mu.Lock()
	defer p.mu.Unlock()
	p.reads[containerID]++
	return sn, err
}

func (p *process) snapshots(containerID string) int {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.reads[containerID]
}

// flush archives everything and deletes what is local, as coldtail flush does.
func (p *process) flush(t testing.TB) {
	t.Helper()
	var res archiver.FlushResult
	check(t, p.client.Call("flush?evict=true", nil, &res))
}

// where counts a container's entries: those in local segments, and those that
// are in the bucket only.
func (p *process) where(t testing.TB, containerID string) (local, remote int64) {
	t.Helper()
	sn, err := p.archiver.Snapshot(containerID)
	check(t, err)
	here := map[int64]bool{}
	for _, v := range sn.Segments {
		here[v.Header.SegmentSeq] = true
		local += v.Entries()
	}
	objects, _, err := sn.AllObjects()
	check(t, err)
	for _, o := range objects {
		m, err := key.Parse(o.Key)
		check(t, err)
		if !here[m.SegmentSeq] {
			remote += m.Entries
		}
	}
	return local, remote
}

func check(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

// waitFor polls until something that has to happen has happened.
func waitFor(t testing.TB, what string, done func() bool) {
	t.Helper()
	for deadline := time.Now().Add(patience); !done(); time.Sleep(time.Millisecond) {
		if time.Now().After(deadline) {
			t.Fatalf("waited for %s in vain", what)
		}
	}
}
