package spool

import (
	"encoding/binary"
	"path/filepath"

	"github.com/coldtail/coldtail/codec"
)

// reasonUnreadable is what the gap of a segment says that was put aside.
const reasonUnreadable = "damaged in the spool"

// lostSegment is one that was put aside.
type lostSegment struct {
	seq   int64
	phase phase
	newer bool // and stays where it is
	// What records of its sidecar are whole still tell; 0 where none is.
	firstSeq, lastSeq, arrivalNano int64
}

// salvage returns what the sidecar of a segment whose header cannot be read tells
// of the numbers of its entries.
func salvage(dir string, seq int64, found phase) lostSegment {
	lost := lostSegment{seq: seq, phase: found}
	b, err := readBounded(filepath.Join(dir, segmentName(seq, extIndex)), maxSidecarBytes)
	if err != nil {
		return lost
	}
	for at := 0; at+recordLen <= len(b); at++ {
		if binary.LittleEndian.Uint32(b[at:]) != kindBatch {
			continue
		}
		r, ok := parseRecord(b[at:])
		if !ok || !plausible(r.FirstSeq) {
			continue
		}
		if lost.firstSeq == 0 || r.FirstSeq < lost.firstSeq {
			lost.firstSeq = r.FirstSeq
		}
		if r.LastSeq() > lost.lastSeq {
			lost.lastSeq, lost.arrivalNano = r.LastSeq(), r.ArrivalNano
		}
	}
	return lost
}

// leaveGaps puts gaps in the places of the segments that were put aside and not
// archived, as far as their numbers are known: from the segments around them, or
// from their own records. Several that follow each other get one.
func (l *Log) leaveGaps(lost []lostSegment) {
	byNumber := map[int64]lostSegment{}
	for _, s := range lost {
		byNumber[s.seq] = s
	}
	for _, first := range lost {
		if _, follows := byNumber[first.seq-1]; follows {
			continue
		}
		last, known := first, true
		for s, ok := first, true; ok; s, ok = byNumber[s.seq+1] {
			last = s
			known = known && s.phase != archived && !s.newer
		}
		if known {
			l.leaveGap(first, last)
		}
	}
}

func (l *Log) leaveGap(first, last lostSegment) {
	from, to := first.firstSeq, last.lastSeq
	var like *segment // has what else its header needs
	for _, s := range l.segments {
		switch s.header.SegmentSeq {
		case first.seq - 1:
			like, from = s, s.lastSeq+1
		case last.seq + 1:
			like, to = s, s.header.FirstSeq-1
		}
	}
	if like == nil && len(l.segments) > 0 {
		like = l.segments[len(l.segments)-1]
	}
	if like == nil || !plausible(from) || !plausible(to) || to < from {
		return // that numbers are missing is all that is known
	}
	at := max(last.arrivalNano, like.header.CreatedNano)
	h := Header{
		ContainerID: l.cfg.ContainerID, SpoolID: l.cfg.SpoolID, SegmentSeq: first.seq, FirstSeq: from, CreatedNano: at, Frozen: like.header.Frozen,
		Gap: &Gap{Gap: codec.Gap{Entries: to - from + 1, FirstNano: at, LastNano: at, Reason: reasonUnreadable}},
	}
	l.reserve(h)
	l.stream.LastSeq = max(l.stream.LastSeq, to)
}
