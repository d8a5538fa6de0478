package catalog

import (
	"context"
	"slices"
	"sync"
	"time"

	"golang.org/x/sync/errgroup"

	"github.com/coldtail/coldtail/archiver/bucket"
	"github.com/coldtail/coldtail/codec"
	"github.com/coldtail/coldtail/codec/key"
)

const (
	// sweepDays is from how many days on a listing does not ask for each hour, but
	// first looks what there is at all.
	sweepDays = 3
	// sweepParts is how many stretches of days are looked at side by side.
	sweepParts = 16
)

// sweeper lists many days of a container. An hour of a container is a request, a
// day 24, also where there is nothing: for years, or for days that somebody made
// up, that is too many. So it pages through what all containers have on these
// days, passes over what lies between, and asks for hours only of a day that
// fills a page.
type sweeper struct {
	b      bucket.Bucket
	id     string
	format codec.Format
	slots  chan struct{} // for requests at a time

	mu    sync.Mutex
	found []Chunk
}

// wanted returns the first day from at on that is to be listed, if there is one.
type wanted func(at time.Time) (day time.Time, ok bool)

// oneOf wants some days, which are in order.
func oneOf(days []time.Time) wanted {
	return func(at time.Time) (time.Time, bool) {
		i, _ := slices.BinarySearchFunc(days, at, time.Time.Compare)
		if i == len(days) {
			return at, false
		}
		return days[i], true
	}
}

// between wants all days from from on, before to.
func between(from, to time.Time) wanted {
	return func(at time.Time) (time.Time, bool) {
		if at.Before(from) {
			at = from
		}
		return at, at.Before(to)
	}
}

// days lists days, which are in order.
func (w *sweeper) days(ctx context.Context, days []time.Time) error {
	// A small archive ends with the first page.
	next, more, err := w.step(ctx, days[0], oneOf(days))
	if err != nil || !more {
		return err
	}
	i, _ := slices.BinarySearchFunc(days, next, time.Time.Compare)
	rest := days[i:]
	g, ctx := errgroup.WithContext(ctx)
	for part := range slices.Chunk(rest, (len(rest)+sweepParts-1)/sweepParts) {
		g.Go(func() error { return w.stretch(ctx, part[0], oneOf(part)) })
	}
	return g.Wait()
}

// stretch lists what next wants, from at on.
func (w *sweeper) stretch(ctx context.Context, at time.Time, next wanted) error {
	at, more := next(at)
	for more {
		var err error
		if at, more, err = w.step(ctx, at, next); err != nil {
			return err
		}
	}
	return nil
}

// step looks at a page from the wanted day at on, and lists the hours of the day
// in which it ends. It returns the next day that is wanted.
func (w *sweeper) step(ctx context.Context, at time.Time, next wanted) (time.Time, bool, error) {
	p, err := w.page(ctx, at, next)
	if err != nil {
		return at, false, err
	}
	if !p.full {
		w.take(p.today)
		return at, false, nil
	}
	last := p.day
	if d, ok := next(last); ok && d.Equal(last) {
		if err := w.hours(ctx, last); err != nil {
			return at, false, err
		}
		last = last.AddDate(0, 0, 1)
	}
	at, more := next(last)
	return at, more, nil
}

// sweepPage is what a page of keys told. Of the days before the last key's, it
// told all.
type sweepPage struct {
	day   time.Time // the last key's
	today []Chunk   // the container's of that day
	full  bool      // there may be more that is wanted
}

func (w *sweeper) page(ctx context.Context, at time.Time, next wanted) (p sweepPage, err error) {
	if err := w.slot(ctx); err != nil {
		return p, err
	}
	defer func() { <-w.slots }()
	p.day = at
	n := 0
	after := bucket.ListOptions{StartAfter: key.HourPrefix(w.format, w.id, at)}
	for o, err := range w.b.List(ctx, key.FormatPrefix(w.format), after) {
		if err != nil {
			return p, err
		}
		if day, ok := key.DayOf(w.format, o.Key); ok && !day.Equal(p.day) {
			w.take(p.today)
			p.day, p.today = day, nil
			if _, ok := next(day); !ok {
				return p, nil
			}
		}
		m, err := key.Parse(o.Key)
		if d, ok := next(p.day); err == nil && m.ContainerID == w.id && ok && d.Equal(p.day) {
			p.today = append(p.today, Chunk{Meta: m, SizeBytes: o.SizeBytes, ETag: o.ETag})
		}
		if n++; n == pageKeys {
			p.full = true
			return p, nil
		}
	}
	return p, nil
}

