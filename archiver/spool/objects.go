package spool

import (
	"cmp"
	"slices"

	"github.com/coldtail/coldtail/archiver/spool/archivedlog"
)

// Object is an archived object, as archived.log lists it.
type Object = archivedlog.Object

// AllObjects returns what was archived from this spool up to now, in the order of
// archiving, and reports whether that is all: if the list was damaged, or a segment was
// lost, the bucket may have more. What was archived since the snapshot is in both:
// nothing is in neither.
func (sn *Snapshot) AllObjects() (objs []Object, all bool, err error) {
	objs, whole, err := archivedlog.Objects(sn.log.cfg.Dir)
	var known spans
	for _, o := range objs {
		known.add(o.Segment)
	}
	return objs, err == nil && whole && sn.complete(known), err
}

// EachObject is AllObjects with little memory: it calls f with each object, and with
// some of them again, as a segment is listed again whose archiving was cut short.
func (sn *Snapshot) EachObject(f func(Object)) (all bool, err error) {
	var known spans
	whole, err := archivedlog.Each(sn.log.cfg.Dir, func(o Object) {
		known.add(o.Segment)
		f(o)
	})
	return err == nil && whole && sn.complete(known), err
}

// complete reports whether the segments that are known and those that are here are
// all that there were.
func (sn *Snapshot) complete(known spans) bool {
	for _, v := range sn.Segments {
		known.add(v.Header.SegmentSeq)
	}
	return known.cover(sn.lastSegment)
}

// NewestObjects is [archivedlog.Newest] of this log.
func (sn *Snapshot) NewestObjects(f func(Object) bool) (ended bool, err error) {
	return archivedlog.Newest(sn.log.cfg.Dir, f)
}

// spans are numbers, mostly in order.
type spans []span

type span struct{ first, last int64 }

func (s *spans) add(n int64) {
	if i := len(*s) - 1; i >= 0 {
		switch last := &(*s)[i]; {
		case last.first <= n && n <= last.last:
			return
		case n == last.last+1:
			last.last = n
			return
		}
	}
	*s = append(*s, span{n, n})
}

// cover reports whether no number from 1 up to last is missing.
func (s spans) cover(last int64) bool {
	slices.SortFunc(s, func(a, b span) int { return cmp.Compare(a.first, b.first) })
	next := int64(1)
	for _, p := range s {
		if p.first > next {
			break
		}
		next = max(next, p.last+1)
	}
	return next > last
}
