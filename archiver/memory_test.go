package archiver // see rig

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"github.com/coldtail/coldtail/archiver/fifo"
	"github.com/coldtail/coldtail/archiver/fifotest"
)

// memoryBound is what the process may take at most, whatever happens: the Go
// runtime and the binary, a small tail and the book-keeping of each container,
// 1 MiB of tail for each busy one, and a chunk in the making for each uploader.
const memoryBound = 256 << 20

// TestMemoryBound has a thousand containers that say little and one that
// writes at full speed, and a bucket that is away.
func TestMemoryBound(t *testing.T) {
	if testing.Short() {
		t.Skip("skipped by -short: it writes 64 MB")
	}
	dir := t.TempDir()
	const idle = 1000
	var daemons []*daemon
	var paths []string
	for i := range idle + 1 {
		path := filepath.Join(dir, fmt.Sprint(i))
		daemons = append(daemons, &daemon{path: path, f: fifotest.Make(t, path)})
		paths = append(paths, path)
	}
	cmd := exec.CommandContext(t.Context(), os.Args[0])
	cmd.Env = append(os.Environ(), envState+"="+filepath.Join(dir, "state"), envBucket+"="+filepath.Join(dir, "bucket"), envAway+"=1", envFIFOs+"="+strings.Join(paths, ":"))
	cmd.Stderr = os.Stderr
	out, err := cmd.StdoutPipe()
	check(t, err)
	check(t, cmd.Start())
	defer func() { _ = cmd.Wait() }()
	defer func() { _ = cmd.Process.Kill() }()
	if _, err := out.Read(make([]byte, 16)); err != nil {
		t.Fatalf("the child did not attach: %v", err)
	}
	for _, d := range daemons[:idle] {
		d.print("hello")
	}
	line := strings.Repeat("x", 4000)
	for range 64 << 20 / len(line) {
		daemons[idle].print(line)
	}
	waitFor(t, "the spool to take it", func() bool { return daemons[idle].f.Drained() })
	peak := peakRSS(t, cmd.Process.Pid)
	t.Logf("peak RSS %d MiB with %d idle containers, one busy, the bucket away; the bound is %d MiB", peak>>20, idle, memoryBound>>20)
	if peak > memoryBound {
		t.Fatalf("peak RSS is %d bytes", peak)
	}
}

// TestPipeBudget: 200 busy containers take no more pipe memory than a quarter
// of the user's soft limit, beyond the size that every pipe has.
func TestPipeBudget(t *testing.T) {
	if testing.Short() {
		t.Skip("skipped by -short: it writes to 200 containers")
	}
	g := newRig(t)
	budget := g.a.pipes.Left.Load()
	pages, err := os.ReadFile("/proc/sys/fs/pipe-user-pages-soft")
	check(t, err)
	limit, err := strconv.ParseInt(strings.TrimSpace(string(pages)), 10, 64)
	check(t, err)
	limit *= int64(os.Getpagesize())
	if limit == 0 {
		t.Skip("skipped: this kernel bounds no user's pipes")
	}
	var daemons []*daemon
	for i := range 200 {
		d := newDaemon(t)
		daemons = append(daemons, d)
		check(t, g.a.Attach(t.Context(), source(d.path, fmt.Sprintf("%064x", i))))
	}
	line := strings.Repeat("x", 4000)
	enlarged, taken := 0, int64(0)
	for range 3 {
		for _, d := range daemons {
			for range 40 {
				d.print(line)
			}
		}
	}
	for _, d := range daemons {
		size, err := unix.FcntlInt(d.f.Fd(), unix.F_GETPIPE_SZ, 0)
		check(t, err)
		if size > fifo.SmallPipe {
			enlarged++
			taken += int64(size - fifo.SmallPipe)
		}
	}
	if enlarged == 0 || 4*taken > limit {
		t.Fatalf("%d pipes were enlarged by %d bytes, the user's limit is %d", enlarged, taken, limit)
	}
	t.Logf("%d of 200 pipes enlarged, %d MiB of a budget of %d", enlarged, taken>>20, budget>>20)
	check(t, detachAll(t.Context(), g.a))
	if left := g.a.pipes.Left.Load(); left != budget {
		t.Fatalf("%d of %d bytes came back", left, budget)
	}
}

// TestFlushEncodesFewAtOnce: a flush serves many containers at once, but no more
// chunks are in memory than there are uploaders, and none is made once its time is over.
func TestFlushEncodesFewAtOnce(t *testing.T) {
	g := newRig(t)
	g.stop()
	var encoded atomic.Int64
	g.cfg.Hook = func(step, _ string) {
		if step == "encoded" {
			encoded.Add(1)
		}
	}
	g.start()
	const containers = 20
	for i := range containers {
		d := newDaemon(t)
		check(t, g.a.Attach(t.Context(), source(d.path, fmt.Sprintf("%064x", i))))
		d.print("kept")
		check(t, g.a.Detach(t.Context(), d.path))
	}
	for range cap(g.a.encodes) {
		g.a.encodes <- struct{}{}
	}
	ctx, cancel := context.WithTimeout(t.Context(), time.Second)
	defer cancel()
	if res, err := g.a.Flush(ctx, false); !errors.Is(err, context.DeadlineExceeded) || res.Pending != containers || encoded.Load() != 0 {
		t.Fatalf("flush: %+v, %v; %d chunks were made", res, err, encoded.Load())
	}
	for range cap(g.a.encodes) {
		<-g.a.encodes
	}
	g.flush()
	if encoded.Load() != containers {
		t.Errorf("%d chunks were made", encoded.Load())
	}
}

// peakRSS is the most memory that a process has had, bytes.
func peakRSS(t *testing.T, pid int) int64 {
	t.Helper()
	time.Sleep(100 * time.Millisecond)
	b, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", pid))
	check(t, err)
	_, rest, ok := strings.Cut(string(b), "VmHWM:")
	if !ok {
		t.Fatal("the kernel does not tell VmHWM")
	}
	kb, err := strconv.ParseInt(strings.Fields(rest)[0], 10, 64)
	check(t, err)
	return kb << 10
}
