package disk

import (
	"context"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"path/filepath"
	"strings"
	"sync/atomic"
	"syscall"
	"testing"

	"github.com/coldtail/coldtail/archiver"
	"github.com/coldtail/coldtail/archiver/bucket"
	"github.com/coldtail/coldtail/codec"
	"github.com/coldtail/coldtail/codec/randtest"
)

// leaving is a bucket that is away now and then.
type leaving struct {
	*pausing
	away atomic.Bool
}

func (b *leaving) Put(ctx context.Context, key string, body io.ReaderAt, sizeBytes int64, o bucket.PutOptions) error {
	if b.away.Load() {
		return &bucket.Error{Op: bucket.OpPut, Err: errors.New("connection refused")}
	}
	return b.pausing.Put(ctx, key, body, sizeBytes, o)
}

// TestPowerLossWhileDropping takes the power away while what comes is kept and
// dropped by turns. Every line comes back in its place, between gaps that say how
// many are missing there, up to the last group commit.
func TestPowerLossWhileDropping(t *testing.T) {
	store, dir := mounted(t)
	g := newRig(t, filepath.Join(dir, "state"))
	g.options.Overflow, g.options.SpoolBytes, g.options.RollBytes = archiver.DropNew, 96<<10, 32<<10
	b := &leaving{pausing: newPausing(t, g.folder)}
	g.bucket = b
	g.start()
	defer g.stop()
	w := &writer{c: g.container(0), stop: make(chan struct{}), done: make(chan struct{})}
	check(t, g.a.Attach(t.Context(), w.c.source()))
	go func() {
		defer close(w.done)
		r := rand.New(rand.NewPCG(3, 1))
		for n := 0; ; n++ {
			select {
			case <-w.stop:
				return
			default:
			}
			b.away.Store(n/20%2 == 0)
			w.burst(r)
			if r.IntN(4) == 0 {
				w.waitTaken()
			}
		}
	}()
	defer func() {
		close(w.stop)
		<-w.done
	}()
	r := randtest.New(t)
	gaps := 0
	for range *losses / 2 {
		w.waitFloor()
		after := newRig(t, filepath.Join(t.TempDir(), "state"))
		floor := w.committedLines()
		check(t, b.still(func() error { return powerLoss(store, g, after, r) }))
		gaps += after.afterDropping(w, floor)
		if t.Failed() {
			return
		}
	}
	if gaps == 0 {
		t.Error("nothing was dropped")
	}
	t.Logf("%d power losses; %d lines were written, %d gaps came back", *losses/2, len(w.lines()), gaps)
}

// waitTaken waits until a commit has ended that began after all that was written
// had left the FIFO, kept or dropped.
func (w *writer) waitTaken() {
	g := w.c.g
	waitFor(g.t, "the FIFO to be empty", w.c.f.Drained)
	n := g.commits(w.c.id)
	waitFor(g.t, "three commits", func() bool { return g.commits(w.c.id) >= n+3 })
	w.mu.Lock()
	defer w.mu.Unlock()
	w.committed = len(w.sent)
}

// afterDropping starts on what a power loss left, and compares. It returns how
// many gaps there were.
func (g *rig) afterDropping(w *writer, floor int) (gaps int) {
	g.t.Helper()
	reboot(g.t, g.state)
	g.start()
	defer g.stop()
	back, gaps := g.wantInPlace(w, g.read(w.c.id, true))
	if back < floor {
		g.t.Errorf("%d lines came back or were counted, %d were committed", back, floor)
	}
	g.flush()
	for _, local := range []bool{true, false} {
		if n, again := g.wantInPlace(w, g.read(w.c.id, local)); n != back || again != gaps {
			g.t.Errorf("%d lines and %d gaps, with the spool: %v; before there were %d and %d", n, again, local, back, gaps)
		}
	}
	return gaps
}

// wantInPlace compares rows with what was written, where gaps stand for so many
// lines. It returns for how many lines the rows stand.
func (g *rig) wantInPlace(w *writer, rows []string) (n, gaps int) {
	g.t.Helper()
	sent := w.lines()
	for _, row := range rows {
		if strings.HasPrefix(row, "{") {
			gap, err := codec.ParseGap([]byte(row))
			check(g.t, err)
			n += int(gap.Entries)
			gaps++
			continue
		}
		if n >= len(sent) || row != sent[n] {
			g.t.Errorf("line %.20q is in the place of line %d of %d", row, n, len(sent))
			return n, gaps
		}
		n++
	}
	if n > len(sent) {
		g.t.Errorf("rows stand for %d lines of %d", n, len(sent))
	}
	return n, gaps
}

// TestGapOfAQuietContainer: what was dropped while the disk was broken gets its
// gap once it works again, though the container writes no more.
func TestGapOfAQuietContainer(t *testing.T) {
	store, dir := mounted(t)
	g := newRig(t, filepath.Join(dir, "state"))
	g.start()
	c := g.container(0)
	check(t, g.a.Attach(t.Context(), c.source()))
	store.Fail(func(o Op, _ string) syscall.Errno {
		if o == Write {
			return syscall.EIO
		}
		return 0
	})
	c.print(lines("dropped", 100)...)
	waitFor(t, "them to be dropped", func() bool { return c.f.Drained() && g.a.Status().Dropped == 100 })
	c.print(lines("dropped too", 100)...) // behind the gap that tries the disk
	waitFor(t, "them to be dropped", func() bool { return c.f.Drained() && g.a.Status().Dropped == 200 })
	store.Fail(nil)
	waitFor(t, "their gap", func() bool {
		_, dropped := split(t, g.read(c.id, true))
		return dropped == 200
	})
	waitFor(t, "the disk to work again", func() bool { return g.log.count("writing to the spool works again") == 1 })
	c.print("kept")
	check(t, g.a.Detach(t.Context(), c.f.Name()))
	g.flush()
	got, dropped := split(t, g.read(c.id, false))
	if fmt.Sprint(got) != "[kept]" || dropped != 200 {
		t.Errorf("%q and %d dropped", got, dropped)
	}
}
