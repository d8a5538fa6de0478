package fifo

import "time"

// NapTime lets a busy FIFO fill: every wake-up of the reader slows the daemon's
// next write. A pipe of 1 MiB takes 5 ms of the fastest writer without blocking it.
const NapTime = 5 * time.Millisecond

// napEntries is how many entries must come in a nap's time to make it worthwhile.
const napEntries = 8

// Pace decides whether an ingest naps before it reads on, or waits for the next
// entry. A single entry, or the first of many, is read at once.
type Pace struct {
	since   time.Time
	entries int64 // since then
	busy    bool
}

// Note counts entries that were read. It reports whether to nap.
func (p *Pace) Note(entries int64, now time.Time) bool {
	p.entries += entries
	if d := now.Sub(p.since); d >= NapTime {
		p.busy = float64(p.entries)/napEntries >= float64(d)/float64(NapTime)
		p.since, p.entries = now, 0
	}
	return p.busy
}
