package reindex

import (
	"context"
	"fmt"
	"hash/maphash"

	"golang.org/x/sync/errgroup"

	"github.com/coldtail/coldtail/archiver/bucket"
	"github.com/coldtail/coldtail/codec/key"
	"github.com/coldtail/coldtail/readback/catalog"
)

// seenPass looks for lost markers by host with keys after from, up to to; and the
// first one for those by name, too.
type seenPass struct {
	r        *run
	from, to string // to is empty: all
	hosts    hashes
}

func (p *seenPass) lacks(byHost string) bool {
	return byHost > p.from && (p.to == "" || byHost <= p.to) && !p.hosts.has(byHost)
}

// seen makes the markers by name and by host, from those of names and days: those by
// host of as many as it can know. It returns where to go on.
func (r *run) seen(ctx context.Context, from string) (next string, more bool, err error) {
	p := &seenPass{r: r, from: from, hosts: hashes{seed: maphash.MakeSeed()}}
	for o, err := range r.b.List(ctx, key.ByHostPrefix, bucket.ListOptions{StartAfter: from}) {
		if err != nil {
			return "", false, fmt.Errorf("list the markers by host: %w", err)
		}
		r.looked()
		if len(p.hosts.all) >= maxHashes {
			p.to, more = next, true
			break
		}
		next = o.Key
		p.hosts.add(o.Key)
	}
	p.hosts.seal()
	return next, more, p.names(ctx)
}

// names goes through all containers. Who bore a name follow each other, so that what
// is there of it is listed once.
func (p *seenPass) names(ctx context.Context) error {
	g, ctx := errgroup.WithContext(ctx)
	g.SetLimit(parallel)
	var group []key.NameMarker
	flush := func() {
		if names := group; len(names) > 0 {
			g.Go(func() error { return p.group(ctx, names) })
		}
		group = nil
	}
	for n, err := range catalog.NameMarkers(ctx, p.r.b) {
		if err != nil {
			return fmt.Errorf("list the names: %w", err)
		}
		p.r.looked()
		if len(group) > 0 && !group[0].SameName(n) || len(group) == maxGroup {
			flush()
		}
		group = append(group, n)
		if ctx.Err() != nil {
			break
		}
	}
	flush()
	return g.Wait()
}

// maxGroup bounds how many containers of one name are looked at together, and
// maxThere how many of its markers are held.
const (
	maxGroup = 1000
	maxThere = 100_000
)

// group makes the markers of containers of one name.
func (p *seenPass) group(ctx context.Context, names []key.NameMarker) error {
	there, err := p.byName(ctx, names[0])
	if err != nil {
		return err
	}
	for _, n := range names {
		days, err := catalog.Days(ctx, p.r.b, n.ContainerID)
		if err != nil {
			return fmt.Errorf("find the days of container %.12s: %w", n.ContainerID, err)
		}
		for i, d := range days {
			if i > 0 && days[i-1].Day.Equal(d.Day) {
				continue
			}
			byHost, byName := n.Seen(d.Day)
			var lost []string
			if p.lacks(byHost) {
				lost = append(lost, byHost)
			}
			if p.from == "" && !there[byName] {
				lost = append(lost, byName)
			}
			for _, key := range lost {
				if err := p.r.put(ctx, key, &p.r.sum.Seen); err != nil {
					return err
				}
			}
		}
	}
	return nil
}

// byName returns which markers by a container's name there are; only the first pass
// asks.
func (p *seenPass) byName(ctx context.Context, n key.NameMarker) (map[string]bool, error) {
	there := map[string]bool{}
	if p.from != "" {
		return there, nil
	}
	for s, err := range catalog.KeysByName(ctx, p.r.b, n) {
		if err != nil {
			return nil, fmt.Errorf("list the markers of a name: %w", err)
		}
		if there[s] = true; len(there) >= maxThere {
			break // the others are put again, which does no harm
		}
	}
	return there, nil
}
