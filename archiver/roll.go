package archiver

import (
	"hash/fnv"
	"time"
)

// An object holds entries of one hour, so a segment with entries of two becomes two
// objects. Busy streams begin a segment with the hour. If quiet ones did, too, all
// containers of all hosts would sync and upload at once. So each has its own moment in
// the first minutes; most are sealed by their age before.
const (
	// rollSpread bounds how much later than the hour's end a quiet stream is sealed.
	rollSpread = 5 * time.Minute
	// quietBytes is what a quiet stream has at most in its active segment.
	quietBytes = 1 << 20
)

// hourOver reports whether a container's segment has to be closed because the hour of
// its first entry has passed.
func hourOver(containerID string, firstNano int64, activeBytes int64, now time.Time) bool {
	first := time.Unix(0, firstNano)
	ends := first.Truncate(time.Hour).Add(time.Hour)
	switch {
	case now.Before(first.Truncate(time.Hour)): // the clock was set back
		return true
	case now.Before(ends):
		return false
	}
	return activeBytes > quietBytes || now.Sub(ends) >= rollDelay(containerID)
}

// rollDelay is the container's own moment after the hour. Ids differ between hosts.
func rollDelay(containerID string) time.Duration {
	h := fnv.New64a()
	_, _ = h.Write([]byte(containerID)) // never fails
	n := h.Sum64()
	n ^= n >> 32 // the lower bits depend on all
	return time.Duration(n % uint64(rollSpread))
}
