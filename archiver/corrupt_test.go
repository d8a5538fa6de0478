package archiver // see rig

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/coldtail/coldtail/archiver/statedir"
	"github.com/coldtail/coldtail/codec"
	"github.com/coldtail/coldtail/codec/chunkfile"
	"github.com/coldtail/coldtail/codec/key"
)

// TestPoison: a segment whose encoding panics is put aside with its bytes, once,
// also over restarts, and a gap row stands for its entries. The container's other
// segments and other containers are archived, and the numbers of its entries are
// not given again.
func TestPoison(t *testing.T) {
	for _, seg := range []int64{1, 3} { // the first, the last
		g := newRig(t)
		g.stop()
		var log bytes.Buffer
		metrics := prometheus.NewRegistry()
		g.cfg.Logger = slog.New(slog.NewTextHandler(&log, nil))
		g.cfg.Registerer = metrics
		g.cfg.Hook = func(step, name string) {
			if step != "encoded" {
				return
			}
			if m, err := key.Parse(name); err == nil && m.ContainerID == idA && m.SegmentSeq == seg && m.Entries > 1 {
				panic("poison")
			}
		}
		g.start()
		var want []string
		written := 0
		a, b := newDaemon(t), newDaemon(t)
		for i := range 3 {
			check(t, g.a.Attach(t.Context(), source(a.path, idA), source(b.path, idB)))
			lines := numbers(3 * (i + 1))
			a.print(lines...)
			b.print(lines...)
			written += len(lines)
			if int64(i)+1 != seg {
				want = append(want, lines...)
			}
			check(t, detachAll(t.Context(), g.a))
			if told := g.flushLossy() == 1; told != (int64(i)+1 >= seg) {
				t.Errorf("segment %d: flush %d tells of the quarantine: %v", seg, i+1, told)
			}
		}
		sn, err := g.a.Snapshot(idA)
		check(t, err)
		last := sn.LastSeq
		got, gone := split(t, g.archived(idA))
		if !slices.Equal(got, want) || len(got)+int(gone) != written {
			t.Fatalf("archived %q and %d in gaps of %d, want %q", got, gone, written, want)
		}
		wantClean(t, g.bucket)
		if got := len(g.archived(idB)); got != 18 {
			t.Errorf("the other container has %d lines archived", got)
		}
		fams, err := metrics.Gather()
		check(t, err)
		values := map[string]float64{}
		for _, f := range fams {
			m := f.GetMetric()[0]
			values[f.GetName()] = m.GetCounter().GetValue() + m.GetGauge().GetValue()
		}
		for name, want := range map[string]float64{
			"coldtail_quarantined_segments_total": 1, "coldtail_quarantine_unarchived_files": 1, "coldtail_quarantine_files": 2,
			"coldtail_panics_total": 1, "coldtail_entries_dropped_total": float64(gone),
		} {
			if got, ok := values[name]; !ok || got != want {
				t.Errorf("%s is %v (there: %v), want %v", name, got, ok, want)
			}
		}
		g.stop()
		if n := strings.Count(log.String(), "quarantined a segment"); n != 1 || strings.Contains(log.String(), "line ") {
			t.Errorf("%d reports: %s", n, &log)
		}
		kept, err := filepath.Glob(filepath.Join(statedir.Path(g.cfg.StateDir).Log(idA), "quarantine", "*.sealed"))
		check(t, err)
		if len(kept) != 1 {
			t.Fatalf("kept: %v", kept)
		}
		if fi, err := os.Stat(kept[0]); err != nil || fi.Size() == 0 {
			t.Errorf("kept: %v, %v", fi, err)
		}

		log.Reset()
		g.cfg.Registerer = nil
		g.start()
		check(t, g.a.Attach(t.Context(), source(a.path, idA)))
		a.print("after")
		check(t, detachAll(t.Context(), g.a))
		if g.flushLossy() != 1 || g.a.Status().Quarantine.Unarchived != 1 {
			t.Errorf("after a restart nobody tells of the quarantine: %+v", g.a.Status().Quarantine)
		}
		if got, again := split(t, g.archived(idA)); !slices.Equal(got, append(want, "after")) || again != gone {
			t.Fatalf("archived %q after a restart", got)
		}
		sn, err = g.a.Snapshot(idA)
		check(t, err)
		if sn.LastSeq <= last {
			t.Errorf("gave number %d again, after %d", sn.LastSeq, last)
		}
		g.stop()
		if strings.Contains(log.String(), "quarantine") {
			t.Errorf("reported again: %s", &log)
		}
	}
}

