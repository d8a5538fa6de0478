package archiver // see rig

import (
	"bytes"
	"errors"
	"io"
	"os"
	"path/filepath"
	"slices"
	"testing"

	"github.com/coldtail/coldtail/archiver/spool"
	"github.com/coldtail/coldtail/archiver/statedir"
	"github.com/coldtail/coldtail/codec"
)

// TestSidecarDamagedUnderTheArchiver: a segment whose sidecar is damaged while it
// waits is read and archived whole.
func TestSidecarDamagedUnderTheArchiver(t *testing.T) {
	for name, damage := range map[string]func([]byte) []byte{
		"removed":             func([]byte) []byte { return nil },
		"cut":                 func(b []byte) []byte { return b[:100] },
		"first record":        func(b []byte) []byte { b[len(b)-48*2] ^= 1; return b },
		"header and its copy": func(b []byte) []byte { return bytes.ReplaceAll(b, []byte("web"), []byte("WEB")) },
	} {
		t.Run(name, func(t *testing.T) {
			g, away := defaultsRig(t)
			d := newDaemon(t)
			src := source(d.path, idA)
			src.Options.RollBytes = 64 << 10
			check(t, g.a.Attach(t.Context(), src))
			lines := numbers(20_000)
			d.print(lines...)
			check(t, g.a.Detach(t.Context(), d.path))
			s := g.a.all()[0]
			s.log.Roll()
			check(t, s.log.Commit())
			paths, err := filepath.Glob(filepath.Join(statedir.Path(g.cfg.StateDir).Log(idA), "*.idx"))
			check(t, err)
			if len(paths) < 2 {
				t.Fatalf("%d segments", len(paths))
			}
			for _, path := range paths {
				b, err := os.ReadFile(path)
				check(t, err)
				if b = damage(b); b == nil {
					check(t, os.Remove(path))
				} else {
					check(t, os.WriteFile(path, b, 0o600))
				}
			}
			sn, err := g.a.Snapshot(idA)
			check(t, err)
			var read []string
			for _, v := range sn.Segments {
				read = append(read, linesOf(t, v)...)
			}
			if !slices.Equal(read, lines) {
				t.Fatalf("read %d lines of %d", len(read), len(lines))
			}
			g.comeBack(away)
			g.flush()
			g.want(idA, lines)
		})
	}
}

// linesOf reads a local segment.
func linesOf(t *testing.T, v *spool.View) (lines []string) {
	t.Helper()
	cur := v.Cursor()
	defer cur.Close()
	for {
		b, err := cur.Next(t.Context(), false, nil)
		if errors.Is(err, io.EOF) {
			return lines
		}
		check(t, err)
		for rest := b.Frames; len(rest) > 0; {
			var e codec.Entry
			n, err := codec.ParseFrame(rest, &e)
			check(t, err)
			lines, rest = append(lines, string(e.Line)), rest[n:]
		}
	}
}

// TestDataRemovedUnderTheArchiver: a segment whose only copy is gone is a gap row,
// and no obstacle to the others.
func TestDataRemovedUnderTheArchiver(t *testing.T) {
	g, away := defaultsRig(t)
	d := newDaemon(t)
	src := source(d.path, idA)
	check(t, g.a.Attach(t.Context(), src))
	lines := numbers(300)
	s := g.a.all()[0]
	for part := range slices.Chunk(lines, 100) {
		d.print(part...)
		waitFor(t, "the lines to be read", func() bool { return s.log.Info().ActiveBytes > 100 })
		check(t, g.a.Detach(t.Context(), d.path))
		s.log.Roll()
		check(t, s.log.Commit())
		check(t, g.a.Attach(t.Context(), src))
	}
	check(t, os.Remove(filepath.Join(statedir.Path(g.cfg.StateDir).Log(idA), "0000000002.sealed")))
	g.comeBack(away)
	res, err := g.a.Flush(t.Context(), false)
	t.Logf("flush: %+v, %v", res, err)
	if res.Pending != 0 {
		t.Fatal("something is left")
	}
	got, dropped := split(t, g.archived(idA))
	if dropped != 100 || !slices.Equal(got, slices.Concat(lines[:100], lines[200:])) {
		t.Fatalf("%d lines, %d in gap rows", len(got), dropped)
	}
}

// TestPanicWhileOpening: a log whose opening panics is opened by the next caller.
func TestPanicWhileOpening(t *testing.T) {
	g, away := defaultsRig(t)
	d := newDaemon(t)
	check(t, g.a.Attach(t.Context(), source(d.path, idA)))
	d.print("a line")
	check(t, g.a.Detach(t.Context(), d.path))
	s := g.a.all()[0]
	s.log.Dropping(codec.Gap{Entries: 1})
	check(t, s.log.Commit())
	g.stop()
	panics := 1
	g.cfg.Hook = func(step, _ string) {
		if step == "gap" && panics > 0 {
			panics--
			panic("in a test")
		}
	}
	g.start()
	<-g.a.recovered
	if panics > 0 {
		t.Fatal("nothing panicked")
	}
	waitFor(t, "the log", func() bool {
		sn, err := g.a.Snapshot(idA)
		return err == nil && len(sn.Segments) == 2
	})
	g.comeBack(away)
	if res, err := g.a.Flush(t.Context(), false); err != nil || res.Pending != 0 {
		t.Fatalf("%+v, %v", res, err)
	}
}
