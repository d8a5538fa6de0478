package main

import (
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/coldtail/coldtail/archiver/bucket"
)

// fields are a table's cells, without the size, which is the encoder's.
func fields(out string) (rows []string) {
	size := regexp.MustCompile(`[0-9.]+[KM]?i?B$`)
	for _, line := range strings.Split(strings.TrimSuffix(out, "\n"), "\n") {
		rows = append(rows, strings.TrimSpace(size.ReplaceAllString(strings.Join(strings.Fields(line), " "), "")))
	}
	return rows
}

func TestLs(t *testing.T) {
	s := town(t)
	web1, web2, db := container("web", "web-1", "north").ContainerID, container("web", "web-2", "south").ContainerID, container("db", "postgres", "north").ContainerID
	row1 := web1[:12] + " web-1 web north 2024-05-06T12:00:00Z 2024-05-06T14:00:00Z 3 2"
	row2 := web2[:12] + " web-2 web south 2024-05-06T12:00:01Z 2024-05-06T15:00:00Z 3 2"
	rowDB := db[:12] + " postgres db north 2024-05-06T12:01:00Z 2024-05-07T13:00:00Z 2 2"
	const head = "CONTAINER ID NAME SERVICE HOST FIRST LAST ENTRIES OBJECTS SIZE"
	for args, want := range map[string][]string{
		"":                             {head, rowDB, row1, row2},
		"--service web":                {head, row1, row2},
		"--host north":                 {head, rowDB, row1},
		"--host north --service web":   {head, row1},
		"--name web-2 --name postgres": {head, rowDB, row2},
		"--name " + web2[:8]:           {head, row2},
		"-q":                           {db[:12], web1[:12], web2[:12]},
		"-q --no-trunc --service db":   {db},
		"--since 2024-05-06T14:30:00Z": {head, db[:12] + " postgres db north 2024-05-07T13:00:00Z 2024-05-07T13:00:00Z 1 1", web2[:12] + " web-2 web south 2024-05-06T15:00:00Z 2024-05-06T15:00:00Z 1 1"},
		"--until 2024-05-06T12:00:00Z": {head, web1[:12] + " web-1 web north 2024-05-06T12:00:00Z 2024-05-06T12:00:02Z 2 1"},
		"--since 2024-06-01":           {head},
		"--by service":                 {"SERVICE HOSTS CONTAINERS FIRST LAST ENTRIES OBJECTS SIZE", "db 1 1 2024-05-06T12:01:00Z 2024-05-07T13:00:00Z 2 2", "web 2 2 2024-05-06T12:00:00Z 2024-05-06T15:00:00Z 6 4"},
		"--by host --since 2024-05-07": {"HOST SERVICES CONTAINERS FIRST LAST ENTRIES OBJECTS SIZE", "north 1 1 2024-05-07T13:00:00Z 2024-05-07T13:00:00Z 1 1"},
	} {
		res := s.run("ls", strings.Fields(args)...)
		if got := fields(res.stdout); res.status != exitOK || res.stderr != "" || strings.Join(got, "\n") != strings.Join(want, "\n") {
			t.Errorf("ls %s: status %d, %s\ngot\n%s\nwant\n%s", args, res.status, res.stderr, strings.Join(got, "\n"), strings.Join(want, "\n"))
		}
	}
	for args, want := range map[string]struct {
		status int
		stderr string
	}{
		"--service nobody": {exitFailure, `no log of service "nobody"`},
		"--by name":        {exitUsage, "must be container, service or host"},
		"-q --json":        {exitUsage, "leave out --json"},
		"web-1":            {exitUsage, "unexpected argument"},
		"--since then":     {exitUsage, "must be a time"},
	} {
		if res := s.run("ls", strings.Fields(args)...); res.status != want.status || !strings.Contains(res.stderr, want.stderr) || res.stdout != "" {
			t.Errorf("ls %s: %+v", args, res)
		}
	}
	newShelf(t).run("ls").want(t, "CONTAINER ID   NAME   SERVICE   HOST   FIRST   LAST   ENTRIES   OBJECTS   SIZE\n", "")
}

func TestLsAsJSON(t *testing.T) {
	s := newShelf(t)
	n := container("web", "we\"b\x1b", "north")
	s.say(n, at(0, "a"), at(time.Hour, "b"))
	size := int64(0)
	for _, o := range s.list("parquet/") {
		size += o.SizeBytes
	}
	amount := fmt.Sprintf(`"first_time":"2024-05-06T12:00:00Z","last_time":"2024-05-06T13:00:00Z","entries":2,"objects":2,"size_bytes":%d}`+"\n", size)
	s.run("ls", "--json").want(t, `{"container_id":"`+n.ContainerID+`","container_name":"we\"b\u001b","service_name":"web","host_name":"north",`+amount, "")
	s.run("ls", "--json", "--by", "service").want(t, `{"service_name":"web","hosts":1,"containers":1,`+amount, "")
	s.run("ls", "--json", "--by", "host").want(t, `{"host_name":"north","services":1,"containers":1,`+amount, "")
	if res := s.run("ls"); !strings.Contains(res.stdout, `"we\"b\x1b"`) {
		t.Errorf("a terminal would act on %q", res.stdout)
	}
}

func (s *shelf) list(prefix string) (out []bucket.Object) {
	s.t.Helper()
	for o, err := range s.bucket.List(s.t.Context(), prefix, bucket.ListOptions{}) {
		s.check(err)
		out = append(out, o)
	}
	return out
}

// TestLsOpensNothing lists objects that nobody can read, in few requests, and
// those whose markers are lost.
func TestLsOpensNothing(t *testing.T) {
	s := newShelf(t)
	n := container("web", "web-1", "north")
	for i := range 3 { // years with nothing between
		s.say(n, at(time.Duration(i)*400*24*time.Hour-2*400*24*time.Hour, "x"))
	}
	for _, o := range s.list("parquet/") {
		if err := os.Truncate(filepath.Join(s.dir, filepath.FromSlash(o.Key)), 0); err != nil {
			t.Fatal(err)
		}
	}
	b := &counted{Bucket: s.bucket}
	rows, err := (&scan{bucket: b, shelves: shelves{}}).run(t.Context(), &who{})
	s.check(err)
	if len(rows) != 1 || rows[0].objects != 3 || rows[0].entries != 3 || rows[0].Name != n {
		t.Errorf("got %+v", rows)
	}
	lists, gets := b.taken()
	months := int64(time.Since(noon).Hours()/24/30) + 2*400/28 + 2
	if bound := 3 + months + 3*31; gets != 0 || lists > bound {
		t.Errorf("%d listings, want at most %d, and %d reads", lists, bound, gets)
	}
	rows, err = (&scan{bucket: b, shelves: shelves{}}).run(t.Context(), &who{services: []string{"web"}})
	s.check(err)
	if lists, gets := b.taken(); len(rows) != 1 || gets != 0 || lists > 1+1+3 {
		t.Errorf("%d listings and %d reads for one container of three days", lists, gets)
	}
	s.check(s.bucket.Delete(t.Context(), n.Key()))
	if res := s.run("ls"); !strings.Contains(res.stdout, n.ContainerID[:12]+"   -      -         -      ") {
		t.Errorf("without a marker: %+v", res)
	}
}
