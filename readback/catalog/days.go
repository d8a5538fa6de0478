package catalog

import (
	"context"
	"slices"
	"time"

	"golang.org/x/sync/errgroup"

	"github.com/coldtail/coldtail/archiver/bucket"
	"github.com/coldtail/coldtail/codec/key"
)

// A listing comes in pages of a thousand keys, one after the other. Windows of
// two years hold 731 markers of one format, so that each is one page.
const (
	pageKeys   = 1000
	windowDays = 731
	windows    = 5
)

// markedDay is a day and when its marker was put; zero where the store does not say.
type markedDay struct {
	key.Day
	put time.Time
}

// daySet is the days that markers name, oldest first. Anybody who may put
// objects may name any day between the years 0 and 9999. So days that a right
// clock cannot have given are kept apart, and of each side pageKeys at most;
// where there are more, no list says which.
type daySet struct {
	days                []markedDay
	early, late         []markedDay // before coldtail was, and days ahead of now
	moreEarly, moreLate bool
}

// plausibleDays are the days that a right clock can have given, as of now.
func plausibleDays() (earliest, latest time.Time) { return key.PlausibleDays(time.Now()) }

// add keeps a marked day, and reports whether those that follow it are of use.
func (s *daySet) add(d markedDay, earliest, latest time.Time) bool {
	switch {
	case d.Day.Day.Before(earliest):
		if s.moreEarly = len(s.early) >= pageKeys; !s.moreEarly {
			s.early = append(s.early, d)
		}
		return !s.moreEarly
	case d.Day.Day.After(latest):
		if s.moreLate = len(s.late) >= pageKeys; !s.moreLate {
			s.late = append(s.late, d)
		}
		return !s.moreLate
	}
	s.days = append(s.days, d)
	return true
}

// all returns the days that are known, oldest first. Where late ones are too many
// for a list, the last of all calendars stands for them.
func (s *daySet) all() []markedDay {
	days := slices.Concat(s.early, s.days, s.late)
	if s.moreLate {
		d := s.late[0]
		d.Day.Day = key.EndOfTime.AddDate(0, 0, -1)
		days = append(days, d)
	}
	return days
}

// daysSince returns the days on which a container has chunks from the day of
// since on, which may be zero, oldest first.
func daysSince(ctx context.Context, b bucket.Bucket, containerID string, since time.Time) (*daySet, error) {
	var s daySet
	if since.IsZero() {
		return &s, s.load(ctx, b, containerID, "", "")
	}
	return &s, s.load(ctx, b, containerID, key.DayText(since), "")
}

// load lists the markers of days from from on, before to, where these are not
// empty.
func (s *daySet) load(ctx context.Context, b bucket.Bucket, containerID, from, to string) error {
	more, err := s.loadPart(ctx, b, containerID, from, to)
	if err == nil && more && s.moreEarly && !s.moreLate {
		_, err = s.loadPart(ctx, b, containerID, key.DayText(key.FirstDay()), to)
	}
	return err
}

// loadPart ends where more days are of no use, and reports whether it did.
func (s *daySet) loadPart(ctx context.Context, b bucket.Bucket, containerID, from, to string) (more bool, err error) {
	prefix := key.DaysPrefix(containerID) + "/"
	var opts bucket.ListOptions
	if from != "" {
		opts.StartAfter = prefix + from
	}
	earliest, latest := plausibleDays()
	for o, err := range b.List(ctx, prefix, opts) {
		if err != nil {
			return false, err
		}
		if to != "" && o.Key >= prefix+to {
			break
		}
		if d, err := key.ParseDay(o.Key); err == nil && !s.add(markedDay{d, o.ModTime}, earliest, latest) {
			return true, nil
		}
	}
	return false, nil
}

// newestDays returns at least the container's newest days, oldest first, and
// whether these are all. A listing runs from the oldest on, so it begins two
// years ago, and only where nothing is so new, longer ago.
func newestDays(ctx context.Context, b bucket.Bucket, containerID string) (s *daySet, all bool, err error) {
	edge := time.Now().AddDate(0, 0, -windowDays)
	s, err = daysSince(ctx, b, containerID, edge)
	if err != nil || len(s.days) > 0 {
		return s, false, err
	}
	results := make([]daySet, windows)
	g, ctx := errgroup.WithContext(ctx)
	to := edge
	for i := range results {
		from := to.AddDate(0, 0, -windowDays)
		first, last := key.DayText(from), key.DayText(to)
		to = from
		if i == windows-1 {
			first = "" // whatever is older
		}
		g.Go(func() error { return results[windows-1-i].load(ctx, b, containerID, first, last) })
	}
	if err := g.Wait(); err != nil {
		return nil, false, err
	}
	older := daySet{late: s.late, moreLate: s.moreLate}
	for _, r := range results {
		older.early = append(older.early, r.early...)
		older.days = append(older.days, r.days...)
		older.moreEarly = older.moreEarly || r.moreEarly
		older.late = append(older.late, r.late...) // only of a clock before 2013
		older.moreLate = older.moreLate || r.moreLate
	}
	return &older, true, nil
}

// setBack tells that days were begun in another order than that of the
// calendar: the clock once ran ahead, so that the newest entries are not those
// of the last day. A day's difference does not count, as buckets are copied.
func setBack(days []markedDay) bool {
	if len(days) == 0 {
		return false
	}
	last := days[len(days)-1]
	return !last.put.IsZero() && slices.ContainsFunc(days, func(d markedDay) bool {
		return d.Day.Day.Before(last.Day.Day) && d.put.Sub(last.put) > 24*time.Hour
	})
}
