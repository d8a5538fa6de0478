package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/coldtail/coldtail/archiver/bucket"
	"github.com/coldtail/coldtail/codec"
	"github.com/coldtail/coldtail/codec/key"
	"github.com/coldtail/coldtail/readback"
)

// following is a follower of a shelf, that a test lets poll.
type following struct {
	*shelf
	bucket      *counted
	f           *follower
	now         time.Time
	out, stderr bytes.Buffer
}

// follow reads what there is, as of now, and begins to follow. What between
// archives comes after the first listing, and before the reading.
func (s *shelf) follow(now time.Time, args string, between ...func()) *following {
	s.t.Helper()
	x := &following{shelf: s, bucket: &counted{Bucket: s.bucket}, now: now}
	a := &app{stdout: &x.out, stderr: &x.stderr}
	var c logsConfig
	c.interval, c.tail = defaultInterval, "all"
	for _, arg := range strings.Fields(args) {
		name, value, isFlag := strings.Cut(arg, "=")
		switch {
		case !isFlag:
			c.names = append(c.names, arg)
		case name == "service":
			c.services = append(c.services, value)
		case name == "tail":
			c.tail = value
		case name == "since":
			c.since = value
		case name == "until":
			c.until = value
		default:
			s.t.Fatalf("argument %q", arg)
		}
	}
	q, err := c.query(now)
	s.check(err)
	out, err := a.newLogOutput(&c, c.oneLog(), nil)
	s.check(err)
	r := &logsRun{who: &c.who, query: q, out: out, stderr: &x.stderr, line: codec.OneLine, bucket: x.bucket, retrying: x.bucket, reader: readback.New(readback.Config{Bucket: x.bucket})}
	x.f = newFollower(r, func() time.Time { return x.now })
	r.found = func(ctx context.Context, targets []*target) error {
		err := x.f.start(ctx, targets)
		for _, archive := range between {
			archive()
		}
		return err
	}
	s.check(r.print(s.t.Context()))
	s.check(out.flush())
	return x
}

// poll returns what a poll prints, after a time.
func (x *following) poll(after time.Duration) string {
	x.t.Helper()
	x.now = x.now.Add(after)
	_, err := x.f.poll(x.t.Context())
	x.check(err)
	return x.printed()
}

func (x *following) printed() string {
	x.t.Helper()
	x.check(x.f.r.out.flush())
	s := x.out.String() + x.stderr.String()
	x.out.Reset()
	x.stderr.Reset()
	return strings.Join(strings.Fields(s), " ")
}

func (x *following) want(got, want string) {
	x.t.Helper()
	if got != want {
		x.t.Errorf("printed %q, want %q", got, want)
	}
}

func TestFollow(t *testing.T) {
	s := newShelf(t)
	n := container("web", "web-1", "north")
	s.say(n, at(0, "1"), at(1, "2"))
	x := s.follow(noon.Add(time.Minute), "web-1")
	x.want(x.printed(), "1 2")
	x.want(x.poll(time.Minute), "")
	s.say(n, at(2, "3"))
	x.want(x.poll(time.Minute), "3")
	x.want(x.poll(time.Minute), "")
	// Over the end of the hour and of the day, and after a night.
	for i, after := range []time.Duration{time.Hour, 12 * time.Hour, 20 * time.Hour, time.Minute} {
		x.now = x.now.Add(after)
		line := fmt.Sprint("x", i)
		s.say(n, said{x.now, line})
		got := x.poll(0)
		for polls := 0; got == "" && polls < 3; polls++ {
			got = x.poll(fullInterval)
		}
		x.want(got, line)
	}
}

// TestFollowOnce prints once what was archived while the first reading began.
func TestFollowOnce(t *testing.T) {
	for _, args := range []string{"web-1", "web-1 tail=1", "service=web"} {
		s := newShelf(t)
		n := container("web", "web-1", "north")
		s.say(n, at(0, "1"))
		x := s.follow(noon.Add(time.Minute), args, func() { s.say(n, at(1, "2"), at(2, "3")) })
		if got := x.printed(); !strings.HasSuffix(got, "3") {
			t.Errorf("%s: printed %q", args, got)
		}
		x.want(x.poll(time.Second), "")
		x.want(x.poll(fullInterval), "")
	}
}

