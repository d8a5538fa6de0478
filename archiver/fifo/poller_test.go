package fifo // counts the events of the Poller's own descriptor

import (
	"os"
	"path/filepath"
	"testing"

	"golang.org/x/sys/unix"
)

// TestPollerDisarms looks at a FIFO once: writes that nobody waits for cause no event.
func TestPollerDisarms(t *testing.T) {
	path := filepath.Join(t.TempDir(), "fifo")
	check(t, unix.Mkfifo(path, 0o600))
	w, err := os.OpenFile(path, os.O_RDWR, 0)
	check(t, err)
	defer w.Close()
	f, err := NewPipes().Open(path)
	check(t, err)
	defer f.Close()
	p, err := NewPoller()
	check(t, err)
	defer p.Close()
	events := func() (n int) {
		check(t, p.raw.Control(func(ep uintptr) {
			var ev [1]unix.EpollEvent
			n, err = unix.EpollWait(int(ep), ev[:], 0)
		}))
		check(t, err)
		return n
	}
	write := func() {
		_, err := w.WriteString("x")
		check(t, err)
	}
	check(t, p.Arm(f))
	if n := events(); n != 0 {
		t.Fatalf("an empty FIFO has %d events", n)
	}
	write()
	check(t, p.Wait())
	write()
	if n := events(); n != 0 {
		t.Errorf("a FIFO that is not armed has %d events", n)
	}
	check(t, p.Arm(f)) // what came meanwhile counts
	check(t, p.Wait())
}

func check(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}
