package filebucket

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"sync/atomic"
	"time"

	"github.com/coldtail/coldtail/archiver/bucket"
)

// A bounded folder gives up its oldest data: whole hours first, by dt= and
// hour= in the key and not by the files' age, because an imported archive is
// as old as what it tells; within the last hour to go, by the files' age. A day
// that no log can be of, as a clock was wrong, counts as when its objects were
// stored: see partition.at. Then markers go that lead nowhere: see markers.go.
//
// The size is measured by one walk at the first Put, then counted. When it
// would exceed the maximum, a second walk measures again, which accounts for
// what other processes did, and the folder is emptied to nine tenths: so the
// walks cost little for each byte written. Objects that are being put at the
// same time may exceed the maximum by their own size.

// overheadBytes is about what a file system needs for an object beside its
// content: inode, name, directory, the last block's rest. Without it a
// million small objects would count as little.
const overheadBytes = 4096

// earliest is the first day that a log can be of, and maxClockAhead how far the
// last one is ahead of now: a time zone, and the day that an entry's time may be
// ahead of its arrival (docs/format.md).
const maxClockAhead = 48 * time.Hour

var earliest = time.Date(2013, 1, 1, 0, 0, 0, 0, time.UTC)

var (
	errTooLarge = errors.New("object is larger than the folder's max-size")
	errNoRoom   = errors.New("folder has reached its max-size with files that are not chunks")
)

type limit struct {
	measured atomic.Bool
	total    atomic.Int64 // cost of all objects, valid once measured
}

// cost is what an object counts.
func cost(sizeBytes int64) int64 { return sizeBytes + overheadBytes }

func (b *Bucket) checkSize(sizeBytes int64) error {
	if b.cfg.MaxSizeBytes > 0 && cost(sizeBytes) > b.cfg.MaxSizeBytes {
		return fmt.Errorf("%w: %d of %d bytes", errTooLarge, cost(sizeBytes), b.cfg.MaxSizeBytes)
	}
	return nil
}

func (b *Bucket) hasRoom(sizeBytes int64) bool {
	return b.limit.measured.Load() && b.limit.total.Load()+cost(sizeBytes) <= b.cfg.MaxSizeBytes
}

// makeRoom removes the oldest chunks until sizeBytes more fit.
func (b *Bucket) makeRoom(ctx context.Context, root *os.Root, sizeBytes int64) error {
	if b.cfg.MaxSizeBytes <= 0 || b.hasRoom(sizeBytes) {
		return nil
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.hasRoom(sizeBytes) {
		return nil // another Put has made it
	}
	partitions, err := b.measure(ctx, root)
	if err != nil {
		return fmt.Errorf("measure folder: %w", err)
	}
	if b.hasRoom(sizeBytes) {
		return nil
	}
	before := b.limit.total.Load()
	target := min(b.cfg.MaxSizeBytes/10*9, b.cfg.MaxSizeBytes-cost(sizeBytes))
	gone, err := b.evict(ctx, root, partitions, target)
	if err != nil {
		return fmt.Errorf("remove oldest chunks: %w", err)
	}
	if err := b.dropMarkers(ctx, root, partitions); err != nil {
		return fmt.Errorf("remove old markers: %w", err)
	}
	if gone > 0 {
		b.log.Info("folder bucket was full; oldest chunks removed",
			"max_bytes", b.cfg.MaxSizeBytes, "removed_bytes", before-b.limit.total.Load(), "through", partitions[gone-1].when())
	}
	if !b.hasRoom(sizeBytes) {
		return errNoRoom
	}
	return nil
}

// partition is one hour of one format.
type partition struct {
	dir       string // key prefix, ends with a slash
	day, hour string
	stored    time.Time // when its newest object was
}

func (p *partition) when() string { return p.day + "T" + p.hour }

// at is how old the partition counts as. Objects of a clock that is ahead must
// not outlive all others: where their day is implausible, what counts is when
// they were stored; where that is still to come, too, nothing is older.
func (p *partition) at(now time.Time) time.Time {
	t, err := time.Parse("2006-01-02T15", p.when())
	if err == nil && !t.Before(earliest) && !t.After(now.Add(maxClockAhead)) {
		return t
	}
	if p.stored.After(now.Add(maxClockAhead)) {
		return time.Time{}
	}
	return p.stored
}

// partitionPattern is the directory of a chunk's key (docs/format.md).
var partitionPattern = regexp.MustCompile(`^(?:.*/)?dt=(\d{4}-\d\d-\d\d)/hour=(\d\d)/$`)

// list is List within an operation: links are nobody's objects there.
func (b *Bucket) list(ctx context.Context, root *os.Root, prefix string, yield func(bucket.Object)) error {
	dir, _ := cutLast(prefix)
	w := walker{ctx: ctx, folder: b.cfg.Dir, prefix: prefix, passLinks: true, yield: func(o bucket.Object, _ error) bool {
		yield(o)
		return true
	}}
	return w.start(root, dir)
}

// measure walks the folder and returns its partitions, oldest first. Its
// memory grows with the hours, not with the objects.
func (b *Bucket) measure(ctx context.Context, root *os.Root) ([]partition, error) {
	var partitions []partition
	var total int64
	err := b.list(ctx, root, "", func(o bucket.Object) {
		total += cost(o.SizeBytes)
		dir, _ := cutLast(o.Key)
		// A partition's objects follow each other in a listing.
		n := len(partitions)
		if n == 0 || partitions[n-1].dir != dir {
			m := partitionPattern.FindStringSubmatch(dir)
			if m == nil {
				return
			}
			partitions = append(partitions, partition{dir: dir, day: m[1], hour: m[2]})
			n++
		}
		if p := &partitions[n-1]; o.ModTime.After(p.stored) {
			p.stored = o.ModTime
		}
	})
	if err != nil {
		return nil, err
	}
	b.limit.total.Store(total)
	b.limit.measured.Store(true)
	now := time.Now()
	// Where the host's own clock is far behind, nothing is plausible: then by the names.
	slices.SortStableFunc(partitions, func(p, q partition) int {
		return cmp.Or(p.at(now).Compare(q.at(now)), cmp.Compare(p.when(), q.when()))
	})
	return partitions, nil
}

// evict removes the oldest chunks until the total is at most target, and
// returns how many of the partitions were touched.
func (b *Bucket) evict(ctx context.Context, root *os.Root, partitions []partition, target int64) (int, error) {
	for i, p := range partitions {
		if b.limit.total.Load() <= target {
			return i, nil
		}
		var objects []bucket.Object
		if err := b.list(ctx, root, p.dir, func(o bucket.Object) { objects = append(objects, o) }); err != nil {
			return i, err
		}
		slices.SortStableFunc(objects, func(a, b bucket.Object) int { return a.ModTime.Compare(b.ModTime) })
		for _, o := range objects {
			if b.limit.total.Load() <= target {
				break
			}
			if err := b.remove(root, filepath.FromSlash(o.Key)); err != nil {
				return i, err
			}
		}
	}
	return len(partitions), nil
}
