package disk

import (
	"context"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"io"
	"log/slog"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/coldtail/coldtail/archiver/bucket"
	"github.com/coldtail/coldtail/archiver/bucket/filebucket"
	"github.com/coldtail/coldtail/codec/randtest"
)

var losses = flag.Int("losses", 60, "how often TestPowerLoss takes the power away")

// TestPowerLoss takes the power away at random moments while containers write,
// and segments are sealed, archived and evicted. What comes back, in the bucket
// and in docker logs, is what was written up to some entry: all that a group
// commit had returned for, in order, and nothing else.
func TestPowerLoss(t *testing.T) {
	const each = 30 // losses of one archive, which grows meanwhile
	for left := *losses; left > 0; left -= each {
		powerLosses(t, min(left, each))
	}
}

func powerLosses(t *testing.T, times int) {
	store, dir := mounted(t)
	g := newRig(t, filepath.Join(dir, "state"))
	pause := newPausing(t, g.folder)
	g.bucket = pause
	g.start()
	defer g.stop()
	r := randtest.New(t)
	var writers []*writer
	for i := range 2 {
		writers = append(writers, startWriter(g, i))
	}
	defer func() {
		for _, w := range writers {
			close(w.stop)
			<-w.done
		}
	}()
	lost, most := 0, 0
	for i := range times {
		time.Sleep(time.Duration(r.IntN(40)) * time.Millisecond)
		after := newRig(t, filepath.Join(t.TempDir(), "state"))
		floors := make([]int, len(writers))
		for i, w := range writers {
			floors[i] = w.committedLines()
		}
		check(t, pause.still(func() error {
			return powerLoss(store, g, after, r)
		}))
		for j, n := range after.afterLoss(writers, floors) {
			lost += n
			most = max(most, n)
			if t.Failed() {
				t.Fatalf("in round %d, container %d", i, j)
			}
		}
	}
	t.Logf("%d power losses; %d lines were written in all, a loss took %d of a container at most, %d on average of both", times,
		len(writers[0].lines())+len(writers[1].lines()), most, lost/times)
}

// powerLoss gives after what a power loss would leave of g at this moment. The
// bucket loses nothing.
func powerLoss(store *Store, g, after *rig, r *rand.Rand) error {
	return errors.Join(store.PowerLoss(filepath.Dir(after.state), r), os.CopyFS(after.folder, os.DirFS(g.folder)))
}

// afterLoss starts on what a power loss left, and compares. It returns how many
// of each container's lines were lost.
func (g *rig) afterLoss(writers []*writer, floors []int) (lost []int) {
	t := g.t
	t.Helper()
	reboot(t, g.state)
	g.start()
	defer g.stop()
	for i, w := range writers {
		sent := w.lines()
		got := g.read(w.c.id, true)
		switch {
		case len(got) < floors[i]:
			t.Errorf("%d lines came back, %d were committed", len(got), floors[i])
		case len(got) > len(sent) || !slices.Equal(got, sent[:len(got)]):
			t.Errorf("%d lines came back; they differ first at %d", len(got), firstDifference(got, sent))
		}
		c := g.container(i)
		check(t, g.a.Attach(t.Context(), c.source()))
		c.print("after the power loss")
		check(t, g.a.Detach(t.Context(), c.f.Name()))
		lost = append(lost, max(0, len(sent)-len(got)))
		g.flush()
		want := append(got, "after the power loss")
		for _, local := range []bool{true, false} {
			if again := g.read(w.c.id, local); !slices.Equal(again, want) {
				t.Errorf("read %d lines, with the spool: %v; they differ first at %d of %d", len(again), local, firstDifference(again, want), len(want))
			}
		}
	}
	return lost
}

