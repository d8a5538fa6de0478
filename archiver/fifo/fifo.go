package fifo

import (
	"errors"
	"fmt"
	"io"
	"sync/atomic"

	"golang.org/x/sys/unix"
)

// FIFO is a named pipe that is open for reading. One goroutine reads and closes it;
// Shrink may be called by others until then.
type FIFO struct {
	path   string
	fd     int // may be another file's number once it is closed
	closed bool
	polled bool // a Poller knows it

	pipes *Pipes
	bytes int         // the pipe's size before it was enlarged
	large atomic.Bool // the pipe was enlarged
}

// Open opens a FIFO. It does not wait for a writer.
func (p *Pipes) Open(path string) (*FIFO, error) {
	fd, err := unix.Open(path, unix.O_RDONLY|unix.O_NONBLOCK|unix.O_CLOEXEC, 0)
	if err != nil {
		return nil, fmt.Errorf("open fifo %s: %w", path, err)
	}
	var st unix.Stat_t
	if err := unix.Fstat(fd, &st); err != nil || st.Mode&unix.S_IFMT != unix.S_IFIFO {
		unix.Close(fd)
		return nil, fmt.Errorf("open fifo %s: %w", path, errors.Join(err, errors.New("it is not a FIFO")))
	}
	size, err := unix.FcntlInt(uintptr(fd), unix.F_GETPIPE_SZ, 0)
	if err != nil {
		size = SmallPipe
	}
	return &FIFO{path: path, fd: fd, pipes: p, bytes: size}, nil
}

// Path is the path that it was opened by.
func (f *FIFO) Path() string { return f.path }

// Fd is its descriptor, until it is closed.
func (f *FIFO) Fd() int { return f.fd }

// Closed reports whether it was closed.
func (f *FIFO) Closed() bool { return f.closed }

// Read reads what the FIFO holds: EAGAIN if that is nothing, io.EOF if there is
// no writer either.
func (f *FIFO) Read(b []byte) (int, error) {
	for {
		n, err := unix.Read(f.fd, b)
		switch {
		case errors.Is(err, unix.EINTR):
		case err != nil:
			return 0, err
		case n == 0:
			return 0, io.EOF
		default:
			return n, nil
		}
	}
}

// Close closes the FIFO. What it holds stays for whoever opens it next.
func (f *FIFO) Close() error {
	f.pipes.free(f)
	f.closed = true
	return unix.Close(f.fd)
}
