package readback

import (
	"slices"

	"github.com/coldtail/coldtail/archiver/chunk"
	"github.com/coldtail/coldtail/archiver/spool"
)

// plan says what to read: groups first, then the local segments.
type plan struct {
	groups []group
	// firstTail is how many of the first group's entries are wanted, from its end.
	firstTail int64
	// fromSeq is the number of the first local entry that is wanted.
	fromSeq int64
	// missing is how many entries the local segments lack.
	missing int64
}

// group is the objects of one segment, whose entries interleave.
type group struct {
	objects []chunk.Chunk
	tail    int64
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

func (g group) maxNano() int64 {
	n := g.objects[0].MaxNano
	for _, o := range g.objects {
		n = max(n, o.MaxNano)
	}
	return n
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
		p.missing -= n
		p.fromSeq = v.Header.FirstSeq
	}
	return p
}

// addGroups takes what is missing from the end of the groups, which are in order.
func (p plan) addGroups(groups []group, from int64) plan {
	i := len(groups)
	for i > 0 && p.missing > 0 && groups[i-1].lastSeq() >= from {
		i--
		p.firstTail = p.missing
		p.missing -= min(p.missing, groups[i].entries())
	}
	p.groups = groups[i:]
	return p
}

// arrange sorts objects into groups, in the order in which their entries
// arrived, and leaves out what local segments hold. It reorders objs.
func arrange(objs []chunk.Chunk, local func(chunk.Meta) bool) (groups []group) {
	// Local ones count for the order of the spools.
	chunk.Sort(objs)
	for i, o := range objs {
		if i > 0 && o.Key() == objs[i-1].Key() || local(o.Meta) {
			continue
		}
		// A segment's numbers are its own, so its objects are neighbours.
		if n := len(groups); n > 0 {
			last := &groups[n-1]
			if l := last.objects[0]; l.SpoolID == o.SpoolID && l.SegmentSeq == o.SegmentSeq {
				last.objects = append(last.objects, o)
				continue
			}
		}
		groups = append(groups, group{objects: []chunk.Chunk{o}})
	}
	return groups
}
