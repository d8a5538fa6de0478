package archiver

import (
	"testing"
	"time"

	"golang.org/x/sys/unix"
)

// TestPace naps while many entries come, and only then.
func TestPace(t *testing.T) {
	var p pace
	now := time.Unix(1000, 0)
	turns := func(n int, every time.Duration, entries int64) (naps int) {
		for range n {
			now = now.Add(every)
			if p.note(entries, now) {
				naps++
			}
		}
		return naps
	}
	if n := turns(100, 20*time.Millisecond, 1); n != 0 {
		t.Errorf("napped %d times between 50 entries a second", n)
	}
	if n := turns(1, time.Second, 200); n != 0 {
		t.Error("napped after the first entries of a burst")
	}
	turns(20, time.Millisecond, 10)
	if n := turns(100, napTime, 50); n != 100 {
		t.Errorf("napped %d times of 100 at 10,000 entries a second", n)
	}
	if n := turns(100, napTime, 1); n != 0 {
		t.Errorf("napped %d times between 200 entries a second", n)
	}
}

// TestPollerDisarms looks at a FIFO once: writes that nobody waits for cause no event.
func TestPollerDisarms(t *testing.T) {
	d := newDaemon(t)
	f, err := openFIFO(d.path)
	check(t, err)
	defer unix.Close(f.fd)
	p, err := newPoller()
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
		_, err := d.f.WriteString("x")
		check(t, err)
	}
	check(t, p.arm(f))
	if n := events(); n != 0 {
		t.Fatalf("an empty FIFO has %d events", n)
	}
	write()
	check(t, p.wait())
	write()
	if n := events(); n != 0 {
		t.Errorf("a FIFO that is not armed has %d events", n)
	}
	check(t, p.arm(f)) // what came meanwhile counts
	check(t, p.wait())
}
