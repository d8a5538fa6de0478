package spool

import (
	"os"
	"path/filepath"

	"github.com/coldtail/coldtail/codec"
)

// Owner returns what the headers in a container's directory say of the
// container, and whether any could be read. It changes nothing: another
// process may use the directory.
func Owner(dir string) (codec.Meta, bool) {
	names, err := os.ReadDir(dir)
	if err != nil {
		return codec.Meta{}, false
	}
	for _, de := range names {
		switch ext := filepath.Ext(de.Name()); {
		case ext == extIndex, ext == extGap, ext == extGapArchived, de.Name() == DroppingFile:
		default:
			continue
		}
		f, err := os.Open(filepath.Join(dir, de.Name()))
		if err != nil {
			continue // archived meanwhile
		}
		sc, err := readSidecar(f)
		_ = f.Close()
		if err == nil {
			return sc.header.Meta, true
		}
	}
	return codec.Meta{}, false
}
