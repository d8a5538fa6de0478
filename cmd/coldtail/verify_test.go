package main

import (
	"encoding/json"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/coldtail/coldtail/readback/verify"
)

// objectFiles returns the objects of a home's folder bucket, in order.
func (h *home) objectFiles() (files []string) {
	h.t.Helper()
	err := filepath.WalkDir(h.dir, func(path string, d fs.DirEntry, err error) error {
		if err == nil && strings.HasSuffix(path, ".parquet") {
			files = append(files, path)
		}
		return err
	})
	if err != nil {
		h.t.Fatal(err)
	}
	return files
}

func TestVerify(t *testing.T) {
	h := newHome(t)
	for _, input := range []string{"one\n", "two\nthree\n", "four\n"} {
		h.pipe("app", input)
	}
	h.pipe("other", "not this\n")
	for _, args := range [][]string{{"verify"}, {"verify", "app"}, {"verify", "app", "other"}} {
		if res := h.run(nil, args...); res.status != exitOK || res.stderr != "" || !strings.HasSuffix(res.stdout, ": 0 findings, 0 notes\n") {
			t.Errorf("%v: %+v", args, res)
		}
	}
	for want, args := range map[string][]string{
		`no log of a container "nobody"`: {"verify", "nobody"},
		"the archive has no objects of":  {"verify", pipeID("nowhere", "nobody")},
	} {
		if res := h.run(nil, args...); res.status != exitFailure || !strings.Contains(res.stderr, want) {
			t.Errorf("%v: %+v", args, res)
		}
	}
	if res := h.run(nil, "verify", "--parallel", "0"); res.status != exitUsage {
		t.Errorf("got %+v", res)
	}

	files := h.objectFiles()
	if len(files) != 4 {
		t.Fatalf("%d objects", len(files))
	}
	var removed bool
	for _, f := range files {
		// The second segment of three.
		if strings.Contains(f, "-0000000002-") {
			removed = true
			if err := os.Remove(f); err != nil {
				t.Fatal(err)
			}
		}
	}
	if !removed {
		t.Fatalf("no second segment: %q", files)
	}
	res := h.run(nil, "verify", "app")
	if res.status != exitFailure || !strings.Contains(res.stdout, "gap: 2 entries are in no object") || !strings.Contains(res.stderr, "1 findings") {
		t.Errorf("got %+v", res)
	}
	if res := h.run(nil, "verify", "other"); res.status != exitOK {
		t.Errorf("the other is as before: %+v", res)
	}

	res = h.run(nil, "verify", "--json")
	lines := strings.Split(strings.TrimSuffix(res.stdout, "\n"), "\n")
	var f verify.Finding
	var sum struct{ Summary verify.Summary }
	if res.status != exitFailure || len(lines) != 2 || json.Unmarshal([]byte(lines[0]), &f) != nil || json.Unmarshal([]byte(lines[1]), &sum) != nil {
		t.Fatalf("got %+v", res)
	}
	if f.Kind != verify.Gap || f.Entries != 2 || f.Key == "" || f.Other == "" || sum.Summary.Findings != 1 || sum.Summary.Objects != 3 {
		t.Errorf("got %+v, %+v", f, sum)
	}
}

// TestClockThatWasNotSet: what a host files under 1970 is read, and verify notes
// that query engines do not look there.
func TestClockThatWasNotSet(t *testing.T) {
	s := newShelf(t)
	n := container("web", "web-1", "north")
	s.say(n, said{time.Unix(90, 0), "early"})
	s.say(n, at(0, "late"))
	s.logs("web-1").want(t, "early\nlate\n", "")
	res := s.run("verify")
	if res.status != exitOK || strings.Count(res.stdout, "(note)") != 1 || !strings.Contains(res.stdout, "before 2013-01-01") || !strings.Contains(res.stdout, "dt=1970-01-01/") {
		t.Errorf("%+v", res)
	}
}
