package conformance

import (
	"flag"
	"fmt"
	"io"
	"io/fs"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/docker/docker/daemon/logger"
	"github.com/docker/docker/pkg/plugins"
)

var starts = flag.Int("starts", 1000, "how often TestStartedOften starts its container")

// TestStartedOften starts and stops one container again and again through the
// daemon's adapter, with the plugin in a process of its own: what the process
// holds after a fifth of the starts, it holds at the end.
func TestStartedOften(t *testing.T) {
	p := startBinary(t)
	driver := newDaemon(t).install(t, p.process)
	info := logger.Info{ContainerID: strings.Repeat("5", 64), ContainerName: "/often", ContainerCreated: time.Now()}
	warm := *starts / 5
	if warm == 0 {
		t.Fatal("-starts must be at least 5")
	}
	began := time.Now()
	var before usage
	for i := range *starts {
		if i == warm {
			before = p.usage(t)
		}
		startOnce(t, driver, info, i)
	}
	t.Logf("%d starts in %v", *starts, time.Since(began).Round(time.Millisecond))
	var after usage
	// What the last start left may be on its way out still.
	waitFor(t, "the process to be as it was", func() bool {
		after = p.usage(t)
		return after.within(before)
	})
	t.Logf("after %d: %+v", warm, before)
	t.Logf("after %d: %+v", *starts, after)
	if left, err := os.ReadDir(filepath.Join(p.dir, "root", "run", "docker", "logging")); err != nil || len(left) > 0 {
		t.Errorf("FIFOs left: %v, %v", left, err)
	}
	got := readAll(t, &endpoint{p.client, info}, logger.ReadConfig{Tail: -1})
	if len(got) != 2**starts {
		t.Fatalf("%d entries, want %d", len(got), 2**starts)
	}
	for i, e := range got {
		if want := fmt.Sprintf("%d\n", i/2); e.Line != want || e.Source != []string{"stdout", "stderr"}[i%2] {
			t.Fatalf("entry %d: %+v, want %q", i, e, want)
		}
	}
}

// startOnce is one life of the container: it writes two lines.
func startOnce(t *testing.T, driver string, info logger.Info, i int) {
	t.Helper()
	create, err := logger.GetLogDriver(driver)
	check(t, err)
	l, err := create(info)
	check(t, err)
	for _, source := range []string{"stdout", "stderr"} {
		m := logger.NewMessage()
		m.Source, m.Timestamp = source, time.Now()
		m.Line = fmt.Append(m.Line, i)
		check(t, l.Log(m))
	}
	check(t, l.Close())
}

// external is a plugin in a process of its own.
type external struct {
	*process
	pid int
}

// startBinary builds coldtail and runs its plugin until the test ends.
func startBinary(t *testing.T) *external {
	t.Helper()
	dir, err := os.MkdirTemp("", "coldtail")
	check(t, err)
	t.Cleanup(func() { check(t, os.RemoveAll(dir)) })
	binary := filepath.Join(dir, "bin")
	build := exec.Command("go", "build", "-o", binary, "./cmd/coldtail")
	build.Dir = "../.."
	if out, err := build.CombinedOutput(); err != nil {
		t.Fatalf("go build: %v\n%s", err, out)
	}
	p := &external{process: &process{dir: dir, socket: filepath.Join(dir, "coldtail.sock")}}
	cmd := exec.Command(binary, "plugin", "--socket", p.socket, "--state", filepath.Join(dir, "state"), "--bucket", "file://"+filepath.Join(dir, "bucket"))
	// A small heap, so that what leaks is seen beside what comes and goes.
	cmd.Env = append(os.Environ(), "GOGC=10")
	cmd.Stderr = t.Output()
	check(t, cmd.Start())
	p.pid = cmd.Process.Pid
	t.Cleanup(func() {
		check(t, cmd.Process.Signal(syscall.SIGTERM))
		check(t, cmd.Wait())
	})
	p.client, err = plugins.NewClient("unix://"+p.socket, nil)
	check(t, err)
	waitFor(t, "the plugin's socket", func() bool {
		conn, err := net.Dial("unix", p.socket) // it has a name before it listens
		if err == nil {
			_ = conn.Close()
		}
		return err == nil
	})
	return p
}

// usage is what a process holds.
type usage struct {
	Goroutines, Descriptors, Threads, Files int
	HeapBytes, ResidentBytes                int
}

// within tells whether u is no more than base but for what comes and goes: far
// less than one of anything, or a kilobyte, for each start in between.
func (u usage) within(base usage) bool {
	const few, heap, resident = 8, 1 << 20, 8 << 20
	return u.Goroutines <= base.Goroutines+few && u.Descriptors <= base.Descriptors+few &&
		u.Threads <= base.Threads+few && u.Files <= base.Files+few &&
		u.HeapBytes <= base.HeapBytes+heap && u.ResidentBytes <= base.ResidentBytes+resident
}

func (p *external) usage(t *testing.T) (u usage) {
	t.Helper()
	proc := fmt.Sprintf("/proc/%d", p.pid)
	fds, err := os.ReadDir(proc + "/fd")
	check(t, err)
	u.Descriptors = len(fds)
	status, err := os.ReadFile(proc + "/status")
	check(t, err)
	for line := range strings.Lines(string(status)) {
		switch f := strings.Fields(line); f[0] {
		case "Threads:":
			u.Threads, err = strconv.Atoi(f[1])
		case "VmRSS:":
			u.ResidentBytes, err = strconv.Atoi(f[1])
			u.ResidentBytes <<= 10
		}
		check(t, err)
	}
	u.Goroutines, u.HeapBytes = p.metric(t, "go_goroutines"), p.metric(t, "go_memstats_heap_alloc_bytes")
	check(t, filepath.WalkDir(filepath.Join(p.dir, "state"), func(_ string, d fs.DirEntry, err error) error {
		if err == nil && !d.IsDir() {
			u.Files++
		}
		return nil // what goes away meanwhile does not count
	}))
	return u
}

// metric is the value of a metric without labels.
func (p *external) metric(t *testing.T, name string) int {
	t.Helper()
	body, err := p.client.Stream("metrics", nil)
	check(t, err)
	defer body.Close()
	text, err := io.ReadAll(body)
	check(t, err)
	for line := range strings.Lines(string(text)) {
		if value, ok := strings.CutPrefix(line, name+" "); ok {
			n, err := strconv.ParseFloat(strings.TrimSpace(value), 64)
			check(t, err)
			return int(n)
		}
	}
	t.Fatalf("there is no metric %s", name)
	return 0
}
