package main

import (
	"context"
	"errors"
	"fmt"
	"iter"
	"math/rand/v2"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/coldtail/coldtail/codec"
	"github.com/coldtail/coldtail/codec/key"
)

// merging is a merge of made-up streams, whose entries' lines are their times.
type merging struct {
	m          merger
	got        []string
	failed     []error
	mu         sync.Mutex
	open, most int // how many streams are open, and were at most
}

func newMerging() *merging {
	x := &merging{}
	x.m = merger{
		emit: func(s *stream, e *codec.Entry) error {
			x.got = append(x.got, fmt.Sprintf("%s%d", s.Name.Name, e.TimeNano))
			return nil
		},
		fail:  func(_ *stream, err error) error { x.failed = append(x.failed, err); return nil },
		pause: func() error { return nil },
	}
	return x
}

func (x *merging) stream(name string, from int64, times ...int64) *stream {
	return &stream{
		target: &target{Name: key.Name{Name: name, ContainerID: name}},
		from:   from,
		entries: func(yield func(codec.Entry, error) bool) {
			x.count(1)
			defer x.count(-1)
			for i, at := range times {
				if at < 0 {
					if !yield(codec.Entry{}, errors.New("lost")) {
						return
					}
					continue
				}
				if !yield(codec.Entry{Seq: int64(i + 1), TimeNano: at}, nil) {
					return
				}
			}
		},
	}
}

func (x *merging) count(n int) {
	x.mu.Lock()
	defer x.mu.Unlock()
	x.open += n
	x.most = max(x.most, x.open)
}

func TestMerge(t *testing.T) {
	future := time.Now().Add(100 * time.Hour).UnixNano()
	far := fmt.Sprint("b", future)
	for name, tc := range map[string]struct {
		streams func(x *merging) []*stream
		want    string
	}{
		"none": {func(*merging) []*stream { return nil }, ""},
		"by time": {func(x *merging) []*stream {
			return []*stream{x.stream("b", 0, 2, 3, 6), x.stream("a", 0, 1, 4, 5)}
		}, "a1 b2 b3 a4 a5 b6"},
		"equal times": {func(x *merging) []*stream {
			return []*stream{x.stream("b", 0, 1, 1), x.stream("a", 0, 1, 1)}
		}, "a1 a1 b1 b1"},
		"a clock that was set back": {func(x *merging) []*stream {
			return []*stream{x.stream("a", 0, 5, 1, 6), x.stream("b", 0, 2, 4, 7)}
		}, "b2 b4 a5 a1 a6 b7"},
		"a clock far ahead": {func(x *merging) []*stream {
			return []*stream{x.stream("a", 0, 1, 3, 9), x.stream("b", 0, 2, future, 4)}
		}, "a1 b2 " + far + " a3 b4 a9"},
		"far ahead at once": {func(x *merging) []*stream {
			return []*stream{x.stream("a", 0, 1), x.stream("b", 0, future)}
		}, far + " a1"},
		"what is lost": {func(x *merging) []*stream {
			return []*stream{x.stream("a", 0, 1, -1, 5), x.stream("b", 0, -1), x.stream("c", 0, 2)}
		}, "a1 c2 a5"},
		"opened later": {func(x *merging) []*stream {
			return []*stream{x.stream("c", 8, 9), x.stream("b", 4, 5, 8), x.stream("a", 0, 1, 6)}
		}, "a1 b5 a6 b8 c9"},
	} {
		t.Run(name, func(t *testing.T) {
			x := newMerging()
			if err := x.m.run(t.Context(), tc.streams(x)); err != nil {
				t.Fatal(err)
			}
			if got := strings.Join(x.got, " "); got != tc.want || x.open != 0 {
				t.Errorf("got %s, want %s; %d left open", got, tc.want, x.open)
			}
			if lost := strings.Contains(name, "lost"); lost != (len(x.failed) == 2) {
				t.Errorf("failed: %v", x.failed)
			}
		})
	}
}

// TestMergeOfMany compares a merge of streams in the order of time with a sort,
// and sees that few are open at a time.
func TestMergeOfMany(t *testing.T) {
	rnd := rand.New(rand.NewPCG(1, 2))
	x := newMerging()
	var streams []*stream
	var all []int64
	for i := range int64(500) {
		var times []int64
		for range 10 {
			times = append(times, i*100+rnd.Int64N(250))
		}
		slices.Sort(times)
		all = append(all, times...)
		streams = append(streams, x.stream("", i*100, times...))
	}
	rnd.Shuffle(len(streams), func(i, j int) { streams[i], streams[j] = streams[j], streams[i] })
	if err := x.m.run(t.Context(), streams); err != nil {
		t.Fatal(err)
	}
	slices.Sort(all)
	for i, want := range all {
		if x.got[i] != fmt.Sprint(want) {
			t.Fatalf("entry %d: %s, want %d", i, x.got[i], want)
		}
	}
	// Up to 3 overlap, and those that begin together with one are opened at once.
	if x.most > 3+1 {
		t.Errorf("%d streams of 500 were open at a time", x.most)
	}
}

// TestMergeLazily holds little of streams that are quiet between their entries.
func TestMergeLazily(t *testing.T) {
	x := newMerging()
	loaded := newMerging() // counts what is read and not passed on yet
	const containers, rounds = 200, 3
	var streams []*stream
	var want []string
	for r := range rounds {
		for i := range containers {
			for k := range 2 {
				want = append(want, fmt.Sprint(r*10_000+i*10+k))
			}
		}
	}
	for i := range containers {
		s := x.stream("", 0)
		s.entries = func(yield func(codec.Entry, error) bool) {
			for r := range rounds {
				at := int64(r*10_000 + i*10)
				if !yield(codec.Entry{TimeNano: at}, nil) {
					return
				}
				loaded.count(1)
				for k := range int64(2) {
					if !yield(codec.Entry{Seq: at + k + 1, TimeNano: at + k}, nil) {
						return
					}
				}
				loaded.count(-1)
			}
		}
		streams = append(streams, s)
	}
	if err := x.m.run(t.Context(), streams); err != nil {
		t.Fatal(err)
	}
	if !slices.Equal(x.got, want) {
		t.Errorf("%d entries, want %d in the order of time", len(x.got), len(want))
	}
	if loaded.most > parallelFinds {
		t.Errorf("%d streams were loaded at a time", loaded.most)
	}
}

func TestMergeEnds(t *testing.T) {
	x := newMerging()
	stop := errors.New("stop")
	x.m.emit = func(*stream, *codec.Entry) error { return stop }
	if err := x.m.run(t.Context(), []*stream{x.stream("a", 0, 1), x.stream("b", 0, 2)}); !errors.Is(err, stop) || x.open != 0 {
		t.Errorf("got %v, %d left open", err, x.open)
	}
	ctx, cancel := context.WithCancel(t.Context())
	x = newMerging()
	x.m.emit = func(*stream, *codec.Entry) error { cancel(); return nil }
	var endless iter.Seq2[codec.Entry, error] = func(yield func(codec.Entry, error) bool) {
		for yield(codec.Entry{Seq: 1, TimeNano: 1}, nil) {
		}
	}
	s := x.stream("a", 0)
	s.entries = endless
	if err := x.m.run(ctx, []*stream{s}); !errors.Is(err, context.Canceled) {
		t.Errorf("got %v", err)
	}
}
