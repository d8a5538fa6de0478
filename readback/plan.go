package readback

import (
	"cmp"
	"slices"
	"sort"

	"github.com/coldtail/coldtail/archiver/spool"
	"github.com/coldtail/coldtail/codec"
	"github.com/coldtail/coldtail/codec/key"
	"github.com/coldtail/coldtail/readback/catalog"
)

// plan says what to read: groups first, then the local segments.
type plan struct {
	groups []group
	// fromSeq is the number of the first local entry that is wanted.
	fromSeq int64
	// missing is how many entries the local segments lack; codec.All for all.
	missing int64
	// ends tells that the range ends before the local segments.
	ends bool
}

// group is the objects of one segment, whose entries interleave, by their
// first numbers. Groups follow each other.
type group struct {
	objects []object
	// tail, if it is not codec.All, is how many entries of them all are wanted.
	tail int64
}

// object is an object and how many of its last entries may be wanted.
type object struct {
	catalog.Chunk
	tail int64
}

func (g group) entries() (n int64) {
	for _, o := range g.objects {
		n += o.Entries
	}
	return n
}

func (g group) lastSeq() (n int64) {
	for _, o := range g.objects {
		n = max(n, o.LastSeq)
	}
	return n
}

// times are those of the earliest and the latest entry.
func (g group) times() (minNano, maxNano int64) {
	minNano, maxNano = g.objects[0].MinNano, g.objects[0].MaxNano
	for _, o := range g.objects {
		minNano, maxNano = min(minNano, o.MinNano), max(maxNano, o.MaxNano)
	}
	return minNano, maxNano
}

// cut leaves of the group its last n entries. Of an object behind whose last
// entry others have m, those are among its own last n-m.
func (g group) cut(n int64) group {
	objs := slices.Clone(g.objects)
	behind := make([]int64, len(objs)+1)
	for i, o := range slices.Backward(objs) {
		behind[i] = behind[i+1] + o.Entries
	}
	for i := range objs {
		o := &objs[i]
		next := sort.Search(len(objs), func(k int) bool { return objs[k].FirstSeq > o.LastSeq })
		o.tail = min(o.Entries, n-behind[next])
	}
	return group{slices.DeleteFunc(objs, func(o object) bool { return o.tail <= 0 }), n}
}

// planLocal finds the last tail entries among the local segments.
func planLocal(sn *spool.Snapshot, tail, from int64) plan {
	p := plan{missing: tail}
	if sn == nil {
		return p
	}
	// What is neither in a segment nor still to come is in the bucket.
	p.fromSeq = sn.LastSeq + 1
	if tail == 0 {
		return p
	}
	for _, v := range slices.Backward(sn.Segments) {
		if from > 0 && v.Header.FirstSeq <= from {
			p.missing, p.fromSeq = 0, from // nothing older is wanted
			return p
		}
		n := v.Entries()
		if n >= p.missing {
			p.fromSeq = v.SeqFromEnd(p.missing)
			p.missing = 0
			return p
		}
		if tail != codec.All {
			p.missing -= n
		}
		p.fromSeq = v.Header.FirstSeq
	}
	return p
}

// addGroups takes what is missing from the end of the groups, which are in order.
func (p plan) addGroups(groups []group, from int64) plan {
	i, missing := len(groups), p.missing
	for i > 0 && missing > 0 && groups[i-1].lastSeq() >= from {
		i--
		n := groups[i].entries()
		if n > missing {
			groups[i] = groups[i].cut(missing)
		}
		missing -= min(missing, n)
	}
	p.groups = groups[i:]
	return p
}

// prune drops what the keys show to be outside of a range of times: what comes
// before the first group that is late enough, and all from the first on that
// begins too late.
func (p plan) prune(since, until int64) plan {
	for len(p.groups) > 0 {
		if _, latest := p.groups[0].times(); latest >= since {
			break
		}
		p.groups = p.groups[1:]
	}
	for i, g := range p.groups {
		if earliest, _ := g.times(); earliest > until {
			p.groups, p.ends = p.groups[:i], true
			break
		}
	}
	return p
}

// arrange sorts objects into groups, in the order in which their entries
// arrived, and leaves out what local segments hold. It reorders objs.
func arrange(objs []catalog.Chunk, local func(key.Meta) bool) (groups []group) {
	// Local ones count for the order of the spools.
	catalog.Sort(objs)
	all := make([]object, 0, len(objs)) // of all groups
	for i, o := range objs {
		if i > 0 && o.Meta == objs[i-1].Meta || local(o.Meta) {
			continue
		}
		all = append(all, object{o, o.Entries})
		// A segment's numbers are its own, so its objects are neighbours.
		if n := len(groups); n > 0 {
			last := &groups[n-1]
			if l := last.objects[0]; l.SpoolID == o.SpoolID && l.SegmentSeq == o.SegmentSeq {
				last.objects = last.objects[:len(last.objects)+1]
				continue
			}
		}
		groups = append(groups, group{objects: all[len(all)-1:], tail: codec.All})
	}
	for i := 0; i < len(groups); i++ {
		if made := groups[i].makings(); len(made) > 1 {
			groups = slices.Replace(groups, i, i+1, made...)
			i += len(made) - 1
		}
	}
	return groups
}

// makings parts the objects of a segment that was made more than once: a state
// that was set back gives numbers, and a segment's, again. In one making each
// number is one entry's at most, so its objects hold no more entries than there
// are numbers. The makings follow each other in time, as they would interleave by
// their numbers.
func (g group) makings() []group {
	if g.entries() <= g.numbers() {
		return []group{g}
	}
	byTime := slices.Clone(g.objects)
	slices.SortStableFunc(byTime, func(a, b object) int { return cmp.Compare(a.MinNano, b.MinNano) })
	var made []group
	for _, o := range byTime {
		i := slices.IndexFunc(made, func(m group) bool {
			with := group{objects: append(slices.Clip(m.objects), o)}
			return with.entries() <= with.numbers()
		})
		if i < 0 {
			made = append(made, group{tail: g.tail})
			i = len(made) - 1
		}
		made[i].objects = append(made[i].objects, o)
	}
	for _, m := range made {
		slices.SortStableFunc(m.objects, func(a, b object) int { return cmp.Compare(a.FirstSeq, b.FirstSeq) })
	}
	return made
}

// numbers is how many sequence numbers lie between the first and the last.
func (g group) numbers() int64 {
	first := g.objects[0].FirstSeq
	for _, o := range g.objects {
		first = min(first, o.FirstSeq)
	}
	return g.lastSeq() - first + 1
}
