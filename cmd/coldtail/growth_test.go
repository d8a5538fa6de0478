package main

import (
	"bytes"
	"context"
	"errors"
	"flag"
	"fmt"
	"runtime"
	"runtime/debug"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/coldtail/coldtail/archiver/bucket/buckettest"
	"github.com/coldtail/coldtail/codec"
	"github.com/coldtail/coldtail/codec/key"
	"github.com/coldtail/coldtail/readback"
)

// How many containers the archive of TestManyNames has.
var manyNames = flag.Int("names", 100_000, "containers in the archive of TestManyNames; 10000000 for docs/performance.md")

const (
	growthHosts = 100
	growthDays  = 1000
	growthTrip  = 50 * time.Millisecond
	// What a command may hold in memory.
	growthBytes = 256 << 20
)

var growthEnd = time.Date(2026, 11, 20, 0, 0, 0, 0, time.UTC)

// born is container i of n: hosts have the same number, which began day by day.
func born(i, n int) (name key.Name, day time.Time) {
	ofHost := n / growthHosts
	k := i % ofHost
	name = key.Name{Service: fmt.Sprintf("n%08d", i), Name: fmt.Sprintf("n%08d", i), Host: fmt.Sprintf("h%02d", i/ofHost), ContainerID: fmt.Sprintf("%056x%08x", i, i)}
	name.ContainerID = name.ContainerID[48:] + name.ContainerID[:48] // the digits that differ first
	return name, growthEnd.AddDate(0, 0, k*growthDays/ofHost-growthDays)
}

// manyContainers is an archive of n containers, of one object each, which names
// itself complete if it is.
func manyContainers(n int, complete bool, own map[string][]byte) *buckettest.Listing {
	ofDay := n / growthHosts / growthDays // of one host
	seen := func(i int) key.Seen {
		name, day := born(i, n)
		return key.Seen{Name: name, Day: day}
	}
	l := &buckettest.Listing{Content: own, Sections: []buckettest.Section{
		{N: n, Key: func(i int) string { return seen(i).Name.Key() }},
		{N: n, Key: func(i int) string {
			s := seen(i)
			return key.Day{ContainerID: s.ContainerID, Day: s.Day, Format: codec.Parquet}.Key()
		}},
		{N: n, Key: func(j int) string { // by day, and of a day by id
			day, r := j/(ofDay*growthHosts), j%(ofDay*growthHosts)
			s := seen(r/ofDay*(n/growthHosts) + day*ofDay + r%ofDay)
			return keysOf(s.Name, codec.Parquet, s.Day)[1]
		}},
	}}
	if complete {
		l.Sections = append(l.Sections,
			buckettest.Section{N: n, Key: func(i int) string { return seen(i).NameKey() }},
			buckettest.Section{N: n, Key: func(i int) string { return seen(i).HostKey() }},
			buckettest.Keys(key.Complete))
	}
	return l
}

// cost is what a command took.
type cost struct {
	lists, gets int64
	trips       int // one after the other
	heap        int64
	out         string
	err         error
}

// measured runs do, and samples the heap. In a bubble it counts round trips.
func measured(t *testing.T, l *buckettest.Listing, inBubble bool, do func(ctx context.Context, out *bytes.Buffer) error) (c cost) {
	t.Helper()
	defer debug.SetGCPercent(debug.SetGCPercent(25))
	l.Lists.Store(0)
	l.Gets.Store(0)
	var out bytes.Buffer
	if inBubble {
		l.Delay = growthTrip
		synctest.Test(t, func(t *testing.T) {
			time.Sleep(time.Until(growthEnd))
			start := time.Now()
			c.err = do(t.Context(), &out)
			c.trips = int(time.Since(start) / growthTrip)
		})
		l.Delay = 0
	} else {
		runtime.GC()
		var before runtime.MemStats
		runtime.ReadMemStats(&before)
		var peak atomic.Int64
		l.Listed = func() {
			var m runtime.MemStats
			runtime.ReadMemStats(&m)
			peak.Store(max(peak.Load(), int64(m.HeapAlloc)-int64(before.HeapAlloc)))
		}
		c.err = do(t.Context(), &out)
		l.Listed()
		l.Listed = nil
		c.heap = peak.Load()
	}
	c.lists, c.gets, c.out = l.Lists.Load(), l.Gets.Load(), out.String()
	return c
}

