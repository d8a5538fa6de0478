package archiver

import "time"

// napTime lets a busy FIFO fill: every wake-up of the reader slows the daemon's
// next write. A pipe of 1 MiB takes 5 ms of the fastest writer without blocking it.
const napTime = 5 * time.Millisecond

// napEntries is how many entries must come in a nap's time to make it worthwhile.
const napEntries = 8

// pace decides whether an ingest naps before it reads on, or waits for the next
// entry. A single entry, or the first of many, is read at once.
type pace struct {
	since   time.Time
	entries int64 // since then
	busy    bool
}

// note counts entries that were read, and tells whether to nap.
func (p *pace) note(entries int64, now time.Time) bool {
	p.entries += entries
	if d := now.Sub(p.since); d >= napTime {
		p.busy = float64(p.entries)/napEntries >= float64(d)/float64(napTime)
		p.since, p.entries = now, 0
	}
	return p.busy
}
