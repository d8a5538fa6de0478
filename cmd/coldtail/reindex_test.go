package main

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

// TestReindex: an archive that lost its index, or that an older version began, is
// found in again.
func TestReindex(t *testing.T) {
	s := newShelf(t)
	web, odd := container("web", "web-1", "north"), container("a/b", strings.Repeat("x", 300), "")
	s.say(web, at(0, "a"), at(time.Hour, "b"))
	s.say(odd, at(0, "c"))
	s.check(os.RemoveAll(filepath.Join(s.dir, "index")))
	if res := s.logs("web-1"); res.status != exitFailure {
		t.Fatalf("got %+v", res)
	}
	const summary = "3 objects: made 2 markers of days, 2 of names, 4 by name and by host\n"
	dry := strings.NewReplacer("made", "missing", "4 by name", "0 by name").Replace(summary)
	s.run("reindex", "--dry-run").want(t, dry, "") // without days nobody was seen
	if len(s.list("index/")) != 0 {
		t.Error("a dry run made something")
	}
	s.run("reindex").want(t, summary, "")
	s.run("reindex").want(t, "3 objects: made 0 markers of days, 0 of names, 0 by name and by host\n", "")
	s.logs("web-1").want(t, "a\nb\n", "")
	s.logs(odd.Name).want(t, "c\n", "")
	s.run("ls", "-q", "--host", "north").want(t, web.ContainerID[:12]+"\n", "")
	defer func(n int) { glanceNames = n }(glanceNames)
	glanceNames = 1 // as if there were many others
	s.logs("web-1").want(t, "a\nb\n", "")
	s.logs(odd.Name).want(t, "c\n", "")
	s.logs(odd.ContainerID[:8]).want(t, "c\n", "")
	s.run("ls", "-q", "--host", "north").want(t, web.ContainerID[:12]+"\n", "")
	if res := s.run("verify"); res.status != exitOK {
		t.Errorf("got %+v", res)
	}
}
