package spool

import (
	"cmp"
	"slices"
)

// renew begins a new history under the state's spool id, unless the log's is of it.
// What another process may have gone on with takes no more entries, and what is
// archived is read from the bucket, which may have more of it. If there is
// nothing but stream.json, and that names no id, an early version wrote it, under
// the state's first.
func (l *Log) renew(stream streamState) error {
	id := stream.SpoolID
	if n := len(l.segments); n > 0 {
		id = l.segments[n-1].header.SpoolID
	}
	known := l.stream.LastSegment > 0 || l.stream.LastSeq > 0 || l.stream.NextSeq > 0
	if id != "" && l.cfg.OfState != nil && l.cfg.OfState(id) {
		l.cfg.SpoolID = id
	}
	if !known {
		l.cfg.SpoolID = cmp.Or(l.cfg.FreshID, l.cfg.SpoolID)
	}
	if id == l.cfg.SpoolID || !known || id == "" && !l.cfg.Renewed {
		l.stream.SpoolID = l.cfg.SpoolID
		return nil
	}
	if s := l.active; s != nil {
		if s.torn() {
			l.lost += s.written - s.end
			s.skip(s.written - s.end)
		}
		l.rollDue = true
		l.rollIfDue()
	}
	st := &l.stream
	l.stream = streamState{SpoolID: l.cfg.SpoolID, LastSegment: st.LastSegment, Floor: max(st.LastSeq+1, st.NextSeq, st.Floor)}
	for _, s := range slices.Clone(l.segments) {
		if s.phase == archived {
			if err := l.remove(s); err != nil {
				return err
			}
		}
	}
	return nil
}
