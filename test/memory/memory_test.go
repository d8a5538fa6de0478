// Package memory measures what the program takes at most, as a process.
package memory

import (
	"bufio"
	"bytes"
	"context"
	"encoding/binary"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/coldtail/coldtail/archiver/fifotest"
	"github.com/coldtail/coldtail/codec"
	"github.com/coldtail/coldtail/plugin"
)

// bound is what the process may take at most: docs/reliability.md.
const bound = 256 << 20

// patience bounds every wait for something that has to happen.
const patience = 2 * time.Minute

func check(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

func waitFor(t testing.TB, what string, cond func() bool) {
	t.Helper()
	for end := time.Now().Add(patience); !cond(); time.Sleep(5 * time.Millisecond) {
		if time.Now().After(end) {
			t.Fatalf("waited in vain for %s", what)
		}
	}
}

// process is `coldtail plugin`.
type process struct {
	t      *testing.T
	cmd    *exec.Cmd
	client *http.Client
	bucket string
	fifo   *fifotest.FIFO
}

const id = "00000000000000000000000000000000000000000000000000000000000000aa"

// start builds and starts the plugin, and a container.
func start(t *testing.T) *process {
	t.Helper()
	if testing.Short() {
		t.Skip("skipped by -short: it writes 100 MB")
	}
	dir := t.TempDir()
	program := filepath.Join(dir, "coldtail")
	build := exec.CommandContext(t.Context(), "go", "build", "-o", program, "./cmd/coldtail")
	build.Dir = "../.."
	build.Env = append(os.Environ(), "CGO_ENABLED=0")
	if out, err := build.CombinedOutput(); err != nil {
		t.Fatalf("build: %v\n%s", err, out)
	}
	p := &process{t: t, bucket: filepath.Join(dir, "bucket")}
	socket := filepath.Join(dir, "s")
	p.cmd = exec.CommandContext(t.Context(), program, "plugin", "--socket", socket, "--state", filepath.Join(dir, "state"),
		"--bucket", "file://"+p.bucket, "--log-opt", "roll-size=16m")
	p.cmd.Stderr = os.Stderr
	check(t, p.cmd.Start())
	t.Cleanup(func() {
		_ = p.cmd.Process.Kill() // it has ended, or is to
		_ = p.cmd.Wait()
	})
	p.client = &http.Client{Transport: &http.Transport{DialContext: func(ctx context.Context, _, _ string) (net.Conn, error) {
		return (&net.Dialer{}).DialContext(ctx, "unix", socket)
	}}}
	waitFor(t, "the socket", func() bool {
		conn, err := net.Dial("unix", socket) // it has a name before it listens
		if err == nil {
			_ = conn.Close()
		}
		return err == nil
	})
	p.fifo = fifotest.New(t)
	p.post("StartLogging", struct {
		File string
		Info plugin.Info
	}{p.fifo.Name(), plugin.Info{ContainerID: id, ContainerName: "/web", ContainerCreated: time.Now()}})
	return p
}

func (p *process) open(endpoint string, body any) io.ReadCloser {
	p.t.Helper()
	b, err := json.Marshal(body)
	check(p.t, err)
	resp, err := p.client.Post("http://plugin/LogDriver."+endpoint, "", bytes.NewReader(b))
	check(p.t, err)
	if resp.StatusCode != http.StatusOK {
		p.t.Fatalf("%s: %s", endpoint, resp.Status)
	}
	return resp.Body
}

func (p *process) post(endpoint string, body any) {
	p.t.Helper()
	r := p.open(endpoint, body)
	defer r.Close()
	answer, err := io.ReadAll(r)
	if err != nil || !strings.Contains(string(answer), `"Err":""`) {
		p.t.Fatalf("%s: %s, %v", endpoint, answer, err)
	}
}

// read is `docker logs`, with --follow if follow is set.
func (p *process) read(follow bool) io.ReadCloser {
	type config struct {
		Tail   int
		Follow bool
	}
	return p.open("ReadLogs", struct {
		Info   plugin.Info
		Config config
	}{plugin.Info{ContainerID: id, ContainerCreated: time.Now()}, config{-1, follow}})
}

// chunks are the archived objects.
func (p *process) chunks() []string {
	names, err := filepath.Glob(filepath.Join(p.bucket, "parquet", "*", "*", "*.parquet"))
	check(p.t, err)
	return names
}

// judge compares the process's peak with the bound.
func (p *process) judge(what string) {
	p.t.Helper()
	b, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", p.cmd.Process.Pid))
	check(p.t, err)
	_, rest, ok := strings.Cut(string(b), "VmHWM:")
	if !ok {
		p.t.Fatal("the kernel does not tell VmHWM")
	}
	kb, err := strconv.ParseInt(strings.Fields(rest)[0], 10, 64)
	check(p.t, err)
	p.t.Logf("peak RSS %d MiB with %s; the bound is %d MiB", kb>>10, what, bound>>20)
	if kb<<10 > bound {
		p.t.Errorf("peak RSS is %d KiB", kb)
	}
}

// TestLongLine: a line of 100 MB without a newline, in the daemon's parts of 16
// KiB, is spooled, archived and read.
func TestLongLine(t *testing.T) {
	p := start(t)
	const part, size = 16 << 10, 100_000_000
	now := time.Now().UnixNano()
	parts := 0
	for left := size; left > 0; left -= part {
		parts++
		n := min(part, left)
		p.fifo.Log(codec.Entry{
			TimeNano: now, Line: bytes.Repeat([]byte{byte('a' + parts%26)}, n), Partial: true, Last: left <= part,
			PartID: []byte("one"), Ordinal: int32(parts),
		})
	}
	waitFor(t, "some of it to be archived", func() bool { return len(p.chunks()) >= 5 })
	p.post("StopLogging", struct{ File string }{p.fifo.Name()})
	body := p.read(false)
	defer body.Close()
	entries, read := count(t, body, func(i int, e *codec.Entry) {
		if want := byte('a' + (i+1)%26); bytes.Count(e.Line, []byte{want}) != len(e.Line) {
			t.Fatalf("part %d of %d is %d bytes of %.10q", i+1, parts, len(e.Line), e.Line)
		}
	})
	if entries != parts || read != size {
		t.Errorf("read %d bytes in %d parts, want %d in %d", read, entries, size, parts)
	}
	p.judge("a line of 100 MB, spooled, archived and read")
}

// count reads a log's frames, but for those that nobody prints: a follower gets
// one where nothing came for a while. Newlines are not counted.
func count(t *testing.T, r io.Reader, f func(int, *codec.Entry)) (entries, lineBytes int) {
	t.Helper()
	br := bufio.NewReaderSize(r, 1<<20)
	for {
		var prefix [4]byte
		_, err := io.ReadFull(br, prefix[:])
		if errors.Is(err, io.EOF) {
			return entries, lineBytes
		}
		check(t, err)
		b := make([]byte, 4+binary.BigEndian.Uint32(prefix[:]))
		copy(b, prefix[:])
		_, err = io.ReadFull(br, b[4:])
		check(t, err)
		var e codec.Entry
		_, err = codec.ParseFrame(b, &e)
		check(t, err)
		if e.Source != codec.Stdout {
			continue
		}
		e.Line = bytes.TrimSuffix(e.Line, []byte("\n"))
		f(entries, &e)
		entries++
		lineBytes += len(e.Line)
	}
}

// TestFollowersThatNeverRead: clients that ask for a log, to follow it, and then
// do not read it cost what a connection holds, however much is written. The
// container is not slowed.
func TestFollowersThatNeverRead(t *testing.T) {
	p := start(t)
	const followers, size, line = 50, 100_000_000, 1000
	var bodies []io.ReadCloser
	for range followers {
		bodies = append(bodies, p.read(true))
	}
	t.Cleanup(func() {
		for _, b := range bodies {
			_ = b.Close() // its server has been killed
		}
	})
	written := 0
	for i := 0; written < size; i++ {
		p.fifo.Print(fmt.Sprintf("%0*d", line, i))
		written += line
	}
	waitFor(t, "segments to be archived", func() bool { return len(p.chunks()) >= 5 })
	p.judge(fmt.Sprintf("%d followers that never read, and 100 MB written", followers))
	// They may still read: all of it, in order, then what the stop ends.
	p.post("StopLogging", struct{ File string }{p.fifo.Name()})
	entries, read := count(t, bodies[0], func(i int, e *codec.Entry) {
		if want := fmt.Sprintf("%0*d", line, i); string(e.Line) != want {
			t.Fatalf("line %d is %q", i, e.Line)
		}
	})
	if read != written {
		t.Errorf("a follower that began to read got %d bytes in %d lines, want %d", read, entries, written)
	}
}
