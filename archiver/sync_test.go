package archiver // see rig

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/coldtail/coldtail/archiver/bucket"
)

// hang has everything that waits for the disk hang until its end is called:
// every step but those of readers of a FIFO or of the log.
type hang struct{ on, off chan struct{} }

func newHang() *hang { return &hang{make(chan struct{}), make(chan struct{})} }

func (h *hang) begin() { close(h.on) }
func (h *hang) end()   { close(h.off) }

func (h *hang) hook(step, _ string) {
	if step == "append" || step == "read" {
		return
	}
	select {
	case <-h.on:
		<-h.off
	default:
	}
}

// detach ends a container whose ingest must not wait for a sync.
func (g *rig) detach(d *daemon) {
	ctx, cancel := context.WithTimeout(g.t.Context(), time.Minute)
	defer cancel()
	if err := g.a.Detach(ctx, d.path); err != nil {
		g.t.Error(err)
	}
}

// TestIngestDoesNotWaitForSync: with every sync hanging, 200 containers write
// far more than their pipes hold, and stop.
func TestIngestDoesNotWaitForSync(t *testing.T) {
	if testing.Short() {
		t.Skip("skipped by -short: it measures how long writes take")
	}
	g := newRig(t)
	g.stop()
	h := newHang()
	h.begin()
	g.cfg.Hook = h.hook
	g.start()
	lines := numbers(5000) // 200 KB
	var wg sync.WaitGroup
	for i := range 200 {
		d := newDaemon(t)
		check(t, g.a.Attach(t.Context(), source(d.path, fmt.Sprintf("%064x", i))))
		wg.Go(func() {
			d.print(lines...)
			g.detach(d)
		})
	}
	wg.Wait()
	h.end()
	g.flush()
	for i := range 200 {
		g.want(fmt.Sprintf("%064x", i), lines)
	}
}

// TestDroppingDoesNotWaitForSync: the same while the containers' entries are
// dropped, for longer than a gap grows. Each of them comes back, and all that was
// dropped is counted.
func TestDroppingDoesNotWaitForSync(t *testing.T) {
	if testing.Short() {
		t.Skip("skipped by -short: it measures how long writes take")
	}
	const containers = 20
	g := newRig(t)
	g.stop()
	h := newHang()
	away := &awayBucket{Bucket: g.bucket}
	away.set(&bucket.Error{Op: bucket.OpPut, Permanent: true, Err: errors.New("access denied")})
	var later atomic.Int64
	g.bucket, g.cfg.Hook = away, h.hook
	g.cfg.Now = func() time.Time { return time.Now().Add(time.Duration(later.Load())) }
	g.start()
	lines := numbers(5000) // 200 KB
	var daemons []*daemon
	var sources []Source
	for i := range containers {
		d := newDaemon(t)
		src := source(d.path, fmt.Sprintf("%064x", i))
		src.Options.Overflow, src.Options.SpoolBytes = DropNew, 64<<10
		check(t, g.a.Attach(t.Context(), src))
		daemons, sources = append(daemons, d), append(sources, src)
	}
	for i, d := range daemons {
		d.print(lines...)
		waitFor(t, "the spool to be full", func() bool { return g.stream(i).quota.exceeded() })
	}
	h.begin()
	var wg sync.WaitGroup
	for _, d := range daemons {
		wg.Go(func() {
			for range 3 {
				d.print(lines...)
				later.Add(int64(2 * gapInterval))
			}
			g.detach(d)
		})
	}
	wg.Wait()
	for i, d := range daemons { // as at a restart
		check(t, g.a.Attach(t.Context(), sources[i]))
		d.print("dropped too")
		g.detach(d)
	}
	h.end()
	g.comeBack(away)
	g.flush()
	written := append(slices.Repeat(lines, 4), "dropped too")
	for i := range containers {
		g.wantGaps(fmt.Sprintf("%064x", i), written)
	}
}

// stream is that of the i-th container.
func (g *rig) stream(i int) *stream {
	g.t.Helper()
	s, err := g.a.stream(fmt.Sprintf("%064x", i))
	check(g.t, err)
	return s
}
