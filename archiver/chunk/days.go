package chunk

import (
	"context"
	"slices"
	"time"

	"golang.org/x/sync/errgroup"

	"github.com/coldtail/coldtail/archiver/bucket"
)

// A listing comes in pages of a thousand keys, one after the other. Windows of
// two years hold 731 markers of one format, so that each is one page.
const (
	windowDays = 731
	windows    = 5
)

// markedDay is a day and when its marker was put; zero where the store does not say.
type markedDay struct {
	Day
	put time.Time
}

// daysSince returns the days on which a container has chunks from the day of
// since on, which may be zero, oldest first.
func daysSince(ctx context.Context, b bucket.Bucket, containerID string, since time.Time) ([]markedDay, error) {
	if since.IsZero() {
		return daysBetween(ctx, b, containerID, "", "")
	}
	return daysBetween(ctx, b, containerID, since.UTC().Format(dayLayout), "")
}

// daysBetween lists the markers of days from from on, before to, where these
// are not empty.
func daysBetween(ctx context.Context, b bucket.Bucket, containerID, from, to string) ([]markedDay, error) {
	prefix := dayPrefix + containerID + "/"
	var opts bucket.ListOptions
	if from != "" {
		opts.StartAfter = prefix + from
	}
	var days []markedDay
	for o, err := range b.List(ctx, prefix, opts) {
		if err != nil {
			return nil, err
		}
		if to != "" && o.Key >= prefix+to {
			break
		}
		if d, err := ParseDayKey(o.Key); err == nil {
			days = append(days, markedDay{d, o.ModTime})
		}
	}
	return days, nil
}

// newestDays returns at least the container's newest days, oldest first, and
// whether these are all. A listing runs from the oldest on, so it begins two
// years ago, and only where nothing is so new, longer ago.
func newestDays(ctx context.Context, b bucket.Bucket, containerID string) (days []markedDay, all bool, err error) {
	edge := time.Now().AddDate(0, 0, -windowDays)
	days, err = daysSince(ctx, b, containerID, edge)
	if err != nil || len(days) > 0 {
		return days, false, err
	}
	results := make([][]markedDay, windows)
	g, ctx := errgroup.WithContext(ctx)
	to := edge
	for i := range results {
		from := to.AddDate(0, 0, -windowDays)
		first, last := from.UTC().Format(dayLayout), to.UTC().Format(dayLayout)
		to = from
		if i == windows-1 {
			first = "" // whatever is older
		}
		g.Go(func() error {
			var err error
			results[windows-1-i], err = daysBetween(ctx, b, containerID, first, last)
			return err
		})
	}
	if err := g.Wait(); err != nil {
		return nil, false, err
	}
	return slices.Concat(results...), true, nil
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
