package statedir // damages and ages files that it alone knows

import (
	"bytes"
	"errors"
	"os"
	"slices"
	"testing"
)

// TestFinishedList: what the list says survives, the last line of a container counts,
// and damage of any byte makes no container finished that is not.
func TestFinishedList(t *testing.T) {
	dir := t.TempDir()
	open := func() *Finished {
		t.Helper()
		f, err := OpenFinished(Path(dir))
		if err != nil && !errors.Is(err, errFinished) {
			t.Fatal(err)
		}
		return f
	}
	yes := func(string) bool { return true }
	f := open()
	check(t, f.Add(yes, "a", "b", "c"))
	check(t, f.Begin("b"))
	check(t, f.Begin("never"))
	check(t, f.Add(func(id string) bool { return id != "d" }, "d", "e"))
	for range 2 {
		for id, want := range map[string]bool{"a": true, "b": false, "c": true, "d": false, "e": true, "never": false} {
			if f.Has(id) != want {
				t.Errorf("%s: finished: %v", id, !want)
			}
		}
		f = open()
	}
	whole, err := os.ReadFile(f.path)
	check(t, err)
	for i := range whole {
		for _, bad := range [][]byte{whole[:i], slices.Concat(whole[:i], []byte{whole[i] ^ 1}, whole[i+1:])} {
			check(t, os.WriteFile(f.path, bad, 0o600))
			got := open()
			for id := range got.ids {
				if !slices.Contains([]string{"a", "b", "c", "e"}, id) || id == "b" && bytes.Contains(bad, []byte("- b ")) {
					t.Fatalf("byte %d: %q is finished by %q", i, id, bad)
				}
			}
		}
	}
	// It does not grow for ever.
	check(t, os.WriteFile(f.path, whole, 0o600))
	f = open()
	for range 1000 {
		check(t, f.Begin("a"))
		check(t, f.Add(yes, "a"))
	}
	open() // writes it again
	f = open()
	if fi, err := os.Stat(f.path); err != nil || fi.Size() > 100 || !f.Has("a") || f.Has("b") {
		t.Errorf("%v, %v, finished: %v", fi, err, f.ids)
	}
}
