package main

import (
	"cmp"
	"context"
	"encoding/hex"
	"fmt"
	"math"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/coldtail/coldtail/archiver/bucket"
	"github.com/coldtail/coldtail/codec"
	"github.com/coldtail/coldtail/codec/key"
	"github.com/coldtail/coldtail/readback/catalog"
)

// amount is how much is archived of something.
type amount struct {
	minNano, maxNano       int64 // of entries, Unix nanoseconds
	entries, objects, size int64
}

func (a *amount) add(o amount) {
	if a.objects == 0 {
		a.minNano, a.maxNano = math.MaxInt64, math.MinInt64
	}
	a.minNano, a.maxNano = min(a.minNano, o.minNano), max(a.maxNano, o.maxNano)
	a.entries += o.entries
	a.objects += o.objects
	a.size += o.size
}

// lsRow is a container and how much there is of it.
type lsRow struct {
	key.Name
	amount
}

// scan adds up what objects' keys tell.
type scan struct {
	bucket       bucket.Bucket
	since, until time.Time

	newer catalog.Newer
	ids   idSet // whose objects are listed, unless everybody's are
	all   bool

	mu      sync.Mutex
	shelves shelves
}

// maxShelves bounds how many containers one list has, and so its memory.
var maxShelves = 250_000

// run returns w's containers, or all, sorted by service, name and time.
func (s *scan) run(ctx context.Context, w *who) ([]lsRow, error) {
	names := map[string]key.Name{}
	if w.chosen() {
		targets, err := w.find(ctx, s.bucket, false)
		if err != nil {
			return nil, err
		}
		for _, t := range targets {
			s.ids.add(t.ContainerID)
		}
		if targets, err = loadDays(ctx, s.bucket, targets); err != nil {
			return nil, err
		}
		for _, t := range targets {
			names[t.ContainerID] = t.Name
		}
		if err := s.listSpans(ctx, s.spansOf(daysOf(targets))); err != nil {
			return nil, err
		}
	} else {
		s.all = true
		if err := s.everything(ctx); err != nil {
			return nil, err
		}
		for n, err := range catalog.Names(ctx, s.bucket, key.Name{}) {
			if err != nil {
				return nil, fmt.Errorf("list the names: %w", err)
			}
			// Of several the first, and only of what is listed.
			if _, known := names[n.ContainerID]; !known && s.shelves[newShelfID(n.ContainerID)] != nil {
				names[strings.Clone(n.ContainerID)] = n
			}
		}
	}
	var rows []lsRow
	for id, a := range s.shelves {
		n := names[id.String()]
		n.ContainerID = id.String()
		rows = append(rows, lsRow{n, *a})
	}
	slices.SortFunc(rows, func(a, b lsRow) int {
		return cmp.Or(cmp.Compare(a.Service, b.Service), cmp.Compare(a.Name.Name, b.Name.Name),
			cmp.Compare(a.minNano, b.minNano), cmp.Compare(a.ContainerID, b.ContainerID))
	})
	return rows, nil
}

// wants reports whether a container is to be listed.
func (s *scan) wants(id string) bool { return s.all || s.ids.has(id) }

// scanDay is a day to be listed.
type scanDay struct {
	format codec.Format
	day    time.Time
	ids    []string // whose objects; nil: everybody's
}

// daysOf returns the days on which one of the targets has objects.
func daysOf(targets []*target) (days []scanDay) {
	at := map[partition]int{}
	for _, t := range targets {
		for _, d := range t.days {
			p := partition{d.Format, d.Day}
			if _, ok := at[p]; !ok {
				at[p] = len(days)
				days = append(days, scanDay{format: d.Format, day: d.Day})
			}
			i := at[p]
			days[i].ids = append(days[i].ids, t.ContainerID)
		}
	}
	return days
}

// listDay lists the whole day, unless that takes more requests than its
// containers' hours would.
func (s *scan) listDay(ctx context.Context, d scanDay) (err error) {
	defer func() {
		if err != nil {
			err = fmt.Errorf("list %s of %s: %w", d.format, d.day.Format(time.DateOnly), err)
		}
	}()
	const hours = 24
	limit := math.MaxInt
	if d.ids != nil {
		limit = hours * pageKeys * len(d.ids)
	}
	found := shelves{}
	n := 0
	for o, err := range s.bucket.List(ctx, key.DayPrefix(d.format, d.day), bucket.ListOptions{}) {
		if err != nil {
			return err
		}
		if n++; n > limit {
			return s.listHours(ctx, d)
		}
		s.countKey(found, d, o)
	}
	return s.take(found)
}

// listHours lists the day container by container.
func (s *scan) listHours(ctx context.Context, d scanDay) error {
	found := shelves{}
	for _, id := range d.ids {
		chunks, err := catalog.ListDay(ctx, s.bucket, key.Day{ContainerID: id, Day: d.day, Format: d.format})
		if err != nil {
			return err
		}
		for _, c := range chunks {
			s.count(found, c)
		}
	}
	return s.take(found)
}

// countKey adds an object that is listed, if it is of one of the day's containers.
func (s *scan) countKey(found shelves, d scanDay, o bucket.Object) {
	m, err := key.Parse(o.Key)
	if err == nil && (d.ids == nil || slices.Contains(d.ids, m.ContainerID)) {
		s.count(found, catalog.Chunk{Meta: m, SizeBytes: o.SizeBytes})
	}
}

// count adds an object, if it has something of the time that is asked for.
func (s *scan) count(found shelves, c catalog.Chunk) {
	if !s.since.IsZero() && c.MaxNano < codec.UnixNano(s.since) || !s.until.IsZero() && c.MinNano > codec.UnixNano(s.until) {
		return
	}
	id := newShelfID(c.ContainerID)
	a := found[id]
	if a == nil {
		a = &amount{}
		found[id] = a
	}
	a.add(amount{minNano: c.MinNano, maxNano: c.MaxNano, entries: c.Entries, objects: 1, size: c.SizeBytes})
}

// take adds what was found of a day.
func (s *scan) take(found shelves) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	for id, a := range found {
		if s.shelves[id] == nil {
			if len(s.shelves) >= maxShelves {
				return fmt.Errorf("more than %d containers: narrow the list with --since, --until, --service, --host or --name", maxShelves)
			}
			s.shelves[id] = &amount{}
		}
		s.shelves[id].add(*a)
	}
	return nil
}

// shelfID is a container's id, which takes little room.
type shelfID [idLen / 2]byte

// newShelfID makes one of an id that is in a key.
func newShelfID(id string) (s shelfID) {
	_, _ = hex.Decode(s[:], []byte(id))
	return s
}

func (s shelfID) String() string { return hex.EncodeToString(s[:]) }

// shelves is how much is archived of containers.
type shelves map[shelfID]*amount