// reboot makes the state directory one of an earlier boot.
func reboot(t *testing.T, state string) {
	t.Helper()
	path := filepath.Join(state, "state.json")
	b, err := os.ReadFile(path)
	check(t, err)
	var m map[string]any
	check(t, json.Unmarshal(b, &m))
	m["boot_id"] = "earlier"
	delete(m, "crc32c")
	b, err = json.Marshal(m)
	check(t, err)
	check(t, os.WriteFile(path, b, 0o600))
}

// writer has a container write until it is told to stop, and now and then waits
// until what it wrote is committed.
type writer struct {
	c    *container
	stop chan struct{}
	done chan struct{}
	// first is the first entry's number.
	first int64

	mu        sync.Mutex
	sent      []string
	committed int
}

func startWriter(g *rig, i int) *writer {
	w := &writer{c: g.container(i), stop: make(chan struct{}), done: make(chan struct{})}
	check(g.t, g.a.Attach(g.t.Context(), w.c.source()))
	r := rand.New(rand.NewPCG(uint64(i), 1))
	go func() {
		defer close(w.done)
		w.burst(r)
		w.waitCommitted()
		for {
			select {
			case <-w.stop:
				return
			default:
			}
			w.burst(r)
			if r.IntN(4) == 0 {
				w.waitCommitted()
			}
		}
	}()
	return w
}

// burst announces lines before it writes them: what came back may be among them.
func (w *writer) burst(r *rand.Rand) {
	from := len(w.c.sent)
	lines := make([]string, 1+r.IntN(40))
	for i := range lines {
		lines[i] = fmt.Sprintf("%d %0*d", from+i, 1+r.IntN(300), 0)
	}
	w.mu.Lock()
	w.sent = append(w.sent, lines...)
	w.mu.Unlock()
	w.c.print(lines...)
}

// waitCommitted waits for a commit that began after all that was written had
// come in: of three that end, the third did.
func (w *writer) waitCommitted() {
	g := w.c.g
	for end := time.Now().Add(time.Minute); time.Now().Before(end); time.Sleep(time.Millisecond) {
		sn, err := g.a.Snapshot(w.c.id)
		check(g.t, err)
		if w.first == 0 && len(sn.Segments) > 0 {
			w.first = sn.Segments[0].Header.FirstSeq
		}
		if w.first != 0 && sn.LastSeq-w.first+1 == int64(len(w.c.sent)) {
			break
		}
	}
	for n, end := g.commits(w.c.id), time.Now().Add(time.Minute); g.commits(w.c.id) < n+3 && time.Now().Before(end); {
		time.Sleep(time.Millisecond)
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	w.committed = len(w.sent)
}

// waitFloor waits until more is committed than is now.
func (w *writer) waitFloor() {
	n := w.committedLines()
	waitFor(w.c.g.t, "a commit", func() bool { return w.committedLines() > n })
}

func (w *writer) committedLines() int {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.committed
}

func (w *writer) lines() []string {
	w.mu.Lock()
	defer w.mu.Unlock()
	return slices.Clone(w.sent)
}

func firstDifference(a, b []string) int {
	for i := range min(len(a), len(b)) {
		if a[i] != b[i] {
			return i
		}
	}
	return min(len(a), len(b))
}

// pausing is a bucket that takes nothing while mu is held.
type pausing struct {
	bucket.Bucket
	mu sync.RWMutex
}

func newPausing(t *testing.T, folder string) *pausing {
	b, err := filebucket.Open(filebucket.Config{Dir: folder}, slog.New(slog.DiscardHandler))
	check(t, err)
	check(t, os.MkdirAll(folder, 0o700))
	return &pausing{Bucket: b}
}

// still calls f while nothing is put.
func (p *pausing) still(f func() error) error {
	p.mu.Lock()
	defer p.mu.Unlock()
	return f()
}

func (p *pausing) Put(ctx context.Context, key string, body io.ReaderAt, sizeBytes int64, o bucket.PutOptions) error {
	p.mu.RLock()
	defer p.mu.RUnlock()
	return p.Bucket.Put(ctx, key, body, sizeBytes, o)
}
