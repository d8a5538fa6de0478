package archivedlog // lines are made and parsed by hand

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// TestReadEnds: the ends of a list are its first and last whole line.
func TestReadEnds(t *testing.T) {
	object := func(n int64) Object { return Object{Segment: n, SizeBytes: 10, Key: "key-" + strings.Repeat("x", 200)} }
	line := func(n int64) string { return object(n).line() }
	long := ""
	for n := range int64(1000) {
		long += line(n + 1)
	}
	changed := strings.Replace(line(7), "key", "kez", 1)
	for name, tc := range map[string]struct {
		content     string
		first, last int64 // segments; 0: none
	}{
		"empty":         {"", 0, 0},
		"one":           {line(1), 1, 1},
		"torn":          {line(1) + line(2)[:50], 1, 1},
		"all torn":      {line(1)[:50], 0, 0},
		"garbage":       {"\x00\xff\n\n", 0, 0},
		"long":          {long, 1, 1000},
		"long and torn": {long + line(1001)[:100], 1, 1000},
		"changed first": {changed + line(2) + line(3), 2, 3},
		"changed last":  {line(1) + line(2) + changed, 1, 2},
		"all changed":   {changed + changed, 0, 0},
		"no checksum":   {"1 10 key\n", 0, 0},
		"a long line":   {strings.Repeat("y", 3*endBytes) + "\n" + line(4), 4, 4},
	} {
		dir := t.TempDir()
		if err := os.WriteFile(filepath.Join(dir, Name), []byte(tc.content), 0o600); err != nil {
			t.Fatal(err)
		}
		got, err := ReadEnds(dir)
		if got.First.Segment != tc.first || got.Last.Segment != tc.last || errors.Is(err, os.ErrNotExist) != (tc.first == 0) {
			t.Errorf("%s: %+v, %v", name, got, err)
		}
	}
	if _, err := ReadEnds(t.TempDir()); !errors.Is(err, os.ErrNotExist) {
		t.Error(err)
	}
}
