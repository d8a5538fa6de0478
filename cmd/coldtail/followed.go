package main

import (
	"maps"
	"slices"
	"time"

	"github.com/coldtail/coldtail/codec"
	"github.com/coldtail/coldtail/codec/key"
	"github.com/coldtail/coldtail/readback"
	"github.com/coldtail/coldtail/readback/catalog"
)

// maxHolds is for how many polls objects wait for one that is missing before
// them. It may be on its way, or never come: entries that were dropped leave
// such holes.
const maxHolds = 3

// maxAheadDays is how many days ahead of now are looked at, as anybody can mark any.
const maxAheadDays = 4

// followed is what a follower knows of a container.
type followed struct {
	*target
	known map[string]time.Time // the keys that are done with, and their hours
	// begun are keys of which something was printed that is read again: by the
	// first reading, or where they could not be read to their end.
	begun     map[string]time.Time
	lastBegun key.Meta
	spools    map[string]*seen
	sums      *sums
	limited   bool  // to what comes from the first entry on that was printed:
	firstSeq  int64 // its number
	firstNano int64 // and its time
	waits     bool  // nothing is as late as since yet
	ended     bool  // until has passed
}

// maxSpools bounds how many spools of a container are told apart: each is a
// state directory that was lost, or somebody's who forges them.
const maxSpools = 256

func newFollowed(t *target, q *readback.Query, k *sums) *followed {
	waits := !q.Since.IsZero()
	return &followed{
		target: t, known: map[string]time.Time{}, begun: map[string]time.Time{}, spools: map[string]*seen{}, sums: k,
		limited: waits || q.Tail >= 0, waits: waits,
	}
}

// spool returns what is known of a spool.
func (s *followed) spool(id string) *seen {
	if s.spools[id] == nil {
		if len(s.spools) >= maxSpools {
			s.forgetSpool()
		}
		s.spools[id] = &seen{}
	}
	return s.spools[id]
}

// forgetSpool forgets the spool that had its newest object longest ago.
func (s *followed) forgetSpool() {
	oldest := ""
	for id, sp := range s.spools {
		if oldest == "" || sp.newest.Before(s.spools[oldest].newest) {
			oldest = id
		}
	}
	delete(s.spools, oldest)
}

func (s *followed) isNew(c catalog.Chunk) bool {
	_, ok := s.known[c.Key()]
	return !ok
}

// learn says that an object is done with.
func (s *followed) learn(c catalog.Chunk) {
	s.known[c.Key()] = c.Hour
	if sp := s.spool(c.SpoolID); c.LastSeq > sp.lastSeq {
		sp.newest, sp.lastSeq = c.Hour, c.LastSeq
	}
}

// forget says that objects could not be read yet.
func (s *followed) forget(chunks []catalog.Chunk) {
	for _, c := range chunks {
		delete(s.known, c.Key())
		s.begun[c.Key()] = c.Hour
	}
}

// sent takes note of an entry that is printed.
func (s *followed) sent(from *key.Meta, e *codec.Entry) {
	if s.limited && s.firstSeq == 0 {
		s.firstSeq, s.firstNano = e.Seq, e.TimeNano
	}
	s.sums.add(s.spool(from.SpoolID), e)
	s.waits = false
}

// wants reports whether an entry of a new object is to be printed, and whether
// another one was with its number. As in a readback.Query, since ends with the
// first entry that is as late, and until with the first later one.
func (s *followed) wants(from *key.Meta, e *codec.Entry, q *readback.Query) (wanted, twice bool) {
	switch {
	case s.ended || e.Seq < s.firstSeq && e.TimeNano < s.firstNano:
		return false, false
	case s.waits && e.TimeNano < codec.UnixNano(q.Since):
		return false, false
	}
	// A number is given once, unless a state was set back or somebody forges
	// objects: who came first shows not which is right, so both are printed.
	if sp := s.spool(from.SpoolID); sp.numbers.has(e.Seq) {
		same, known := s.sums.match(sp, e)
		if _, again := s.begun[from.Key()]; same || again && !known {
			return false, false
		}
		twice = true
	}
	if !q.Until.IsZero() && e.TimeNano > codec.UnixNano(q.Until) {
		s.ended = true
		return false, false
	}
	return true, twice
}

// maxNewest bounds how many hours in which a spool of a container has its
// newest object are looked at with each poll.
const maxNewest = 8

