package archiver

import (
	"errors"
	"os"
	"sync"
	"testing"

	"golang.org/x/sys/unix"

	"github.com/coldtail/coldtail/archiver/fifo"
	"github.com/coldtail/coldtail/archiver/fifotest"
	"github.com/coldtail/coldtail/archiver/statedir"
	"github.com/coldtail/coldtail/codec"
)

// TestEndedFIFOIsNotSized has a FIFO end after a burst, while its descriptor's
// number becomes another pipe's: that one is not enlarged, and the budget is whole.
func TestEndedFIFOIsNotSized(t *testing.T) {
	for _, policy := range []Overflow{DropOld, DropNew} {
		t.Run(string(policy), func(t *testing.T) {
			g := newRig(t)
			d := newDaemon(t)
			s, err := g.a.stream(idA)
			check(t, err)
			s.opts.Overflow = policy
			s.over.Store(policy == DropNew) // read and counted by the other path
			opened, err := g.a.pipes.Open(d.path)
			check(t, err)
			f := &attachment{FIFO: opened, s: s, done: make(chan struct{}), release: func() {}}
			s.fifos = []*attachment{f}
			for range 3 {
				d.log(codec.Entry{Line: make([]byte, 16<<10)})
			}
			check(t, d.f.Close())
			budget := g.a.pipes.Left.Load()
			moved := s.drain(f)
			// The lowest number that is free, so mostly that one: until it is.
			var other [2]int
			for range 64 {
				check(t, unix.Pipe2(other[:], unix.O_CLOEXEC))
				pair := other
				t.Cleanup(func() { unix.Close(pair[0]); unix.Close(pair[1]) })
				if other[0] == f.Fd() || other[1] == f.Fd() {
					break
				}
			}
			if other[0] != f.Fd() && other[1] != f.Fd() {
				t.Skip("somebody else has the number")
			}
			before, err := unix.FcntlInt(uintptr(f.Fd()), unix.F_GETPIPE_SZ, 0)
			check(t, err)
			if moved < fifo.SmallPipe*3/4 {
				t.Fatalf("%d bytes moved: no burst", moved)
			}
			s.size(f, moved)
			after, err := unix.FcntlInt(uintptr(f.Fd()), unix.F_GETPIPE_SZ, 0)
			check(t, err)
			if after != before || g.a.pipes.Left.Load() != budget {
				t.Errorf("the other pipe has %d bytes after %d; %d of the budget are gone", after, before, budget-g.a.pipes.Left.Load())
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
