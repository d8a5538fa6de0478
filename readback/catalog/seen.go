package catalog

import (
	"context"
	"fmt"
	"iter"
	"strings"
	"sync/atomic"
	"time"

	"golang.org/x/sync/errgroup"

	"github.com/coldtail/coldtail/archiver/bucket"
	"github.com/coldtail/coldtail/codec/key"
)

// NamedSince yields the days from the day of since on, which may be zero, on which
// containers of a name have chunks.
func NamedSince(ctx context.Context, b bucket.Bucket, name string, since time.Time) iter.Seq2[key.Seen, error] {
	prefix, whole := key.ByName(name)
	return seenSince(ctx, b, prefix, whole, since)
}

// HostSince yields the days from the day of since on, which may be zero, on which
// a host's containers have chunks.
func HostSince(ctx context.Context, b bucket.Bucket, host string, since time.Time) iter.Seq2[key.Seen, error] {
	prefix, whole := key.ByHost(host)
	return seenSince(ctx, b, prefix, whole, since)
}

// NameMarkers yields all name markers in the order of service, name, host.
func NameMarkers(ctx context.Context, b bucket.Bucket) iter.Seq2[key.NameMarker, error] {
	return func(yield func(key.NameMarker, error) bool) {
		for o, err := range b.List(ctx, key.Name{}.Prefix(), bucket.ListOptions{}) {
			if err != nil {
				yield(key.NameMarker{}, err)
				return
			}
			if m, err := key.ParseNameMarker(o.Key); err == nil && !yield(m, nil) {
				return
			}
		}
	}
}

// KeysByName yields the keys of all markers by m's name, which others may have given.
func KeysByName(ctx context.Context, b bucket.Bucket, m key.NameMarker) iter.Seq2[string, error] {
	return func(yield func(string, error) bool) {
		for o, err := range b.List(ctx, m.ByNamePrefix(), bucket.ListOptions{}) {
			if !yield(o.Key, err) || err != nil {
				return
			}
		}
	}
}

// AllDays yields the days of all containers whose ids are after one, in their order.
func AllDays(ctx context.Context, b bucket.Bucket, after string) iter.Seq2[key.Day, error] {
	return func(yield func(key.Day, error) bool) {
		opts := bucket.ListOptions{}
		if after != "" {
			opts.StartAfter = key.AfterDays(after)
		}
		for o, err := range b.List(ctx, key.DaysPrefix(""), opts) {
			if err != nil {
				yield(key.Day{}, err)
				return
			}
			if d, err := key.ParseDay(o.Key); err == nil && !yield(d, nil) {
				return
			}
		}
	}
}

// seenSince lists a page; and if that is full, what is left year by year.
func seenSince(ctx context.Context, b bucket.Bucket, prefix string, whole bool, since time.Time) iter.Seq2[key.Seen, error] {
	if !whole {
		since = time.Time{}
	}
	return func(yield func(key.Seen, error) bool) {
		var after string
		if !since.IsZero() {
			after = prefix + key.DayText(since)
		}
		n := 0
		for o, err := range b.List(ctx, prefix, bucket.ListOptions{StartAfter: after}) {
			if err != nil {
				yield(key.Seen{}, err)
				return
			}
			if s, err := key.ParseSeen(o.Key); err == nil && !yield(s, nil) {
				return
			}
			if n++; n == pageKeys {
				after = o.Key
				break
			}
		}
		if n < pageKeys {
			return
		}
		years, err := seenYears(ctx, b, prefix, after)
		if err != nil {
			yield(key.Seen{}, err)
			return
		}
		for _, y := range years {
			for _, s := range y {
				if !yield(s, nil) {
					return
				}
			}
		}
	}
}

// maxSeen bounds how many containers are held in memory of one name, or of a host.
var maxSeen int64 = 200_000

// seenYears lists what follows a key, in stretches of a year or what is before and
// after those that a right clock can have given. Of a container's days in a stretch
// it returns the last one.
func seenYears(ctx context.Context, b bucket.Bucket, prefix, after string) ([][]key.Seen, error) {
	first, last := plausibleDays()
	edges := []string{""}
	for y := first.Year(); y <= last.Year()+1; y++ {
		edges = append(edges, prefix+key.DayText(time.Date(y, 1, 1, 0, 0, 0, 0, time.UTC)))
	}
	edges = append(edges, prefix+"\xff")
	years := make([][]key.Seen, len(edges)-1)
	var total atomic.Int64
	g, ctx := errgroup.WithContext(ctx)
	for i := range years {
		from, to := max(edges[i], after), edges[i+1]
		if from >= to {
			continue
		}
		g.Go(func() (err error) {
			years[i], err = seenBetween(ctx, b, prefix, from, to, &total)
			return err
		})
	}
	return years, g.Wait()
}

func seenBetween(ctx context.Context, b bucket.Bucket, prefix, from, to string, total *atomic.Int64) (all []key.Seen, err error) {
	at := map[string]int{}
	for o, err := range b.List(ctx, prefix, bucket.ListOptions{StartAfter: from}) {
		if err != nil {
			return nil, err
		}
		if o.Key > to {
			return all, nil
		}
		s, err := key.ParseSeen(o.Key)
		if err != nil {
			continue
		}
		who := o.Key[strings.LastIndexByte(o.Key, '/')+1:]
		if i, ok := at[who]; ok && all[i].Name == s.Name {
			all[i].Day = s.Day
			continue
		}
		if total.Add(1) > maxSeen {
			return nil, fmt.Errorf("more than %d containers: narrow them by --service, --host or --since", maxSeen)
		}
		at[who] = len(all)
		all = append(all, s)
	}
	return all, nil
}

// IDs returns two containers at most whose ids start with so many hexadecimal
// digits, by their day markers.
func IDs(ctx context.Context, b bucket.Bucket, start string) (ids []string, err error) {
	prefix := key.DaysPrefix(start)
	after := ""
next:
	for len(ids) < 2 {
		for o, err := range b.List(ctx, prefix, bucket.ListOptions{StartAfter: after}) {
			if err != nil {
				return nil, err
			}
			id, ok := key.OfLaterVersion(o.Key) // which is said once its days are listed
			if d, err := key.ParseDay(o.Key); err == nil {
				id, ok = d.ContainerID, true
			}
			if ok {
				ids = append(ids, id)
				after = key.AfterDays(id)
				continue next
			}
		}
		return ids, nil
	}
	return ids, nil
}

// IsComplete reports whether each container of the archive is found by its name and
// its host: all who ever wrote to it gave these markers, or Reindex did.
func IsComplete(ctx context.Context, b bucket.Bucket) (bool, error) {
	for o, err := range b.List(ctx, key.Complete, bucket.ListOptions{}) {
		return err == nil && o.Key == key.Complete, err
	}
	return false, nil
}
