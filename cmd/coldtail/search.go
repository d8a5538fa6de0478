package main

import (
	"cmp"
	"context"
	"fmt"
	"iter"
	"slices"
	"strings"
	"sync"

	"golang.org/x/sync/errgroup"

	"github.com/coldtail/coldtail/archiver/bucket"
	"github.com/coldtail/coldtail/codec/key"
	"github.com/coldtail/coldtail/readback/catalog"
)

// glanceNames is how many of the archive's names are looked through before they
// are looked for by name and by host: two requests.
var glanceNames = 2 * pageKeys

// maxTargets bounds how many containers one name, or a choice of services and
// hosts, stands for.
const maxTargets = 100_000

// search looks for the containers that somebody asks for.
type search struct {
	w        *who
	b        bucket.Bucket
	services []string // as markers have them
	hosts    []string
	wanted   []*matcher // of each name; or of all that are of the services and hosts
	trusting bool       // only those count that have markers by name and by host
}

func newSearch(w *who, b bucket.Bucket) *search {
	s := &search{w: w, b: b}
	for _, v := range w.services {
		s.services = append(s.services, asMarker(v))
	}
	for _, h := range w.hosts {
		s.hosts = append(s.hosts, asMarker(h))
	}
	s.reset()
	return s
}

// reset forgets what was found.
func (s *search) reset() {
	s.wanted = nil
	for _, name := range s.w.names {
		s.wanted = append(s.wanted, newMatcher(name))
	}
	if len(s.w.names) == 0 {
		s.wanted = []*matcher{{all: true}}
	}
}

// run looks through the names of the archive, or of the services. Where these are
// many, and the archive says that they are by name and by host too, it looks there.
func (s *search) run(ctx context.Context) error {
	n := 0
	for name, err := range s.index(ctx) {
		if err != nil {
			return s.failed(err)
		}
		if n++; n == glanceNames && len(s.w.names)+len(s.w.hosts) > 0 {
			complete, err := catalog.IsComplete(ctx, s.b)
			if err != nil {
				return s.failed(err)
			}
			if s.trusting = complete; complete {
				s.reset()
				return s.failed(s.byTrees(ctx))
			}
		}
		if err := s.offer(name); err != nil {
			return err
		}
	}
	return nil
}

func (s *search) failed(err error) error {
	if err == nil {
		return nil
	}
	return fmt.Errorf("look for %s: %w", s.w, err)
}

// of reports whether a container is one of the services' and hosts'.
func (s *search) of(n key.Name) bool {
	return (len(s.services) == 0 || slices.Contains(s.services, n.Service)) && (len(s.hosts) == 0 || slices.Contains(s.hosts, n.Host))
}

// offer passes a container to those who look for one.
func (s *search) offer(n key.Name) error {
	if !s.of(n) {
		return nil
	}
	for _, m := range s.wanted {
		if err := m.add(n); err != nil {
			return err
		}
	}
	return nil
}

// index yields the names of the services, or of the archive.
func (s *search) index(ctx context.Context) iter.Seq2[key.Name, error] {
	return func(yield func(key.Name, error) bool) {
		filters := []key.Name{{}}
		if len(s.w.services) > 0 {
			filters = nil
			for _, v := range s.w.services {
				filters = append(filters, key.Name{Service: v})
			}
		}
		for _, f := range filters {
			for n, err := range catalog.Names(ctx, s.b, f) {
				if !yield(n, err) {
					return
				}
			}
		}
	}
}

// byTrees looks for the names, or for all containers of the hosts.
func (s *search) byTrees(ctx context.Context) error {
	if len(s.w.names) == 0 {
		return s.eachOfHosts(ctx, s.offer)
	}
	g, ctx := errgroup.WithContext(ctx)
	g.SetLimit(parallelFinds)
	for i, name := range s.w.names {
		g.Go(func() error { return s.byName(ctx, s.wanted[i], name) })
	}
	return g.Wait()
}

// names yields who was seen.
func names(seen iter.Seq2[key.Seen, error]) iter.Seq2[key.Name, error] {
	return func(yield func(key.Name, error) bool) {
		for n, err := range seen {
			if !yield(n.Name, err) {
				return
			}
		}
	}
}

func (s *search) eachOfHosts(ctx context.Context, offer func(key.Name) error) error {
	for _, h := range s.w.hosts {
		for n, err := range names(catalog.HostSince(ctx, s.b, h, s.w.recent)) {
			if err != nil {
				return err
			}
			if err := offer(n); err != nil {
				return err
			}
		}
	}
	return nil
}

