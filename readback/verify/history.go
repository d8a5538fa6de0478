package verify

import (
	"cmp"
	"math"
	"slices"

	"github.com/coldtail/coldtail/readback/catalog"
)

// spoolKey is whose numbers are one sequence.
type spoolKey struct{ containerID, spoolID string }

// history is what the objects of one spool hold of a container.
type history struct {
	held    ranges
	damaged ranges     // what objects that cannot be read to their end may hold
	origins []originOf // each origin segment, mostly one
	gaps    []gapRow
	again   []again
	untold  int64 // objects that would be among these
}

// maxAgain bounds how many objects of a history are named that hold what others
// hold: each is compared with all others'.
const maxAgain = 1000

// originOf is an origin segment, and the smallest number in it.
type originOf struct{ segment, first int64 }

// maxOrigins bounds how many a history has: numbers begin anew with a lost state.
const maxOrigins = 1000

func (h *history) origin(segment, first int64) {
	i := slices.IndexFunc(h.origins, func(o originOf) bool { return o.segment == segment })
	switch {
	case i >= 0:
		h.origins[i].first = min(h.origins[i].first, first)
	case len(h.origins) < maxOrigins:
		h.origins = append(h.origins, originOf{segment, first})
	}
}

// again is an object that holds what others hold, too.
type again struct {
	chunk catalog.Chunk
	span  // from the first to the last number concerned
	count int64
	other string // another object that has them, once known
	close int    // how alike the two are
}

// hole is a stretch that no object holds.
type hole struct {
	beginning     bool   // nothing of the history is before it
	missing       ranges // empty where it is a beginning: how much is not known
	last, next    int64  // the numbers around it; 0 before a beginning
	after, before string // the keys of the objects around it, once known
	afterSeq      int64  // what is nearest so far
	beforeSeq     int64
}

func (h *history) add(r *read) {
	if r.gone {
		return
	}
	var both ranges
	h.held, both = h.held.join(r.held)
	switch {
	case len(both) == 0:
	case len(h.again) == maxAgain:
		h.untold++
	default:
		h.again = append(h.again, again{
			chunk: r.chunk, count: both.count(), span: span{both[0].first, both[len(both)-1].last},
		})
	}
	if r.damaged {
		h.damaged, _ = h.damaged.join(ranges{{r.chunk.FirstSeq, r.chunk.LastSeq}})
	}
	if r.origin {
		h.origin(r.chunk.SegmentSeq, r.chunk.FirstSeq)
	}
	h.gaps = append(h.gaps, r.gaps...)
}

// settle lets the gap rows account for what they stand for, and returns those
// whose entries are there all the same.
func (h *history) settle() (all ranges, vain []gapRow) {
	slices.SortFunc(h.gaps, func(a, b gapRow) int { return cmp.Compare(a.seq, b.seq) })
	all = slices.Clone(h.held)
	for _, g := range h.gaps {
		if len(all.without(g.span())) == 0 {
			vain = append(vain, g)
			continue
		}
		left := g.entries
		var took ranges
		for _, s := range all.without(span{g.seq, math.MaxInt64}) {
			n := min(left, s.count())
			took = append(took, span{s.first, s.first + n - 1})
			if left -= n; left == 0 {
				break
			}
		}
		all, _ = all.join(took)
	}
	all, _ = all.join(h.damaged)
	return all, vain
}

// frayed is the length of a stretch between two holes up to which they count as
// one: where an object of one hour is lost, those of its neighbours in time are
// still there.
const frayed = 64

// holes returns where all is not in one piece and no origin explains it.
func (h *history) holes(all ranges) (holes []hole) {
	for i, s := range all {
		if slices.ContainsFunc(h.origins, func(o originOf) bool { return o.first == s.first }) {
			continue
		}
		if i == 0 {
			holes = append(holes, hole{beginning: true, next: s.first, beforeSeq: math.MaxInt64})
			continue
		}
		missing := span{all[i-1].last + 1, s.first - 1}
		if n := len(holes); n > 0 && !holes[n-1].beginning && holes[n-1].next == all[i-1].first && all[i-1].count() <= frayed {
			o := &holes[n-1]
			o.missing, o.next = append(o.missing, missing), s.first
			continue
		}
		holes = append(holes, hole{missing: ranges{missing}, last: all[i-1].last, next: s.first, beforeSeq: math.MaxInt64})
	}
	return holes
}
