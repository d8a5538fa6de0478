package verify

import (
	"cmp"
	"slices"
)

// span is the sequence numbers from first to last, both included.
type span struct{ first, last int64 }

func (s span) count() int64 { return s.last - s.first + 1 }

// ranges is a set of sequence numbers: spans in order that do not touch.
type ranges []span

// append adds a number that is larger than all others.
func (r ranges) append(seq int64) ranges {
	if n := len(r); n > 0 && r[n-1].last == seq-1 {
		r[n-1].last = seq
		return r
	}
	return append(r, span{seq, seq})
}

// join returns the union of two sets and what both have, in time of the sets'
// lengths. It may use r's memory.
func (r ranges) join(o ranges) (union, both ranges) {
	if len(o) == 0 {
		return r, nil
	}
	if n := len(r); n == 0 || r[n-1].last < o[0].first {
		// The usual case: what comes next in time.
		if n > 0 && r[n-1].last == o[0].first-1 {
			r[n-1].last = o[0].last
			o = o[1:]
		}
		return append(r, o...), nil
	}
	all := slices.Concat(r, o)
	slices.SortFunc(all, func(a, b span) int { return cmp.Compare(a.first, b.first) })
	union = append(make(ranges, 0, len(all)), all[0])
	for _, s := range all[1:] {
		last := &union[len(union)-1]
		if s.first <= last.last {
			both = append(both, span{s.first, min(s.last, last.last)})
		}
		if s.first <= last.last || s.first-1 == last.last {
			last.last = max(last.last, s.last)
		} else {
			union = append(union, s)
		}
	}
	return slices.Clip(union), both
}

// without returns what of s is not in r.
func (r ranges) without(s span) (rest ranges) {
	i, _ := slices.BinarySearchFunc(r, s.first, func(a span, first int64) int { return cmp.Compare(a.last, first) })
	for ; i < len(r) && r[i].first <= s.last; i++ {
		if r[i].first > s.first {
			rest = append(rest, span{s.first, r[i].first - 1})
		}
		if r[i].last >= s.last {
			return rest
		}
		s.first = r[i].last + 1
	}
	return append(rest, s)
}

// within returns what of the spans is in s, as a set whatever their order.
func (r ranges) within(s span) (in ranges) {
	for _, a := range r {
		if a.first, a.last = max(a.first, s.first), min(a.last, s.last); a.first <= a.last {
			in, _ = in.join(ranges{a})
		}
	}
	return in
}

// count is how many numbers are in the set.
func (r ranges) count() (n int64) {
	for _, s := range r {
		n += s.count()
	}
	return n
}
