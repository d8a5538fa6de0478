package spool

import (
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"

	"github.com/coldtail/coldtail/archiver/spool/archivedlog"
)

// Every name that the spool puts on the disk.
const (
	extActive   = ".active"
	extSealed   = ".sealed"
	extArchived = ".archived"
	extIndex    = ".idx"

	// A gap needs no data file: its header says all.
	extGap         = ".gap"
	extGapArchived = ".gap-archived"

	streamFile   = "stream.json"
	archivedFile = archivedlog.Name
)

// DroppingFile is the gap that grows while a container's entries are dropped as
// they come: it gets a segment of its own when that is over, or at the next start.
const DroppingFile = "dropping"

// segmentDigits fits the object keys' width.
const segmentDigits = 10

func segmentName(seq int64, ext string) string {
	return fmt.Sprintf("%0*d%s", segmentDigits, seq, ext)
}

// parseSegmentName is segmentName's inverse for data files and gaps. The phase is that
// of a segment that is found under the name.
func parseSegmentName(name string) (seq int64, p phase, gap, ok bool) {
	base, ext, found := strings.Cut(name, ".")
	if !found || len(base) != segmentDigits {
		return 0, 0, false, false
	}
	seq, err := strconv.ParseInt(base, 10, 64)
	if err != nil || seq <= 0 {
		return 0, 0, false, false
	}
	switch "." + ext {
	case extActive:
		return seq, filling, false, true
	case extSealed:
		return seq, sealed, false, true
	case extArchived:
		return seq, archived, false, true
	case extGap:
		return seq, sealed, true, true
	case extGapArchived:
		return seq, archived, true, true
	}
	return 0, 0, false, false
}

// Waits reports whether one of the files in a container's folder waits to be
// archived.
func Waits(files []fs.DirEntry) bool {
	return slices.ContainsFunc(files, func(de fs.DirEntry) bool {
		return de.Name() == DroppingFile || slices.Contains([]string{extActive, extSealed, extGap}, filepath.Ext(de.Name()))
	})
}

// HasWaiting reports whether a file in a container's folder waits to be archived.
func HasWaiting(dir string) bool {
	files, err := os.ReadDir(dir)
	return err == nil && Waits(files)
}

// Finished reports whether nothing in a container's folder waits for anything:
// neither to be archived nor, in the quarantine, for somebody.
func Finished(files []fs.DirEntry) bool {
	return !slices.ContainsFunc(files, func(de fs.DirEntry) bool {
		name := de.Name()
		return name != streamFile && name != archivedFile && !slices.Contains([]string{extArchived, extGapArchived, extIndex}, filepath.Ext(name))
	})
}

// CachedBytes returns what a file of a container's folder takes of the local
// cache. It is not ok if the file is no archived segment.
func CachedBytes(name string, sizeBytes int64) (cachedBytes int64, ok bool) {
	switch filepath.Ext(name) {
	case extArchived:
		return sizeBytes, true
	case extGapArchived:
		return GapBytes, true
	}
	return 0, false
}
