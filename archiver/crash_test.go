package archiver // see rig

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"log/slog"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"github.com/coldtail/coldtail/archiver/bucket/filebucket"
	"github.com/coldtail/coldtail/archiver/statedir"
	"github.com/coldtail/coldtail/codec"
	"github.com/coldtail/coldtail/codec/randtest"
	"github.com/coldtail/coldtail/readback"
)

var (
	kills  = flag.Int("kills", 12, "how often TestKilled kills the process")
	rounds = flag.Int("rounds", 100, "how many crash points TestCrashPoints tries")
)

// Variables by which a test tells its child what to be.
const (
	envState  = "COLDTAIL_TEST_STATE"
	envBucket = "COLDTAIL_TEST_BUCKET"
	envFIFOs  = "COLDTAIL_TEST_FIFOS"
	envAway   = "COLDTAIL_TEST_AWAY"   // not empty: the bucket is
	envStep   = "COLDTAIL_TEST_STEP"   // the step at which to be killed, and which time
	envPoison = "COLDTAIL_TEST_POISON" // the container whose first segment's encoding kills the process
	envDrop   = "COLDTAIL_TEST_DROP"   // not empty: a small spool, and what comes beyond it is dropped
)

// steps are those at which TestCrashPoints kills, in the order of a segment's life.
var steps = []string{
	"append", "data", "records", "index", "commit", "seal", "sealed", "encoded", "marked", "put", "listed", "released", "numbered", "removed",
}

// crashSource has small segments, so that kills fall into every step.
func crashSource(path string, i int) Source {
	src := source(path, fmt.Sprintf("%064x", i))
	src.Options.RollBytes = 128 << 10
	src.Options.CacheBytes = 256 << 10
	src.Resume = true
	if os.Getenv(envDrop) != "" {
		src.Options.Overflow, src.Options.SpoolBytes = DropNew, 256<<10
	}
	return src
}

// TestMain runs the child of TestKilled: an Archiver until it is killed.
func TestMain(m *testing.M) {
	if os.Getenv(envState) == "" {
		flag.Parse()
		os.Exit(m.Run())
	}
	fmt.Fprintln(os.Stderr, runChild())
	os.Exit(1)
}

func runChild() error {
	log := slog.New(slog.DiscardHandler)
	b, err := filebucket.Open(filebucket.Config{Dir: os.Getenv(envBucket)}, log)
	if err != nil {
		return err
	}
	away := &awayBucket{Bucket: b}
	if os.Getenv(envAway) != "" {
		away.set(errors.New("connection refused"))
	}
	a, err := New(Config{StateDir: os.Getenv(envState), Logger: log, CommitInterval: 20 * time.Millisecond, Hook: killer()}, away)
	if err != nil {
		return err
	}
	var srcs []Source
	for i, p := range strings.Split(os.Getenv(envFIFOs), ":") {
		srcs = append(srcs, crashSource(p, i))
	}
	if err := a.Attach(context.Background(), srcs...); err != nil {
		return err
	}
	fmt.Println("attached")
	return a.Run(context.Background())
}

// killer kills the process at the step that the environment names.
func killer() func(step, name string) {
	if id := os.Getenv(envPoison); id != "" {
		return func(step, name string) {
			if step == "encoding" && name == id {
				_ = unix.Kill(os.Getpid(), unix.SIGKILL)
				select {}
			}
		}
	}
	var at string
	var n int64
	if _, err := fmt.Sscanf(os.Getenv(envStep), "%s %d", &at, &n); err != nil {
		return nil
	}
	var left atomic.Int64
	left.Store(n)
	return func(step, _ string) {
		if step == at && left.Add(-1) == 0 {
			_ = unix.Kill(os.Getpid(), unix.SIGKILL)
			select {} // it is not instantaneous
		}
	}
}

// TestKilled kills the process at random moments while several containers
// write. Everything is archived exactly once, in order.
func TestKilled(t *testing.T) {
	if testing.Short() {
		t.Skip("skipped by -short: it kills a process a dozen times")
	}
	g := newCrash(t, 3)
	g.write(2000, time.Millisecond)
	r := randtest.New(t)
	for range *kills {
		cmd := g.child("")
		time.Sleep(time.Duration(r.IntN(250)) * time.Millisecond)
		check(t, cmd.Process.Kill())
		_ = cmd.Wait() // killed
	}
	t.Logf("%d kills, %d entries exact", *kills, g.judge())
}

// TestCrashPoints kills the process at every step of a segment's life, the
// first to the fifth time that it gets there.
func TestCrashPoints(t *testing.T) {
	if testing.Short() {
		t.Skip("skipped by -short: it kills a hundred processes")
	}
	g := newCrash(t, 2)
	g.backlog = 20 // or uploads never come to an end, which is when the cache is trimmed
	g.write(20, time.Millisecond)
	r := randtest.New(t)
	died := map[string]int{}
	for i := range *rounds {
		step := steps[i%len(steps)]
		cmd := g.child(fmt.Sprintf("%s %d", step, 1+r.IntN(5)))
		done := make(chan error, 1)
		go func() { done <- cmd.Wait() }()
		select {
		case <-done:
			died[step]++
		case <-time.After(time.Minute): // it did not get there so often
			check(t, cmd.Process.Kill())
			<-done
		}
	}
	for _, step := range steps[:min(len(steps), *rounds)] {
		if died[step] == 0 {
			t.Errorf("no child got to step %q", step)
		}
	}
	t.Logf("%d rounds, %d entries exact; died at %v", *rounds, g.judge(), died)
}