// byName looks for the containers that one name stands for.
func (s *search) byName(ctx context.Context, m *matcher, name string) error {
	add := func(n key.Name) error {
		if !s.of(n) {
			return nil
		}
		return m.add(n)
	}
	var mu sync.Mutex
	each := func(names iter.Seq2[key.Name, error]) func() error {
		return func() error {
			for n, err := range names {
				mu.Lock()
				if err == nil {
					err = add(n)
				}
				mu.Unlock()
				if err != nil {
					return err
				}
			}
			return nil
		}
	}
	g, gctx := errgroup.WithContext(ctx)
	g.Go(each(names(catalog.NamedSince(gctx, s.b, name, s.w.recentNames))))
	for _, service := range likelyServices(name) {
		g.Go(each(catalog.Names(gctx, s.b, key.Name{Service: service, Name: name})))
	}
	if err := g.Wait(); err != nil {
		return err
	}
	slices.SortStableFunc(m.found, func(a, b key.Name) int { return cmp.Compare(a.Key(), b.Key()) })
	if len(m.found) > 0 || !hexadecimal(m.id) {
		return nil
	}
	return s.byID(ctx, m, add)
}

// byID looks for the containers whose ids start with m's.
func (s *search) byID(ctx context.Context, m *matcher, add func(key.Name) error) error {
	switch {
	case len(s.w.hosts) > 0:
		return s.eachOfHosts(ctx, add)
	case len(s.w.services) > 0:
		for n, err := range s.index(ctx) {
			if err != nil {
				return err
			}
			if err := add(n); err != nil {
				return err
			}
		}
		return nil
	}
	ids, err := catalog.IDs(ctx, s.b, m.id)
	for _, id := range ids {
		if err := m.add(key.Name{ContainerID: id}); err != nil {
			return err
		}
	}
	return err
}

func hexadecimal(s string) bool {
	return len(s) <= idLen && !strings.ContainsFunc(s, func(r rune) bool { return !strings.ContainsRune("0123456789abcdef", r) })
}

// maxLikely bounds how many services a name is looked for under.
const maxLikely = 6

// likelyServices are the services under which a container of that name usually is:
// its own name, and what Compose and Swarm make names of.
func likelyServices(name string) []string {
	likely := []string{name}
	if service, _, ok := strings.Cut(name, "."); ok {
		likely = append(likely, service) // <stack>_<service>.<number>.<task>
	}
	for _, sep := range []string{"-", "_"} {
		parts := strings.Split(name, sep) // <project>-<service>-<number>, each with dashes
		for i := 1; i < len(parts)-1 && len(likely) < maxLikely; i++ {
			likely = append(likely, strings.Join(parts[i:len(parts)-1], sep))
		}
	}
	slices.Sort(likely)
	return slices.DeleteFunc(slices.Compact(likely), func(s string) bool { return s == "" })
}

// matcher collects the containers that a name stands for: a whole id, else a name
// that containers bore, else the start of one id. A name comes before an id's
// start, as for docker.
type matcher struct {
	name, id, marked string
	all              bool // every one
	found, byStart   []key.Name
	ids              map[string]int // where each is in found
}

func newMatcher(name string) *matcher {
	return &matcher{name: name, id: strings.ToLower(name), marked: asMarker(name)}
}

// add takes a container that is one of those, and each only once: of several names
// that it bore, the first by its marker's key, in whatever order they come.
func (m *matcher) add(n key.Name) error {
	if m.ids == nil {
		m.ids = map[string]int{}
	}
	named := m.all || n.Name == m.marked
	if isID(m.name) {
		named = n.ContainerID == m.id
	}
	at, known := m.ids[n.ContainerID]
	switch {
	case named && known:
		if n != m.found[at] && n.Key() < m.found[at].Key() {
			m.found[at] = n
		}
	case named:
		if len(m.found) >= maxTargets {
			return fmt.Errorf("more than %d containers: narrow them with --service, --host or --since", maxTargets)
		}
		m.ids[n.ContainerID] = len(m.found)
		m.found = append(m.found, n)
	case len(m.byStart) > 1 || !strings.HasPrefix(n.ContainerID, m.id):
	case len(m.byStart) == 0 || m.byStart[0].ContainerID != n.ContainerID:
		m.byStart = append(m.byStart, n)
	}
	return nil
}

// result returns what was found.
func (m *matcher) result(w *who) ([]key.Name, error) {
	switch {
	case len(m.found) > 0:
		return m.found, nil
	case m.all:
		return nil, nil
	case len(m.byStart) > 1:
		return nil, usagef("%q is the start of several containers' ids: give more of it", m.name)
	case len(m.byStart) == 1:
		return m.byStart, nil
	case isID(m.name) && !w.narrowed():
		return []key.Name{{ContainerID: m.id}}, nil // its marker may be lost
	}
	return nil, noLog(&who{names: []string{m.name}, services: w.services, hosts: w.hosts})
}
