package fifo_test

import (
	"testing"
	"time"

	"github.com/coldtail/coldtail/archiver/fifo"
)

// TestPace naps while many entries come, and only then.
func TestPace(t *testing.T) {
	var p fifo.Pace
	now := time.Unix(1000, 0)
	turns := func(n int, every time.Duration, entries int64) (naps int) {
		for range n {
			now = now.Add(every)
			if p.Note(entries, now) {
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
	if n := turns(100, fifo.NapTime, 50); n != 100 {
		t.Errorf("napped %d times of 100 at 10,000 entries a second", n)
	}
	if n := turns(100, fifo.NapTime, 1); n != 0 {
		t.Errorf("napped %d times between 200 entries a second", n)
	}
}
