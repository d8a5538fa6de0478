package archiver // see rig

import (
	"bytes"
	"fmt"
	"log/slog"
	"os"
	"os/exec"
	"strings"
	"testing"

	"github.com/coldtail/coldtail/codec"
	"github.com/coldtail/coldtail/readback/catalog"
)

const envLabels = "COLDTAIL_TEST_LABELS" // not empty: be the child of TestManyLabels

// TestManyLabels archives the short lines of a container with 16,000 labels, and
// another one's, in either format. A chunk's size and memory must not grow with
// the square of the labels, nor a row of NDJSON with all of them.
func TestManyLabels(t *testing.T) {
	if testing.Short() {
		t.Skip("skipped by -short: it measures memory")
	}
	if os.Getenv(envLabels) != "" {
		for _, f := range codec.Formats() {
			archiveManyLabels(t, f)
		}
		if peak := peakRSS(t, os.Getpid()); peak > memoryBound {
			t.Errorf("peak RSS is %d bytes", peak)
		}
		return
	}
	cmd := exec.CommandContext(t.Context(), os.Args[0], "-test.run=^TestManyLabels$", "-test.v")
	cmd.Env = append(os.Environ(), envLabels+"=1")
	out, err := cmd.CombinedOutput()
	t.Logf("%s", out)
	check(t, err)
}

func archiveManyLabels(t *testing.T, f codec.Format) {
	t.Helper()
	g := newRig(t)
	g.stop()
	var log bytes.Buffer
	g.cfg.Logger = slog.New(slog.NewTextHandler(&log, nil))
	g.start()
	d, other := newDaemon(t), newDaemon(t)
	src := source(d.path, idA)
	src.Options.Format = f
	src.Meta.Labels = map[string]string{}
	for i := range 16_000 {
		src.Meta.Labels[fmt.Sprintf("key%05d", i)] = fmt.Sprintf("secret%d", i)
	}
	check(t, g.a.Attach(t.Context(), src, source(other.path, idB)))
	lines := strings.Split(strings.Repeat("y\n", 100_000), "\n")
	lines = lines[:len(lines)-1]
	d.print(lines...)
	other.print("innocent")
	check(t, g.a.Detach(t.Context(), d.path))
	check(t, g.a.Detach(t.Context(), other.path))
	status := g.a.Status()
	g.flush()
	g.want(idA, lines)
	g.want(idB, []string{"innocent"})
	chunks, err := catalog.List(t.Context(), g.bucket, idA)
	check(t, err)
	total := int64(0)
	for _, c := range chunks {
		total += c.SizeBytes
		t.Logf("%s: %d bytes", f, c.SizeBytes)
	}
	if total > 64<<20 {
		t.Errorf("%d bytes are archived of 100,000 lines of one", total)
	}
	if st := status.Streams; len(st) != 2 || !strings.Contains(st[0].MetadataCut, "labels left out") || st[1].MetadataCut != "" {
		t.Errorf("the status does not say what was cut: %+v", st)
	}
	g.stop() // nothing logs any more
	if s := log.String(); strings.Count(s, "beyond its bounds") != 1 || !strings.Contains(s, idA) || strings.Contains(s, "secret") {
		t.Errorf("not one line about it, without values, in the log: %s", s)
	}
}
