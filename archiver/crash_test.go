package archiver

import (
	"context"
	"flag"
	"fmt"
	"log/slog"
	"math/rand/v2"
	"os"
	"os/exec"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/coldtail/coldtail/archiver/bucket/filebucket"
)

var kills = flag.Int("kills", 12, "how often TestKilled kills the process")

// Variables by which TestKilled tells its child what to be.
const (
	envState  = "COLDTAIL_TEST_STATE"
	envBucket = "COLDTAIL_TEST_BUCKET"
	envFIFOs  = "COLDTAIL_TEST_FIFOS"
)

// crashSource has small segments, so that kills fall into every step.
func crashSource(path string, i int) Source {
	src := source(path, fmt.Sprintf("%064x", i))
	src.Options.RollBytes = 256 << 10
	src.Options.CacheBytes = 1 << 20
	src.Resume = true
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
	a, err := New(Config{StateDir: os.Getenv(envState), Logger: log, CommitInterval: 20 * time.Millisecond}, b)
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

// TestKilled kills the process at random moments while several containers
// write. Everything is archived exactly once, in order.
func TestKilled(t *testing.T) {
	const containers = 3
	dir := t.TempDir()
	state, folder := dir+"/state", dir+"/bucket"
	var daemons []*daemon
	var paths []string
	for range containers {
		d := newDaemon(t)
		daemons = append(daemons, d)
		paths = append(paths, d.path)
	}
	stop := make(chan struct{})
	written := make(chan []string, containers)
	for i, d := range daemons {
		go func() {
			r := rand.New(rand.NewPCG(uint64(i), 0))
			var lines []string
			for n := 0; ; n++ {
				select {
				case <-stop:
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
				if n%2000 == 0 {
					time.Sleep(time.Millisecond)
				}
			}
		}()
	}
	r := rand.New(rand.NewPCG(9, uint64(time.Now().UnixNano())))
	for range *kills {
		cmd := exec.CommandContext(t.Context(), os.Args[0])
		cmd.Env = append(os.Environ(), envState+"="+state, envBucket+"="+folder, envFIFOs+"="+strings.Join(paths, ":"))
		cmd.Stderr = os.Stderr
		out, err := cmd.StdoutPipe()
		check(t, err)
		check(t, cmd.Start())
		if _, err := out.Read(make([]byte, 16)); err != nil {
			t.Fatalf("the child did not attach: %v", err)
		}
		time.Sleep(time.Duration(r.IntN(250)) * time.Millisecond)
		check(t, cmd.Process.Kill())
		_ = cmd.Wait() // killed
	}
	// The last one lives.
	b, err := filebucket.Open(filebucket.Config{Dir: folder}, slog.New(slog.DiscardHandler))
	check(t, err)
	g := &rig{t: t, bucket: b, cfg: Config{StateDir: state, Logger: slog.New(slog.DiscardHandler), CommitInterval: 20 * time.Millisecond}}
	a, err := New(g.cfg, g.bucket)
	check(t, err)
	var srcs []Source
	for i, p := range paths {
		srcs = append(srcs, crashSource(p, i))
	}
	check(t, a.Attach(t.Context(), srcs...))
	ctx, cancel := context.WithCancel(context.Background())
	g.a, g.cancel, g.done = a, cancel, make(chan error, 1)
	go func() { g.done <- a.Run(ctx) }()
	defer g.stop()
	time.Sleep(50 * time.Millisecond)
	close(stop)
	want := map[string][]string{}
	for range containers {
		lines := <-written
		if len(lines) > 0 {
			want[lines[0][:1]] = lines
		}
	}
	check(t, a.DetachAll(t.Context()))
	g.flush()
	total := 0
	for i := range containers {
		got, exp := g.archived(fmt.Sprintf("%064x", i)), want[fmt.Sprint(i)]
		total += len(exp)
		if !slices.Equal(got, exp) {
			t.Fatalf("container %d: archived %d lines, want %d; they differ first at %d", i, len(got), len(exp), firstDifference(got, exp))
		}
	}
	if lost := a.Status().LostBytes; lost != 0 {
		t.Fatalf("%d bytes were passed over", lost)
	}
	t.Logf("%d kills, %d entries of %d containers exact", *kills, total, containers)
}

func firstDifference(a, b []string) int {
	for i := range min(len(a), len(b)) {
		if a[i] != b[i] {
			return i
		}
	}
	return min(len(a), len(b))
}
