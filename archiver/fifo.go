package archiver

import (
	"errors"
	"fmt"
	"os"
	"strconv"
	"strings"
	"sync/atomic"
	"syscall"
	"time"

	"golang.org/x/sys/unix"
)

// fifo is an attached FIFO. Its ingest owns it but for the atomic fields.
type fifo struct {
	path    string
	at      *attachment
	fd      int
	closed  bool          // fd may be another file's number by now; of the ingest
	detach  atomic.Bool   // Detach asks to drain and close it
	done    chan struct{} // closed once it is closed
	drained bool          // it was empty then; read it after done
	release func()        // ends the followers' waiting
	polled  bool
	pipe    int          // the pipe's size in bytes, before it was enlarged
	large   atomic.Bool  // the pipe was enlarged
	busyAt  atomic.Int64 // Unix nanoseconds: when it was last found nearly full
}

// openFIFO opens a FIFO for reading. It does not wait for a writer.
func openFIFO(path string) (*fifo, error) {
	fd, err := unix.Open(path, unix.O_RDONLY|unix.O_NONBLOCK|unix.O_CLOEXEC, 0)
	if err != nil {
		return nil, fmt.Errorf("open fifo %s: %w", path, err)
	}
	var st unix.Stat_t
	if err := unix.Fstat(fd, &st); err != nil || st.Mode&unix.S_IFMT != unix.S_IFIFO {
		unix.Close(fd)
		return nil, fmt.Errorf("open fifo %s: %w", path, errors.Join(err, errors.New("it is no FIFO")))
	}
	size, err := unix.FcntlInt(uintptr(fd), unix.F_GETPIPE_SZ, 0)
	if err != nil {
		size = 64 << 10
	}
	return &fifo{path: path, fd: fd, done: make(chan struct{}), pipe: size}, nil
}

// Pipe sizes in bytes: the kernel's default, and the most that an unprivileged
// process gets (/proc/sys/fs/pipe-max-size).
const (
	pipeSmall = 64 << 10
	pipeLarge = 1 << 20
)

// pipeBudget bounds the pipe memory that this process takes: beyond the soft
// limit of its user every other process of that user gets the smallest pipes.
type pipeBudget struct{ left atomic.Int64 }

// newPipeBudget allows a quarter of the user's soft limit.
func newPipeBudget() *pipeBudget {
	pages := int64(16384) // the kernel's default
	if b, err := os.ReadFile("/proc/sys/fs/pipe-user-pages-soft"); err == nil {
		if n, err := strconv.ParseInt(strings.TrimSpace(string(b)), 10, 64); err == nil && n > 0 {
			pages = n
		}
	}
	p := &pipeBudget{}
	p.left.Store(pages * int64(os.Getpagesize()) / 4)
	return p
}

// enlarge gives a FIFO a large pipe, if there is memory for one.
func (p *pipeBudget) enlarge(f *fifo) {
	need := int64(pipeLarge - f.pipe)
	if f.large.Load() || need <= 0 {
		return
	}
	if p.left.Add(-need) < 0 {
		p.left.Add(need)
		return
	}
	size, err := unix.FcntlInt(uintptr(f.fd), unix.F_SETPIPE_SZ, pipeLarge)
	if err != nil || size < pipeLarge {
		p.left.Add(need)
		return
	}
	f.large.Store(true)
}

// shrink gives the memory back. It fails while the pipe holds more than fits.
func (p *pipeBudget) shrink(f *fifo) {
	if !f.large.Load() {
		return
	}
	if _, err := unix.FcntlInt(uintptr(f.fd), unix.F_SETPIPE_SZ, f.pipe); err == nil {
		p.forget(f)
	}
}

// forget counts the memory of a FIFO that is being closed as free.
func (p *pipeBudget) forget(f *fifo) {
	if f.large.CompareAndSwap(true, false) {
		p.left.Add(int64(pipeLarge - f.pipe))
	}
}

// poller waits for any of several FIFOs, or to be woken. It is an epoll
// instance inside the runtime's own, so that a waiting ingest costs no thread.
type poller struct {
	f   *os.File
	raw syscall.RawConn
}

func newPoller() (*poller, error) {
	fd, err := unix.EpollCreate1(unix.EPOLL_CLOEXEC)
	if err != nil {
		return nil, fmt.Errorf("make epoll: %w", err)
	}
	// Non-blocking, or the runtime would not poll it.
	if err := unix.SetNonblock(fd, true); err != nil {
		unix.Close(fd)
		return nil, fmt.Errorf("make epoll: %w", err)
	}
	f := os.NewFile(uintptr(fd), "epoll")
	raw, err := f.SyscallConn()
	if err != nil {
		f.Close()
		return nil, fmt.Errorf("make epoll: %w", err)
	}
	return &poller{f: f, raw: raw}, nil
}

// arm makes the next wait look at a FIFO. One that stayed armed would wake the
// runtime's poller at every write, also while nobody waits: that costs this
// process as much as reading, and the daemon, whose write does it, even more.
func (p *poller) arm(f *fifo) error {
	op := unix.EPOLL_CTL_MOD
	if !f.polled {
		op = unix.EPOLL_CTL_ADD
	}
	var err error
	cerr := p.raw.Control(func(ep uintptr) {
		err = unix.EpollCtl(int(ep), op, f.fd, &unix.EpollEvent{Events: unix.EPOLLIN | unix.EPOLLONESHOT, Fd: int32(f.fd)})
	})
	if err := errors.Join(cerr, err); err != nil {
		return fmt.Errorf("wait for fifo %s: %w", f.path, err)
	}
	f.polled = true
	return nil
}

// wait blocks until an armed FIFO is readable or has ended, or wake was called
// since the last reset. A FIFO that it found has to be armed again.
func (p *poller) wait() error {
	err := p.raw.Read(func(ep uintptr) bool {
		for {
			var ev [1]unix.EpollEvent
			n, err := unix.EpollWait(int(ep), ev[:], 0)
			if !errors.Is(err, unix.EINTR) { // the runtime tells of an event once
				return n > 0 || err != nil
			}
		}
	})
	if errors.Is(err, os.ErrDeadlineExceeded) {
		return nil
	}
	return err
}

// wake ends the wait that is under way, or the next one.
func (p *poller) wake() error { return p.f.SetReadDeadline(time.Unix(1, 0)) }

// reset forgets earlier wakes; call it before looking for what they announce.
func (p *poller) reset() error { return p.f.SetReadDeadline(time.Time{}) }

func (p *poller) Close() error { return p.f.Close() }
