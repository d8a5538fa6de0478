package main

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"time"

	"golang.org/x/sync/errgroup"

	"github.com/coldtail/coldtail/archiver/bucket"
	"github.com/coldtail/coldtail/codec"
	"github.com/coldtail/coldtail/codec/key"
)

const (
	// parallelSpans bounds the listings of `coldtail ls` at a time.
	parallelSpans = 32
	// spanPages is how many pages of a month are listed one after the other; what
	// is left of it then is listed day by day, side by side.
	spanPages = 8
	// adjacentMonths is after how many months without one between that is empty
	// all later ones are taken to have objects.
	adjacentMonths = 3
	// maxTrees bounds how many trees of others beside coldtail's are looked at.
	maxTrees = 16
)

// scanSpan is days of one format that are listed together.
type scanSpan struct {
	format   codec.Format
	from, to time.Time // days; to is not one of them
	days     []scanDay // those that are wanted, in order; nil: all
	odd      bool      // no right clock gives such days: there are few objects, but it may be many days
}

// next returns the first day of the span from day on that is wanted.
func (p *scanSpan) next(day time.Time) (d scanDay, ok bool) {
	if day.Before(p.from) {
		day = p.from
	}
	if p.days == nil {
		return scanDay{format: p.format, day: day}, day.Before(p.to)
	}
	i, _ := slices.BinarySearchFunc(p.days, day, func(d scanDay, day time.Time) int { return d.day.Compare(day) })
	if i == len(p.days) {
		return d, false
	}
	return p.days[i], true
}

// inTime reports whether a day has something of the time that is asked for.
func (s *scan) inTime(day time.Time) bool {
	return (s.since.IsZero() || day.AddDate(0, 0, 1).After(s.since)) && (s.until.IsZero() || !day.After(s.until))
}

func startOfMonth(t time.Time) time.Time {
	return time.Date(t.Year(), t.Month(), 1, 0, 0, 0, 0, time.UTC)
}

// spansOf puts days together by months, and those that no right clock gives, of
// which anybody can make up many, each side for itself.
func (s *scan) spansOf(days []scanDay) (spans []*scanSpan) {
	first, last := key.PlausibleDays(time.Now())
	at := map[partition]*scanSpan{}
	for _, d := range days {
		if !s.inTime(d.day) {
			continue
		}
		month, odd := startOfMonth(d.day), d.day.Before(first) || d.day.After(last)
		switch {
		case odd && d.day.Before(first):
			month = key.StartOfTime
		case odd:
			month = key.EndOfTime
		}
		p := at[partition{d.format, month}]
		if p == nil {
			p = &scanSpan{format: d.format, odd: odd}
			at[partition{d.format, month}] = p
			spans = append(spans, p)
		}
		p.days = append(p.days, d)
	}
	for _, p := range spans {
		slices.SortFunc(p.days, func(a, b scanDay) int { return a.day.Compare(b.day) })
		p.from, p.to = p.days[0].day, p.days[len(p.days)-1].day.AddDate(0, 0, 1)
	}
	return spans
}

// everything lists what all containers have.
func (s *scan) everything(ctx context.Context) error {
	g, ctx := errgroup.WithContext(ctx)
	g.Go(func() error { return s.trees(ctx) })
	for _, f := range codec.Formats() {
		g.Go(func() error {
			spans, err := s.months(ctx, f)
			if err != nil {
				return err
			}
			return s.listSpans(ctx, spans)
		})
	}
	return g.Wait()
}

// trees looks whether there is a tree of a later version's, that it lists nothing of.
func (s *scan) trees(ctx context.Context) error {
	after := ""
	for range maxTrees {
		tree, ok, err := s.nextPart(ctx, "", after)
		if err != nil || !ok {
			return err
		}
		if _, err := codec.ParseFormat(tree); err != nil {
			// What is watched notices a key that is of a later version's.
			if _, _, err := s.nextPart(ctx, tree+"/dt=", ""); err != nil {
				return err
			}
		}
		after = tree + "0" // the byte behind the slash
	}
	return nil
}

// nextPart returns what the first key behind after with a prefix has behind that,
// up to the next slash.
func (s *scan) nextPart(ctx context.Context, prefix, after string) (part string, ok bool, err error) {
	for o, err := range s.bucket.List(ctx, prefix, bucket.ListOptions{StartAfter: after}) {
		if err != nil {
			return "", false, fmt.Errorf("list the archive: %w", err)
		}
		part, _, _ := strings.Cut(o.Key[len(prefix):], "/")
		return part, true, nil
	}
	return "", false, nil
}

// clip returns the part of a range of days that has something of the time that is
// asked for.
func (s *scan) clip(from, to time.Time) (time.Time, time.Time) {
	const day = 24 * time.Hour
	if !s.since.IsZero() && s.since.After(from) {
		from = s.since.UTC().Truncate(day)
	}
	if !s.until.IsZero() && s.until.Before(to) {
		to = s.until.UTC().Truncate(day).Add(day)
	}
	return from, to
}

