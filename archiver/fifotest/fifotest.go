// Package fifotest plays the Docker daemon's part in tests: it makes a
// container's FIFO, writes entries into it as frames, and decodes the frames
// that the plugin answers with.
//
// Every failure ends the test. The package imports codec and nothing else of
// ours, so that the tests of every package above codec can use it.
package fifotest

import (
	"errors"
	"os"
	"path/filepath"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"github.com/coldtail/coldtail/codec"
)

// FIFO is the end of a FIFO that the daemon holds. Its Name is the path that
// the daemon would tell the plugin.
type FIFO struct {
	*os.File
	// Patience, if set, is how long a write may wait for the reader. Beyond it the
	// test fails: the container is blocked.
	Patience time.Duration
	t        testing.TB
}

// New makes a FIFO in a temporary folder of its own.
func New(t testing.TB) *FIFO {
	t.Helper()
	return Make(t, filepath.Join(t.TempDir(), "fifo"))
}

// Make makes a FIFO at path.
func Make(t testing.TB, path string) *FIFO {
	t.Helper()
	if err := unix.Mkfifo(path, 0o600); err != nil {
		t.Fatalf("make fifo %s: %v", path, err)
	}
	return Open(t, path)
}

// Open opens a FIFO that is there, and closes it after the test. It opens it as
// the daemon does, for reading too, so that its reader never sees an EOF before
// Close.
func Open(t testing.TB, path string) *FIFO {
	t.Helper()
	f, err := os.OpenFile(path, os.O_RDWR, 0)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = f.Close() }) // the test may have closed it
	return &FIFO{File: f, t: t}
}

// Print writes lines to stdout, each as an entry of now.
func (f *FIFO) Print(lines ...string) {
	f.t.Helper()
	for _, line := range lines {
		f.Send(Frame(line))
	}
}

// Log writes entries. An entry without a source is of stdout, one without a time
// is of now.
func (f *FIFO) Log(entries ...codec.Entry) {
	f.t.Helper()
	for _, e := range entries {
		if e.Source == "" {
			e.Source = codec.Stdout
		}
		if e.TimeNano == 0 {
			e.TimeNano = time.Now().UnixNano()
		}
		f.Send(codec.AppendFrame(nil, &e))
	}
}

// Send writes bytes as they are, such as half a frame.
func (f *FIFO) Send(b []byte) {
	f.t.Helper()
	if f.Patience > 0 {
		if err := f.SetWriteDeadline(time.Now().Add(f.Patience)); err != nil {
			f.t.Fatal(err)
		}
	}
	if _, err := f.Write(b); errors.Is(err, os.ErrDeadlineExceeded) {
		f.t.Fatalf("the container is blocked: nobody reads %s for %v", f.Name(), f.Patience)
	} else if err != nil {
		f.t.Fatal(err)
	}
}

// Drained reports whether the reader has taken all that was written.
func (f *FIFO) Drained() bool {
	f.t.Helper()
	raw, err := f.SyscallConn()
	if err != nil {
		f.t.Fatal(err)
	}
	left := 0
	cerr := raw.Control(func(fd uintptr) { left, err = unix.IoctlGetInt(int(fd), unix.TIOCINQ) })
	if cerr != nil || err != nil {
		f.t.Fatalf("ask what is in %s: %v, %v", f.Name(), cerr, err)
	}
	return left == 0
}

// Frame returns the frame of a line on stdout of now.
func Frame(line string) []byte {
	return codec.AppendFrame(nil, &codec.Entry{Source: codec.Stdout, TimeNano: time.Now().UnixNano(), Line: []byte(line)})
}

// Entries decodes frames. It fails the test if they do not end with a whole one.
func Entries(t testing.TB, frames []byte) []codec.Entry {
	t.Helper()
	entries, rest := Split(frames)
	if len(rest) > 0 {
		t.Fatalf("after %d entries, %d bytes are no whole frame: %.100q", len(entries), len(rest), rest)
	}
	return entries
}

// Split decodes the whole frames that b starts with, and returns what is left.
// The entries point into b.
func Split(b []byte) (entries []codec.Entry, rest []byte) {
	for len(b) > 0 {
		var e codec.Entry
		n, err := codec.ParseFrame(b, &e)
		if err != nil {
			break
		}
		entries, b = append(entries, e), b[n:]
	}
	return entries, b
}