// flushLossy is flush where something may lie in quarantine. It returns how many
// files with entries that are not archived do.
func (g *rig) flushLossy() int {
	g.t.Helper()
	res, err := g.a.Flush(g.t.Context(), false)
	n := res.Quarantine.Unarchived
	if (err != nil) != (n > 0) || res.Pending != 0 {
		g.t.Fatalf("flush: %+v, %v", res, err)
	}
	if n > 0 && !strings.Contains(err.Error(), res.Quarantine.Paths[0]) {
		g.t.Errorf("the error does not name %s: %v", res.Quarantine.Paths[0], err)
	}
	return n
}

// breakEncoder has encoding fail where a line begins with "bad": by a panic, or
// by an entry that does not come back as it was.
type brokenEncoder struct {
	codec.Encoder
	panics bool
}

func (b brokenEncoder) Encode(e *codec.Entry) error {
	if bytes.HasPrefix(e.Line, []byte("bad")) {
		if b.panics {
			panic("poison")
		}
		e.TimeNano++
	}
	return b.Encoder.Encode(e)
}

func breakEncoder(g *rig, panics bool) {
	g.cfg.newEncoder = func(f codec.Format, w io.Writer, meta codec.Meta, info codec.ChunkInfo) (codec.Encoder, error) {
		enc, err := chunkfile.NewEncoder(f, w, meta, info)
		return brokenEncoder{enc, panics}, err
	}
	g.stop()
	g.start()
}

// TestBadFrame: a frame that cannot be encoded costs itself, whatever encoding it
// does. Its neighbours are archived with a gap row between them, and flush fails
// for as long as the segment lies in quarantine.
func TestBadFrame(t *testing.T) {
	for name, start := range map[string]func(*rig){
		"refused": func(*rig) {},
		"changed": func(g *rig) { breakEncoder(g, false) },
		"panics":  func(g *rig) { breakEncoder(g, true) },
	} {
		for _, at := range [][]int{{0}, {57, 58, 80}, {99}} {
			t.Run(fmt.Sprint(name, at), func(t *testing.T) {
				g := newRig(t)
				start(g)
				d := newDaemon(t)
				src := source(d.path, idA)
				src.Options.Format = codec.Formats()[len(at)%2]
				check(t, g.a.Attach(t.Context(), src))
				var want []string
				for i, line := range numbers(100) {
					e := codec.Entry{Line: []byte(line)}
					switch {
					case !slices.Contains(at, i):
						want = append(want, line)
					case name == "refused":
						e.Source = strings.Repeat("x", 2<<10)
					default:
						e.Line = []byte("bad")
					}
					d.log(e)
				}
				check(t, g.a.Detach(t.Context(), d.path))
				if g.flushLossy() != 1 {
					t.Fatal("nothing is in quarantine")
				}
				got, gone := split(t, g.archived(idA))
				if !slices.Equal(got, want) || int(gone) != len(at) {
					t.Fatalf("%d lines and %d in gaps", len(got), gone)
				}
				wantClean(t, g.bucket)
				if n := g.a.Status().Dropped; int(n) != len(at) {
					t.Errorf("the status counts %d", n)
				}
				// Once it is removed, all is well.
				for _, p := range g.a.Status().Quarantine.Paths {
					check(t, os.Remove(p))
				}
				if g.flushLossy() != 0 {
					t.Error("it still lies there")
				}
			})
		}
	}
}

// TestDamagedWhileRunning damages a sealed segment's data under a running
// process: what is whole is archived, and gap rows count the rest.
func TestDamagedWhileRunning(t *testing.T) {
	g := newRig(t)
	p := &picky{Bucket: g.bucket, id: idA}
	p.refuses.Store(true)
	g.stop()
	g.bucket = p
	g.start()
	d := newDaemon(t)
	check(t, g.a.Attach(t.Context(), source(d.path, idA)))
	lines := numbers(10)
	for _, line := range lines { // a batch each
		d.print(line)
		waitFor(t, "it to be read", func() bool { return d.f.Drained() })
		check(t, g.a.known(idA).log.Commit())
	}
	check(t, g.a.Detach(t.Context(), d.path))
	g.a.known(idA).log.Roll()
	check(t, g.a.known(idA).log.Commit())
	sealed, err := filepath.Glob(filepath.Join(statedir.Path(g.cfg.StateDir).Log(idA), "*.sealed"))
	check(t, err)
	b, err := os.ReadFile(sealed[0])
	check(t, err)
	for _, line := range []string{lines[0], lines[4], lines[5], lines[9]} {
		b[bytes.Index(b, []byte(line))] ^= 1
	}
	check(t, os.WriteFile(sealed[0], b, 0o600))
	p.refuses.Store(false)
	if g.flushLossy() != 1 {
		t.Fatal("nothing is in quarantine")
	}
	got, gone := split(t, g.archived(idA))
	if want := slices.Concat(lines[1:4], lines[6:9]); !slices.Equal(got, want) || gone != 4 {
		t.Fatalf("%q and %d in gaps", got, gone)
	}
	wantClean(t, g.bucket)
}

