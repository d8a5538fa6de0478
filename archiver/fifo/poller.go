package fifo

import (
	"errors"
	"fmt"
	"os"
	"syscall"
	"time"

	"golang.org/x/sys/unix"
)

// Poller waits for any of several FIFOs, or to be woken. It is an epoll
// instance inside the runtime's own, so that a waiting ingest costs no thread.
type Poller struct {
	f   *os.File
	raw syscall.RawConn
}

// NewPoller makes a Poller, which has to be closed.
func NewPoller() (*Poller, error) {
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
	return &Poller{f: f, raw: raw}, nil
}

// Arm makes the next wait look at a FIFO. One that stayed armed would wake the
// runtime's poller at every write, also while nobody waits: that costs this
// process as much as reading, and the daemon, whose write does it, even more.
func (p *Poller) Arm(f *FIFO) error {
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

// Wait blocks until an armed FIFO is readable or has ended, or Wake was called
// since the last Reset. A FIFO that it found has to be armed again.
func (p *Poller) Wait() error {
	err := p.raw.Read(func(ep uintptr) bool {
		for {
			var ev [1]unix.EpollEvent
			n, err := unix.EpollWait(int(ep), ev[:], 0)
			if !errors.Is(err, unix.EINTR) { // the runtime reports an event once
				return n > 0 || err != nil
			}
		}
	})
	if errors.Is(err, os.ErrDeadlineExceeded) {
		return nil
	}
	return err
}

// Wake ends the wait that is under way, or the next one.
func (p *Poller) Wake() error { return p.f.SetReadDeadline(time.Unix(1, 0)) }

// Reset forgets earlier wakes; call it before looking for what they announce.
func (p *Poller) Reset() error { return p.f.SetReadDeadline(time.Time{}) }

// Close ends a wait that is under way with an error.
func (p *Poller) Close() error { return p.f.Close() }
