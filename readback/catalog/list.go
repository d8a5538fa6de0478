package catalog

import (
	"cmp"
	"context"
	"iter"
	"slices"
	"time"

	"github.com/coldtail/coldtail/archiver/bucket"
	"github.com/coldtail/coldtail/codec"
	"github.com/coldtail/coldtail/codec/key"
)

// parallelLists bounds the listings that one call makes at a time: an hour is
// a request, a day 24.
const parallelLists = 32

// Chunk is an archived object.
type Chunk struct {
	key.Meta
	SizeBytes int64
	ETag      string
	// SHA256 is what the content must have, in hexadecimal digits, and ETag then what it
	// had when it was written; empty where that is not known.
	SHA256 string
}

// The functions below pass over keys that are not coldtail's: others may keep
// their files in the same prefix. `coldtail verify` names them.

// Days returns the days on which a container has chunks, oldest first, one for
// each format.
func Days(ctx context.Context, b bucket.Bucket, containerID string) ([]key.Day, error) {
	marked, err := daysSince(ctx, b, containerID, time.Time{})
	if err != nil {
		return nil, err
	}
	var days []key.Day
	for _, d := range marked.all() {
		days = append(days, d.Day)
	}
	return days, nil
}

// ListHour returns a container's chunks of one hour, in the order of List.
func ListHour(ctx context.Context, b bucket.Bucket, f codec.Format, containerID string, hour time.Time) ([]Chunk, error) {
	chunks, err := list(ctx, b, key.HourPrefix(f, containerID, hour))
	Sort(chunks)
	return chunks, err
}

// ListDay returns a container's chunks of one day, in the order of List.
func ListDay(ctx context.Context, b bucket.Bucket, d key.Day) ([]Chunk, error) {
	chunks, err := newLister(b, d.ContainerID).list(ctx, partitions([]markedDay{{Day: d}}))
	Sort(chunks)
	return chunks, err
}

// List returns all chunks of a container in the order in which their entries
// arrived: grouped by spool id, the groups by their smallest sequence number,
// since a container that lost its local state has started again at a larger
// one; within a group by the first sequence number.
func List(ctx context.Context, b bucket.Bucket, containerID string) ([]Chunk, error) {
	days, err := daysSince(ctx, b, containerID, time.Time{})
	if err != nil {
		return nil, err
	}
	l := newLister(b, containerID)
	chunks, err := l.list(ctx, partitions(days.all()))
	if err != nil {
		return nil, err
	}
	more, err := l.unlisted(ctx, days)
	chunks = append(chunks, more...)
	Sort(chunks)
	return slices.CompactFunc(chunks, func(a, b Chunk) bool { return a.Meta == b.Meta }), err
}

func list(ctx context.Context, b bucket.Bucket, prefix string) ([]Chunk, error) {
	var chunks []Chunk
	for o, err := range b.List(ctx, prefix, bucket.ListOptions{}) {
		if err != nil {
			return nil, err
		}
		if m, err := key.Parse(o.Key); err == nil {
			chunks = append(chunks, Chunk{Meta: m, SizeBytes: o.SizeBytes, ETag: o.ETag})
		}
	}
	return chunks, nil
}

// Sort puts chunks of one container into the order of List.
func Sort(chunks []Chunk) {
	smallest := map[string]int64{}
	for _, c := range chunks {
		if s, ok := smallest[c.SpoolID]; !ok || c.FirstSeq < s {
			smallest[c.SpoolID] = c.FirstSeq
		}
	}
	slices.SortFunc(chunks, func(a, b Chunk) int {
		if a.SpoolID != b.SpoolID {
			return cmp.Or(cmp.Compare(smallest[a.SpoolID], smallest[b.SpoolID]), cmp.Compare(a.SpoolID, b.SpoolID))
		}
		if a.FirstSeq != b.FirstSeq {
			return cmp.Compare(a.FirstSeq, b.FirstSeq)
		}
		return cmp.Or(cmp.Compare(a.MinNano, b.MinNano), cmp.Compare(a.LastSeq, b.LastSeq), a.Hour.Compare(b.Hour))
	})
}

// Names yields the containers whose marker has the given parts; an empty part of
// the filter matches all. They come in the order of service, name, host. It stops
// after the first error.
func Names(ctx context.Context, b bucket.Bucket, filter key.Name) iter.Seq2[key.Name, error] {
	return func(yield func(key.Name, error) bool) {
		for o, err := range b.List(ctx, filter.Prefix(), bucket.ListOptions{}) {
			if err != nil {
				yield(key.Name{}, err)
				return
			}
			n, err := key.ParseName(o.Key)
			if err == nil && filter.Matches(o.Key) && !yield(n, nil) {
				return
			}
		}
	}
}
