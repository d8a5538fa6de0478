package main

import (
	"fmt"
	"testing"
	"time"
)

// TestTimesOutOfRange: a time that cannot be told in nanoseconds is before, or
// after, all entries, as for json-file, which compares times.
func TestTimesOutOfRange(t *testing.T) {
	const all, none = true, false
	for _, tc := range []struct {
		value        string
		since, until bool // whether everything is printed, or nothing
	}{
		{"9999-12-31", none, all},
		{"9999-12-31T23:59:59.999999999Z", none, all},
		{"2300-01-01", none, all},
		{"2262-04-12", none, all},
		{"2262-04-11", none, all},
		{"1677-09-21", all, none},
		{"1677-09-20", all, none},
		{"1600-01-01", all, none},
		{"0001-01-02", all, none},
		{"999999h", all, none},
		{"-999999h", none, all},
		{"2562047h", all, none},
		{"-2562047h", none, all},
		{"253402300800", none, all}, // the year 10000
		{"99999999999999", none, all},
		{"9223372036854775807", none, all},
		{"9223372036854775807.999999999", none, all},
		{"-9223372036854775808", all, none},
		{"-1", all, none},
		{"-1.5", all, none},
		{"0", all, all}, // docker logs takes --until 0 for none
		{"0001-01-01T00:00:00Z", all, all},
	} {
		t.Run(tc.value, func(t *testing.T) {
			t.Parallel()
			s := newShelf(t)
			web, web2, db := container("web", "web-1", "north"), container("web", "web-1", "south"), container("db", "db-1", "south")
			s.say(web, at(0, "a"), at(time.Second, "b"))
			s.say(web2, at(2*time.Second, "c"))
			s.say(db, at(3*time.Second, "d"))
			for _, bound := range []struct {
				flag string
				all  bool
			}{{"since", tc.since}, {"until", tc.until}} {
				flag := fmt.Sprintf("--%s=%s", bound.flag, tc.value)
				for _, c := range []struct {
					args []string
					want string
				}{
					{[]string{"logs", flag, db.ContainerID}, "d\n"},
					{[]string{"logs", flag, "--tail=1", "db-1"}, "d\n"},
					{[]string{"logs", flag, "web-1"}, "a\nb\nc\n"},
					{[]string{"logs", flag, "--tail=2", "web-1"}, "b\nc\n"},
					{[]string{"logs", flag, "--no-log-prefix", "web-1", "db-1"}, "a\nb\nc\nd\n"},
					{[]string{"logs", flag, "--no-log-prefix", "--tail=1", "--service=web", "--service=db"}, "b\nc\nd\n"},
					{[]string{"ls", flag, "-q", "--name=db-1"}, db.ContainerID[:12] + "\n"},
					{[]string{"ls", flag, "-q"}, db.ContainerID[:12] + "\n" + web.ContainerID[:12] + "\n" + web2.ContainerID[:12] + "\n"},
				} {
					want := c.want
					if !bound.all {
						want = ""
					}
					res := s.run(c.args[0], c.args[1:]...)
					if res.stdout != want || res.status != exitOK && (want != "" || c.args[0] == "logs") {
						t.Errorf("%v: %+v, want %q", c.args, res, want)
					}
				}
			}
		})
	}
}

// TestFollowTimesOutOfRange: the same of a follower.
func TestFollowTimesOutOfRange(t *testing.T) {
	s := newShelf(t)
	n := container("web", "web-1", "north")
	s.say(n, at(0, "a"))
	for _, until := range []string{"1600-01-01", "-9223372036854775808", "999999h"} {
		s.logs("-f", "--until="+until, "web-1").want(t, "", "")
	}
	x := s.follow(noon.Add(time.Minute), "until=9999-12-31 since=1600-01-01 web-1")
	x.want(x.printed(), "a")
	s.say(n, at(time.Second, "b"))
	x.want(x.poll(time.Minute), "b")
	x = s.follow(noon.Add(time.Minute), "since=9999-12-31 web-1")
	s.say(n, at(2*time.Second, "c"))
	x.want(x.printed()+x.poll(time.Minute), "")
}
