package archiver

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"time"

	"github.com/coldtail/coldtail/archiver/spool"
	"github.com/coldtail/coldtail/codec"
)

// Left returns the containers of which a state directory holds something that is
// not archived, as far as their headers can be read. It changes nothing, and
// another process may use the directory.
func Left(stateDir string) ([]codec.Meta, error) {
	ids, err := containerDirs(stateDir)
	var left []codec.Meta
	for _, id := range ids {
		dir := filepath.Join(stateDir, spoolDir, id)
		if !unarchived(dir) {
			continue
		}
		if meta, ok := spool.Owner(dir); ok {
			left = append(left, meta)
		}
	}
	return left, err
}

// ArchivedLists returns the ends of the lists of archived objects in a state
// directory: of the most containers that archived last. It changes nothing, and
// another process may use the directory.
func ArchivedLists(stateDir string, most int) ([]spool.ListEnds, error) {
	ids, err := containerDirs(stateDir)
	if err != nil {
		return nil, err
	}
	type list struct {
		dir      string
		modified time.Time
	}
	var lists []list
	for _, id := range ids {
		dir := filepath.Join(stateDir, spoolDir, id)
		if at, err := spool.ListModified(dir); err == nil {
			lists = append(lists, list{dir, at})
		}
	}
	slices.SortStableFunc(lists, func(a, b list) int { return b.modified.Compare(a.modified) })
	var ends []spool.ListEnds
	for _, l := range lists[:min(len(lists), most)] {
		e, err := spool.ArchivedEnds(l.dir)
		switch {
		case err == nil:
			ends = append(ends, e)
		case !errors.Is(err, os.ErrNotExist):
			return ends, err
		}
	}
	return ends, nil
}

// containerDirs returns the ids of the containers that have a spool.
func containerDirs(stateDir string) ([]string, error) {
	des, err := os.ReadDir(filepath.Join(stateDir, spoolDir))
	if errors.Is(err, os.ErrNotExist) {
		return nil, nil
	}
	var ids []string
	for _, de := range des {
		if de.IsDir() {
			ids = append(ids, de.Name())
		}
	}
	return ids, err
}

// unarchived reports whether a container's directory has a segment that is not
// archived.
func unarchived(dir string) bool {
	des, err := os.ReadDir(dir)
	return err == nil && waits(des)
}

// waits reports whether one of a directory's files waits to be archived.
func waits(des []fs.DirEntry) bool {
	return slices.ContainsFunc(des, func(de fs.DirEntry) bool {
		return de.Name() == spool.DroppingFile || slices.Contains([]string{".active", ".sealed", ".gap"}, filepath.Ext(de.Name()))
	})
}