// growthLogs returns `coldtail logs` of l.
func growthLogs(l *buckettest.Listing, args ...string) func(context.Context, *bytes.Buffer) error {
	return func(ctx context.Context, out *bytes.Buffer) error {
		a := &app{stdout: out, stderr: out}
		c := logsConfig{interval: defaultInterval, tail: "all"}
		for i := 0; i < len(args); i += 2 {
			switch args[i] {
			case "--tail":
				c.tail = args[i+1]
			case "--host":
				c.hosts = append(c.hosts, args[i+1])
			case "--since":
				c.since = args[i+1]
			case "name":
				c.names = append(c.names, args[i+1])
			}
		}
		q, err := c.query(time.Now())
		if err != nil {
			return err
		}
		c.recent = q.Since
		lo, err := a.newLogOutput(&c, c.oneLog(), nil)
		if err != nil {
			return err
		}
		r := &logsRun{who: &c.who, query: q, out: lo, line: codec.OneLine, stderr: out, bucket: l, retrying: l, reader: readback.New(readback.Config{Bucket: l})}
		return errors.Join(r.print(ctx), lo.finish(nil), lo.flush(), r.lost())
	}
}

func growthLs(l *buckettest.Listing, s *scan, w *who) func(context.Context, *bytes.Buffer) error {
	return func(ctx context.Context, out *bytes.Buffer) error {
		s.bucket, s.shelves = l, shelves{}
		rows, err := s.run(ctx, w)
		fmt.Fprintf(out, "%d rows", len(rows))
		return err
	}
}

// webContent is a container called web of some entries in the last hours before
// growthEnd, as it is in the archive, behind as many other objects.
func webContent(t *testing.T, lines int, behind int64) (n key.Name, content map[string][]byte) {
	s := newShelf(t)
	n = container("web", "web", "h07")
	content = map[string][]byte{}
	s.segs[n.ContainerID], s.seqs[n.ContainerID] = behind, behind
	for i := range lines {
		for _, o := range s.segment(n, said{growthEnd.Add(time.Duration(i-lines) * time.Minute), fmt.Sprint("line ", i)}) {
			content[o.Key()] = o.body
			for _, key := range o.Markers(n) {
				content[key] = nil
			}
		}
	}
	return n, content
}

// TestManyNames measures what finding one log, a host's, or all takes in an
// archive of many containers.
func TestManyNames(t *testing.T) {
	if testing.Short() {
		t.Skip("skipped by -short: it makes an archive of many thousand names")
	}
	n := *manyNames
	web, content := webContent(t, 30, 0)
	whole := manyContainers(n, true, content)
	var last10 []string
	for i := 20; i < 30; i++ {
		last10 = append(last10, fmt.Sprintf("line %d\n", i))
	}
	tail := strings.Join(last10, "")
	for _, tc := range []struct {
		name   string
		do     func(context.Context, *bytes.Buffer) error
		trips  int   // at most
		lists  int64 // at most
		out    string
		err    string
		bubble bool // also for many
	}{
		{"logs web --tail 10", growthLogs(whole, "name", "web", "--tail", "10"), 20, 60, tail, "", true},
		{"logs <short id> --tail 10", growthLogs(whole, "name", web.ContainerID[:12], "--tail", "10"), 20, 60, tail, "", true},
		{"logs <id> --tail 10", growthLogs(whole, "name", web.ContainerID, "--tail", "10"), 20, 60, tail, "", true},
		{"logs of nobody", growthLogs(whole, "name", "nobody", "--tail", "10"), 20, 60, "", "no log of a container", true},
		{"logs --host h07 --since 1h", growthLogs(whole, "--host", "h07", "--since", "1h"), 100, 60 + int64(30*n/growthHosts/growthDays), "", "", false},
		{"ls --host h07 --since 1h", growthLs(whole, &scan{since: growthEnd.Add(-time.Hour)}, &who{hosts: []string{"h07"}, recent: growthEnd.Add(-time.Hour)}), 30, 60 + int64(2*n/growthHosts/growthDays+n/growthDays/1000), "1 rows", "", false},
	} {
		t.Run(tc.name, func(t *testing.T) {
			c := measured(t, whole, true, tc.do)
			c.heap = measured(t, whole, false, func(ctx context.Context, out *bytes.Buffer) error { return tc.do(ctx, out) }).heap
			t.Logf("of %d containers: %d round trips, %d listings, %d reads, %d MiB of heap", n, c.trips, c.lists, c.gets, c.heap>>20)
			if c.trips > tc.trips || c.lists > tc.lists || c.heap > growthBytes {
				t.Errorf("more than %d round trips, %d listings or %d MiB", tc.trips, tc.lists, growthBytes>>20)
			}
			if tc.out != "" && c.out != tc.out || (tc.err == "") != (c.err == nil) || tc.err != "" && !strings.Contains(c.err.Error(), tc.err) {
				t.Errorf("printed %.300q, %v", c.out, c.err)
			}
		})
	}
	// Without the markers, all names are looked through; in bounded memory.
	old := manyContainers(n, false, content)
	c := measured(t, old, false, growthLogs(old, "name", "web", "--tail", "10"))
	t.Logf("logs web --tail 10 without markers by name, of %d containers: %d listings, %d MiB of heap", n, c.lists, c.heap>>20)
	if c.out != tail || c.err != nil || c.heap > growthBytes || c.lists > int64(n/1000+60) {
		t.Errorf("printed %.300q, %v", c.out, c.err)
	}
	s := &scan{}
	c = measured(t, whole, false, growthLs(whole, s, &who{}))
	t.Logf("ls of %d containers: %d listings, %d MiB of heap, %s, %v", n, c.lists, c.heap>>20, c.out, c.err)
	if c.heap > growthBytes || (c.err != nil) != (n > maxShelves) {
		t.Errorf("%s, %v", c.out, c.err)
	}
}

