package release1

import (
	"archive/tar"
	"compress/gzip"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"testing"
	"time"
)

// pack writes the given files and folders of dir, in the order of their names
// and without owners and times, to testdata.
func pack(t *testing.T, name, dir string, what ...string) {
	t.Helper()
	f, err := os.Create(filepath.Join("testdata", name))
	check(t, err)
	zip, err := gzip.NewWriterLevel(f, gzip.BestCompression)
	check(t, err)
	w := tar.NewWriter(zip)
	for _, top := range what {
		check(t, filepath.WalkDir(filepath.Join(dir, top), func(path string, d fs.DirEntry, err error) error {
			if err != nil || d.IsDir() || !d.Type().IsRegular() || d.Name() == "lock" || d.Name() == "ballast" {
				return err
			}
			b, err := os.ReadFile(path)
			if err != nil {
				return err
			}
			rel, err := filepath.Rel(dir, path)
			if err != nil {
				return err
			}
			if err := w.WriteHeader(&tar.Header{Name: rel, Mode: 0o600, Size: int64(len(b)), ModTime: time.Unix(0, 0), Format: tar.FormatPAX}); err != nil {
				return err
			}
			_, err = w.Write(b)
			return err
		}))
	}
	check(t, errors.Join(w.Close(), zip.Close(), f.Close()))
}
