package spool // inside: see spool_test.go

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/coldtail/coldtail/archiver/spool/quarantine"
	"github.com/coldtail/coldtail/codec"
)

// newLive makes a log with a segment that has all that a sidecar can tell:
// batches, bytes that are no frames, frames that were given up, several FIFOs. It
// is still active.
func newLive(t *testing.T) (g *rig, log *bytes.Buffer) {
	g = newRig(t)
	check(t, g.log.Close())
	g.cfg.Dir = filepath.Join(scratch(t), "c")
	log = &bytes.Buffer{}
	g.cfg.Logger = slog.New(slog.NewTextHandler(log, nil))
	g.open()
	for i := range 4 {
		g.send(fmt.Sprint("first of round ", i), "a second one")
		torn := g.frame("a frame that is given up shortly before it ends")
		g.write(torn[:len(torn)-5-i*9])
		g.fill()
		g.log.DropTorn()
		g.write(g.frame("from another fifo"))
		g.sent = append(g.sent, "from another fifo")
		g.fillFrom(fmt.Sprint("fifo ", i))
		check(t, g.log.Commit())
		g.write(bytes.Repeat([]byte{0xee}, 30))
		g.send("behind what is no frame")
		check(t, g.log.Commit())
	}
	return g, log
}

// lines reads as a follower of docker logs does, and through a view as archiving
// does.
func (g *rig) lines() (all []string) {
	g.t.Helper()
	for _, v := range g.log.Snapshot().Segments {
		v, err := g.log.OpenSegment(v.Header.SegmentSeq)
		check(g.t, err)
		all = append(all, collect(g.t, v.Cursor(), 0, false)...)
		check(g.t, v.Close())
	}
	g.want(all)
	return all
}

// damages are what may happen to a file of n bytes: each byte changed, cut
// anywhere, another's content, removed.
func damages(b []byte) map[string]func(path string) error {
	out := map[string]func(string) error{
		"removed":        os.Remove,
		"other content":  func(p string) error { return os.WriteFile(p, []byte("other content"), 0o600) },
		"longer":         func(p string) error { return os.WriteFile(p, append(bytes.Clone(b), b[:60]...), 0o600) },
		"zeros":          func(p string) error { return os.WriteFile(p, make([]byte, len(b)), 0o600) },
		"without a head": func(p string) error { return os.WriteFile(p, b[len(b)/2:], 0o600) },
	}
	for i := range b {
		if testing.Short() && i%7 != 0 {
			continue
		}
		out[fmt.Sprint("flipped at ", i)] = func(p string) error { return os.WriteFile(p, flipped(b, i), 0o600) }
		if i%5 == 0 {
			out[fmt.Sprint("cut at ", i)] = func(p string) error { return os.Truncate(p, int64(i)) }
		}
	}
	return out
}

// TestSidecarDamagedWhileRunning damages the sidecar of a segment, sealed and
// archived, in every way: the log that is open reads all of it, and a process
// that starts then, too.
func TestSidecarDamagedWhileRunning(t *testing.T) {
	if testing.Short() {
		t.Skip("skipped by -short: it damages every byte")
	}
	for _, state := range []phase{sealed, archived} {
		t.Run(state.String(), func(t *testing.T) {
			g, _ := newLive(t)
			g.log.Roll()
			check(t, g.log.Commit())
			if state == archived {
				check(t, g.archived(1, Object{Segment: 1, Key: "k"}))
			}
			s := g.log.segments[0]
			path := s.path(extIndex)
			whole, err := os.ReadFile(path)
			check(t, err)
			for what, damage := range damages(whole) {
				check(t, os.WriteFile(path, whole, 0o600))
				check(t, damage(path))
				if got := g.lines(); !slices.Equal(got, g.sent) {
					t.Fatalf("%s: got %d lines %.90q, want %d", what, len(got), got, len(g.sent))
				}
				sc, err := openSidecar(path)
				if want, _ := g.log.shapeOf(s); err != nil || !want.fit(sc) {
					t.Fatalf("%s: the sidecar was not mended: %v", what, err)
				}
				if g.recoverLive(what); t.Failed() {
					return
				}
				// Else what comes next copies all that was put aside.
				check(t, os.RemoveAll(filepath.Join(g.cfg.Dir, quarantine.Dir)))
			}
		})
	}
}

// recoverLive opens what is there as another process does.
func (g *rig) recoverLive(what string) {
	g.t.Helper()
	cfg := g.cfg
	cfg.Dir = g.killed()
	l, quarantined, err := Open(cfg)
	check(g.t, err)
	defer l.Close()
	h := &rig{t: g.t, cfg: cfg, log: l}
	if got := h.read(0); !slices.Equal(got, g.sent) || quarantined > 0 {
		g.t.Fatalf("%s: after a restart %d lines of %d, %d files put aside", what, len(got), len(g.sent), quarantined)
	}
}

