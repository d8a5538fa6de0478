package filebucket

import (
	"context"
	"errors"
	"hash/maphash"
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"time"

	"github.com/coldtail/coldtail/archiver/bucket"
)

// Markers count as much as small objects, so those that lead nowhere go when
// room is made: of days of which nothing is left, and of containers of which
// nothing is left, or a folder would fill with the markers of containers that
// lived for a day. docs/format.md has their keys: a part of each is a container's id.
const (
	markers    = "index/"
	dayMarkers = "index/day/" // <container>/<day>/<format>
	byMarkers  = "index/by-"  // …/<name>/<day>/<service>/<host>/<container>, and the same by host
)

// containerID is the form of a container's id in keys.
var containerID = regexp.MustCompile(`^[0-9a-f]{64}$`)

// markerGrace spares markers that were put for an object still to come.
const markerGrace = 2 * time.Hour

// touchMarker notes that a marker is wanted again, which is put only once.
func touchMarker(root *os.Root, path string, info fs.FileInfo) {
	if info.Size() == 0 && time.Since(info.ModTime()) > markerGrace/4 {
		now := time.Now()
		_ = root.Chtimes(path, now, now) // is somebody else's, perhaps
	}
}

// remains is what is left of an archive.
type remains struct {
	seed       maphash.Seed
	since      string          // a day that is not over, or hardly
	days       map[string]bool // of which there is something
	containers map[uint64]bool // hashes of ids, as there may be a million
}

func (r *remains) container(id string) bool {
	return r.containers[maphash.String(r.seed, id)]
}

// current reports whether more may come of a day.
func (r *remains) current(day string) bool {
	return day >= r.since && day <= time.Now().Add(maxClockAhead).UTC().Format(time.DateOnly)
}

// wants reports whether a marker leads to anything, or is of an unknown kind.
func (r *remains) wants(key string) bool {
	parts := strings.Split(key, "/")
	ofDay := strings.HasPrefix(key, dayMarkers) && len(parts) == 5 || strings.HasPrefix(key, byMarkers) && len(parts) == 7
	if ofDay && !r.days[parts[3]] && !r.current(parts[3]) {
		return false
	}
	known := false
	for _, part := range parts {
		if containerID.MatchString(part) {
			if r.container(part) {
				return true
			}
			known = true
		}
	}
	return !known
}

// remaining looks through partitions after some of their objects have gone.
func (b *Bucket) remaining(ctx context.Context, root *os.Root, partitions []partition) (*remains, error) {
	since := time.Now().Add(-maxClockAhead).UTC().Format(time.DateOnly)
	r := &remains{seed: maphash.MakeSeed(), since: since, days: map[string]bool{}, containers: map[uint64]bool{}}
	for _, p := range partitions {
		err := b.list(ctx, root, p.dir, func(o bucket.Object) {
			r.days[p.day] = true
			id, _, _ := strings.Cut(o.Key[len(p.dir):], "-")
			r.containers[maphash.String(r.seed, id)] = true
		})
		if err != nil {
			return nil, err
		}
	}
	return r, nil
}

// dropMarkers removes the markers that lead nowhere.
func (b *Bucket) dropMarkers(ctx context.Context, root *os.Root, partitions []partition) error {
	left, err := b.remaining(ctx, root, partitions)
	if err != nil {
		return err
	}
	var failed error
	err = b.list(ctx, root, markers, func(o bucket.Object) {
		if failed == nil && o.SizeBytes == 0 && time.Since(o.ModTime) > markerGrace && !left.wants(o.Key) {
			failed = b.remove(root, filepath.FromSlash(o.Key))
		}
	})
	return errors.Join(err, failed)
}