// months returns spans of all months of a format that may have objects. It jumps
// from one that has some to the next, until these follow each other.
func (s *scan) months(ctx context.Context, f codec.Format) (spans []*scanSpan, err error) {
	first, last := key.PlausibleDays(time.Now())
	add := func(from, to time.Time, odd bool) {
		if from.Before(to) {
			spans = append(spans, &scanSpan{format: f, from: from, to: to, odd: odd})
		}
	}
	from, to := s.clip(key.StartOfTime, first)
	add(from, to, true)
	from, to = s.clip(last.AddDate(0, 0, 1), key.EndOfTime)
	add(from, to, true)
	from, to = s.clip(first, last.AddDate(0, 0, 1))
	for adjacent := 0; from.Before(to); {
		day := from
		if adjacent < adjacentMonths {
			var ok bool
			if day, ok, err = s.nextDay(ctx, f, from); err != nil || !ok || !day.Before(to) {
				return spans, err
			}
		}
		next := startOfMonth(day).AddDate(0, 1, 0)
		adjacent++
		if !startOfMonth(day).Equal(startOfMonth(from)) {
			adjacent = 0
		}
		end := to
		if next.Before(end) {
			end = next
		}
		add(day, end, false)
		from = next
	}
	return spans, nil
}

// afterDay is what a listing begins after to begin with a day.
func afterDay(f codec.Format, day time.Time) bucket.ListOptions {
	return bucket.ListOptions{StartAfter: key.FormatPrefix(f) + day.Format(time.DateOnly)}
}

// nextDay returns the first day from from on on which anybody has something.
func (s *scan) nextDay(ctx context.Context, f codec.Format, from time.Time) (day time.Time, ok bool, err error) {
	for o, err := range s.bucket.List(ctx, key.FormatPrefix(f), afterDay(f, from)) {
		if err != nil {
			return day, false, fmt.Errorf("find the first object: %w", err)
		}
		if day, ok := key.DayOf(f, o.Key); ok {
			return day, true, nil
		}
	}
	return day, false, nil
}

// listSpans lists spans side by side.
func (s *scan) listSpans(ctx context.Context, spans []*scanSpan) error {
	slots := make(chan struct{}, parallelSpans)
	g, ctx := errgroup.WithContext(ctx)
	for _, p := range spans {
		g.Go(func() error { return s.listSpan(ctx, p, slots) })
	}
	return g.Wait()
}

// listSpan pages through the span. What is left when that takes too many pages is
// listed day by day.
func (s *scan) listSpan(ctx context.Context, p *scanSpan, slots chan struct{}) error {
	r := spanReader{s: s, p: p}
	d, more := p.next(p.from)
	for more && len(p.days) != 1 && (p.odd || r.keys < spanPages*pageKeys) {
		if err := inSlot(ctx, slots, func() error { return r.read(ctx, d.day) }); err != nil {
			return fmt.Errorf("list %s from %s on: %w", p.format, d.day.Format(time.DateOnly), err)
		}
		d, more = p.next(r.day)
		switch {
		case !r.cut:
			return nil
		case p.odd && more && d.day.Equal(r.day):
			if err := inSlot(ctx, slots, func() error { return s.listDay(ctx, d) }); err != nil {
				return err
			}
			d, more = p.next(d.day.AddDate(0, 0, 1))
		}
	}
	g, ctx := errgroup.WithContext(ctx)
	for ; more; d, more = p.next(d.day.AddDate(0, 0, 1)) {
		day := d
		g.Go(func() error { return inSlot(ctx, slots, func() error { return s.listDay(ctx, day) }) })
	}
	return g.Wait()
}

// inSlot runs do in one of the slots.
func inSlot(ctx context.Context, slots chan struct{}, do func() error) error {
	select {
	case slots <- struct{}{}:
		defer func() { <-slots }()
		return do()
	case <-ctx.Done():
		return context.Cause(ctx)
	}
}

// spanReader pages through a span.
type spanReader struct {
	s     *scan
	p     *scanSpan
	keys  int       // that it has read
	cut   bool      // it ended before the span did,
	day   time.Time // on this day, of which nothing counts yet
	found shelves   // what it has of the day
}

// read counts whole days from a wanted one on. It ends early where it meets a page
// of days that are not wanted, or a day that fills many pages.
func (r *spanReader) read(ctx context.Context, from time.Time) error {
	r.day, r.found, r.cut = from, shelves{}, false
	idle, ofDay := 0, 0
	for o, err := range r.s.bucket.List(ctx, key.FormatPrefix(r.p.format), afterDay(r.p.format, from)) {
		if err != nil {
			return err
		}
		if day, ok := key.DayOf(r.p.format, o.Key); ok && !day.Equal(r.day) {
			if err := r.s.take(r.found); err != nil {
				return err
			}
			r.day, r.found, ofDay = day, shelves{}, 0
		}
		d, ok := r.p.next(r.day)
		if !ok {
			return nil
		}
		r.keys++
		ofDay++
		if idle++; d.day.Equal(r.day) {
			idle = 0
			r.s.countKey(r.found, d, o)
		}
		if r.cut = idle == pageKeys || ofDay == spanPages*pageKeys || !r.p.odd && r.keys == spanPages*pageKeys; r.cut {
			return nil
		}
	}
	return r.s.take(r.found)
}
