package chunk

import (
	"context"
	"fmt"
	"iter"
	"strings"
	"sync/atomic"
	"time"

	"golang.org/x/sync/errgroup"

	"github.com/coldtail/coldtail/archiver/bucket"
)

// IndexPrefix is what the keys of all markers start with.
const IndexPrefix = "index/"

// ByHostPrefix is what the keys of all markers by host start with.
const ByHostPrefix = "index/by-host/"

const (
	byNamePrefix = "index/by-name/"
	// completeKey is a marker of the archive, not of a container: see Complete.
	completeKey = "index/complete/by-name"
)

// Seen tells that a container had chunks on a day, and who it was. It is what is
// found by a container's name or its host, where Name is found by its service.
type Seen struct {
	Name
	Day time.Time // its start, UTC
}

// NameKey is the key of the marker by name.
func (s Seen) NameKey() string { return s.key(byNamePrefix, s.Name.Name, s.Service, s.Host) }

// HostKey is the key of the marker by host.
func (s Seen) HostKey() string { return s.key(ByHostPrefix, s.Host, s.Service, s.Name.Name) }

func (s Seen) key(tree, by, second, third string) string {
	return tree + escape(by) + "/" + dayText(s.Day) + "/" + escape(second) + "/" + escape(third) + "/" + s.ContainerID
}

// ParseSeenKey is the inverse of NameKey and HostKey, as strict as ParseNameKey.
func ParseSeenKey(key string) (Seen, error) {
	tree, host := byNamePrefix, false
	if strings.HasPrefix(key, ByHostPrefix) {
		tree, host = ByHostPrefix, true
	}
	rest, ok := strings.CutPrefix(key, tree)
	parts := strings.Split(rest, "/")
	if !ok || len(parts) != 5 || !isHex(parts[4], containerLen) {
		return Seen{}, keyError(key, errMarker)
	}
	s := Seen{Name: Name{ContainerID: parts[4]}}
	var err error
	if s.Day, err = time.Parse(dayLayout, parts[1]); err != nil {
		return Seen{}, keyError(key, fmt.Errorf("%w: no such day", errMarker))
	}
	by := [3]*string{&s.Name.Name, &s.Service, &s.Host}
	if host {
		by = [3]*string{&s.Host, &s.Service, &s.Name.Name}
	}
	for i, part := range []string{parts[0], parts[2], parts[3]} {
		if *by[i], err = unescape(part); err != nil {
			return Seen{}, keyError(key, err)
		}
	}
	return s, nil
}

// Markers are the keys of all markers that announce a chunk of who n is, to be put
// before it.
func (m Meta) Markers(n Name) []string {
	n.ContainerID = m.ContainerID
	s := Seen{n, day(m.Hour)}
	return []string{n.Key(), s.HostKey(), s.NameKey(), m.DayKey()}
}

// NamedSince yields the days from the day of since on, which may be zero, on which
// containers of a name have chunks.
func NamedSince(ctx context.Context, b bucket.Bucket, name string, since time.Time) iter.Seq2[Seen, error] {
	return seenSince(ctx, b, byNamePrefix+escape(name), since)
}

// HostSince yields the days from the day of since on, which may be zero, on which
// a host's containers have chunks.
func HostSince(ctx context.Context, b bucket.Bucket, host string, since time.Time) iter.Seq2[Seen, error] {
	return seenSince(ctx, b, ByHostPrefix+escape(host), since)
}

// NameMarker is a name marker's key as it is, which has all of a long name's hash.
type NameMarker struct {
	service, name, host string // escaped
	ContainerID         string
}

// NameMarkers yields all name markers in the order of service, name, host.
func NameMarkers(ctx context.Context, b bucket.Bucket) iter.Seq2[NameMarker, error] {
	return func(yield func(NameMarker, error) bool) {
		for o, err := range b.List(ctx, namePrefix, bucket.ListOptions{}) {
			if err != nil {
				yield(NameMarker{}, err)
				return
			}
			if _, err := ParseNameKey(o.Key); err != nil {
				continue
			}
			p := strings.Split(o.Key[len(namePrefix):], "/")
			if !yield(NameMarker{p[0], p[1], p[2], p[3]}, nil) {
				return
			}
		}
	}
}

// SameName reports whether both are of one name.
func (m NameMarker) SameName(o NameMarker) bool { return m.name == o.name }

