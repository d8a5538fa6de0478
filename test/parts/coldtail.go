package parts

import (
	"os/exec"
	"path/filepath"
	"testing"
)

// Coldtail builds the command.
func Coldtail(t testing.TB) (binary string) {
	t.Helper()
	root, err := repository()
	if err != nil {
		t.Fatal(err)
	}
	binary = filepath.Join(t.TempDir(), "coldtail")
	cmd := exec.Command("go", "build", "-o", binary, "./cmd/coldtail")
	cmd.Dir = root
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Fatalf("build coldtail: %v: %s", err, out)
	}
	return binary
}