// TestUnopenedLog: a log that cannot be opened at the start is not archived, so
// a flush fails and names it, and archives it once it can be.
func TestUnopenedLog(t *testing.T) {
	g := newRig(t)
	away := &awayBucket{Bucket: g.bucket}
	away.set(errors.New("connection refused"))
	g.stop()
	g.bucket, g.cfg.ShutdownTimeout = away, time.Millisecond
	g.start()
	d := newDaemon(t)
	check(t, g.a.Attach(t.Context(), source(d.path, idA)))
	d.print("kept")
	check(t, g.a.Detach(t.Context(), d.path))
	g.stop()
	away.set(nil)
	// Something that is no directory stands where the spool has its own.
	aside := filepath.Join(statedir.Path(g.cfg.StateDir).Log(idA), "quarantine")
	check(t, os.WriteFile(aside, nil, 0o600))
	stream := filepath.Join(statedir.Path(g.cfg.StateDir).Log(idA), "stream.json")
	check(t, os.WriteFile(stream, []byte("damaged"), 0o600))
	g.start()
	_, err := g.a.Flush(t.Context(), false)
	if err == nil || !strings.Contains(err.Error(), filepath.Dir(aside)) || !slices.Equal(g.a.Status().Unopened, []string{idA}) {
		t.Fatalf("flush: %v; the status names %v", err, g.a.Status().Unopened)
	}
	check(t, os.Remove(aside))
	g.flushLossy()
	g.want(idA, []string{"kept"})
	if n := len(g.a.Status().Unopened); n != 0 {
		t.Errorf("%d are still named", n)
	}
}

// TestQuarantineIsBounded: the quarantine is held to its share, and goes before
// anything that waits to be archived is dropped.
func TestQuarantineIsBounded(t *testing.T) {
	g := newRig(t)
	away := &awayBucket{Bucket: g.bucket}
	away.set(errors.New("connection refused"))
	g.stop()
	g.bucket, g.cfg.ShutdownTimeout, g.cfg.SpoolBytes = away, time.Millisecond, 800<<10
	reg := prometheus.NewRegistry()
	g.cfg.Registerer = reg
	dir := filepath.Join(statedir.Path(g.cfg.StateDir).Log(idB), "quarantine")
	check(t, os.MkdirAll(dir, 0o700))
	// The oldest first, but for what the bucket has: that goes before.
	for i, name := range []string{"1-0000000001.sealed", "2-0000000002.sealed", "3-0000000003.sealed", "4-0000000004.archived"} {
		check(t, os.WriteFile(filepath.Join(dir, name), make([]byte, 40<<10), 0o600))
		at := time.Now().Add(time.Duration(i-10) * time.Hour)
		check(t, os.Chtimes(filepath.Join(dir, name), at, at))
	}
	g.start()
	<-g.a.recovered
	left := func() (names []string) {
		des, err := os.ReadDir(dir)
		check(t, err)
		for _, de := range des {
			if fi, err := de.Info(); err == nil && fi.Size() > 0 {
				names = append(names, de.Name())
			}
		}
		return names
	}
	if q := g.a.Status().Quarantine; q.Files != 4 || q.Bytes != 160<<10 || q.Unarchived != 3 {
		t.Fatalf("at the start: %+v", q)
	}
	g.a.aside.trim(g.cfg.SpoolBytes/quarantineShare, becauseShare)
	if got := left(); !slices.Equal(got, []string{"2-0000000002.sealed", "3-0000000003.sealed"}) {
		t.Fatalf("left: %v", got)
	}
	// 740 KiB wait: with the quarantine that is more than the quota, without it is not.
	d := newDaemon(t)
	check(t, g.a.Attach(t.Context(), source(d.path, idA)))
	for range 46 {
		d.log(codec.Entry{Line: make([]byte, 16<<10)})
	}
	check(t, g.a.Detach(t.Context(), d.path))
	waitFor(t, "room to be made", func() bool { return len(left()) == 1 })
	g.a.enforceTotal()
	if st := g.a.Status(); st.Dropped != 0 || st.Quarantine.Bytes != 40<<10 {
		t.Errorf("%d entries dropped; %+v", st.Dropped, st.Quarantine)
	}
	away.set(nil)
	if n := g.flushLossy(); n != 3 {
		t.Errorf("flush tells of %d files, want those that were removed, too", n)
	}
	if n := len(g.archived(idA)); n != 46 {
		t.Errorf("%d lines archived", n)
	}
}
