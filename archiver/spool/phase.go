package spool

import (
	"fmt"
	"slices"
)

// phase is how far a segment has come. Only segment.enter changes it.
type phase uint8

const (
	// filling takes entries.
	filling phase = iota
	// rolled takes no more entries. Its file still has the name of one that does.
	rolled
	// reserved is a gap that has its numbers, but no file yet.
	reserved
	// sealing has the name of a sealed one, which a power loss may take back.
	sealing
	// sealed waits to be archived.
	sealed
	// archived is in the bucket: what is here is a copy.
	archived
)

var phaseNames = [...]string{"filling", "rolled", "reserved", "sealing", "sealed", "archived"}

func (p phase) String() string { return phaseNames[p] }

// follows are the phases that may come after each. A sealed segment is sealing again
// if a gap takes its place.
var follows = [...][]phase{
	filling:  {rolled},
	rolled:   {sealing},
	reserved: {sealing},
	sealing:  {sealed},
	sealed:   {sealing, archived},
	archived: {},
}

// enter begins a segment's next phase. It panics if the phase cannot follow, in
// production too: whoever contains that has the segment in the phase that it was in,
// which is what its files say, while going on could archive it twice or give its numbers again.
func (s *segment) enter(next phase) {
	if !slices.Contains(follows[s.phase], next) {
		panic(fmt.Sprintf("spool: segment %d is %s and cannot become %s", s.header.SegmentSeq, s.phase, next))
	}
	s.phase = next
}

// enter begins a phase of a segment of the log. Called with mu held.
func (l *Log) enter(s *segment, next phase) {
	s.enter(next)
	l.changed()
}

// active reports whether the segment's file is called active: memory has its records.
func (s *segment) active() bool { return s.phase == filling || s.phase == rolled }

// dirt is a set of what a power loss may take of a segment.
type dirt uint8

const (
	dirtyData  dirt = 1 << iota // whole frames that no record in the sidecar describes
	dirtyIndex                  // what was written to the sidecar
	dirtyNames                  // the names of its files
	// unreplaced is set while the files may be there that a gap stands for.
	unreplaced
)

func (d dirt) has(what dirt) bool { return d&what != 0 }

// dirty returns what has to be made durable. Called with the log's mu held.
func (s *segment) dirty() dirt {
	if s.committed < len(s.records) {
		return s.unsynced | dirtyData
	}
	return s.unsynced
}

// trouble is a set of what was found wrong with a segment. Each is logged once.
type trouble uint8

const (
	mended   trouble = 1 << iota // its sidecar was made again
	lostData                     // its data is no longer what its records say
)