// hours lists a day hour by hour.
func (w *sweeper) hours(ctx context.Context, day time.Time) error {
	g, ctx := errgroup.WithContext(ctx)
	for hour := range 24 {
		g.Go(func() error {
			if err := w.slot(ctx); err != nil {
				return err
			}
			defer func() { <-w.slots }()
			chunks, err := list(ctx, w.b, key.HourPrefix(w.format, w.id, day.Add(time.Duration(hour)*time.Hour)))
			w.take(chunks)
			return err
		})
	}
	return g.Wait()
}

func (w *sweeper) slot(ctx context.Context) error {
	select {
	case w.slots <- struct{}{}:
		return nil
	case <-ctx.Done():
		return context.Cause(ctx)
	}
}

func (w *sweeper) take(chunks []Chunk) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.found = append(w.found, chunks...)
}

// lister lists partitions and days of a container.
type lister struct {
	b     bucket.Bucket
	id    string
	slots chan struct{}
}

func newLister(b bucket.Bucket, containerID string) *lister {
	return &lister{b, containerID, make(chan struct{}, parallelLists)}
}

// list lists hours: each by itself, or where they make many days, these together.
func (l *lister) list(ctx context.Context, ps []key.Partition) ([]Chunk, error) {
	single, whole := wholeDays(ps)
	var tasks []func(context.Context) ([]Chunk, error)
	for f, days := range whole {
		tasks = append(tasks, l.sweep(f, func(ctx context.Context, w *sweeper) error { return w.days(ctx, days) }))
	}
	for _, p := range single {
		tasks = append(tasks, func(ctx context.Context) ([]Chunk, error) {
			w := &sweeper{slots: l.slots}
			if err := w.slot(ctx); err != nil {
				return nil, err
			}
			defer func() { <-l.slots }()
			return list(ctx, l.b, key.HourPrefix(p.Format, l.id, time.Unix(p.Hour, 0)))
		})
	}
	return together(ctx, tasks)
}

// everyDay lists all days from from on, before to, of both formats.
func (l *lister) everyDay(ctx context.Context, from, to time.Time) ([]Chunk, error) {
	var tasks []func(context.Context) ([]Chunk, error)
	for _, f := range codec.Formats() {
		tasks = append(tasks, l.sweep(f, func(ctx context.Context, w *sweeper) error { return w.stretch(ctx, from, between(from, to)) }))
	}
	return together(ctx, tasks)
}

// unlisted lists the days that are too many for a list of them.
func (l *lister) unlisted(ctx context.Context, s *daySet) (chunks []Chunk, err error) {
	earliest, latest := plausibleDays()
	if s.moreEarly {
		if chunks, err = l.everyDay(ctx, key.StartOfTime, earliest); err != nil {
			return nil, err
		}
	}
	if s.moreLate {
		late, err := l.everyDay(ctx, latest.AddDate(0, 0, 1), key.EndOfTime)
		return append(chunks, late...), err
	}
	return chunks, nil
}

func (l *lister) sweep(f codec.Format, do func(context.Context, *sweeper) error) func(context.Context) ([]Chunk, error) {
	return func(ctx context.Context) ([]Chunk, error) {
		w := &sweeper{b: l.b, id: l.id, format: f, slots: l.slots}
		err := do(ctx, w)
		return w.found, err
	}
}

// together runs tasks side by side.
func together(ctx context.Context, tasks []func(context.Context) ([]Chunk, error)) ([]Chunk, error) {
	results := make([][]Chunk, len(tasks))
	g, ctx := errgroup.WithContext(ctx)
	g.SetLimit(2 * parallelLists)
	for i, task := range tasks {
		g.Go(func() (err error) {
			results[i], err = task(ctx)
			return err
		})
	}
	if err := g.Wait(); err != nil {
		return nil, err
	}
	return slices.Concat(results...), nil
}

// wholeDays takes out of partitions those that make whole days, where these are
// many, by format.
func wholeDays(ps []key.Partition) (single []key.Partition, whole map[codec.Format][]time.Time) {
	const hours = 24
	count := map[key.Partition]int{}
	for _, p := range ps {
		count[p.StartOfDay()]++
	}
	whole = map[codec.Format][]time.Time{}
	for p, n := range count {
		if n == hours {
			whole[p.Format] = append(whole[p.Format], time.Unix(p.Hour, 0).UTC())
		}
	}
	for f, days := range whole {
		if len(days) < sweepDays {
			delete(whole, f)
			continue
		}
		slices.SortFunc(days, time.Time.Compare)
	}
	for _, p := range ps {
		if count[p.StartOfDay()] < hours || whole[p.Format] == nil {
			single = append(single, p)
		}
	}
	return single, whole
}
