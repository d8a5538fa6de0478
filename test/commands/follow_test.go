package commands

import (
	"bufio"
	"bytes"
	"context"
	"encoding/hex"
	"fmt"
	"io"
	"math/rand/v2"
	"net"
	"os"
	"os/exec"
	"strings"
	"syscall"
	"testing"
	"time"
)

// running is a command that goes on.
type running struct {
	t      *testing.T
	cmd    *exec.Cmd
	lines  chan string
	stderr bytes.Buffer
	done   chan error
}

func (a *archive) start(args ...string) *running {
	a.t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), 3*patience)
	a.t.Cleanup(cancel)
	r := &running{t: a.t, cmd: a.command(ctx, args...), lines: make(chan string, 100), done: make(chan error, 1)}
	out, w := io.Pipe()
	r.cmd.Stdout, r.cmd.Stderr = w, &r.stderr
	if err := r.cmd.Start(); err != nil {
		a.t.Fatal(err)
	}
	go func() {
		for s := bufio.NewScanner(out); s.Scan(); {
			r.lines <- s.Text()
		}
	}()
	go func() {
		r.done <- r.cmd.Wait()
		_ = w.Close()
	}()
	a.t.Cleanup(func() { _ = r.cmd.Process.Kill() })
	return r
}

func (r *running) want(lines ...string) {
	r.t.Helper()
	for _, want := range lines {
		select {
		case got := <-r.lines:
			if got != want {
				r.t.Fatalf("printed %q, want %q", got, want)
			}
		case <-time.After(patience):
			r.t.Fatalf("%q is not printed; stderr %q", want, r.stderr.String())
		}
	}
}

// interrupt sends what Ctrl-C does, and returns the exit status.
func (r *running) interrupt() int {
	r.t.Helper()
	if err := r.cmd.Process.Signal(os.Interrupt); err != nil {
		r.t.Fatal(err)
	}
	select {
	case <-r.done:
	case <-time.After(patience):
		r.t.Fatalf("it does not end; stderr %q", r.stderr.String())
	}
	return r.cmd.ProcessState.ExitCode()
}

func TestFollow(t *testing.T) {
	a := newArchive(t)
	a.pipe("web", "web-1", "north", "parquet", strings.NewReader("one\ntwo\n"))
	service := a.start("logs", "-f", "--interval", "1s", "--service", "web")
	name := a.start("logs", "-f", "--interval", "1s", "-n", "1", "web-1")
	service.want("web-1  | one", "web-1  | two")
	name.want("two")
	a.pipe("web", "web-1", "north", "parquet", strings.NewReader("three\n"))
	service.want("web-1  | three")
	name.want("three")
	// The bucket goes away and comes back.
	a.server.Stop(t)
	time.Sleep(2 * time.Second) // at least one look
	a.server.Start(t)
	a.pipe("web", "web-1", "north", "parquet", strings.NewReader("four\n"))
	service.want("web-1  | four")
	name.want("four")
	for _, r := range []*running{service, name} {
		if status := r.interrupt(); status != 0 || strings.Contains(r.stderr.String(), "coldtail:") {
			t.Errorf("status %d: %s", status, r.stderr.String())
		}
	}
}

// TestBucketAway fails, with one line that says why.
func TestBucketAway(t *testing.T) {
	a := newArchive(t)
	a.pipe("web", "web-1", "north", "parquet", strings.NewReader("one\n"))
	id := strings.TrimSpace(a.ok("ls", "-q", "--no-trunc"))
	a.server.Stop(t)
	for _, args := range [][]string{{"logs", "web-1"}, {"logs", id}, {"logs", "--service", "web", "-f"}, {"ls"}} {
		t.Run(strings.Join(args, " "), func(t *testing.T) {
			t.Parallel()
			res := a.run(args...)
			if res.status != 1 || res.stdout != "" || strings.Count(res.stderr, "\n") != 1 || !strings.Contains(res.stderr, "connection refused") {
				t.Errorf("got %+v", res)
			}
			t.Log(res.stderr)
		})
	}
}

// TestObjectAway prints what can be read, says what cannot, and fails.
func TestObjectAway(t *testing.T) {
	a := newArchive(t)
	for _, s := range []string{"one\n", "two\n", "three\n"} {
		a.pipe("web", "web-1", "north", "ndjson", strings.NewReader(s))
	}
	a.pipe("web", "web-2", "north", "ndjson", strings.NewReader("other\n"))
	key := ""
	for _, k := range a.keys() {
		if strings.Contains(k, "-0000000002-") {
			key = k
		}
	}
	a.spoil(key)
	for args, want := range map[string]string{
		"web-1":         "one\nthree\n",
		"--service web": "web-1  | one\nweb-1  | three\nweb-2  | other\n",
	} {
		res := a.run(append([]string{"logs"}, strings.Fields(args)...)...)
		if res.status != 1 || res.stdout != want || strings.Count(res.stderr, "\n") != 1 || !strings.Contains(res.stderr, "coldtail: ") {
			t.Errorf("logs %s: %+v", args, res)
		}
	}
}