// TestFollowRequests bounds what a poll costs.
func TestFollowRequests(t *testing.T) {
	s := newShelf(t)
	one := container("web", "web-0", "north")
	for d := range 30 { // a month of days
		s.say(one, at(time.Duration(d-29)*24*time.Hour, "x"))
	}
	for i := 1; i < 100; i++ {
		s.say(container("web", fmt.Sprint("web-", i), "north"), at(0, "x"))
	}
	for i := range 20 { // others, in the same hours
		s.say(container("other", fmt.Sprint("o-", i), "north"), at(0, "y"))
	}
	for _, tc := range []struct {
		args                 string
		idle, busy, busyGets int64
	}{
		{"web-0", 2, 2, 4},
		{"service=web", 2, 2, 4},
	} {
		x := s.follow(noon.Add(time.Minute), tc.args)
		x.printed()
		x.bucket.taken()
		for range 100 {
			x.want(x.poll(defaultInterval), "")
		}
		if lists, gets := x.bucket.taken(); lists > 100*tc.idle || gets > 0 {
			t.Errorf("%s: 100 polls of nothing new took %d listings and %d reads", tc.args, lists, gets)
		}
		s.say(one, said{x.now, "new"})
		if got := x.poll(time.Second); !strings.HasSuffix(got, "new") {
			t.Errorf("%s: printed %q", tc.args, got)
		}
		if lists, gets := x.bucket.taken(); lists > tc.busy || gets > tc.busyGets {
			t.Errorf("%s: a poll with one new object took %d listings and %d reads", tc.args, lists, gets)
		}
		// A full look takes the days' hours of all together, and each one's days.
		x.want(x.poll(fullInterval), "")
		if lists, gets := x.bucket.taken(); lists > 1+100+3*24 || gets > 0 {
			t.Errorf("%s: a full look took %d listings and %d reads", tc.args, lists, gets)
		}
	}
}

// TestFollowHalves prints both objects of a segment over two hours, however
// these come, and their entries in order where they interleave.
func TestFollowHalves(t *testing.T) {
	hour := noon.Add(time.Hour)
	parts := func(s *shelf, n key.Name) []object {
		return s.segment(n, said{hour.Add(-3), "a"}, said{hour, "b"}, said{hour.Add(-1), "c"}, said{hour.Add(1), "d"})
	}
	n := container("web", "web-1", "north")
	for _, first := range []int{0, 1} {
		s := newShelf(t)
		s.say(n, at(0, "0"))
		x := s.follow(hour.Add(-time.Minute), "web-1")
		x.want(x.printed(), "0")
		halves := parts(s, n)
		s.put(halves[first])
		x.want(x.poll(2*time.Minute), "")
		s.put(halves[1-first])
		x.want(x.poll(time.Second), "a b c d")
		x.want(x.poll(time.Second), "")
		// One half was there before the first reading.
		s = newShelf(t)
		halves = parts(s, n)
		s.put(halves[first])
		x = s.follow(hour.Add(time.Minute), "web-1")
		want := []string{"a c", "b d"}
		x.want(x.printed(), want[first])
		s.put(halves[1-first])
		x.want(x.poll(time.Second), want[1-first])
		// And it goes on.
		s.put(s.segment(n, at(90*time.Minute, "on"))...)
		x.want(x.poll(time.Hour), "on")
	}
}

// TestFollowHoles does not wait for ever for what is missing, and prints it late
// if it comes at last.
func TestFollowHoles(t *testing.T) {
	s := newShelf(t)
	n := container("web", "web-1", "north")
	s.say(n, at(0, "1"))
	x := s.follow(noon.Add(time.Minute), "web-1")
	x.want(x.printed(), "1")
	missing := s.segment(n, at(1, "2"))
	s.say(n, at(2, "3"))
	for range maxHolds {
		x.want(x.poll(time.Second), "")
	}
	x.want(x.poll(time.Second), "3")
	s.say(n, at(4, "4"))
	x.want(x.poll(time.Second), "4")
	s.put(missing...)
	x.want(x.poll(time.Second), "2")
	x.want(x.poll(time.Second), "")
}

// TestFollowOutage is of a host whose bucket was away for hours.
func TestFollowOutage(t *testing.T) {
	s := newShelf(t)
	n := container("web", "web-1", "north")
	s.say(n, at(0, "0"))
	x := s.follow(noon.Add(time.Minute), "web-1")
	x.want(x.printed(), "0")
	var late []object
	for h := 1; h <= 5; h++ {
		late = append(late, s.segment(n, at(time.Duration(h)*time.Hour, fmt.Sprint(h)))...)
	}
	x.now = noon.Add(5*time.Hour + time.Minute)
	s.put(late...)
	got := x.poll(time.Second)
	for polls := 0; len(got) < len("1 2 3 4 5") && polls < maxHolds; polls++ {
		got += x.poll(time.Second)
	}
	x.want(got, "1 2 3 4 5")
	x.want(x.poll(time.Second), "")
}

// unreadable lists, and gives nothing but what is wrong.
type unreadable struct {
	bucket.Bucket
	permanent bool
}

