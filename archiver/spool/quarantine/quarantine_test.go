package quarantine // copyFile is for file systems without links

import (
	"os"
	"path/filepath"
	"testing"
)

func check(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

// TestCopyFile: where there are no links, a copy has the same bytes, and nothing
// is written over.
func TestCopyFile(t *testing.T) {
	dir := t.TempDir()
	from, to := filepath.Join(dir, "from"), filepath.Join(dir, "to")
	check(t, os.WriteFile(from, []byte("bytes"), 0o600))
	check(t, copyFile(from, to))
	if b, err := os.ReadFile(to); err != nil || string(b) != "bytes" {
		t.Errorf("copied %q, %v", b, err)
	}
	if err := copyFile(from, to); !os.IsExist(err) {
		t.Errorf("copied over it: %v", err)
	}
}
