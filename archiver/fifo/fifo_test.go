package fifo_test

import (
	"testing"

	"golang.org/x/sys/unix"

	"github.com/coldtail/coldtail/archiver/fifo"
	"github.com/coldtail/coldtail/archiver/fifotest"
)

// TestClosedFIFOIsNotSized: a FIFO that is closed is not enlarged, nor is the pipe that
// has its descriptor's number by then. The budget is whole.
func TestClosedFIFOIsNotSized(t *testing.T) {
	pipes := fifo.NewPipes()
	budget := pipes.Left.Load()
	f, err := pipes.Open(fifotest.New(t).Name())
	check(t, err)
	check(t, f.Close())
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
	if f.Enlarge() {
		t.Error("it was enlarged")
	}
	after, err := unix.FcntlInt(uintptr(f.Fd()), unix.F_GETPIPE_SZ, 0)
	check(t, err)
	if left := pipes.Left.Load(); after != before || left != budget {
		t.Errorf("the other pipe has %d bytes after %d; %d of the budget are gone", after, before, budget-left)
	}
}

// TestPipesAreSized: a large pipe is paid for from the budget until it is small
// again or closed, and none is made beyond the budget.
func TestPipesAreSized(t *testing.T) {
	pipes := fifo.NewPipes()
	budget := pipes.Left.Load()
	for _, end := range []func(*fifo.FIFO){(*fifo.FIFO).Shrink, func(f *fifo.FIFO) { check(t, f.Close()) }} {
		f, err := pipes.Open(fifotest.New(t).Name())
		check(t, err)
		for range 2 {
			if !f.Enlarge() {
				t.Skip("this kernel gives no large pipes")
			}
		}
		if taken := budget - pipes.Left.Load(); taken != fifo.LargePipe-fifo.SmallPipe {
			t.Errorf("%d bytes were taken", taken)
		}
		end(f)
		if left := pipes.Left.Load(); left != budget {
			t.Errorf("%d bytes did not come back", budget-left)
		}
	}
	pipes.Left.Store(fifo.LargePipe - fifo.SmallPipe - 1)
	f, err := pipes.Open(fifotest.New(t).Name())
	check(t, err)
	defer f.Close()
	if f.Enlarge() || pipes.Left.Load() != fifo.LargePipe-fifo.SmallPipe-1 {
		t.Error("enlarged beyond the budget")
	}
}

func check(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}
