package fifo

import (
	"os"
	"strconv"
	"strings"
	"sync/atomic"

	"golang.org/x/sys/unix"
)

// Sizes of pipes in bytes: the kernel's default, and the most that an unprivileged
// process gets (/proc/sys/fs/pipe-max-size).
const (
	SmallPipe = 64 << 10
	LargePipe = 1 << 20
)

// Pipes opens FIFOs and bounds the memory that large pipes take: beyond the soft
// limit of its user every other process of that user gets the smallest pipes.
type Pipes struct {
	// Left is how many bytes of the budget are left.
	Left atomic.Int64
}

// NewPipes has a quarter of the user's soft limit as its budget.
func NewPipes() *Pipes {
	pages := int64(16384) // the kernel's default
	if b, err := os.ReadFile("/proc/sys/fs/pipe-user-pages-soft"); err == nil {
		if n, err := strconv.ParseInt(strings.TrimSpace(string(b)), 10, 64); err == nil && n > 0 {
			pages = n
		}
	}
	p := &Pipes{}
	p.Left.Store(pages * int64(os.Getpagesize()) / 4)
	return p
}

// Enlarge gives the FIFO a large pipe, if there is memory for one. It reports
// whether it has one.
func (f *FIFO) Enlarge() bool {
	need := int64(LargePipe - f.bytes)
	if f.large.Load() || f.closed || need <= 0 {
		return f.large.Load()
	}
	left := &f.pipes.Left
	if left.Add(-need) < 0 {
		left.Add(need)
		return false
	}
	size, err := unix.FcntlInt(uintptr(f.fd), unix.F_SETPIPE_SZ, LargePipe)
	if err != nil || size < LargePipe {
		left.Add(need)
		return false
	}
	f.large.Store(true)
	return true
}

// Shrink gives the memory back. It fails while the pipe holds more than fits.
func (f *FIFO) Shrink() {
	if !f.large.Load() {
		return
	}
	if _, err := unix.FcntlInt(uintptr(f.fd), unix.F_SETPIPE_SZ, f.bytes); err == nil {
		f.pipes.free(f)
	}
}

// free counts the memory of a FIFO's large pipe as free.
func (p *Pipes) free(f *FIFO) {
	if f.large.CompareAndSwap(true, false) {
		p.Left.Add(int64(LargePipe - f.bytes))
	}
}
