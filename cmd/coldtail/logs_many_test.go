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
	"github.com/coldtail/coldtail/readback"
)

// onWrite tells of the first write.
type onWrite struct {
	bytes.Buffer
	first func()
}

func (w *onWrite) Write(p []byte) (int, error) {
	if w.first != nil {
		w.first()
		w.first = nil
	}
	return w.Buffer.Write(p)
}

// TestLogsOfMany merges 120 containers of half a year, of which a few live at a time,
// and opens them as it goes by.
func TestLogsOfMany(t *testing.T) {
	if testing.Short() {
		t.Skip("skipped by -short: it makes an archive of many containers")
	}
	s := newShelf(t)
	const containers = 120
	var want strings.Builder
	for i := range containers {
		begin := time.Duration(i) * 29 * time.Hour
		n := container("web", fmt.Sprintf("web-%03d", i), "north")
		s.say(n, at(begin, "up"), at(begin+time.Hour, "down"))
		fmt.Fprintf(&want, "web-%03d  | up\nweb-%03d  | down\n", i, i)
	}
	b := &counted{Bucket: s.bucket}
	early := int64(-1)
	out := &onWrite{first: func() { early = b.gets.Load() }}
	a := &app{stdout: out, stderr: &bytes.Buffer{}}
	c := logsConfig{who: who{services: []string{"web"}}}
	to, err := a.newLogOutput(&c, false, nil)
	s.check(err)
	r := &logsRun{who: &c.who, query: readback.Query{Tail: -1}, out: to, line: codec.OneLine, stderr: a.stderr, bucket: b, reader: readback.New(readback.Config{Bucket: b})}
	s.check(r.print(t.Context()))
	s.check(to.flush())
	if out.String() != want.String() {
		t.Errorf("got %.300q", out.String())
	}
	lists, gets := b.taken()
	t.Logf("%d listings, %d reads, %d of them before the first line", lists, gets, early)
	if early > 2*parallelFinds {
		t.Errorf("%d reads before the first line", early)
	}
}

// TestLogsOfManyAway waits once for a bucket that is away, not for each
// container, and tells how much is missing.
func TestLogsOfManyAway(t *testing.T) {
	s := newShelf(t)
	for i := range 40 {
		s.say(container("web", fmt.Sprintf("web-%02d", i), "north"), at(time.Duration(i)*48*time.Hour, "x"))
	}
	var stdout, stderr bytes.Buffer
	a := &app{stdout: &stdout, stderr: &stderr}
	c := logsConfig{who: who{services: []string{"web"}}}
	to, err := a.newLogOutput(&c, false, nil)
	s.check(err)
	b := &counted{Bucket: &unreadable{Bucket: s.bucket}}
	r := &logsRun{who: &c.who, query: readback.Query{Tail: -1}, out: to, line: codec.OneLine, stderr: &stderr, bucket: s.bucket,
		reader: readback.New(readback.Config{Bucket: b, Timeout: 50 * time.Millisecond})}
	s.check(r.print(t.Context()))
	if err := r.lost(); err == nil || err.Error() != "39 more ranges could not be read" || stdout.Len() > 0 {
		t.Errorf("got %v, %q", err, stdout.String())
	}
	if got := stderr.String(); strings.Count(got, "\n") != 1 || !strings.HasPrefix(got, "coldtail: web-00: cannot read 1 archived entry") {
		t.Errorf("stderr %q", got)
	}
}

// refusing does not give the objects of one container, such as those in cold
// storage.
type refusing struct {
	bucket.Bucket
	id string
}

func (r *refusing) Get(ctx context.Context, key string, opts bucket.GetOptions) (bucket.Body, error) {
	if strings.Contains(key, r.id) {
		return bucket.Body{}, &bucket.Error{Op: bucket.OpGet, Key: key, Permanent: true, Err: errors.New("in cold storage")}
	}
	return r.Bucket.Get(ctx, key, opts)
}

// TestLogsOfManyRefused prints the other containers where one's objects are
// refused, however many these are.
func TestLogsOfManyRefused(t *testing.T) {
	for _, containers := range []int{eager, 2 * eager} {
		s := newShelf(t)
		want := ""
		for i := range containers {
			s.say(container("web", fmt.Sprint("web-", i), "north"), at(time.Duration(i)*48*time.Hour, "x"))
			if i > 0 {
				want += fmt.Sprintf("web-%d  | x\n", i)
			}
		}
		var stdout, stderr bytes.Buffer
		a := &app{stdout: &stdout, stderr: &stderr}
		c := logsConfig{who: who{services: []string{"web"}}}
		to, err := a.newLogOutput(&c, false, nil)
		s.check(err)
		b := &refusing{s.bucket, container("web", "web-0", "north").ContainerID}
		r := &logsRun{who: &c.who, query: readback.Query{Tail: -1}, out: to, line: codec.OneLine, stderr: &stderr, bucket: s.bucket, reader: readback.New(readback.Config{Bucket: b})}
		s.check(r.print(t.Context()))
		s.check(to.flush())
		if stdout.String() != want {
			t.Errorf("%d containers: got %q, want %q", containers, stdout.String(), want)
		}
		if got := stderr.String(); strings.Count(got, "\n") != 1 || !strings.HasPrefix(got, "coldtail: web-0: cannot read 1 archived entry") || !errors.Is(r.lost(), errReported) {
			t.Errorf("%d containers: stderr %q, then %v", containers, got, r.lost())
		}
	}
}
