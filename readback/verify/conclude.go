package verify

import (
	"cmp"
	"context"
	"fmt"
	"maps"
	"path"
	"slices"

	"github.com/coldtail/coldtail/readback/catalog"
)

// suspect is a history with something wrong about it.
type suspect struct {
	key   spoolKey
	holes []hole
	again []again
}

// conclude reports what only all objects together show.
func (v *run) conclude(ctx context.Context) error {
	var suspects []*suspect
	for _, k := range slices.SortedFunc(maps.Keys(v.histories), func(a, b spoolKey) int {
		return cmp.Or(cmp.Compare(a.containerID, b.containerID), cmp.Compare(a.spoolID, b.spoolID))
	}) {
		h := v.histories[k]
		all, vain := h.settle()
		for _, g := range vain {
			v.found(Finding{
				Kind: Duplicate, ContainerID: k.containerID, SpoolID: k.spoolID,
				FirstSeq: g.seq, LastSeq: g.span().last, Entries: g.entries,
				Detail: fmt.Sprintf("a gap row says that %d entries were dropped which are there", g.entries),
			})
		}
		if s := (&suspect{key: k, holes: h.holes(all), again: h.again}); len(s.holes)+len(s.again) > 0 {
			suspects = append(suspects, s)
		}
		if h.untold > 0 {
			v.found(Finding{
				Kind: Duplicate, ContainerID: k.containerID, SpoolID: k.spoolID,
				Detail: fmt.Sprintf("%d more objects hold entries that are in another one, too", h.untold),
			})
		}
		delete(v.histories, k)
	}
	if len(suspects) == 0 {
		return nil
	}
	if err := v.lookAgain(ctx, suspects); err != nil {
		return err
	}
	for _, s := range suspects {
		v.report(s)
	}
	return nil
}

// lookAgain lists the bucket once more: to name the objects concerned, and
// because another one may have come while the first listing went on.
func (v *run) lookAgain(ctx context.Context, suspects []*suspect) error {
	byKey := map[spoolKey]*suspect{}
	for _, s := range suspects {
		byKey[s.key] = s
	}
	for c, err := range v.chunks(ctx) {
		if err != nil {
			return err
		}
		s := byKey[spoolKey{c.ContainerID, c.SpoolID}]
		if s == nil {
			continue
		}
		for i := range s.again {
			s.again[i].compare(&c)
		}
		if err := v.lookInto(ctx, s.holes, &c); err != nil {
			return err
		}
	}
	return nil
}

// lookInto names c beside the holes next to it, and fills with its entries those
// that it spans. The holes are in order.
func (v *run) lookInto(ctx context.Context, holes []hole, c *catalog.Chunk) error {
	i, _ := slices.BinarySearchFunc(holes, c.LastSeq, func(o hole, seq int64) int { return cmp.Compare(o.last, seq) })
	if i < len(holes) && !holes[i].beginning && c.LastSeq > holes[i].afterSeq {
		holes[i].afterSeq, holes[i].after = c.LastSeq, c.Key()
	}
	// The first hole that ends behind c's first number.
	i, _ = slices.BinarySearchFunc(holes, c.FirstSeq+1, func(o hole, seq int64) int { return cmp.Compare(o.next, seq) })
	if i > 0 && c.FirstSeq < holes[i-1].beforeSeq {
		holes[i-1].beforeSeq, holes[i-1].before = c.FirstSeq, c.Key()
	}
	var r *read
	for ; i < len(holes) && holes[i].last < c.LastSeq; i++ {
		o := &holes[i]
		if len(o.missing) == 0 {
			continue
		}
		if r == nil {
			var err error
			if r, err = readObject(ctx, v.bucket, *c, v.memory); err != nil {
				return err
			}
		}
		o.fill(r)
	}
	return nil
}

// compare notes c as the object that has a's entries, too, if it is a better
// guess than those before: of the same name, of the same numbers, or about them.
func (a *again) compare(c *catalog.Chunk) {
	if c.Meta == a.chunk.Meta || c.LastSeq < a.first || c.FirstSeq > a.last {
		return
	}
	fit := 1
	switch {
	case path.Base(c.Key()) == path.Base(a.chunk.Key()):
		fit = 3
	case c.FirstSeq == a.chunk.FirstSeq && c.LastSeq == a.chunk.LastSeq:
		fit = 2
	}
	if fit > a.close {
		a.close, a.other = fit, c.Key()
	}
}

// fill takes out of the hole what an object holds after all.
func (o *hole) fill(r *read) {
	held := r.held
	for _, g := range r.gaps {
		held, _ = held.join(ranges{g.span()})
	}
	var left ranges
	for _, s := range o.missing {
		left = append(left, held.without(s)...)
	}
	o.missing = left
}

func (v *run) report(s *suspect) {
	for _, a := range s.again {
		f := Finding{
			Kind: Duplicate, Key: a.chunk.Key(), Other: a.other, ContainerID: s.key.containerID, SpoolID: s.key.spoolID,
			FirstSeq: a.first, LastSeq: a.last, Entries: a.count,
			Detail: fmt.Sprintf("%d of its entries are in another object, too", a.count),
		}
		v.found(f)
	}
	for _, o := range s.holes {
		f := Finding{Key: o.before, Other: o.after, ContainerID: s.key.containerID, SpoolID: s.key.spoolID}
		switch {
		case o.beginning && v.cfg.Expired:
			continue
		case o.beginning:
			f.Kind, f.LastSeq = Beginning, o.next-1
			f.Detail = "the history does not begin with its origin: what was before has expired, or is lost"
		case len(o.missing) == 0:
			continue // filled meanwhile
		default:
			f.Kind, f.FirstSeq, f.LastSeq = Gap, o.missing[0].first, o.missing[len(o.missing)-1].last
			f.Entries = o.missing.count()
			f.Detail = fmt.Sprintf("%d entries are in no object", f.Entries)
		}
		v.found(f)
	}
}
