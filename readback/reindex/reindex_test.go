package reindex

import (
	"context"
	"errors"
	"fmt"
	"io"
	"iter"
	"math/rand/v2"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/coldtail/coldtail/archiver/bucket"
	"github.com/coldtail/coldtail/archiver/bucket/buckettest"
	"github.com/coldtail/coldtail/codec"
	"github.com/coldtail/coldtail/codec/key"
	"github.com/coldtail/coldtail/codec/randtest"
	"github.com/coldtail/coldtail/readback/catalog"
)

// store is a listing to which markers can be added; after some it ends.
type store struct {
	buckettest.Listing
	mu    sync.Mutex
	keys  map[string]bool
	stale bool // the listing lacks something
	left  int  // puts; negative: any number
}

var errEnd = errors.New("killed")

func newStore(keys ...string) *store {
	s := &store{keys: map[string]bool{}, left: -1}
	for _, k := range keys {
		s.keys[k] = true
	}
	s.settle()
	return s
}

// settle lets what was put be listed.
func (s *store) settle() {
	var keys []string
	for k := range s.keys {
		keys = append(keys, k)
	}
	s.stale = false
	s.Sections = []buckettest.Section{buckettest.Keys(keys...)}
}

func (s *store) List(ctx context.Context, prefix string, opts bucket.ListOptions) iter.Seq2[bucket.Object, error] {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.stale {
		s.settle()
	}
	now := buckettest.Listing{Sections: s.Sections}
	return now.List(ctx, prefix, opts)
}

func (s *store) Put(_ context.Context, key string, _ io.ReaderAt, _ int64, opts bucket.PutOptions) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if !opts.IfAbsent {
		return errors.New("a marker would be replaced")
	}
	if s.left == 0 {
		return errEnd
	}
	s.left--
	s.keys[key] = true
	s.stale = true
	return nil
}

// archive is a random one: all of its keys, and who its containers were.
func archive(r *rand.Rand) (keys []string, who map[string]key.Name) {
	who = map[string]key.Name{}
	names := []string{"web", "a/b", "", strings.Repeat("x", 300), "..", "job"}
	pick := func() string { return names[r.IntN(len(names))] }
	for i := range 1 + r.IntN(40) {
		n := key.Name{Service: pick(), Name: pick(), Host: pick(), ContainerID: fmt.Sprintf("%02x%062x", r.IntN(256), i)}
		who[n.ContainerID] = n
		for seq := range int64(1 + r.IntN(6)) {
			at := time.Now().Add(-time.Duration(r.IntN(1000)) * time.Hour)
			m := key.Meta{
				Format: codec.Formats()[r.IntN(2)], ContainerID: n.ContainerID, SpoolID: strings.Repeat("5", 16), SegmentSeq: seq + 1, FirstSeq: seq + 1, LastSeq: seq + 1,
				Entries: 1, MinNano: at.UnixNano(), MaxNano: at.UnixNano(), Hour: at.UTC().Truncate(time.Hour),
			}
			keys = append(keys, m.Key())
			keys = append(keys, m.Markers(n)...)
		}
	}
	slices.Sort(keys)
	return slices.Compact(keys), who
}

func sorted(m map[string]bool) (keys []string) {
	for k := range m {
		keys = append(keys, k)
	}
	slices.Sort(keys)
	return keys
}

// TestReindex: whichever markers an archive has lost, and however often it is
// stopped, they come again, and no other.
func TestReindex(t *testing.T) {
	defer func(h, m int) { maxHashes, maxMade = h, m }(maxHashes, maxMade)
	r := randtest.New(t)
	for round := range 60 {
		maxHashes, maxMade = 8_000_000, 500_000
		if round%2 == 1 {
			maxHashes, maxMade = 1+r.IntN(20), 1+r.IntN(5) // in many passes
		}
		whole, who := archive(r)
		describe := func(_ context.Context, c catalog.Chunk) (key.Name, error) { return who[c.ContainerID], nil }
		lossy := r.IntN(3)
		var kept []string
		for _, k := range whole {
			isMarker := key.IsMarker(k)
			old := strings.HasPrefix(k, "index/by-")
			switch {
			case !isMarker, lossy == 0 && !old: // an older version's archive
			case lossy == 1 && r.IntN(2) == 0:
				continue
			case lossy == 2 || lossy == 0:
				continue
			}
			kept = append(kept, k)
		}
		s := newStore(kept...)
		before := sorted(s.keys)
		dry, err := Run(t.Context(), s, Config{DryRun: true, Describe: describe})
		if err != nil || dry.Complete || !slices.Equal(sorted(s.keys), before) {
			t.Fatalf("a dry run made something: %+v, %v", dry, err)
		}
		for err = errEnd; errors.Is(err, errEnd); {
			s.left = 1 + r.IntN(100)
			_, err = Run(t.Context(), s, Config{Describe: describe})
		}
		want := map[string]bool{key.Complete: true}
		for _, k := range whole {
			want[k] = true
		}
		if err != nil || !slices.Equal(sorted(s.keys), sorted(want)) {
			t.Fatalf("round %d: %v; %d keys, want %d", round, err, len(s.keys), len(want))
		}
		s.left = -1
		sum, err := Run(t.Context(), s, Config{Describe: describe})
		if err != nil || sum.Days+sum.Names+sum.Seen+sum.Unnamed != 0 || !sum.Complete {
			t.Errorf("again: %+v, %v", sum, err)
		}
	}
}

// TestUnreadable: an object that cannot be read does not end it; another of the
// container may tell who that was.
func TestUnreadable(t *testing.T) {
	whole, who := archive(rand.New(rand.NewPCG(1, 2)))
	var objects []string
	for _, k := range whole {
		if !key.IsMarker(k) {
			objects = append(objects, k)
		}
	}
	s := newStore(objects...)
	sum, err := Run(t.Context(), s, Config{Describe: func(_ context.Context, c catalog.Chunk) (key.Name, error) {
		if c.SegmentSeq%2 == 1 {
			return key.Name{}, errors.New("damaged")
		}
		return who[c.ContainerID], nil
	}})
	if err != nil || sum.Unnamed == 0 || sum.Names == 0 {
		t.Errorf("%+v, %v", sum, err)
	}
	away := &bucket.Error{Op: bucket.OpGet, Err: errors.New("connection refused")}
	sum, err = Run(t.Context(), newStore(objects...), Config{Describe: func(context.Context, catalog.Chunk) (key.Name, error) { return key.Name{}, away }})
	if !errors.Is(err, away) || sum.Complete {
		t.Errorf("a bucket that is away: %+v, %v", sum, err)
	}
}