// silentServer accepts what asks for the bucket, tells asked, and never answers. It returns the bucket's URL.
func silentServer(t *testing.T, asked chan<- struct{}) string {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = l.Close() })
	go func() {
		for {
			c, err := l.Accept()
			if err != nil {
				return
			}
			defer c.Close() //nolint:gocritic // they stay open, and few come
			asked <- struct{}{}
		}
	}()
	return "s3://silent?region=us-east-1&path-style=true&endpoint=http://" + l.Addr().String()
}

// waits waits until the command asks a silentServer: before, a signal might find
// a process that does not handle it yet.
func (r *running) waits(asked <-chan struct{}) {
	r.t.Helper()
	select {
	case <-asked:
	case <-time.After(patience):
		r.t.Fatalf("%v asks nothing: %s", r.cmd.Args, r.stderr.String())
	}
}

// interruptAfter is interrupt, once the command has run for a while.
func (r *running) interruptAfter(d time.Duration) int {
	time.Sleep(d)
	return r.interrupt()
}

// TestInterrupt ends a command at once that waits for a server that is silent.
func TestInterrupt(t *testing.T) {
	asked := make(chan struct{}, 100)
	a := &archive{t: t, home: t.TempDir(), url: silentServer(t, asked)}
	for _, args := range [][]string{{"logs", "web"}, {"logs", "-f", strings.Repeat("0", 64)}, {"ls"}} {
		r := a.start(args...)
		r.waits(asked)
		begun := time.Now()
		if status := r.interrupt(); status == 2 || strings.Contains(r.stderr.String(), "panic") {
			t.Errorf("%v: status %d: %s", args, status, r.stderr.String())
		}
		t.Logf("%v ended after %s: %s", args, time.Since(begun), r.stderr.String())
	}
}

// TestHead stops quietly when nobody reads on.
func TestHead(t *testing.T) {
	a := newArchive(t)
	a.pipe("web", "web-1", "north", "parquet", strings.NewReader(strings.Repeat("line\n", 200_000)))
	for _, args := range [][]string{{"logs", "web-1"}, {"logs", "--json", "web-1"}, {"logs", "--service", "web"}} {
		cmd := a.command(t.Context(), args...)
		var stderr bytes.Buffer
		cmd.Stderr = &stderr
		out, err := cmd.StdoutPipe()
		if err == nil {
			err = cmd.Start()
		}
		if err != nil {
			t.Fatal(err)
		}
		if _, err := bufio.NewReader(out).ReadString('\n'); err != nil {
			t.Fatal(err)
		}
		_ = out.Close()
		_ = cmd.Wait()
		status, ok := cmd.ProcessState.Sys().(syscall.WaitStatus)
		if !ok || status.Signal() != syscall.SIGPIPE || stderr.Len() > 0 {
			t.Errorf("%v: %v, %s", args, cmd.ProcessState, stderr.String())
		}
	}
}

// TestBucketGoesAway prints what it has got, says what is missing, and fails.
func TestBucketGoesAway(t *testing.T) {
	a := newArchive(t)
	// More objects than are fetched ahead.
	noise := rand.NewChaCha8([32]byte{})
	var input strings.Builder
	for input.Len() < 16<<20 {
		b := make([]byte, 500)
		_, _ = noise.Read(b)
		input.WriteString(hex.EncodeToString(b) + "\n")
	}
	res := a.runWith(strings.NewReader(input.String()), "pipe", "--name", "web-1", "--roll-size", "64k")
	if res.status != 0 {
		t.Fatalf("pipe: %+v", res)
	}
	r, w, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	cmd := a.command(t.Context(), "logs", "web-1")
	var stderr bytes.Buffer
	cmd.Stdout, cmd.Stderr = w, &stderr
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	_ = w.Close()
	out := bufio.NewReader(r)
	first, err := out.ReadString('\n')
	if err != nil {
		t.Fatal(err)
	}
	a.server.Stop(t) // the command waits for its full pipe to be read
	rest, err := io.ReadAll(out)
	if err != nil {
		t.Fatal(err)
	}
	got := first + string(rest)
	_ = cmd.Wait()
	if !strings.HasPrefix(input.String(), got) || len(got) == input.Len() || !strings.HasSuffix(got, "\n") {
		t.Errorf("%d bytes of %d, and not the first", len(got), input.Len())
	}
	lines := strings.Count(input.String(), "\n") - strings.Count(got, "\n")
	want := fmt.Sprintf("coldtail: cannot read %d archived entries between ", lines)
	if status := cmd.ProcessState.ExitCode(); status != 1 || !strings.HasPrefix(stderr.String(), want) || strings.Count(stderr.String(), "\n") != 1 {
		t.Errorf("status %d, stderr %q, want %q", status, stderr.String(), want)
	}
	t.Logf("%d bytes of %d, then %s", len(got), input.Len(), stderr.String())
}
