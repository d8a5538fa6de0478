package readback

import (
	"errors"
	"fmt"
	"net/url"
	"strings"
	"time"

	"github.com/coldtail/coldtail/archiver/bucket"
)

// MissingError tells which entries could not be read because the bucket did not
// give them. All that could be read, here and in the bucket, was yielded before
// it; a follower goes on behind it.
type MissingError struct {
	// From and To are the times between which the entries lie; some between
	// them may have been read. A zero From is the container's beginning, a zero
	// To its last archived entry: the bucket could not be asked what it has.
	From, To time.Time
	// FromSeq and ToSeq are the sequence numbers; zero where a time is.
	FromSeq, ToSeq int64
	// Entries is how many are missing; zero where that is not known.
	Entries int64
	// Away tells that the bucket was given up, as opposed to one that refused
	// some objects and gave the others.
	Away bool
	Err  error // the first cause
}

func (e *MissingError) Error() string {
	var b strings.Builder
	b.WriteString("cannot read ")
	switch e.Entries {
	case 0:
		b.WriteString("what was archived")
	case 1:
		b.WriteString("1 archived entry")
	default:
		fmt.Fprintf(&b, "%d archived entries", e.Entries)
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
	b.WriteString(": ")
	b.WriteString(why(e.Err))
	return b.String()
}

// why is the cause without the object's key, which is long and says nothing to
// who reads a log.
func why(err error) string {
	var be *bucket.Error
	if !errors.As(err, &be) {
		return err.Error()
	}
	cause := be.Err
	if ue := (*url.Error)(nil); errors.As(cause, &ue) {
		cause = ue.Err // which has the key too
	}
	s := fmt.Sprintf("%s: %v", be.Op, cause)
	if silent := (*silentError)(nil); errors.As(err, &silent) {
		s = fmt.Sprintf("%v: %s", silent, s)
	}
	if be.Hint != "" {
		s += " (" + be.Hint + ")"
	}
	return s
}

func (e *MissingError) Unwrap() error { return e.Err }

// add widens the range by what another one lacks.
func (e *MissingError) add(o *MissingError) {
	if e.Entries == 0 || o.Entries == 0 {
		e.Entries = 0
	} else {
		e.Entries += o.Entries
	}
	if o.From.Before(e.From) {
		e.From = o.From
	}
	if e.To.IsZero() || o.To.IsZero() {
		e.To = time.Time{}
	} else if o.To.After(e.To) {
		e.To = o.To
	}
	e.FromSeq = min(e.FromSeq, o.FromSeq)
	if e.ToSeq == 0 || o.ToSeq == 0 {
		e.ToSeq = 0
	} else {
		e.ToSeq = max(e.ToSeq, o.ToSeq)
	}
}

// miss notes entries that are not to be had. A refusal may be of one object
// alone; behind any other failure the bucket is not asked again.
func (rd *reading) miss(m *MissingError) {
	rd.away = rd.away || !bucket.Permanent(m.Err) && !errors.Is(m.Err, bucket.ErrChanged)
	if rd.missing == nil {
		rd.missing = m
	} else {
		rd.missing.add(m)
	}
}

// tellMissing reports what could not be read, once.
func (rd *reading) tellMissing() error {
	if err := rd.newer.Err(); err != nil && !rd.newerTold {
		rd.newerTold = true
		if err := rd.report(err); err != nil {
			return err
		}
	}
	m := rd.missing
	if m == nil {
		return nil
	}
	m.Away = rd.away
	rd.missing, rd.away = nil, false
	return rd.report(m)
}
