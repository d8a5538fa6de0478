package statedir

import (
	"errors"
	"os"
	"slices"
	"time"

	"github.com/coldtail/coldtail/archiver/spool"
	"github.com/coldtail/coldtail/archiver/spool/archivedlog"
	"github.com/coldtail/coldtail/codec"
)

// Left returns the containers of which a state directory holds something that is
// not archived, as far as their headers can be read. It changes nothing, and
// another process may use the directory.
func Left(stateDir string) ([]codec.Meta, error) {
	ids, err := Path(stateDir).logs()
	var left []codec.Meta
	for _, id := range ids {
		dir := Path(stateDir).Log(id)
		if !spool.HasWaiting(dir) {
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
func ArchivedLists(stateDir string, most int) ([]archivedlog.Ends, error) {
	ids, err := Path(stateDir).logs()
	if err != nil {
		return nil, err
	}
	type list struct {
		dir      string
		modified time.Time
	}
	var lists []list
	for _, id := range ids {
		dir := Path(stateDir).Log(id)
		if at, err := archivedlog.Modified(dir); err == nil {
			lists = append(lists, list{dir, at})
		}
	}
	slices.SortStableFunc(lists, func(a, b list) int { return b.modified.Compare(a.modified) })
	var ends []archivedlog.Ends
	for _, l := range lists[:min(len(lists), most)] {
		e, err := archivedlog.ReadEnds(l.dir)
		switch {
		case err == nil:
			ends = append(ends, e)
		case !errors.Is(err, os.ErrNotExist):
			return ends, err
		}
	}
	return ends, nil
}

// logs returns the ids of the containers that have a folder in the spool.
func (p Path) logs() ([]string, error) {
	des, err := os.ReadDir(p.Spool())
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
