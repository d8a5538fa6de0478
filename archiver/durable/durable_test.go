package durable_test

import (
	"errors"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"testing"

	"github.com/coldtail/coldtail/archiver/durable"
)

func TestWriteFileReplaces(t *testing.T) {
	path := filepath.Join(t.TempDir(), "f")
	for _, content := range []string{"one, which is longer", "two", ""} {
		if err := durable.WriteFile(path, []byte(content), 0o600); err != nil {
			t.Fatal(err)
		}
		got, err := os.ReadFile(path)
		if err != nil || string(got) != content {
			t.Fatalf("got %q, %v; want %q", got, err, content)
		}
	}
	info, err := os.Stat(path)
	if err != nil || info.Mode().Perm() != 0o600 {
		t.Fatalf("mode %v, %v", info.Mode(), err)
	}
	wantNames(t, filepath.Dir(path), "f")
}

func TestWriteKeepsOldFileAfterError(t *testing.T) {
	path := filepath.Join(t.TempDir(), "f")
	if err := durable.WriteFile(path, []byte("old"), 0o600); err != nil {
		t.Fatal(err)
	}
	wantErr := errors.New("no more input")
	err := durable.Write(path, 0o600, func(w io.Writer) error {
		_, _ = w.Write([]byte("half"))
		return wantErr
	})
	if !errors.Is(err, wantErr) {
		t.Fatalf("got %v", err)
	}
	if got, _ := os.ReadFile(path); string(got) != "old" {
		t.Fatalf("got %q", got)
	}
	wantNames(t, filepath.Dir(path), "f")
}

func TestWriteRemovesTempWhereRenameFails(t *testing.T) {
	dir := t.TempDir()
	path := filepath.Join(dir, "d")
	if err := durable.MkdirAll(filepath.Join(path, "inside"), 0o700); err != nil {
		t.Fatal(err)
	}
	if err := durable.WriteFile(path, []byte("x"), 0o600); err == nil {
		t.Fatal("replaced a directory")
	}
	wantNames(t, dir, "d")
}

func TestWriteTempIsRecognised(t *testing.T) {
	dir := t.TempDir()
	root, err := os.OpenRoot(dir)
	if err != nil {
		t.Fatal(err)
	}
	defer root.Close()
	tmp, err := durable.In(root).WriteTemp(".", 0o640, func(w io.Writer) error { _, err := w.Write([]byte("x")); return err })
	if err != nil {
		t.Fatal(err)
	}
	tmp = filepath.Join(dir, tmp)
	if !durable.IsTemp(filepath.Base(tmp)) || durable.IsTemp("0000000001.sealed") {
		t.Fatalf("IsTemp(%s)", tmp)
	}
	other := filepath.Join(dir, "sub")
	if err := durable.MkdirAll(other, 0o700); err != nil {
		t.Fatal(err)
	}
	if err := durable.Rename(tmp, filepath.Join(other, "f")); err != nil {
		t.Fatal(err)
	}
	wantNames(t, dir, "sub")
	wantNames(t, other, "f")
}

func TestMkdirAll(t *testing.T) {
	dir := t.TempDir()
	if err := durable.MkdirAll(filepath.Join(dir, "a", "b", "c"), 0o700); err != nil {
		t.Fatal(err)
	}
	if err := durable.MkdirAll(filepath.Join(dir, "a", "b", "c"), 0o700); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(dir, "f"), nil, 0o600); err != nil {
		t.Fatal(err)
	}
	var pathErr *fs.PathError
	if err := durable.MkdirAll(filepath.Join(dir, "f", "x"), 0o700); !errors.As(err, &pathErr) {
		t.Fatalf("got %v", err)
	}
}

func wantNames(t *testing.T, dir string, want ...string) {
	t.Helper()
	entries, err := os.ReadDir(dir)
	if err != nil {
		t.Fatal(err)
	}
	var got []string
	for _, e := range entries {
		got = append(got, e.Name())
	}
	if len(got) != len(want) {
		t.Fatalf("names in directory: %q, want %q", got, want)
	}
	for i := range got {
		if got[i] != want[i] {
			t.Fatalf("names in directory: %q, want %q", got, want)
		}
	}
}

// TestIn writes in a folder that no link leads out of.
func TestIn(t *testing.T) {
	dir, outside := t.TempDir(), t.TempDir()
	if err := os.Symlink(outside, filepath.Join(dir, "link")); err != nil {
		t.Fatal(err)
	}
	root, err := os.OpenRoot(dir)
	if err != nil {
		t.Fatal(err)
	}
	defer root.Close()
	files := durable.In(root)
	write := func(w io.Writer) error { _, err := w.Write([]byte("x")); return err }
	if err := files.MkdirAll(filepath.Join("a", "b"), 0o700); err != nil {
		t.Fatal(err)
	}
	tmp, err := files.WriteTemp("a", 0o640, write)
	if err != nil || filepath.Dir(tmp) != "a" {
		t.Fatalf("got %q, %v", tmp, err)
	}
	if err := files.Rename(tmp, filepath.Join("a", "b", "f")); err != nil {
		t.Fatal(err)
	}
	if content, err := os.ReadFile(filepath.Join(dir, "a", "b", "f")); err != nil || string(content) != "x" {
		t.Errorf("got %q, %v", content, err)
	}
	if _, err := files.WriteTemp("link", 0o600, write); err == nil {
		t.Error("wrote through a link")
	}
	if err := files.MkdirAll(filepath.Join("link", "c"), 0o700); err == nil {
		t.Error("made a folder through a link")
	}
	if err := files.Rename(filepath.Join("a", "b", "f"), filepath.Join("link", "f")); err == nil {
		t.Error("moved a file through a link")
	}
	wantNames(t, outside)
}
