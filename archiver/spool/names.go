package spool

import (
	"fmt"
	"strconv"
	"strings"
)

// Every name that the spool puts on the disk.
const (
	extActive   = ".active"
	extSealed   = ".sealed"
	extArchived = ".archived"
	extIndex    = ".idx"

	streamFile    = "stream.json"
	archivedFile  = "archived.log"
	quarantineDir = "quarantine"
)

// State is how far a segment has come.
type State uint8

// The states, in the order in which a segment passes through them.
const (
	Active State = iota
	Sealed
	Archived
)

func (s State) ext() string {
	switch s {
	case Sealed:
		return extSealed
	case Archived:
		return extArchived
	}
	return extActive
}

func (s State) String() string { return s.ext()[1:] }

// segmentDigits fits the object keys' width.
const segmentDigits = 10

func segmentName(seq int64, ext string) string {
	return fmt.Sprintf("%0*d%s", segmentDigits, seq, ext)
}

// parseSegmentName is segmentName's inverse for data files.
func parseSegmentName(name string) (seq int64, state State, ok bool) {
	base, ext, found := strings.Cut(name, ".")
	if !found || len(base) != segmentDigits {
		return 0, 0, false
	}
	seq, err := strconv.ParseInt(base, 10, 64)
	if err != nil || seq <= 0 {
		return 0, 0, false
	}
	for _, s := range []State{Active, Sealed, Archived} {
		if s.ext() == "."+ext {
			return seq, s, true
		}
	}
	return 0, 0, false
}
