package main

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/coldtail/coldtail/codec"
	"github.com/coldtail/coldtail/codec/key"
)

// setBack lets the container's next segment have the numbers of one before.
func (s *shelf) setBack(n key.Name, segment, seq int64) {
	s.segs[n.ContainerID], s.seqs[n.ContainerID] = segment, seq
}

// printedTwice splits what a poll printed from its complaints.
func printedTwice(t *testing.T, got string) (lines string, complaints int) {
	t.Helper()
	const complaint = "coldtail: another entry than before has the number"
	for {
		before, after, ok := strings.Cut(got, complaint)
		if !ok {
			return strings.TrimSpace(lines + before), complaints
		}
		complaints++
		_, rest, ok := strings.Cut(after, "coldtail verify tells more")
		if !ok {
			t.Fatalf("printed %q", got)
		}
		lines, got = lines+before, strings.TrimPrefix(rest, " ")
	}
}

// TestFollowRestoredState: a state that was set back gives numbers again; what
// has them is printed all the same, and once.
func TestFollowRestoredState(t *testing.T) {
	for _, args := range []string{"web-1", "web-1 tail=1", "web-1 since=2024-05-06T11:00:00Z"} {
		s := newShelf(t)
		n := container("web", "web-1", "north")
		s.say(n, at(0, "a1"), at(1, "a2"))
		s.say(n, at(2, "a3"))
		x := s.follow(noon.Add(time.Minute), args)
		if got := x.printed(); !strings.HasSuffix(got, "a3") {
			t.Fatalf("printed %q", got)
		}
		s.setBack(n, 1, 1)
		// The first had been spooled before the backup: it is the same.
		s.segs[n.ContainerID] = 0
		s.seqs[n.ContainerID] = 0
		s.say(n, at(0, "a1"), at(10, "r2"), at(11, "r3"), at(12, "r4"))
		lines, complaints := printedTwice(t, x.poll(time.Second))
		if want := "r2 r3 r4"; lines != want && lines != "a1 "+want || complaints != 1 || args == "web-1" && lines != want {
			t.Errorf("%s: printed %q and %d complaints", args, lines, complaints)
		}
		x.want(x.poll(time.Second), "")
		x.want(x.poll(fullInterval), "")
	}
}

// TestFollowForged: an object that somebody else made, with the numbers that the
// host will give next, hides nothing of what the host archives then.
func TestFollowForged(t *testing.T) {
	for _, forge := range []func(m *key.Meta, entries []codec.Entry){
		func(*key.Meta, []codec.Entry) {},
		func(m *key.Meta, _ []codec.Entry) { m.SegmentSeq = 1_000_000 },
		func(m *key.Meta, _ []codec.Entry) { m.LastSeq = 1 << 60; m.Entries = 3 },
		func(m *key.Meta, _ []codec.Entry) { m.SpoolID = strings.Repeat("f", 16) },
		func(m *key.Meta, _ []codec.Entry) { m.Hour = m.Hour.Add(12 * time.Hour) },
		func(m *key.Meta, _ []codec.Entry) { m.Hour = m.Hour.AddDate(70, 0, 0) },
	} {
		s := newShelf(t)
		n := container("web", "web-1", "north")
		s.say(n, at(0, "1"), at(1, "2"))
		x := s.follow(noon.Add(time.Minute), "web-1")
		x.want(x.printed(), "1 2")
		forged := s.segment(n, at(2, "x"), at(3, "y"), at(4, "z"))
		forge(&forged[0].Meta, nil)
		s.put(forged...)
		s.setBack(n, 1, 2)
		var got string
		for range maxHolds + 1 {
			got += x.poll(time.Second) + " "
		}
		for i := 3; i < 8; i++ {
			s.say(n, said{x.now, fmt.Sprint(i)})
			for range maxHolds + 1 {
				got += x.poll(time.Second) + " "
			}
			x.now = x.now.Add(9 * time.Hour)
			got += x.poll(fullInterval) + " "
		}
		lines, _ := printedTwice(t, got)
		var real []string
		for _, w := range strings.Fields(lines) {
			if slices.Contains([]string{"3", "4", "5", "6", "7"}, w) {
				real = append(real, w)
			}
		}
		if strings.Join(real, " ") != "3 4 5 6 7" {
			t.Errorf("of %q: %q", forged[0].Key(), lines)
		}
	}
}

// TestSumsAreBounded: a follower forgets what the oldest entries were, not that
// they were printed.
func TestSumsAreBounded(t *testing.T) {
	var k sums
	a, b := &seen{}, &seen{}
	for seq := range int64(maxSums) {
		k.add(a, &codec.Entry{Seq: seq + 1, Line: []byte{1}})
		if seq%1024 == 0 {
			k.add(b, &codec.Entry{Seq: 2*seq + 1, Line: []byte{2}})
		}
	}
	held := 0
	for _, s := range []*seen{a, b} {
		for _, block := range s.sums {
			held += len(block.sums)
		}
	}
	if held != k.total || held > maxSums || held < maxSums-maxBlock {
		t.Errorf("%d sums are held, %d counted", held, k.total)
	}
	if same, known := k.match(a, &codec.Entry{Seq: 1, Line: []byte{1}}); same || known || !a.numbers.has(1) {
		t.Error("the first entry is remembered")
	}
	if same, known := k.match(a, &codec.Entry{Seq: maxSums, Line: []byte{1}}); !same || !known {
		t.Error("the last entry is not remembered")
	}
	if same, known := k.match(a, &codec.Entry{Seq: maxSums, Line: []byte{2}}); same || !known {
		t.Error("another entry passes for the last")
	}
}

// TestLogsOfRestoredState: what a state that was set back wrote comes after what
// it had written before, and not between it, where their segments are the same.
func TestLogsOfRestoredState(t *testing.T) {
	s := newShelf(t)
	n := container("web", "web-1", "north")
	s.say(n, at(0, "a1"), at(1, "a2"), at(59*time.Minute, "a3"), at(61*time.Minute, "a4"))
	s.setBack(n, 0, 0)
	s.say(n, at(119*time.Minute, "r1"), at(121*time.Minute, "r2"))
	s.setBack(n, 0, 0)
	s.say(n, at(181*time.Minute, "s1"))
	s.logs("web-1").want(t, "a1\na2\na3\na4\nr1\nr2\ns1\n", "")
	s.logs("--tail=4", "web-1").want(t, "a4\nr1\nr2\ns1\n", "")
}
