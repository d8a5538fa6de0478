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
	"sync"
	"testing"

	"github.com/coldtail/coldtail/archiver/spool/archivedlog"
	"github.com/coldtail/coldtail/codec"
	"github.com/coldtail/coldtail/codec/randtest"
)

// TestDirectoryRemovedWhileRunning: what is in files that are open, and what
// comes, is kept in a directory that is made again.
func TestDirectoryRemovedWhileRunning(t *testing.T) {
	g, _ := newLive(t)
	check(t, os.RemoveAll(g.cfg.Dir))
	g.send("one more")
	g.want(g.sent)
	g.log.Roll()
	g.write(g.frame("the next segment"))
	g.sent = append(g.sent, "the next segment")
	for range 3 { // the ingest tries again
		if _, err := g.log.Fill(g.r, "fifo"); err == nil {
			break
		}
	}
	check(t, g.log.Commit())
	check(t, g.log.Commit())
	g.lines()
	g.recoverLive("directory")
	check(t, os.RemoveAll(g.cfg.Dir))
	g.drop(2)
	_ = g.log.Commit()
	check(t, g.log.Commit())
	if names := readDir(t, g.cfg.Dir); len(names) == 0 {
		t.Fatal("the gap was not written")
	}
}

// TestHugeFiles: files that are far larger than what is in them, as a damaged file
// system may have, take no memory.
func TestHugeFiles(t *testing.T) {
	g, _ := newLive(t)
	g.log.Roll()
	check(t, g.log.Commit())
	check(t, g.archived(1, Object{Segment: 1, Key: "k"}))
	g.send("active")
	check(t, g.log.Commit())
	for _, name := range []string{streamFile, archivedFile} {
		f, err := os.OpenFile(filepath.Join(g.cfg.Dir, name), os.O_CREATE|os.O_WRONLY, 0o600)
		check(t, err)
		check(t, f.Truncate(1<<40))
		check(t, f.Close())
	}
	_, err := readStream(g.cfg.Dir)
	if err == nil {
		t.Fatal("a stream.json of 1 TiB is believed")
	}
	check(t, os.Truncate(filepath.Join(g.cfg.Dir, archivedFile), 100<<20)) // it is read to its end
	if objs, whole, err := archivedlog.Objects(g.cfg.Dir); err != nil || whole || len(objs) != 1 {
		t.Fatalf("%d objects, whole: %t, %v", len(objs), whole, err)
	}
	check(t, os.Truncate(g.log.segments[0].path(extIndex), 1<<40))
	g.want(g.sent)
	r := Record{kind: kindBatch, Length: 1 << 31}
	if _, err := readPiece(bytes.NewReader(nil), 1<<40, r, nil); err == nil {
		t.Fatal("a batch of 2 GiB is read")
	}
}

// TestUnreadableSidecar: one that the disk does not give is tried again, and then
// the data has to do.
func TestUnreadableSidecar(t *testing.T) {
	g, _ := newLive(t)
	g.log.Roll()
	check(t, g.log.Commit())
	for try := range maxUnread + 1 {
		v, err := g.log.OpenSegment(1)
		check(t, err)
		check(t, v.idx.Close())
		c := v.Cursor()
		if try < maxUnread {
			var perr *os.PathError
			if _, err := c.Next(t.Context(), false, nil); !errors.As(err, &perr) || corrupt(err) {
				t.Fatalf("try %d: %v", try, err)
			}
		} else if got := collect(t, c, 0, false); !slices.Equal(got, g.sent) {
			t.Fatalf("%d lines of %d", len(got), len(g.sent))
		}
		_ = v.data.Close()
	}
}

// TestWholeSidecarIsLeftAlone: what a process recovers and seals is what is on the
// disk, so nothing is repaired.
func TestWholeSidecarIsLeftAlone(t *testing.T) {
	for _, trust := range []bool{true, false} {
		g, log := newLive(t)
		if trust {
			g.write(g.frame("unfinished")[:7])
			g.fillFrom("fifo 3")
		}
		g.cfg.Trust = trust
		check(t, g.log.Close())
		g.open()
		g.log.DropTorn()
		g.send("after a restart")
		check(t, g.log.Commit())
		g.log.Roll()
		check(t, g.log.Commit())
		g.lines()
		check(t, g.log.Close())
		g.open()
		g.want(g.sent)
		if strings.Contains(log.String(), "repaired") {
			t.Errorf("trust %t: %s", trust, log)
		}
	}
}

// TestDamageUnderReaders damages sidecars while they are written, sealed, read and
// archived: no reader misses a line.
func TestDamageUnderReaders(t *testing.T) {
	g, _ := newLive(t)
	g.cfg.Logger = slog.New(slog.DiscardHandler)
	g.log.cfg.Logger = g.cfg.Logger
	done := make(chan struct{})
	var wg sync.WaitGroup
	read := func() (lines []string, err error) {
		c := g.log.Snapshot().Cursor(0)
		defer c.Close()
		for {
			b, err := c.Next(context.Background(), false, nil)
			if errors.Is(err, io.EOF) {
				return lines, nil
			}
			if err != nil {
				return lines, err
			}
			for f := b.Frames; len(f) > 0; {
				var e codec.Entry
				n, err := codec.ParseFrame(f, &e)
				if err != nil {
					return lines, err
				}
				f, lines = f[n:], append(lines, string(e.Line))
			}
		}
	}
	all := slices.Clone(g.sent)
	var mu sync.Mutex
	for range 3 {
		wg.Go(func() {
			for {
				select {
				case <-done:
					return
				default:
				}
				lines, err := read()
				mu.Lock()
				if err != nil || len(lines) > len(all) || !slices.Equal(lines, all[:len(lines)]) {
					t.Errorf("read %d lines, %v", len(lines), err)
				}
				mu.Unlock()
			}
		})
	}
	r := randtest.New(t)
	wg.Go(func() {
		for {
			select {
			case <-done:
				return
			default:
			}
			paths, _ := filepath.Glob(filepath.Join(g.cfg.Dir, "*"+extIndex))
			if len(paths) == 0 {
				continue
			}
			path := paths[r.IntN(len(paths))]
			switch f, err := os.OpenFile(path, os.O_WRONLY, 0); {
			case err != nil:
			case r.IntN(3) == 0:
				_ = os.Remove(path)
				f.Close()
			default:
				_, _ = f.WriteAt([]byte{byte(r.Int())}, r.Int64N(2000))
				f.Close()
			}
		}
	})
	for i := range 40 {
		mu.Lock()
		all = append(slices.Clone(g.sent), fmt.Sprint("round ", i))
		mu.Unlock()
		g.send(fmt.Sprint("round ", i))
		check(t, g.log.Commit())
		if i%3 == 0 {
			g.log.Roll()
			check(t, g.log.Commit())
		}
		if p := g.log.Pending(); i%5 == 0 && len(p) > 0 {
			check(t, g.archived(p[0], Object{Segment: p[0], Key: fmt.Sprint("key ", p[0])}))
		}
	}
	close(done)
	wg.Wait()
	g.lines()
}