// newest returns the hours in which the spools have their newest objects, the
// latest first.
func (s *followed) newest() (hours []time.Time) {
	for _, sp := range s.spools {
		if !sp.newest.IsZero() && !slices.ContainsFunc(hours, sp.newest.Equal) {
			hours = append(hours, sp.newest)
		}
	}
	if len(hours) == 0 {
		hours = append(hours, s.days[len(s.days)-1].Day)
	}
	slices.SortFunc(hours, func(a, b time.Time) int { return b.Compare(a) })
	return hours[:min(len(hours), maxNewest)]
}

// partitions are where new objects of the container are looked for.
func (s *followed) partitions(now time.Time, full bool) (ps []partition) {
	if len(s.days) == 0 {
		return nil
	}
	hour := now.Truncate(time.Hour)
	newest := s.newest()
	// A clock that is ahead, or a forged object, hides nothing of today.
	latest := newest[0]
	if latest.After(hour) {
		latest = hour
	}
	add := func(f codec.Format, h time.Time) {
		if p := (partition{f, h}); !slices.Contains(ps, p) {
			ps = append(ps, p)
		}
	}
	day := latest.Truncate(24 * time.Hour)
	ahead := 0
	for _, d := range s.days {
		if d.Day.After(now) {
			if ahead++; ahead > maxAheadDays {
				break
			}
		}
		// A day that has not ended, or one that was not known.
		if full && !d.Day.Before(day) && (now.Sub(d.Day) < 2*recent || d.Day.After(day)) {
			for h := range 24 {
				add(d.Format, d.Day.Add(time.Duration(h)*time.Hour))
			}
		}
	}
	if now.Sub(latest) >= recent {
		return ps
	}
	for _, f := range s.formats() {
		for _, h := range newest {
			if now.Sub(h) < recent {
				add(f, h)
			}
		}
		add(f, hour.Add(-time.Hour))
		add(f, hour)
		if s.holds() {
			for h := latest; h.Before(hour); h = h.Add(time.Hour) {
				add(f, h)
			}
		}
	}
	if full {
		s.prune(day)
	}
	return ps
}

// holds reports whether objects wait for one that is missing before them.
func (s *followed) holds() bool {
	for _, sp := range s.spools {
		if sp.holds > 0 {
			return true
		}
	}
	return false
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
	for _, keys := range []map[string]time.Time{s.known, s.begun} {
		maps.DeleteFunc(keys, func(_ string, h time.Time) bool { return h.Before(day.AddDate(0, 0, -1)) })
	}
}

// ready returns those of the new objects before which none of their spool is
// missing, in order. After some polls a spool's wait no longer.
func (s *followed) ready(fresh []catalog.Chunk) (ready []catalog.Chunk) {
	catalog.Sort(fresh)
	waiting := map[string]bool{}
	for len(fresh) > 0 {
		id := fresh[0].SpoolID
		n := slices.IndexFunc(fresh, func(c catalog.Chunk) bool { return c.SpoolID != id })
		if n < 0 {
			n = len(fresh)
		}
		sp, whole := s.spool(id), 0
		if whole = sp.whole(fresh[:n]); whole < n && sp.holds < maxHolds {
			sp.holds++
			waiting[id] = true
		} else {
			whole = n
		}
		ready = append(ready, fresh[:whole]...)
		fresh = fresh[n:]
	}
	for id, sp := range s.spools {
		if !waiting[id] {
			sp.holds = 0
		}
	}
	return ready
}

// whole returns how many objects of a spool, from the first, make whole segments
// that follow each other.
func (sp *seen) whole(fresh []catalog.Chunk) int {
	last := sp.lastSeq
	for i := 0; i < len(fresh); {
		c := fresh[i]
		n, lo, hi, entries := i, c.FirstSeq, c.LastSeq, int64(0)
		for ; n < len(fresh) && fresh[n].SegmentSeq == c.SegmentSeq; n++ {
			lo, hi = min(lo, fresh[n].FirstSeq), max(hi, fresh[n].LastSeq)
			entries += fresh[n].Entries
		}
		if last > 0 && lo > last+1 || entries+sp.numbers.count(lo, hi) < hi-lo+1 {
			return i
		}
		last, i = max(last, hi), n
	}
	return len(fresh)
}
