package main

import (
	"strings"
	"syscall"
	"testing"
	"time"
)

// TestLaterVersions has an object, or a marker, of a later version in an archive:
// what can be read is printed, and that there is more said in one sentence.
func TestLaterVersions(t *testing.T) {
	n, other := container("web", "web-1", "north"), container("db", "db-1", "south")
	later := func(id string) map[string]string {
		dir := "parquet/dt=" + at(0, "").at.UTC().Format("2006-01-02/hour=15/") + id + "-"
		return map[string]string{
			"a ninth field":     dir + "5555555555555555-0000000002-0000000000000000003-0000000000000000003-0000000001-0000000000000000000-0000000000000000001-1.parquet",
			"another extension": dir + "5555555555555555-0000000002.vortex",
			"another format":    "index/day/" + id + at(0, "").at.UTC().Format("/2006-01-02/") + "vortex",
		}
	}
	for name, key := range later(n.ContainerID) {
		s := newShelf(t)
		s.say(n, at(0, "a"), at(time.Second, "b"))
		s.say(other, at(2*time.Second, "c"))
		s.touch(key)
		for args, stdout := range map[string]string{
			"logs web-1":                        "a\nb\n",
			"logs " + n.ContainerID:             "a\nb\n",
			"logs --tail 1 web-1":               "b\n",
			"logs web-1 db-1":                   "web-1  | a\nweb-1  | b\ndb-1   | c\n",
			"logs --host north":                 "web-1  | a\nweb-1  | b\n",
			"ls --service web -q":               n.ContainerID[:12] + "\n",
			"ls --host north --since 48000h -q": n.ContainerID[:12] + "\n",
		} {
			f := strings.Fields(args)
			res := s.run(f[0], f[1:]...)
			if res.status != exitFailure || res.stdout != stdout || strings.Count(res.stderr, "\n") != 1 ||
				!strings.Contains(res.stderr, key) || !strings.Contains(res.stderr, "made by a newer coldtail: upgrade coldtail to read it") {
				t.Errorf("%s, %s: %+v", name, args, res)
			}
		}
		for _, args := range []string{"verify", "verify web-1"} {
			f := strings.Fields(args)
			if res := s.run(f[0], f[1:]...); res.status != exitFailure || !strings.Contains(res.stdout, "newer: ") || !strings.Contains(res.stdout, key) {
				t.Errorf("%s, %s: %+v", name, args, res)
			}
		}
		// It is not theirs.
		s.logs("db-1").want(t, "c\n", "")
		s.run("ls", "-q", "--service", "db").want(t, other.ContainerID[:12]+"\n", "")
	}
}

// TestNameOfALaterVersion: a container whose name only a later version can read.
func TestNameOfALaterVersion(t *testing.T) {
	s := newShelf(t)
	n := container("web", "web-1", "north")
	s.say(container("db", "db-1", "south"), at(0, "a"))
	s.touch(n.Key() + "/2")
	for _, command := range []string{"logs web-1", "ls --name web-1", "verify web-1"} {
		f := strings.Fields(command)
		if res := s.run(f[0], f[1:]...); res.status != exitFailure || !strings.Contains(res.stderr, "made by a newer coldtail") || !strings.Contains(res.stderr, "no log of") {
			t.Errorf("%s: %+v", command, res)
		}
	}
	s.logs("db-1").want(t, "a\n", "")
}

// TestOnlyOfALaterVersion: a container that only a later version archived.
func TestOnlyOfALaterVersion(t *testing.T) {
	s := newShelf(t)
	n := container("web", "web-1", "north")
	s.touch(n.Key())
	s.touch("index/day/" + n.ContainerID + "/2026-01-02/vortex")
	for _, command := range []string{"logs", "ls --name", "verify"} {
		f := strings.Fields(command + " web-1")
		res := s.run(f[0], f[1:]...)
		if res.status != exitFailure || !strings.Contains(res.stdout+res.stderr, "made by a newer coldtail") {
			t.Errorf("%s: %+v", command, res)
		}
	}
}

// TestFollowLaterVersion: a follower that meets an object of a later version says
// so, goes on, and fails at its end.
func TestFollowLaterVersion(t *testing.T) {
	if testing.Short() {
		t.Skip("skipped by -short: it waits")
	}
	s := newShelf(t)
	n := container("web", "web-1", "north")
	s.say(n, said{time.Now(), "1"})
	h := newHome(t)
	var out textBuffer
	c := h.start(nil, &out, "logs", "-f", "--interval", "1s", "--bucket", s.url(), "web-1")
	eventually(t, "the first line", func() bool { return out.String() == "1\n" })
	s.touch("parquet/" + time.Now().UTC().Format("dt=2006-01-02/hour=15/") + n.ContainerID + "-5555555555555555-0000000002.vortex")
	eventually(t, "a complaint", func() bool { return c.said("made by a newer coldtail") })
	s.say(n, said{time.Now(), "2"})
	eventually(t, "the second line", func() bool { return out.String() == "1\n2\n" })
	if status := c.signal(syscall.SIGINT); status != exitFailure || strings.Count(c.stderr.String(), "newer coldtail") != 1 {
		t.Errorf("status %d: %s", status, c.stderr.String())
	}
}
