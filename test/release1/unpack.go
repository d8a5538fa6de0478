package release1

import (
	"archive/tar"
	"compress/gzip"
	"embed"
	"errors"
	"io"
	"os"
	"path/filepath"
	"testing"
)

//go:embed testdata
var testdata embed.FS

// Unpack returns a folder with a fixture, archive.tar.gz for example. Its name
// is short, as a socket's must be.
func Unpack(t testing.TB, name string) (dir string) {
	t.Helper()
	dir, err := os.MkdirTemp("", "r1-")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = os.RemoveAll(dir) })
	if err := unpack(dir, name); err != nil {
		t.Fatalf("unpack %s: %v", name, err)
	}
	return dir
}

func unpack(dir, name string) error {
	f, err := testdata.Open("testdata/" + name)
	if err != nil {
		return err
	}
	defer f.Close()
	zip, err := gzip.NewReader(f)
	if err != nil {
		return err
	}
	for r := tar.NewReader(zip); ; {
		h, err := r.Next()
		if errors.Is(err, io.EOF) {
			return nil
		}
		if err != nil {
			return err
		}
		b, err := io.ReadAll(r)
		if err != nil {
			return err
		}
		path := filepath.Join(dir, filepath.FromSlash(h.Name))
		if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
			return err
		}
		if err := os.WriteFile(path, b, 0o600); err != nil {
			return err
		}
	}
}