// TestActiveSidecarDamagedWhileRunning damages the sidecar of a segment that takes
// entries: when it is sealed, it is whole.
func TestActiveSidecarDamagedWhileRunning(t *testing.T) {
	for i, what := range []string{"removed", "zeros", "other content", "longer", "flipped at 7", "flipped at 140", "flipped at 700", "cut at 0", "cut at 105", "cut at 700"} {
		g, log := newLive(t)
		path := g.log.segments[0].path(extIndex)
		whole, err := os.ReadFile(path)
		check(t, err)
		damage := damages(whole)[what]
		if damage == nil {
			continue // in a short test
		}
		check(t, damage(path))
		if i%2 == 0 {
			g.send("one more")
			check(t, g.log.Commit())
		}
		g.want(g.sent)
		g.log.Roll()
		check(t, g.log.Commit())
		sc, err := openSidecar(path)
		if want, _ := g.log.shapeOf(g.log.segments[0]); err != nil || !want.fit(sc) {
			t.Fatalf("%s: %v", what, err)
		}
		g.lines()
		g.recoverLive(what)
		if !strings.Contains(log.String(), "repaired the sidecar") {
			t.Errorf("%s: nobody was told", what)
		}
	}
}

// TestFilesRemovedWhileRunning: the data of a segment that takes entries is
// written again, that of a sealed one is an error in its place; a gap is written
// again or, once it is archived, needs no file.
func TestFilesRemovedWhileRunning(t *testing.T) {
	g, _ := newLive(t)
	check(t, os.Remove(g.log.segments[0].path(extActive)))
	g.send("one more")
	g.want(g.sent)
	check(t, g.log.Commit())
	g.log.Roll()
	check(t, g.log.Commit())
	g.lines()
	g.recoverLive("data of the active segment")

	g.drop(3)
	check(t, g.log.Commit())
	g.send("the last")
	g.log.Roll()
	check(t, g.log.Commit())
	gap := g.log.segments[1]
	check(t, os.Remove(gap.path(extGap)))
	g.lines()
	check(t, os.Remove(g.log.segments[0].path(extSealed)))
	if _, err := g.log.OpenSegment(1); !corrupt(err) {
		t.Fatalf("got %v, want an error that is not the disk's", err)
	}
	got, bad := g.damaged()
	if want := g.sent[len(g.sent)-4:]; bad != 1 || !slices.Equal(got, want) {
		t.Fatalf("%d errors and %q, want %q", bad, got, want)
	}
	check(t, g.log.Quarantine(1))
	check(t, g.archived(2, Object{Segment: 2, Key: "gap"}))
	check(t, g.archived(3, Object{Segment: 3, Key: "last"}))
	if objs, all, err := g.log.Snapshot().AllObjects(); err != nil || all || len(objs) != 2 {
		t.Fatalf("%v, all: %t, %v", objs, all, err)
	}
	g.want(g.sent[len(g.sent)-1:])
}

func corrupt(err error) bool {
	var bad *codec.CorruptError
	var path *os.PathError
	return errors.As(err, &bad) && !errors.As(err, &path)
}

// damaged reads what can be read, and counts what cannot.
func (g *rig) damaged() (lines []string, bad int) {
	g.t.Helper()
	c := g.log.Snapshot().Cursor(0)
	defer c.Close()
	for range 1000 {
		b, err := c.Next(context.Background(), false, nil)
		switch {
		case errors.Is(err, io.EOF):
			return lines, bad
		case corrupt(err):
			bad++
			continue
		}
		check(g.t, err)
		for f := b.Frames; len(f) > 0; {
			var e codec.Entry
			n, err := codec.ParseFrame(f, &e)
			check(g.t, err)
			f = f[n:]
			if e.Source == codec.GapSource {
				gap, err := codec.ParseGap(e.Line)
				check(g.t, err)
				lines = append(lines, slices.Repeat([]string{droppedLine}, int(gap.Entries))...)
				continue
			}
			lines = append(lines, string(e.Line))
		}
	}
	g.t.Fatal("reading does not end")
	return nil, 0
}

// TestStreamFilesDamagedWhileRunning: numbers are in memory, and a list of objects
// that is not whole is not taken for whole.
func TestStreamFilesDamagedWhileRunning(t *testing.T) {
	for _, name := range []string{streamFile, archivedFile} {
		g, _ := newLive(t)
		for range 2 {
			g.log.Roll()
			check(t, g.log.Commit())
			seg := g.log.Pending()[0]
			check(t, g.archived(seg, Object{Segment: seg, Key: fmt.Sprint("key ", seg)}))
			g.send("next")
		}
		_, err := g.log.Evict(0)
		check(t, err)
		path := filepath.Join(g.cfg.Dir, name)
		whole, err := os.ReadFile(path)
		check(t, err)
		sent := len(g.sent)
		for what, damage := range damages(whole) {
			check(t, os.WriteFile(path, whole, 0o600))
			check(t, damage(path))
			g.want(g.sent[sent-1:])
			if objs, all, err := g.log.Snapshot().AllObjects(); err != nil || name == archivedFile && all && what != "longer" || name == streamFile && (!all || len(objs) != 2) {
				t.Fatalf("%s %s: %v, all: %t, %v", name, what, objs, all, err)
			}
			last := g.log.Info().LastSeq
			g.send(what)
			if got := g.log.Info().LastSeq; got != last+1 {
				t.Fatalf("%s %s: entry %d after %d", name, what, got, last)
			}
		}
	}
}
