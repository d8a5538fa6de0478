package archiver // see rig

import (
	"errors"
	"os"
	"sync"
	"testing"
	"time"

	"github.com/coldtail/coldtail/archiver/fifo"
	"github.com/coldtail/coldtail/archiver/fifotest"
	"github.com/coldtail/coldtail/archiver/statedir"
	"github.com/coldtail/coldtail/codec"
)

// TestEndedFIFOIsNotSized has a FIFO end after a burst in the turn that reads the
// burst, whatever becomes of its entries: the budget of pipe memory is whole.
func TestEndedFIFOIsNotSized(t *testing.T) {
	for _, policy := range []Overflow{DropOld, DropNew} {
		t.Run(string(policy), func(t *testing.T) {
			g := newRig(t)
			g.stop()
			g.cfg.CommitInterval = time.Hour // nobody looks whether the quota is exceeded
			ended := make(chan string, 1)
			g.cfg.OnEnd = func(path string) { ended <- path }
			g.start()
			d := newDaemon(t)
			s, err := g.a.stream(idA)
			check(t, err)
			s.setExceeded(&s.quota.own, policy == DropNew) // read and counted by the other path
			for range 3 {
				d.log(codec.Entry{Line: make([]byte, 16<<10)})
			}
			// The pipe's content is there as long as somebody has it open.
			r, err := os.OpenFile(d.path, os.O_RDONLY, 0)
			check(t, err)
			defer r.Close()
			check(t, d.f.Close())
			budget := g.a.pipes.Left.Load()
			src := source(d.path, idA)
			src.Options.Overflow = policy
			check(t, g.a.Attach(t.Context(), src))
			if path := <-ended; path != d.path {
				t.Errorf("%s has ended", path)
			}
			waitFor(t, "the ingest to end", func() bool { return !s.inlet.reads() })
			if left := g.a.pipes.Left.Load(); left != budget {
				t.Errorf("%d of the budget are gone", budget-left)
			}
			if dropped := g.a.Status().Dropped; dropped != 0 != (policy == DropNew) {
				t.Errorf("%d entries were dropped", dropped)
			}
		})
	}
}

// TestFailedOpenLeavesLaterStream has two callers fail to open a container's log
// while a third has opened it since: its stream stays.
func TestFailedOpenLeavesLaterStream(t *testing.T) {
	g := newRig(t)
	dir := statedir.Path(g.cfg.StateDir).Log(idA)
	check(t, os.WriteFile(dir, nil, 0o600)) // no directory: cannot be opened
	s1 := g.a.known(idA)
	var wg sync.WaitGroup
	wg.Go(func() { _, _ = g.a.stream(idA) })
	wg.Wait()
	check(t, os.Remove(dir))
	s2, err := g.a.stream(idA)
	check(t, err)
	if s1 == s2 || s1.open() == nil {
		t.Fatal("the first stream was opened")
	}
	// The second caller comes to its end only now.
	g.a.forgetFailed(s1)
	if got := g.a.known(idA); got != s2 {
		t.Error("the open stream was forgotten")
	}
}

// TestEndedFIFOIsForgotten: a FIFO whose writer died leaves nothing behind, and
// its path can be attached anew.
func TestEndedFIFOIsForgotten(t *testing.T) {
	g := newRig(t)
	var lines []string
	d := newDaemon(t)
	for _, line := range numbers(3) {
		check(t, g.a.Attach(t.Context(), source(d.path, idA)))
		d.print(line)
		lines = append(lines, line)
		check(t, d.f.Close())
		waitFor(t, "the FIFO to be forgotten", func() bool { at, _ := g.a.attached(d.path); return at == nil })
		d.f = fifotest.Open(t, d.path)
	}
	g.flush()
	g.want(idA, lines)
}

// TestAttachWithoutPoller has making the poller fail once, for a FIFO that goes
// on with an unfinished frame. That FIFO is gone then, and others are read.
func TestAttachWithoutPoller(t *testing.T) {
	g := newRig(t)
	d := newDaemon(t)
	check(t, g.a.Attach(t.Context(), source(d.path, idA)))
	d.print("whole")
	frame := fifotest.Frame("half")
	d.f.Send(frame[:10])
	waitFor(t, "it to be read", func() bool { return d.f.Drained() })
	g.stop()
	g.start()
	failure := errors.New("too many open files")
	g.a.poller = func() (*fifo.Poller, error) { return nil, failure }
	src := source(d.path, idA)
	src.Resume = true
	if err := g.a.Attach(t.Context(), src); !errors.Is(err, failure) {
		t.Fatalf("attached: %v", err)
	}
	g.a.poller = fifo.NewPoller
	other := newDaemon(t)
	check(t, g.a.Attach(t.Context(), source(other.path, idA)))
	other.print("from another")
	check(t, g.a.Detach(t.Context(), other.path))
	g.flush()
	g.want(idA, []string{"whole", "from another"})
}