// TestThreeYears measures what a container takes that has archived an object every
// ten minutes for three years.
func TestThreeYears(t *testing.T) {
	if testing.Short() {
		t.Skip("skipped by -short: it makes an archive of three years")
	}
	const objects, every = 157_680, 10 * time.Minute
	web, content := webContent(t, 30, objects)
	first := growthEnd.Add(-objects*every - time.Hour)
	object := func(i int) key.Meta {
		at := first.Add(time.Duration(i) * every)
		seq := int64(i + 1)
		return key.Meta{
			Format: codec.Parquet, ContainerID: web.ContainerID, SpoolID: strings.Repeat("5", 16), SegmentSeq: seq, FirstSeq: seq, LastSeq: seq,
			Entries: 1, MinNano: at.UnixNano(), MaxNano: at.UnixNano(), Hour: at.Truncate(time.Hour),
		}
	}
	day := func(i int) key.Meta { return object(i * 144) }
	l := &buckettest.Listing{Content: content, Sections: []buckettest.Section{
		{N: objects, Key: func(i int) string { return object(i).Key() }},
		{N: objects / 144, Key: func(i int) string { return day(i).Markers(web)[1] }},
		{N: objects / 144, Key: func(i int) string { return day(i).Markers(web)[2] }},
		{N: objects / 144, Key: func(i int) string { return day(i).Markers(web)[3] }},
	}}
	for _, tc := range []struct {
		name  string
		do    func(context.Context, *bytes.Buffer) error
		trips int
		lists int64
	}{
		{"logs web --tail 10", growthLogs(l, "name", "web", "--tail", "10"), 20, 60},
		{"ls", growthLs(l, &scan{}, &who{}), 20, 250},
		{"ls --name web", growthLs(l, &scan{}, &who{names: []string{"web"}}), 20, 250},
	} {
		t.Run(tc.name, func(t *testing.T) {
			c := measured(t, l, true, tc.do)
			c.heap = measured(t, l, false, tc.do).heap
			t.Logf("%d round trips, %d listings, %d reads, %d MiB of heap; %.30q, %v", c.trips, c.lists, c.gets, c.heap>>20, c.out, c.err)
			if c.trips > tc.trips || c.lists > tc.lists || c.heap > growthBytes || c.err != nil {
				t.Errorf("more than %d round trips, %d listings or %d MiB, or %v", tc.trips, tc.lists, growthBytes>>20, c.err)
			}
		})
	}
}
