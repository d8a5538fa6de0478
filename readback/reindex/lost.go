package reindex

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"hash/maphash"
	"slices"

	"golang.org/x/sync/errgroup"

	"github.com/coldtail/coldtail/archiver/bucket"
	"github.com/coldtail/coldtail/codec"
	"github.com/coldtail/coldtail/codec/key"
	"github.com/coldtail/coldtail/readback/catalog"
)

// maxHashes bounds how many markers of days are known at a time, and maxMade how
// many of those that were made.
var (
	maxHashes = 8_000_000
	maxMade   = 500_000
)

// hashes is a set of strings that is filled once.
type hashes struct {
	seed maphash.Seed
	all  []uint64
}

func (h *hashes) add(s string) { h.all = append(h.all, maphash.String(h.seed, s)) }

func (h *hashes) seal() { slices.Sort(h.all) }

func (h *hashes) has(s string) bool {
	_, ok := slices.BinarySearch(h.all, maphash.String(h.seed, s))
	return ok
}

// pass looks for lost markers of the containers with ids from from on, up to to.
type pass struct {
	r           *run
	from, to    string // to is empty: all
	days, names hashes
	made        map[string]bool // or known to be there
}

func (p *pass) in(id string) bool { return id > p.from && (p.to == "" || id <= p.to) }

// lost makes the markers of days and names that objects lack, of as many containers
// as it can know the markers of. It returns where to go on.
func (r *run) lost(ctx context.Context, from string) (next string, more bool, err error) {
	seed := maphash.MakeSeed()
	p := &pass{r: r, from: from, days: hashes{seed: seed}, names: hashes{seed: seed}, made: map[string]bool{}}
	for d, err := range catalog.AllDays(ctx, r.b, from) {
		if err != nil {
			return "", false, fmt.Errorf("list the days: %w", err)
		}
		r.looked()
		if len(p.days.all) >= maxHashes && d.ContainerID != next {
			p.to, more = next, true
			break
		}
		next = d.ContainerID
		p.days.add(d.Key())
	}
	p.days.seal()
	for n, err := range catalog.Names(ctx, r.b, key.Name{}) {
		if err != nil {
			return "", false, fmt.Errorf("list the names: %w", err)
		}
		r.looked()
		if p.in(n.ContainerID) {
			p.names.add(n.ContainerID)
		}
	}
	p.names.seal()
	return next, more, p.objects(ctx)
}

// objects looks through all objects.
func (p *pass) objects(ctx context.Context) error {
	g, gctx := errgroup.WithContext(ctx)
	g.SetLimit(parallel)
	for _, f := range codec.Formats() {
		for o, err := range p.r.b.List(gctx, key.FormatPrefix(f), bucket.ListOptions{}) {
			if err != nil {
				return cmp.Or(g.Wait(), fmt.Errorf("list the archive: %w", err))
			}
			p.r.looked()
			m, err := key.Parse(o.Key)
			if err != nil || !p.in(m.ContainerID) {
				continue
			}
			if p.from == "" {
				p.r.sum.Objects++
			}
			if err := p.object(gctx, g, catalog.Chunk{Meta: m, SizeBytes: o.SizeBytes, ETag: o.ETag}); err != nil {
				return cmp.Or(g.Wait(), err)
			}
		}
	}
	return g.Wait()
}

// make reports whether a marker is to be made, which is done once.
func (p *pass) make(there *hashes, what string) bool {
	if p.made[what] || there.has(what) {
		return false
	}
	if len(p.made) >= maxMade {
		clear(p.made) // one more time does no harm
	}
	p.made[what] = true
	return true
}

func (p *pass) object(ctx context.Context, g *errgroup.Group, c catalog.Chunk) error {
	if key := c.DayKey(); p.make(&p.days, key) {
		g.Go(func() error { return p.r.put(ctx, key, &p.r.sum.Days) })
	}
	if !p.make(&p.names, c.ContainerID) {
		return nil
	}
	n, err := p.r.cfg.Describe(ctx, c)
	var store *bucket.Error
	switch {
	case ctx.Err() != nil:
		return context.Cause(ctx)
	case errors.As(err, &store) && !bucket.Permanent(err) && !errors.Is(err, bucket.ErrNotFound):
		return fmt.Errorf("read who container %.12s was: %w", c.ContainerID, err)
	case err != nil:
		delete(p.made, c.ContainerID) // the next object may tell
		p.r.sum.Unnamed++
		return nil
	}
	n.ContainerID = c.ContainerID
	return p.r.put(ctx, n.Key(), &p.r.sum.Names)
}