func (u *unreadable) Get(_ context.Context, key string, _ bucket.GetOptions) (bucket.Body, error) {
	return bucket.Body{}, &bucket.Error{Op: bucket.OpGet, Key: key, Permanent: u.permanent, Err: errors.New("broken")}
}

// TestFollowReadsAgain does not give up what could not be read for a while, and
// says once what may not be read at all.
func TestFollowReadsAgain(t *testing.T) {
	s := newShelf(t)
	n := container("web", "web-1", "north")
	s.say(n, at(0, "1"))
	x := s.follow(noon.Add(time.Minute), "web-1")
	x.want(x.printed(), "1")
	good := x.f.r.reader
	reader := func(permanent bool) *readback.Reader {
		return readback.New(readback.Config{Bucket: &unreadable{s.bucket, permanent}, Timeout: 50 * time.Millisecond})
	}
	s.say(n, at(1, "2"))
	x.f.r.reader = reader(false)
	for range 2 {
		x.want(x.poll(time.Second), "")
	}
	x.f.r.reader = good
	x.want(x.poll(time.Second), "2")
	x.want(x.poll(time.Second), "")
	s.say(n, at(2, "3"))
	x.f.r.reader = reader(true)
	if got := x.poll(time.Second); strings.Count(got, "coldtail:") != 1 || !strings.Contains(got, "broken") {
		t.Errorf("printed %q", got)
	}
	x.want(x.poll(time.Second), "")
	if x.f.r.lost() == nil {
		t.Error("it does not fail")
	}
}

func TestFollowSince(t *testing.T) {
	s := newShelf(t)
	n := container("web", "web-1", "north")
	s.say(n, at(0, "1"), at(time.Minute, "2"))
	// What comes behind the first entry that is late enough is printed whatever
	// its time, also in a later poll.
	x := s.follow(noon.Add(2*time.Minute), "web-1 since=2024-05-06T12:01:00Z")
	x.want(x.printed(), "2")
	s.say(n, at(30*time.Second, "back"))
	x.want(x.poll(time.Minute), "back")
	// Nothing is as late yet.
	x = s.follow(noon.Add(2*time.Minute), "web-1 since=2024-05-06T12:10:00Z")
	x.want(x.printed(), "")
	s.say(n, at(9*time.Minute, "early"), at(11*time.Minute, "late"), at(8*time.Minute, "later"))
	x.want(x.poll(time.Minute), "late later")
	s.say(n, at(7*time.Minute, "again"))
	x.want(x.poll(time.Minute), "again")
	// And until.
	x = s.follow(noon.Add(2*time.Minute), "web-1 tail=1 until=2024-05-06T12:30:00Z")
	x.want(x.printed(), "again")
	s.say(n, at(29*time.Minute, "in"), at(31*time.Minute, "out"), at(20*time.Minute, "behind"))
	x.want(x.poll(time.Minute), "in")
	s.say(n, at(20*time.Minute, "after"))
	x.want(x.poll(time.Minute), "")
}

// TestFollowTail does not bring what the tail left out.
func TestFollowTail(t *testing.T) {
	for tail, want := range map[string]string{"0": "", "2": "3 4"} {
		s := newShelf(t)
		n := container("web", "web-1", "north")
		for i := range 5 {
			s.say(n, at(time.Duration(i)*time.Hour, fmt.Sprint(i)))
		}
		x := s.follow(noon.Add(5*time.Hour), "web-1 tail="+tail)
		x.want(x.printed(), want)
		for range 3 {
			x.want(x.poll(fullInterval), "")
		}
		s.say(n, said{x.now, "new"})
		x.want(x.poll(time.Second), "new")
	}
}

// TestFollowNewContainers finds those that begin later, and a clock that is set
// back within the day.
func TestFollowNewContainers(t *testing.T) {
	s := newShelf(t)
	n := container("web", "web-1", "north")
	s.say(n, at(0, "1"))
	s.say(container("db", "db-1", "north"), at(0, "no"))
	x := s.follow(noon.Add(time.Minute), "service=web")
	x.want(x.printed(), "web-1 | 1")
	s.say(container("web", "web-22", "north"), at(2, "2"))
	s.say(container("db", "db-2", "north"), at(2, "no"))
	s.say(n, at(-5*time.Hour, "back"))
	x.want(x.poll(fullInterval), "web-1 | back web-22 | 2")
	x.want(x.poll(time.Second), "")
	// By name, on another host.
	x = s.follow(noon.Add(time.Minute), "web-1")
	x.want(x.printed(), "1 back")
	s.say(container("web", "web-1", "south"), at(3, "3"))
	x.want(x.poll(fullInterval), "3")
}