// crash is several containers whose archiver is killed.
type crash struct {
	t             *testing.T
	state, folder string
	daemons       []*daemon
	paths         []string
	stop          chan struct{}
	written       []chan []string
	backlog       int // sealed segments of a container at which it pauses; 0 does not
}

func newCrash(t *testing.T, containers int) *crash {
	dir := t.TempDir()
	g := &crash{t: t, state: dir + "/state", folder: dir + "/bucket", stop: make(chan struct{})}
	for range containers {
		d := newDaemon(t)
		g.daemons = append(g.daemons, d)
		g.paths = append(g.paths, d.path)
	}
	return g
}

// write has the containers write until stop is closed, with a pause after so
// many lines.
func (g *crash) write(burst int, pause time.Duration) {
	for i, d := range g.daemons {
		written := make(chan []string, 1)
		g.written = append(g.written, written)
		go func() {
			r := rand.New(rand.NewPCG(uint64(i), 0))
			var lines []string
			for n := 0; ; n++ {
				select {
				case <-g.stop:
					written <- lines
					return
				default:
				}
				line := fmt.Sprintf("%d %d %s", i, n, strings.Repeat("x", r.IntN(200)))
				if r.IntN(50) == 0 {
					line += strings.Repeat("y", 16<<10) // more than a pipe takes in one piece
				}
				d.print(line)
				lines = append(lines, line)
				if n%burst == 0 {
					time.Sleep(pause)
					g.catchUp(i)
				}
			}
		}()
	}
}

// catchUp waits while the i-th container has too many segments to be archived.
func (g *crash) catchUp(i int) {
	for g.backlog > 0 {
		sealed, err := filepath.Glob(filepath.Join(statedir.Path(g.state).Log(fmt.Sprintf("%064x", i)), "*.sealed"))
		if err != nil {
			g.t.Error(err)
		}
		if len(sealed) < g.backlog {
			return
		}
		select {
		case <-g.stop:
			return
		case <-time.After(10 * time.Millisecond):
		}
	}
}

// child starts an archiver and waits until it has attached.
func (g *crash) child(step string) *exec.Cmd {
	g.t.Helper()
	cmd := exec.CommandContext(g.t.Context(), os.Args[0])
	cmd.Env = append(os.Environ(), envState+"="+g.state, envBucket+"="+g.folder, envFIFOs+"="+strings.Join(g.paths, ":"), envStep+"="+step)
	cmd.Stderr = os.Stderr
	out, err := cmd.StdoutPipe()
	check(g.t, err)
	check(g.t, cmd.Start())
	if _, err := out.Read(make([]byte, 16)); err != nil && step == "" {
		g.t.Fatalf("the child did not attach: %v", err)
	}
	return cmd
}

// judge archives what is left and compares. It returns how many entries there were.
func (g *crash) judge() (total int) {
	t := g.t
	b, err := filebucket.Open(filebucket.Config{Dir: g.folder}, slog.New(slog.DiscardHandler))
	check(t, err)
	last := &rig{t: t, bucket: b, cfg: Config{StateDir: g.state, Logger: slog.New(slog.DiscardHandler), CommitInterval: 20 * time.Millisecond}}
	a, err := New(last.cfg, b)
	check(t, err)
	var srcs []Source
	for i, p := range g.paths {
		srcs = append(srcs, crashSource(p, i))
	}
	check(t, a.Attach(t.Context(), srcs...)) // before Run, as the plugin does
	ctx, cancel := context.WithCancel(context.Background())
	last.a, last.cancel, last.done = a, cancel, make(chan error, 1)
	go func() { last.done <- a.Run(ctx) }()
	defer last.stop()
	close(g.stop)
	want := make([][]string, len(g.written))
	for i, ch := range g.written {
		want[i] = <-ch
	}
	check(t, detachAll(t.Context(), a))
	last.wantRead(want, "spool and archive", readback.Config{Bucket: b, Local: a.Snapshot, LocalSince: a.Created()})
	last.flush()
	last.wantRead(want, "spool and archive, all of it archived", readback.Config{Bucket: b, Local: a.Snapshot, LocalSince: a.Created()})
	last.wantRead(want, "archive", readback.Config{Bucket: b})
	for i, exp := range want {
		got := last.archived(fmt.Sprintf("%064x", i))
		total += len(exp)
		if !slices.Equal(got, exp) {
			t.Fatalf("container %d: archived %d lines, want %d; they differ first at %d", i, len(got), len(exp), firstDifference(got, exp))
		}
	}
	if lost := a.Status().LostBytes; lost != 0 {
		t.Fatalf("%d bytes were passed over", lost)
	}
	return total
}

// wantRead compares what docker logs gives with what the containers wrote.
func (g *rig) wantRead(want [][]string, from string, cfg readback.Config) {
	g.t.Helper()
	r := readback.New(cfg)
	for i, exp := range want {
		var got []string
		for e, err := range r.Entries(g.t.Context(), readback.Query{ContainerID: fmt.Sprintf("%064x", i), Tail: codec.All}) {
			check(g.t, err)
			if e.Seq != 0 {
				got = append(got, string(e.Line))
			}
		}
		if !slices.Equal(got, exp) {
			g.t.Fatalf("container %d: read %d lines from %s, want %d; they differ first at %d", i, len(got), from, len(exp), firstDifference(got, exp))
		}
	}
}

func firstDifference(a, b []string) int {
	for i := range min(len(a), len(b)) {
		if a[i] != b[i] {
			return i
		}
	}
	return min(len(a), len(b))
}
