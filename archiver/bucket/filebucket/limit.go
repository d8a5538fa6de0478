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
	"strings"
	"sync/atomic"
	"time"

	"github.com/coldtail/coldtail/archiver/bucket"
)

// A bounded folder gives up its oldest data: whole hours first, by dt= and
// hour= in the key and not by the files' age, because an imported archive is
// as old as what it tells; within the last hour to go, by the files' age. Day
// markers of days that are gone go with them, and name markers of containers
// that have no day left (docs/format.md has the keys).
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

// markerGrace spares markers that were written for an object still to come.
const markerGrace = time.Hour

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
func (b *Bucket) makeRoom(ctx context.Context, sizeBytes int64) error {
	if b.cfg.MaxSizeBytes <= 0 || b.hasRoom(sizeBytes) {
		return nil
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.hasRoom(sizeBytes) {
		return nil // another Put has made it
	}
	partitions, err := b.measure(ctx)
	if err != nil {
		return fmt.Errorf("measure folder: %w", err)
	}
	if b.hasRoom(sizeBytes) {
		return nil
	}
	before := b.limit.total.Load()
	target := min(b.cfg.MaxSizeBytes/10*9, b.cfg.MaxSizeBytes-cost(sizeBytes))
	gone, err := b.evict(ctx, partitions, target)
	if err != nil {
		return fmt.Errorf("remove oldest chunks: %w", err)
	}
	if err := b.dropMarkers(ctx, partitions); err != nil {
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
	format    string // what stands before dt=, with its slash; may be empty
	day, hour string
	sizeBytes int64 // cost of its objects
}

func (p *partition) when() string { return p.day + "T" + p.hour }

// partitionPattern is the directory of a chunk's key (docs/format.md).
var partitionPattern = regexp.MustCompile(`^(.*/)?dt=(\d{4}-\d\d-\d\d)/hour=(\d\d)/$`)

// measure walks the folder and returns its partitions, oldest first. Its
// memory grows with the hours, not with the objects.
func (b *Bucket) measure(ctx context.Context) ([]partition, error) {
	var partitions []partition
	var total int64
	for o, err := range b.List(ctx, "", bucket.ListOptions{}) {
		if err != nil {
			return nil, err
		}
		total += cost(o.SizeBytes)
		dir, _ := cutLast(o.Key)
		// A partition's objects follow each other in a listing.
		if n := len(partitions); n > 0 && partitions[n-1].dir == dir {
			partitions[n-1].sizeBytes += cost(o.SizeBytes)
		} else if m := partitionPattern.FindStringSubmatch(dir); m != nil {
			partitions = append(partitions, partition{dir: dir, format: m[1], day: m[2], hour: m[3], sizeBytes: cost(o.SizeBytes)})
		}
	}
	b.limit.total.Store(total)
	b.limit.measured.Store(true)
	slices.SortStableFunc(partitions, func(p, q partition) int {
		return cmp.Or(cmp.Compare(p.day, q.day), cmp.Compare(p.hour, q.hour))
	})
	return partitions, nil
}

// evict removes the oldest chunks until the total is at most target, and
// returns how many of the partitions were touched.
func (b *Bucket) evict(ctx context.Context, partitions []partition, target int64) (int, error) {
	for i, p := range partitions {
		if b.limit.total.Load() <= target {
			return i, nil
		}
		var objects []bucket.Object
		for o, err := range b.List(ctx, p.dir, bucket.ListOptions{}) {
			if err != nil {
				return i, err
			}
			objects = append(objects, o)
		}
		slices.SortStableFunc(objects, func(a, b bucket.Object) int { return a.ModTime.Compare(b.ModTime) })
		for _, o := range objects {
			if b.limit.total.Load() <= target {
				break
			}
			if err := b.removeKey(o.Key); err != nil {
				return i, err
			}
		}
	}
	return len(partitions), nil
}

// dropMarkers removes the markers of days before the oldest that is left.
func (b *Bucket) dropMarkers(ctx context.Context, partitions []partition) error {
	if len(partitions) == 0 {
		return nil
	}
	oldest := partitions[len(partitions)-1].day + "\xff" // in case nothing is left
	for _, p := range partitions {
		entries, err := readDir(b.cfg.Dir, p.dir)
		if err != nil {
			return err
		}
		if len(entries) > 0 {
			oldest = p.day
			break
		}
	}
	if oldest == partitions[0].day {
		return nil // not one whole day has gone
	}
	lost, err := b.dropDayMarkers(oldest)
	if err != nil || len(lost) == 0 {
		return err
	}
	for o, err := range b.List(ctx, "index/name/", bucket.ListOptions{}) {
		if err != nil {
			return err
		}
		if _, id := cutLast(o.Key); lost[id] {
			if err := b.removeKey(o.Key); err != nil {
				return err
			}
		}
	}
	return nil
}

// removeKey is remove for a key that a listing gave.
func (b *Bucket) removeKey(key string) error {
	return b.remove(filepath.Join(b.cfg.Dir, filepath.FromSlash(key)))
}

// dropDayMarkers removes index/day/<container>/<day>/<format> for all days
// before oldest and returns the containers that have none left.
func (b *Bucket) dropDayMarkers(oldest string) (map[string]bool, error) {
	const root = "index/day/"
	lost := map[string]bool{}
	containers, err := readDir(b.cfg.Dir, root)
	if err != nil {
		return nil, err
	}
	for _, c := range containers {
		days, err := readDir(b.cfg.Dir, root+c.sortName)
		if err != nil {
			return nil, err
		}
		for _, day := range days {
			if day.Name() >= oldest {
				break
			}
			dir := root + c.sortName + day.sortName
			markers, err := readDir(b.cfg.Dir, dir)
			if err != nil {
				return nil, err
			}
			for _, m := range markers {
				if info, err := m.Info(); err != nil || time.Since(info.ModTime()) < markerGrace {
					continue
				}
				if err := b.removeKey(dir + m.Name()); err != nil {
					return nil, err
				}
			}
		}
		if _, err := os.Stat(filepath.Join(b.cfg.Dir, root+c.sortName)); errors.Is(err, os.ErrNotExist) {
			lost[strings.TrimSuffix(c.sortName, "/")] = true
		}
	}
	return lost, nil
}
