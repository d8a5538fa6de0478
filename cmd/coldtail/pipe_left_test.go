package main

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

// TestFinishedPipesGo: what a finished pipe leaves in the state goes with a later
// run, of whatever name. What is not archived stays.
func TestFinishedPipesGo(t *testing.T) {
	h := newHome(t)
	h.pipe("done", "archived\n")
	res := h.run(strings.NewReader("not archived\n"), "pipe", "--name", "waits", "--bucket", "file://"+filepath.Join(h.dir, "bucket")+"?max-size=10", "--upload-timeout", "100ms")
	if res.status != exitFailure {
		t.Fatalf("%+v", res)
	}
	states := func() (dirs []string) {
		dirs, err := filepath.Glob(filepath.Join(h.dir, ".local", "state", "coldtail", "pipes", "*"))
		if err != nil {
			t.Fatal(err)
		}
		return dirs
	}
	old := time.Now().Add(-14 * 24 * time.Hour)
	for _, dir := range states() {
		if err := os.Chtimes(filepath.Join(dir, "use.json"), old, old); err != nil {
			t.Fatal(err)
		}
	}
	h.pipe("app", "one\n")
	if got := states(); len(got) != 2 {
		t.Errorf("got %q, want the state of this run and the one that has something to archive", got)
	}
	h.pipe("done", "again\n")
	h.run(nil, "logs", "done").want(t, "archived\nagain\n", "")
}
