package readback

import (
	"fmt"
	"strings"
	"time"
)

// MissingError tells which entries could not be read because the bucket did not
// give them. All that could be read, here and in the bucket, was yielded before
// it; a follower goes on behind it.
type MissingError struct {
	// From and To are the times between which the entries lie; some between
	// them may have been read. A zero From is the container's beginning, a zero
	// To its last archived entry: the bucket could not be asked what it has.
	From, To time.Time
	// FromSeq and ToSeq are the sequence numbers, zero where the times are.
	FromSeq, ToSeq int64
	// Entries is how many are missing; zero where that is not known.
	Entries int64
	Err     error // the first cause
}

func (e *MissingError) Error() string {
	var b strings.Builder
	b.WriteString("cannot read ")
	if e.Entries > 0 {
		fmt.Fprintf(&b, "%d archived entries", e.Entries)
	} else {
		b.WriteString("what was archived")
	}
	at := func(t time.Time) string { return t.UTC().Format(time.RFC3339Nano) }
	switch {
	case !e.From.IsZero() && !e.To.IsZero():
		fmt.Fprintf(&b, " between %s and %s", at(e.From), at(e.To))
	case !e.From.IsZero():
		fmt.Fprintf(&b, " from %s on", at(e.From))
	case !e.To.IsZero():
		fmt.Fprintf(&b, " before %s", at(e.To))
	}
	return fmt.Sprintf("%s: %v", &b, e.Err)
}

func (e *MissingError) Unwrap() error { return e.Err }
