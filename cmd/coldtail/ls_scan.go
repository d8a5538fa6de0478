package main

import (
	"cmp"
	"context"
	"fmt"
	"math"
	"slices"
	"sync"
	"time"

	"golang.org/x/sync/errgroup"

	"github.com/coldtail/coldtail/archiver/bucket"
	"github.com/coldtail/coldtail/archiver/chunk"
	"github.com/coldtail/coldtail/codec"
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
	chunk.Name
	amount
}

// scan adds up what objects' keys tell.
type scan struct {
	bucket       bucket.Bucket
	since, until time.Time

	newer chunk.Newer
	ids   idSet // whose objects are listed, unless everybody's are
	all   bool

	mu      sync.Mutex
	shelves map[string]*amount // by container
}

// run returns w's containers, or all, sorted by service, name and time.
func (s *scan) run(ctx context.Context, w *who) ([]lsRow, error) {
	var days []scanDay
	names := map[string]chunk.Name{}
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
		days = daysOf(targets)
	} else {
		s.all = true
		index, err := chunk.Names(ctx, s.bucket, chunk.Name{})
		if err != nil {
			return nil, fmt.Errorf("list the names: %w", err)
		}
		for _, n := range slices.Backward(index) {
			names[n.ContainerID] = n // of several the first
		}
		if days, err = s.allDays(ctx); err != nil {
			return nil, err
		}
	}
	if err := s.listDays(ctx, days); err != nil {
		return nil, err
	}
	var rows []lsRow
	for id, a := range s.shelves {
		n := names[id]
		n.ContainerID = id
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

// allDays returns the days of the months in which there are objects.
func (s *scan) allDays(ctx context.Context) ([]scanDay, error) {
	end := time.Now().UTC().Add(farFuture)
	if !s.until.IsZero() && s.until.Before(end) {
		end = s.until
	}
	var mu sync.Mutex
	var days []scanDay
	g, ctx := errgroup.WithContext(ctx)
	g.SetLimit(parallelFinds)
	for _, f := range codec.Formats() {
		first, err := firstHour(ctx, s.bucket, chunk.FormatPrefix(f))
		if err != nil {
			return nil, err
		}
		if first.IsZero() {
			continue
		}
		if s.since.After(first) {
			first = s.since.UTC()
		}
		for m := time.Date(first.Year(), first.Month(), 1, 0, 0, 0, 0, time.UTC); !m.After(end); m = m.AddDate(0, 1, 0) {
			g.Go(func() error {
				first, err := firstHour(ctx, s.bucket, chunk.MonthPrefix(f, m))
				if err != nil || first.IsZero() {
					return err
				}
				mu.Lock()
				defer mu.Unlock()
				for d := first.Truncate(24 * time.Hour); d.Month() == m.Month() && !d.After(end); d = d.AddDate(0, 0, 1) {
					days = append(days, scanDay{format: f, day: d})
				}
				return nil
			})
		}
	}
	return days, g.Wait()
}

// firstHour returns the hour of the first object with a prefix, or zero.
func firstHour(ctx context.Context, b bucket.Bucket, prefix string) (time.Time, error) {
	for o, err := range b.List(ctx, prefix, bucket.ListOptions{}) {
		if err != nil {
			return time.Time{}, fmt.Errorf("find the first object: %w", err)
		}
		if m, err := chunk.ParseKey(o.Key); err == nil { // others are not coldtail's
			return m.Hour, nil
		}
	}
	return time.Time{}, nil
}

func (s *scan) listDays(ctx context.Context, days []scanDay) error {
	g, ctx := errgroup.WithContext(ctx)
	g.SetLimit(parallelFinds)
	for _, d := range days {
		if !s.since.IsZero() && !d.day.AddDate(0, 0, 1).After(s.since) || !s.until.IsZero() && d.day.After(s.until) {
			continue
		}
		g.Go(func() error {
			if err := s.listDay(ctx, d); err != nil {
				return fmt.Errorf("list %s of %s: %w", d.format, d.day.Format(time.DateOnly), err)
			}
			return nil
		})
	}
	return g.Wait()
}

// listDay lists the whole day, unless that takes more requests than its
// containers' hours would.
func (s *scan) listDay(ctx context.Context, d scanDay) error {
	const hours = 24
	limit := math.MaxInt
	if d.ids != nil {
		limit = hours * pageKeys * len(d.ids)
	}
	found := map[string]*amount{}
	n := 0
	for o, err := range s.bucket.List(ctx, chunk.DayPrefix(d.format, d.day), bucket.ListOptions{}) {
		if err != nil {
			return err
		}
		if n++; n > limit {
			return s.listHours(ctx, d)
		}
		m, err := chunk.ParseKey(o.Key)
		if err == nil && (d.ids == nil || slices.Contains(d.ids, m.ContainerID)) {
			s.count(found, chunk.Chunk{Meta: m, SizeBytes: o.SizeBytes})
		}
	}
	s.take(found)
	return nil
}

// listHours lists the day container by container.
func (s *scan) listHours(ctx context.Context, d scanDay) error {
	found := map[string]*amount{}
	for _, id := range d.ids {
		chunks, err := chunk.ListDay(ctx, s.bucket, chunk.Day{ContainerID: id, Day: d.day, Format: d.format})
		if err != nil {
			return err
		}
		for _, c := range chunks {
			s.count(found, c)
		}
	}
	s.take(found)
	return nil
}

// count adds an object, if it has something of the time that is asked for.
func (s *scan) count(found map[string]*amount, c chunk.Chunk) {
	if !s.since.IsZero() && c.MaxNano < codec.UnixNano(s.since) || !s.until.IsZero() && c.MinNano > codec.UnixNano(s.until) {
		return
	}
	a := found[c.ContainerID]
	if a == nil {
		a = &amount{}
		found[c.ContainerID] = a
	}
	a.add(amount{minNano: c.MinNano, maxNano: c.MaxNano, entries: c.Entries, objects: 1, size: c.SizeBytes})
}

// take adds what was found of a day.
func (s *scan) take(found map[string]*amount) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for id, a := range found {
		if s.shelves[id] == nil {
			s.shelves[id] = &amount{}
		}
		s.shelves[id].add(*a)
	}
}
