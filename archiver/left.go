package archiver

import (
	"errors"
	"os"
	"path/filepath"
	"slices"

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
	if err != nil {
		return false
	}
	for _, de := range des {
		if de.Name() == spool.DroppingFile || slices.Contains([]string{".active", ".sealed", ".gap"}, filepath.Ext(de.Name())) {
			return true
		}
	}
	return false
}
