package archiver

import (
	"cmp"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"

	"github.com/docker/go-units"
	"github.com/prometheus/client_golang/prometheus"

	"github.com/coldtail/coldtail/archiver/durable"
	"github.com/coldtail/coldtail/archiver/spool"
)

// Quarantine is what lies in the quarantines of all containers.
type Quarantine struct {
	Files int   `json:"files"`
	Bytes int64 `json:"bytes"`
	// Unarchived is how many of the files had entries that are not in the bucket.
	Unarchived int `json:"unarchived_files"`
	// Paths are those of such files, of maxPaths at most.
	Paths []string `json:"paths,omitempty"`
}

const maxPaths = 10

// quarantineShare is the quarantine's part of the total quota: an eighth.
const quarantineShare = 8

// Why files are removed from the quarantine.
const (
	becauseShare = "the quarantine may take an eighth of the spool's quota"
	becauseTotal = "the spool of all containers is full"
	becauseDisk  = "the disk is full"
)

// err is what a flush returns if entries in quarantine are not archived.
func (q *Quarantine) err() error {
	if q.Unarchived == 0 {
		return nil
	}
	more := ""
	if n := q.Unarchived - len(q.Paths); n > 0 {
		more = fmt.Sprintf(" and %d more", n)
	}
	return fmt.Errorf("not everything is archived: %d files with entries that were damaged or could not be encoded lie in quarantine (%s): %s%s; remove them once you no longer need them",
		q.Unarchived, units.BytesSize(float64(q.Bytes)), strings.Join(q.Paths, ", "), more)
}

// aside knows what lies in the quarantines. It looks at a container's at the start
// and after something was put there, so that asking costs nothing.
type aside struct {
	root    string // of the containers' directories
	log     *slog.Logger
	removed prometheus.Counter

	mu    sync.Mutex
	byID  map[string][]spool.AsideFile // by container; none without files
	files []spool.AsideFile            // in the order in which they are removed
	sums  Quarantine
	stale bool // files and sums do not fit byID
}

// lookAside counts what lies in the quarantines of open logs, as these put there
// what they repair, and in those that were not empty.
func (a *Archiver) lookAside() {
	for _, s := range a.all() {
		a.aside.look(s.id)
	}
	a.aside.lookAgain()
}

// look counts a container's quarantine anew.
func (q *aside) look(id string) {
	files, err := spool.Aside(filepath.Join(q.root, id))
	if err != nil {
		q.log.Error("cannot count what lies in quarantine", "container", id, "err", err)
		return
	}
	q.mu.Lock()
	defer q.mu.Unlock()
	if len(files) == 0 && len(q.byID[id]) == 0 {
		return
	}
	if q.byID == nil {
		q.byID = map[string][]spool.AsideFile{}
	}
	if q.byID[id] = files; len(files) == 0 {
		delete(q.byID, id)
	}
	q.stale = true
}

// lookAgain counts those anew that were not empty: a user may have removed files.
func (q *aside) lookAgain() {
	for _, id := range q.containers() {
		q.look(id)
	}
}

func (q *aside) containers() []string {
	q.mu.Lock()
	defer q.mu.Unlock()
	return slices.Collect(maps.Keys(q.byID))
}

// sumUp orders the files if anything has changed: first those of which the bucket
// has all, then the oldest. Called with mu held.
func (q *aside) sumUp() {
	if !q.stale {
		return
	}
	q.stale = false
	q.files = slices.Concat(slices.Collect(maps.Values(q.byID))...)
	slices.SortFunc(q.files, func(x, y spool.AsideFile) int {
		switch {
		case !x.Unarchived && y.Unarchived:
			return -1
		case x.Unarchived && !y.Unarchived:
			return 1
		}
		return cmp.Or(x.Modified.Compare(y.Modified), cmp.Compare(x.Path, y.Path))
	})
	q.sums = Quarantine{Files: len(q.files)}
	for _, f := range q.files {
		q.sums.Bytes += f.SizeBytes
		if !f.Unarchived {
			continue
		}
		if q.sums.Unarchived++; len(q.sums.Paths) < maxPaths {
			q.sums.Paths = append(q.sums.Paths, f.Path)
		}
	}
}

// sum returns the figures.
func (q *aside) sum() Quarantine {
	q.mu.Lock()
	defer q.mu.Unlock()
	q.sumUp()
	return q.sums
}

// all lists the files in the order in which they are removed.
func (q *aside) all() []spool.AsideFile {
	q.mu.Lock()
	defer q.mu.Unlock()
	q.sumUp()
	return q.files
}

// trim removes files until no more than maxBytes are left, and returns how many
// bytes that freed. If entries were not archived, an empty file stays, and flushes
// go on to fail.
func (q *aside) trim(maxBytes int64, why string) (freedBytes int64) {
	total := q.sum().Bytes
	for _, f := range q.all() {
		if total <= maxBytes {
			break
		}
		if f.SizeBytes == 0 {
			continue
		}
		if err := empty(f); err != nil && !errors.Is(err, fs.ErrNotExist) {
			q.log.Error("cannot remove a file from the quarantine", "file", f.Path, "err", err)
			continue
		}
		q.log.Error("removed a file from the quarantine", "because", why, "file", f.Path, "bytes", f.SizeBytes, "unarchived", f.Unarchived)
		q.removed.Inc()
		total -= f.SizeBytes
		freedBytes += f.SizeBytes
	}
	if freedBytes > 0 {
		q.lookAgain()
	}
	return freedBytes
}

// empty frees a file's bytes. It replaces the file rather than cutting it, as it may
// be a link to a segment in use.
func empty(f spool.AsideFile) error {
	if f.Unarchived && durable.WriteFile(f.Path, nil, 0o600) == nil {
		return nil
	}
	return os.Remove(f.Path)
}