// Seen are the keys of the markers by host and by name of a day.
func (m NameMarker) Seen(day time.Time) (byHost, byName string) {
	date := dayText(day)
	return ByHostPrefix + m.host + "/" + date + "/" + m.service + "/" + m.name + "/" + m.ContainerID,
		byNamePrefix + m.name + "/" + date + "/" + m.service + "/" + m.host + "/" + m.ContainerID
}

// ByName yields the keys of all markers by m's name, which others may have given.
func (m NameMarker) ByName(ctx context.Context, b bucket.Bucket) iter.Seq2[string, error] {
	return func(yield func(string, error) bool) {
		for o, err := range b.List(ctx, byNamePrefix+m.name+"/", bucket.ListOptions{}) {
			if !yield(o.Key, err) || err != nil {
				return
			}
		}
	}
}

// AllDays yields the days of all containers whose ids are after one, in their order.
func AllDays(ctx context.Context, b bucket.Bucket, after string) iter.Seq2[Day, error] {
	return func(yield func(Day, error) bool) {
		opts := bucket.ListOptions{}
		if after != "" {
			opts.StartAfter = dayPrefix + after + "0" // the byte behind the slash
		}
		for o, err := range b.List(ctx, dayPrefix, opts) {
			if err != nil {
				yield(Day{}, err)
				return
			}
			if d, err := ParseDayKey(o.Key); err == nil && !yield(d, nil) {
				return
			}
		}
	}
}

// seenSince lists a page; and if that is full, what is left year by year.
func seenSince(ctx context.Context, b bucket.Bucket, prefix string, since time.Time) iter.Seq2[Seen, error] {
	// Of names that were cut only what is left is compared, as elsewhere: what gave
	// the marker may have known less of the name.
	if kept, _, wasCut := strings.Cut(prefix, cutMark); wasCut {
		prefix, since = kept+cutMark, time.Time{}
	} else {
		prefix += "/"
	}
	return func(yield func(Seen, error) bool) {
		var after string
		if !since.IsZero() {
			after = prefix + dayText(since)
		}
		n := 0
		for o, err := range b.List(ctx, prefix, bucket.ListOptions{StartAfter: after}) {
			if err != nil {
				yield(Seen{}, err)
				return
			}
			if s, err := ParseSeenKey(o.Key); err == nil && !yield(s, nil) {
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
			yield(Seen{}, err)
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
func seenYears(ctx context.Context, b bucket.Bucket, prefix, after string) ([][]Seen, error) {
	first, last := PlausibleDays()
	edges := []string{""}
	for y := first.Year(); y <= last.Year()+1; y++ {
		edges = append(edges, prefix+dayText(time.Date(y, 1, 1, 0, 0, 0, 0, time.UTC)))
	}
	edges = append(edges, prefix+"\xff")
	years := make([][]Seen, len(edges)-1)
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

func seenBetween(ctx context.Context, b bucket.Bucket, prefix, from, to string, total *atomic.Int64) (all []Seen, err error) {
	at := map[string]int{}
	for o, err := range b.List(ctx, prefix, bucket.ListOptions{StartAfter: from}) {
		if err != nil {
			return nil, err
		}
		if o.Key > to {
			return all, nil
		}
		s, err := ParseSeenKey(o.Key)
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
	prefix := dayPrefix + start
	after := ""
next:
	for len(ids) < 2 {
		for o, err := range b.List(ctx, prefix, bucket.ListOptions{StartAfter: after}) {
			if err != nil {
				return nil, err
			}
			id, ok := newer(o.Key) // which is said once its days are listed
			if d, err := ParseDayKey(o.Key); err == nil {
				id, ok = d.ContainerID, true
			}
			if ok {
				ids = append(ids, id)
				after = dayPrefix + id + "0" // the byte behind the slash
				continue next
			}
		}
		return ids, nil
	}
	return ids, nil
}

// CompleteKey is the key of the marker that says so: see Complete.
func CompleteKey() string { return completeKey }

// IsMarker reports whether a key is that of a marker of this version.
func IsMarker(key string) bool {
	_, day := ParseDayKey(key)
	_, name := ParseNameKey(key)
	_, seen := ParseSeenKey(key)
	return day == nil || name == nil || seen == nil || key == completeKey
}

// Complete reports whether each container of the archive is found by its name and
// its host: all who ever wrote to it gave these markers, or Reindex did.
func Complete(ctx context.Context, b bucket.Bucket) (bool, error) {
	for o, err := range b.List(ctx, completeKey, bucket.ListOptions{}) {
		return err == nil && o.Key == completeKey, err
	}
	return false, nil
}
