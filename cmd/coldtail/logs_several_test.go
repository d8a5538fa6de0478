package main

import (
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

// noon is the time of what the tests archive; it is past.
var noon = time.Date(2024, 5, 6, 12, 0, 0, 0, time.UTC)

func at(d time.Duration, line string) said { return said{noon.Add(d), line} }

// town is an archive of two services on two hosts.
func town(t *testing.T) *shelf {
	s := newShelf(t)
	s.say(container("web", "web-1", "north"), at(0, "a1"), at(2*time.Second, "!a2"), at(2*time.Hour, "a3"))
	s.say(container("web", "web-2", "south"), at(time.Second, "b1"), at(time.Second, "b2"), at(3*time.Hour, "b3"))
	s.say(container("db", "postgres", "north"), at(time.Minute, "c1"), at(25*time.Hour, "c2"))
	return s
}

func TestLogsOfSeveral(t *testing.T) {
	s := town(t)
	for args, want := range map[string]string{
		"--service web":                   "web-1  | a1\nweb-2  | b1\nweb-2  | b2\nweb-1  | a3\nweb-2  | b3\n",
		"--service web --host south":      "web-2  | b1\nweb-2  | b2\nweb-2  | b3\n",
		"--host north":                    "web-1     | a1\npostgres  | c1\nweb-1     | a3\npostgres  | c2\n",
		"--host north web-1":              "a1\na3\n",
		"web-2 web-1 --no-log-prefix":     "a1\nb1\nb2\na3\nb3\n",
		"--service web --service db -n 1": "web-1     | a3\nweb-2     | b3\npostgres  | c2\n",
		"--service web -n 0":              "",
		"--service web -n 2 --grep 3":     "web-1  | a3\nweb-2  | b3\n",
		"--service web --grep [AB]2 -i":   "web-2  | b2\n",
		"--service web --grep [0-2] -v":   "web-1  | a3\nweb-2  | b3\n",
		"web-2 --grep b1|3":               "b1\nb3\n",
		"--host south -t --grep b3":       "web-2  | 2024-05-06T15:00:00.000000000Z b3\n",
		"--service web --since 2024-05-06T12:00:01Z --until 2024-05-06T14:00:00Z": "web-2  | b1\nweb-2  | b2\nweb-1  | a3\n",
		"--service db --service web --since 2024-05-07":                           "postgres  | c2\n",
	} {
		t.Run(args, func(t *testing.T) {
			res := s.logs(strings.Fields(args)...)
			if res.status != exitOK || res.stdout != want {
				t.Errorf("got %+v, want %q", res, want)
			}
		})
	}
	if res := s.logs("--service", "web"); res.stderr != "web-1  | a2\n" {
		t.Errorf("stderr %q", res.stderr)
	}
	for want, args := range map[string][]string{
		`no log of a container "web-1" and service "db"`: {"web-1", "--service", "db"},
		`no log of a container "nobody"`:                 {"web-1", "nobody"},
	} {
		if res := s.logs(args...); res.status != exitFailure || res.stdout != "" || !strings.Contains(res.stderr, want) {
			t.Errorf("%v: %+v", args, res)
		}
	}
}

// TestLogsOfOneName is of containers that bore a name, on two hosts at a time.
func TestLogsOfOneName(t *testing.T) {
	s := newShelf(t)
	day := 24 * time.Hour
	s.say(container("old", "app", "north"), at(-40*day, "0"), at(-40*day, "1"))
	s.say(container("app", "app", "north"), at(0, "2"), at(2*time.Second, "4"))
	s.say(container("app", "app", "south"), at(time.Second, "3"), at(3*time.Second, "5"))
	for args, want := range map[string]string{
		"app":                                   "0 1 2 3 4 5",
		"app -n 1":                              "5",
		"app -n 3":                              "3 4 5",
		"app -n 5":                              "1 2 3 4 5",
		"app -n 50":                             "0 1 2 3 4 5",
		"app -n 0":                              "",
		"app --service old":                     "0 1",
		"app --host south":                      "3 5",
		"app -n 3 --until 2024-05-06T12:00:02Z": "3 4",
		"app -n 3 --since 2024-05-06T12:00:02Z": "4 5",
	} {
		res := s.logs(strings.Fields(args)...)
		if got := strings.Join(strings.Fields(res.stdout), " "); res.status != exitOK || got != want {
			t.Errorf("%s: %+v, want %q", args, res, want)
		}
	}
	// Names that two hosts have tell the host.
	s.logs("--service", "app", "-n", "1").want(t, "app@north  | 4\napp@south  | 5\n", "")
}

// TestLongLinesOfSeveral keeps the parts of a line together.
func TestLongLinesOfSeveral(t *testing.T) {
	s := newShelf(t)
	s.say(container("s", "a", "h"), at(0, `long, `), at(5, "end"))
	a := s.segment(container("s", "x", "h"), at(1, "one"), at(2, `unfin`))
	b := s.segment(container("s", "y", "h"), at(1, `lo\`), at(1, `ng\`), at(3, "next"))
	s.put(append(a, b...)...)
	s.logs("--service", "s", "x", "y").want(t, "x  | one\nx  | unfin\ny  | long\ny  | next\n", "")
	s.logs("y").want(t, "longnext\n", "")
	s.logs("y", "--grep", "long").want(t, "long", "")
}

func TestLogsAsJSON(t *testing.T) {
	s := newShelf(t)
	n := container("web", "web-1", "north")
	s.say(n, at(0, "<a>"), at(1, "!\xff\xfeb"), at(2, `lo\`), at(2, `ng\`), at(3, `end\`))
	s.say(container("web", "web-2", "north"), at(time.Hour, "b"))
	res := s.logs("--json", "--service", "web")
	head := func(nano int, seq int, rest string, name string, id string) string {
		return fmt.Sprintf(`{"time":"%s","time_unix_nano":%d,"seq":%d,%s,"service_name":"web","container_id":"%s","container_name":"%s","image_name":"","image_id":"","host_name":"north"}`+"\n",
			noon.Add(time.Duration(nano)).Format("2006-01-02T15:04:05.000000000Z"), noon.UnixNano()+int64(nano), seq, rest, id, name)
	}
	want := head(0, 1, `"stream":"stdout","body":"<a>"`, "web-1", n.ContainerID) +
		head(1, 2, `"stream":"stderr","body":"`+"\uFFFD\uFFFD"+`b","body_raw":"//5i"`, "web-1", n.ContainerID) +
		head(2, 3, `"stream":"stdout","body":"long","partial":true,"parts":[{"seq":3,"bytes":2},{"seq":4,"bytes":2}]`, "web-1", n.ContainerID) +
		head(3, 5, `"stream":"stdout","body":"end","partial":true`, "web-1", n.ContainerID) +
		head(int(time.Hour), 1, `"stream":"stdout","body":"b"`, "web-2", container("web", "web-2", "north").ContainerID)
	res.want(t, want, "")
	for _, line := range strings.Split(strings.TrimSpace(res.stdout), "\n") {
		if !json.Valid([]byte(line)) {
			t.Errorf("no JSON: %s", line)
		}
	}
	// One container says who it was, too, also if only its id is given.
	if res := s.logs("--json", n.ContainerID); !strings.Contains(res.stdout, `"container_name":"web-1"`) {
		t.Errorf("got %+v", res)
	}
}

// TestLogsThatCannotBeRead prints the rest, says what is missing, and fails.
func TestLogsThatCannotBeRead(t *testing.T) {
	s := town(t)
	bad := s.segment(container("web", "web-1", "north"), at(4*time.Hour, "lost"))
	s.put(bad...)
	s.say(container("web", "web-1", "north"), at(5*time.Hour, "a5"))
	if err := os.WriteFile(filepath.Join(s.dir, filepath.FromSlash(bad[0].Key())), []byte("no parquet, but long enough for a footer"), 0o600); err != nil {
		t.Fatal(err)
	}
	for args, want := range map[string]string{
		"web-1":                  "a1\na3\na5\n",
		"--service web --grep a": "web-1  | a1\nweb-1  | a3\nweb-1  | a5\n",
	} {
		res := s.logs(strings.Fields(args)...)
		if res.status != exitFailure || res.stdout != want {
			t.Errorf("%s: %+v", args, res)
		}
		if n := strings.Count(res.stderr, "coldtail: "); n != 1 || !strings.Contains(res.stderr, bad[0].Key()) {
			t.Errorf("%s: stderr %q", args, res.stderr)
		}
	}
}
