package readback_test

import (
	"errors"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/coldtail/coldtail/archiver/bucket"
	"github.com/coldtail/coldtail/codec"
	"github.com/coldtail/coldtail/codec/key"
	"github.com/coldtail/coldtail/readback"
)

var errAway = errors.New("connection refused")

// away is a bucket that does not answer.
func away(op bucket.Op, key string) error { return &bucket.Error{Op: op, Key: key, Err: errAway} }

// refuses is a bucket that denies something.
func refuses(what func(op bucket.Op, key string) bool) func(bucket.Op, string) error {
	return func(op bucket.Op, key string) error {
		if !what(op, key) {
			return nil
		}
		return &bucket.Error{Op: op, Key: key, Permanent: true, Hint: "ask for it", Err: errors.New("access denied")}
	}
}

// partly reads all that there is, and what is said to be missing behind it.
func (g *rig) partly(q readback.Query) (lines []string, missing *readback.MissingError) {
	g.t.Helper()
	q.ContainerID = id
	for e, err := range g.r.Entries(g.t.Context(), q) {
		switch {
		case missing != nil:
			g.t.Fatalf("%v, and then %q, %v", missing, e.Line, err)
		case errors.As(err, &missing):
		default:
			check(g.t, err)
			lines = append(lines, string(e.Line))
		}
	}
	return lines, missing
}

// segmentOf is the number of the segment of an object; 0 of anything else.
func segmentOf(name string) int64 {
	m, err := key.Parse(name)
	if err != nil {
		return 0
	}
	return m.SegmentSeq
}

// newSplitRig has the entries 0 to 39 in four objects in the bucket only, and
// 40 to 59 in the spool.
func newSplitRig(t *testing.T) *rig {
	g := newRig(t, codec.Parquet)
	for range 4 {
		g.print(10)
		g.flush(true)
	}
	g.print(20)
	return g
}

// TestMissing: what the bucket does not give is named behind all that can be
// read, with the time range, the number where it is known, and the reason.
func TestMissing(t *testing.T) {
	if testing.Short() {
		t.Skip("skipped by -short: it waits for a bucket that does not answer")
	}
	g := newSplitRig(t)
	young, old := g.a.Created().Add(time.Second), g.a.Created().Add(-time.Hour)
	at := func(i int) time.Time { return time.Unix(0, g.time(i)) }
	segment := func(seg int64) func(bucket.Op, string) bool {
		return func(_ bucket.Op, key string) bool { return segmentOf(key) == seg }
	}
	for _, tc := range []struct {
		name     string
		fail     func(bucket.Op, string) error
		q        readback.Query
		lines    []string
		entries  int64
		from, to time.Time
		says     string
	}{
		{"away", away, readback.Query{Tail: -1, Created: young}, g.sent[40:], 40, at(0), at(39), "40 archived entries between"},
		{"away, tail", away, readback.Query{Tail: 25, Created: young}, g.sent[40:], 5, at(30), at(39), "5 archived entries between"},
		{"away, until", away, readback.Query{Tail: -1, Created: young, Until: at(45)}, g.sent[40:46], 40, at(0), at(39), "connection refused"},
		{"away, since", away, readback.Query{Tail: -1, Created: young, Since: at(25)}, g.sent[40:], 20, at(20), at(39), "the bucket gave nothing for 1s: get: connection refused"},
		{"away, older than the state", away, readback.Query{Tail: -1, Created: old}, g.sent[40:], 0, time.Time{}, at(39), "what was archived before"},
		{
			"away in the middle", func(op bucket.Op, key string) error {
				if segmentOf(key) == 2 {
					return away(op, key)
				}
				return nil
			},
			readback.Query{Tail: -1, Created: young}, slices.Concat(g.sent[:10], g.sent[40:]), 30, at(10), at(39), "connection refused",
		},
		{
			"one object refused", refuses(segment(2)), readback.Query{Tail: -1, Created: young},
			slices.Concat(g.sent[:10], g.sent[20:]), 10, at(10), at(19), "get: access denied (ask for it)",
		},
		{
			"listings refused", refuses(func(op bucket.Op, _ string) bool { return op == bucket.OpList }), readback.Query{Tail: -1, Created: old},
			g.sent, 0, time.Time{}, at(0), "list: access denied (ask for it)",
		},
	} {
		t.Run(tc.name, func(t *testing.T) {
			g.t = t
			g.bucket.fail = tc.fail
			lines, missing := g.partly(tc.q)
			if !slices.Equal(lines, tc.lines) {
				t.Errorf("got %d lines %.100q, want %d", len(lines), lines, len(tc.lines))
			}
			if missing == nil {
				t.Fatal("nothing is said to be missing")
			}
			t.Log(missing)
			if missing.Entries != tc.entries || !missing.From.Equal(tc.from) {
				t.Errorf("%d entries from %s are said to be missing, not %d from %s", missing.Entries, missing.From, tc.entries, tc.from)
			}
			// A range that ends at the spool's begin is told by the segment's clock.
			if tc.entries > 0 && !missing.To.Equal(tc.to) || missing.To.Before(tc.to) {
				t.Errorf("missing to %s, want %s", missing.To, tc.to)
			}
			if s := missing.Error(); !strings.Contains(s, tc.says) || strings.Contains(s, "parquet/") {
				t.Errorf("%q, want %q in it, and no key", s, tc.says)
			}
		})
	}
	g.bucket.fail = nil
	g.t = t
	g.want(readback.Query{Tail: -1, Created: old}, g.sent)
}

// TestMissingOfArchive: without local state there is nothing to serve, and the
// range is all that was asked for.
func TestMissingOfArchive(t *testing.T) {
	g := newSplitRig(t)
	g.bucket.fail = away
	g.r = readback.New(readback.Config{Bucket: g.bucket, Timeout: 100 * time.Millisecond})
	since := time.Unix(1, 0)
	lines, missing := g.partly(readback.Query{Tail: -1, Since: since})
	if len(lines) > 0 || missing == nil || !missing.From.Equal(since) || !missing.To.IsZero() || !errors.Is(missing, errAway) {
		t.Errorf("%d lines, %+v", len(lines), missing)
	}
}

// TestMissingBeforeFollowing: a follower is told before it waits, and then
// follows.
func TestMissingBeforeFollowing(t *testing.T) {
	g := newSplitRig(t)
	g.bucket.fail = away
	var got []string
	told, detached := 0, make(chan struct{})
	for e, err := range g.r.Entries(t.Context(), readback.Query{ContainerID: id, Tail: -1, Follow: true, Created: g.a.Created().Add(time.Second)}) {
		if missing := (*readback.MissingError)(nil); errors.As(err, &missing) {
			if told++; len(got) != 20 {
				t.Errorf("told after %d entries", len(got))
			}
			continue
		}
		check(t, err)
		if e.Seq != 0 {
			got = append(got, string(e.Line))
			continue
		}
		if told == 0 {
			t.Fatal("waits before it tells")
		}
		if len(got) == 20 {
			g.fifo.Log(codec.Entry{TimeNano: g.time(60), Line: []byte("more")})
			g.sent = append(g.sent, "more")
			go func() { g.detach(); close(detached) }()
		}
	}
	if !slices.Equal(got, g.sent[40:]) || told != 1 {
		t.Errorf("got %d lines, told %d times", len(got), told)
	}
	<-detached
	g.attach()
}
