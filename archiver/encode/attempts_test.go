package encode // looks at the counts, which only a process that was killed leaves

import (
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/coldtail/coldtail/archiver/spool"
)

var one, two = strings.Repeat("a", 64), strings.Repeat("b", 64)

// TestAttempts: only what ends in between is an attempt, by number and birth of
// the segment; one that has failed is encoded alone.
func TestAttempts(t *testing.T) {
	log := slog.New(slog.DiscardHandler)
	h := &spool.Header{ContainerID: one, SegmentSeq: 7, CreatedNano: 5}
	other := &spool.Header{ContainerID: two, SegmentSeq: 7, CreatedNano: 5}
	dir := filepath.Join(t.TempDir(), "encoding")
	next := func() *attempts {
		a := &attempts{dir: dir}
		check(t, a.load(log))
		return a
	}
	for range 3 { // these end well
		end, err := next().begin(h)
		check(t, err)
		check(t, end())
	}
	for i := range maxDeaths {
		a := next()
		if n := a.before(fileOfAttempt(h), h); n != i {
			t.Fatalf("%d deaths, want %d", n, i)
		}
		_, err := a.begin(h)
		check(t, err)
		if free := a.alone.TryRLock(); free != (i == 0) {
			t.Errorf("after %d deaths others may be encoded meanwhile: %v", i, free)
		}
	}
	a := next()
	if _, err := a.begin(h); !Hopeless(err) {
		t.Errorf("begun after %d deaths: %v", maxDeaths, err)
	}
	again := *h
	again.CreatedNano++
	for _, h := range []*spool.Header{other, &again} {
		end, err := a.begin(h)
		check(t, err)
		check(t, end())
	}
	check(t, os.WriteFile(filepath.Join(dir, "damaged"), []byte("{"), 0o600))
	a = next()
	left, err := os.ReadDir(dir)
	check(t, err)
	if len(left) != 0 || len(a.died) != 0 {
		t.Errorf("%d files are left, %v is known", len(left), a.died)
	}
}

// TestStopIsNoAttempt: a process that was told to end, and is killed while it encodes,
// leaves the counts as they were, of what it had begun and what it began then.
func TestStopIsNoAttempt(t *testing.T) {
	log := slog.New(slog.DiscardHandler)
	dir := filepath.Join(t.TempDir(), "encoding")
	died := &spool.Header{ContainerID: one, SegmentSeq: 1, CreatedNano: 5}
	fresh := &spool.Header{ContainerID: one, SegmentSeq: 2, CreatedNano: 6}
	late := &spool.Header{ContainerID: two, SegmentSeq: 3, CreatedNano: 7}
	next := func() *attempts {
		a := &attempts{dir: dir}
		check(t, a.load(log))
		return a
	}
	_, err := next().begin(died) // and no end: once it was killed
	check(t, err)
	for _, begun := range []*spool.Header{died, fresh} {
		a := next()
		_, err := a.begin(begun)
		check(t, err)
		check(t, a.stop())
		if begun == fresh { // else it would wait for the other's end
			_, err = a.begin(late)
			check(t, err)
		}
		a = next()
		for h, want := range map[*spool.Header]int{died: 1, fresh: 0, late: 0} {
			if n := a.before(fileOfAttempt(h), h); n != want {
				t.Errorf("segment %d: %d deaths, want %d", h.SegmentSeq, n, want)
			}
		}
	}
}

func check(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}
