package archiver

import (
	"bytes"
	"log/slog"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/coldtail/coldtail/archiver/chunk"
)

// TestPoison: a segment whose encoding panics is put aside with its bytes, once,
// also over restarts. The container's other segments and other containers are
// archived, and the numbers of its entries are not given again.
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
			if m, err := chunk.ParseKey(name); err == nil && m.ContainerID == idA && m.SegmentSeq == seg {
				panic("poison")
			}
		}
		g.start()
		var want []string
		a, b := newDaemon(t), newDaemon(t)
		for i := range 3 {
			check(t, g.a.Attach(t.Context(), source(a.path, idA), source(b.path, idB)))
			lines := numbers(3 * (i + 1))
			a.print(lines...)
			b.print(lines...)
			if int64(i)+1 != seg {
				want = append(want, lines...)
			}
			check(t, g.a.DetachAll(t.Context()))
			g.flushLossy()
		}
		sn, err := g.a.Snapshot(idA)
		check(t, err)
		last := sn.LastSeq
		if got := g.archived(idA); !slices.Equal(got, want) {
			t.Fatalf("archived %q, want %q", got, want)
		}
		if got := len(g.archived(idB)); got != 18 {
			t.Errorf("the other container has %d lines archived", got)
		}
		fams, err := metrics.Gather()
		check(t, err)
		for _, f := range fams {
			if n := f.GetMetric()[0]; f.GetName() == "coldtail_quarantined_segments_total" && n.GetCounter().GetValue() != 1 {
				t.Errorf("%v quarantined", n.GetCounter().GetValue())
			}
		}
		g.stop()
		if n := strings.Count(log.String(), "quarantined a segment"); n != 1 || strings.Contains(log.String(), "line ") {
			t.Errorf("%d reports: %s", n, &log)
		}
		kept, err := filepath.Glob(filepath.Join(g.cfg.StateDir, spoolDir, idA, "quarantine", "*.sealed"))
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
		check(t, g.a.DetachAll(t.Context()))
		g.flushLossy()
		if got := g.archived(idA); !slices.Equal(got, append(want, "after")) {
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

// flushLossy is flush where the judge would find, rightly, that entries are missing.
func (g *rig) flushLossy() {
	g.t.Helper()
	if res, err := g.a.Flush(g.t.Context(), false); err != nil || res.Pending != 0 {
		g.t.Fatalf("flush: %+v, %v", res, err)
	}
}
