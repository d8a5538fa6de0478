package archiver

import (
	"bytes"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/coldtail/coldtail/archiver/bucket/filebucket"
	"github.com/coldtail/coldtail/archiver/spool"
	"github.com/coldtail/coldtail/archiver/statedir"
)

// TestEncodingKills has the encoding of one container's segment kill the process
// each time. After maxDeaths of these that segment is given up, with a gap row,
// and everything else of all containers is archived; after fewer, all is.
func TestEncodingKills(t *testing.T) {
	for _, deaths := range []int{maxDeaths - 1, maxDeaths} {
		t.Run(fmt.Sprint(deaths), func(t *testing.T) {
			g := newCrash(t, 3)
			poisoned := fmt.Sprintf("%064x", 1)
			t.Setenv(envPoison, poisoned)
			g.backlog = 20 // or it writes for as long as the children take
			g.write(100, time.Millisecond)
			for range deaths {
				cmd := g.child("")
				if err := cmd.Wait(); err == nil || cmd.ProcessState.ExitCode() != -1 {
					t.Fatalf("the child was not killed: %v", err)
				}
			}
			if deaths < maxDeaths {
				t.Logf("%d entries exact", g.judge())
				return
			}
			b, err := filebucket.Open(filebucket.Config{Dir: g.folder}, slog.New(slog.DiscardHandler))
			check(t, err)
			var log bytes.Buffer
			r := &rig{t: t, bucket: b, cfg: Config{StateDir: g.state, Logger: slog.New(slog.NewTextHandler(&log, nil))}}
			a, err := New(r.cfg, b)
			check(t, err)
			var srcs []Source
			for i, p := range g.paths {
				srcs = append(srcs, crashSource(p, i))
			}
			check(t, a.Attach(t.Context(), srcs...))
			r.run(a)
			close(g.stop)
			var want [][]string
			for _, ch := range g.written {
				want = append(want, <-ch)
			}
			check(t, a.DetachAll(t.Context()))
			if n := r.flushLossy(); n != 1 {
				t.Errorf("%d files with entries are in quarantine, want the segment's", n)
			}
			for i, lines := range want {
				id := fmt.Sprintf("%064x", i)
				got, gone := split(t, r.archived(id))
				if len(got)+int(gone) != len(lines) || (gone > 0) != (id == poisoned) {
					t.Errorf("container %d: %d lines and %d in gaps of %d", i, len(got), gone, len(lines))
				}
				subsequence(t, got, lines)
			}
			wantClean(t, b)
			if left, err := os.ReadDir(statedir.Path(g.state).Attempts()); err != nil || len(left) > 0 {
				t.Errorf("%d attempts are left: %v", len(left), err)
			}
			r.stop()
			if !strings.Contains(log.String(), "ended the process") {
				t.Errorf("nobody was told: %s", &log)
			}
		})
	}
}

// TestAttempts: only what ends in between is an attempt, by number and birth of
// the segment; one that has failed is encoded alone.
func TestAttempts(t *testing.T) {
	log := slog.New(slog.DiscardHandler)
	h := &spool.Header{ContainerID: idA, SegmentSeq: 7, CreatedNano: 5}
	other := &spool.Header{ContainerID: idB, SegmentSeq: 7, CreatedNano: 5}
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
	if _, err := a.begin(h); !hopeless(err) {
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
	died := &spool.Header{ContainerID: idA, SegmentSeq: 1, CreatedNano: 5}
	fresh := &spool.Header{ContainerID: idA, SegmentSeq: 2, CreatedNano: 6}
	late := &spool.Header{ContainerID: idB, SegmentSeq: 3, CreatedNano: 7}
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
