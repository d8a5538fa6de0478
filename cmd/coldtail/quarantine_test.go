package main

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// aside puts a segment in the quarantine of the only log below a state directory.
func aside(t *testing.T, pattern string) (path string) {
	t.Helper()
	dirs, err := filepath.Glob(pattern)
	if err != nil || len(dirs) != 1 {
		t.Fatalf("logs: %v, %v", dirs, err)
	}
	path = filepath.Join(dirs[0], "quarantine", "1-0000000009.sealed")
	if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(path, []byte("not archived"), 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

// TestPipeNamesTheQuarantine: what an earlier run put aside makes the next fail,
// until it is removed. What that one reads is archived.
func TestPipeNamesTheQuarantine(t *testing.T) {
	h := newHome(t)
	h.pipe("app", "one\n")
	path := aside(t, filepath.Join(h.dir, ".local", "state", "coldtail", "pipes", "*", "spool", "*"))
	res := h.run(strings.NewReader("two\n"), "pipe", "--name", "app")
	if res.status != exitFailure || !strings.Contains(res.stderr, path) {
		t.Errorf("got %+v, want %s", res, path)
	}
	if err := os.Remove(path); err != nil {
		t.Fatal(err)
	}
	h.pipe("app", "three\n")
	if res := h.run(nil, "logs", "app"); res.stdout != "one\ntwo\nthree\n" {
		t.Errorf("got %+v", res)
	}
}

// TestFlushNamesTheQuarantine: the plugin finds what an earlier one put aside of a
// container that is gone.
func TestFlushNamesTheQuarantine(t *testing.T) {
	h := newHome(t)
	dir := filepath.Join(h.dir, "state", "spool", strings.Repeat("a", 64))
	if err := os.MkdirAll(dir, 0o700); err != nil {
		t.Fatal(err)
	}
	path := aside(t, dir)
	defer h.startPlugin()()
	for _, args := range [][]string{{}, {"--evict"}} {
		res := h.run(nil, append([]string{"flush", "--socket", h.socket()}, args...)...)
		if res.status != exitFailure || !strings.Contains(res.stderr, path) {
			t.Errorf("flush %v: %+v, want %s", args, res, path)
		}
	}
	if res := h.run(nil, "status", "--socket", h.socket()); !strings.Contains(res.stdout, path) {
		t.Errorf("status: %+v", res)
	}
	if err := os.Remove(path); err != nil {
		t.Fatal(err)
	}
	if res := h.run(nil, "flush", "--socket", h.socket()); res.status != exitOK {
		t.Errorf("flush: %+v", res)
	}
}
