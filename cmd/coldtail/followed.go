package main

import (
	"slices"
	"time"

	"github.com/coldtail/coldtail/archiver/chunk"
	"github.com/coldtail/coldtail/codec"
	"github.com/coldtail/coldtail/readback"
)

// maxHolds is for how many polls objects wait for one that is missing before
// them. It may be on its way, or never come: entries that were dropped leave
// such holes.
const maxHolds = 3

// followed is what a follower knows of a container.
type followed struct {
	*target
	known    map[string]time.Time // the keys that are done with, and their hours
	printed  seqSet
	limited  bool  // to what comes from the first entry on that was printed:
	firstSeq int64 // its number
	waits    bool  // nothing is as late as since yet
	ended    bool  // until has passed

	newest  time.Time // the hour of the object with the largest number
	lastSeq int64     // that number
	spoolID string    // its spool
	holds   int       // polls that have waited for a missing object
}

func newFollowed(t *target, q *readback.Query) *followed {
	waits := !q.Since.IsZero()
	return &followed{target: t, known: map[string]time.Time{}, limited: waits || q.Tail >= 0, waits: waits}
}

func (s *followed) isNew(c chunk.Chunk) bool {
	_, ok := s.known[c.Key()]
	return !ok
}

// learn says that an object is done with.
func (s *followed) learn(c chunk.Chunk) {
	s.known[c.Key()] = c.Hour
	if c.LastSeq > s.lastSeq {
		s.newest, s.lastSeq, s.spoolID = c.Hour, c.LastSeq, c.SpoolID
	}
}

// forget says that objects could not be read yet.
func (s *followed) forget(chunks []chunk.Chunk) {
	for _, c := range chunks {
		delete(s.known, c.Key())
	}
}

func (s *followed) sent(seq int64) {
	if s.limited && s.firstSeq == 0 {
		s.firstSeq = seq
	}
	s.printed.add(seq)
	s.waits = false
}

// wants tells whether an entry of a new object is to be printed. As in a
// readback.Query, since ends with the first entry that is as late, and until
// with the first later one.
func (s *followed) wants(e *codec.Entry, q *readback.Query) bool {
	switch {
	case s.ended || e.Seq < s.firstSeq || s.printed.has(e.Seq):
		return false
	case s.waits && e.TimeNano < codec.UnixNano(q.Since):
		return false
	case !q.Until.IsZero() && e.TimeNano > codec.UnixNano(q.Until):
		s.ended = true
		return false
	}
	return true
}

// partitions are where new objects of the container are looked for.
func (s *followed) partitions(now time.Time, full bool) (ps []partition) {
	if len(s.days) == 0 {
		return nil
	}
	hour := now.Truncate(time.Hour)
	newest := s.newest
	if newest.IsZero() {
		newest = s.days[len(s.days)-1].Day
	}
	add := func(f codec.Format, h time.Time) {
		if p := (partition{f, h}); !slices.Contains(ps, p) {
			ps = append(ps, p)
		}
	}
	day := newest.Truncate(24 * time.Hour)
	for _, d := range s.days {
		// A day that has not ended, or one that was not known.
		if full && !d.Day.Before(day) && (now.Sub(d.Day) < 2*recent || d.Day.After(day)) {
			for h := range 24 {
				add(d.Format, d.Day.Add(time.Duration(h)*time.Hour))
			}
		}
	}
	if now.Sub(newest) >= recent {
		return ps
	}
	for _, f := range s.formats() {
		for _, h := range []time.Time{newest, hour.Add(-time.Hour), hour} {
			add(f, h)
		}
		if s.holds > 0 {
			for h := newest; h.Before(hour); h = h.Add(time.Hour) {
				add(f, h)
			}
		}
	}
	if full {
		s.prune(day)
	}
	return ps
}

func (s *followed) formats() (fs []codec.Format) {
	for _, d := range slices.Backward(s.days) {
		if !slices.Contains(fs, d.Format) {
			fs = append(fs, d.Format)
		}
	}
	return fs
}

// prune forgets the keys of days that are not looked at any more.
func (s *followed) prune(day time.Time) {
	for k, h := range s.known {
		if h.Before(day.AddDate(0, 0, -1)) {
			delete(s.known, k)
		}
	}
}

// ready returns those of the new objects before which none is missing, in
// order. After some polls it waits no longer.
func (s *followed) ready(fresh []chunk.Chunk) []chunk.Chunk {
	if len(fresh) == 0 {
		s.holds = 0
		return nil
	}
	chunk.Sort(fresh)
	n := s.whole(fresh)
	if n == len(fresh) || s.holds >= maxHolds {
		s.holds = 0
		return fresh
	}
	s.holds++
	return fresh[:n]
}

// whole returns how many objects, from the first, make whole segments that
// follow each other.
func (s *followed) whole(fresh []chunk.Chunk) int {
	last, spoolID := s.lastSeq, s.spoolID
	for i := 0; i < len(fresh); {
		c := fresh[i]
		n, lo, hi, entries := i, c.FirstSeq, c.LastSeq, int64(0)
		for ; n < len(fresh) && fresh[n].SpoolID == c.SpoolID && fresh[n].SegmentSeq == c.SegmentSeq; n++ {
			lo, hi = min(lo, fresh[n].FirstSeq), max(hi, fresh[n].LastSeq)
			entries += fresh[n].Entries
		}
		if c.SpoolID == spoolID && last > 0 && lo > last+1 || entries+s.printed.count(lo, hi) < hi-lo+1 {
			return i
		}
		last, spoolID, i = max(last, hi), c.SpoolID, n
	}
	return len(fresh)
}
