package main

import (
	"bytes"
	"fmt"
	"io"
	"net"
	"os"
	"os/signal"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"
)

// eventually waits for something that has to happen.
func eventually(t *testing.T, what string, ok func() bool) {
	t.Helper()
	for deadline := time.Now().Add(patience); !ok(); time.Sleep(10 * time.Millisecond) {
		if time.Now().After(deadline) {
			t.Fatalf("this does not happen: %s", what)
		}
	}
}

// silent is a store that accepts connections and never answers.
func silent(t *testing.T) (addr string) {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = l.Close() })
	return l.Addr().String()
}

// spooled is how many bytes a home's pipes hold.
func (h *home) spooled() (n int64) {
	paths, err := filepath.Glob(filepath.Join(h.dir, ".local", "state", "coldtail", "pipes", "*", "spool", "*", "*"))
	if err != nil {
		h.t.Fatal(err)
	}
	for _, p := range paths {
		if fi, err := os.Stat(p); err == nil && strings.Contains(p, "spool") && (strings.HasSuffix(p, ".active") || strings.HasSuffix(p, ".sealed")) {
			n += fi.Size()
		}
	}
	return n
}

// endless writes numbered lines as fast as they are taken, and counts them.
type endless struct {
	n    int
	rest []byte
}

func (e *endless) Read(p []byte) (int, error) {
	if len(e.rest) == 0 {
		var b bytes.Buffer
		for range 1000 {
			fmt.Fprintf(&b, "line %d\n", e.n)
			e.n++
		}
		e.rest = b.Bytes()
	}
	n := copy(p, e.rest)
	e.rest = e.rest[n:]
	return n, nil
}

// stdinPipe is a pipe for a child's standard input, that src writes to.
func stdinPipe(t *testing.T, src io.Reader) *os.File {
	t.Helper()
	r, w, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = r.Close(); _ = w.Close() })
	go func() { _, _ = io.Copy(w, src) }() // until the reader is gone, or for ever
	return r
}

// forever is a reader from which nothing more comes, and which does not end.
func forever(t *testing.T, first string) io.Reader {
	t.Helper()
	ended := make(chan struct{})
	t.Cleanup(func() { close(ended) })
	return io.MultiReader(strings.NewReader(first), readerFunc(func([]byte) (int, error) { <-ended; return 0, io.EOF }))
}

type readerFunc func([]byte) (int, error)

func (f readerFunc) Read(p []byte) (int, error) { return f(p) }

// wantLines fails unless got is the first of the lines that endless writes, and
// at least so many.
func wantLines(t *testing.T, got string, least int) {
	t.Helper()
	n := 0
	for line := range strings.Lines(got) {
		if want := fmt.Sprintf("line %d\n", n); line != want && !strings.HasPrefix(want, line) {
			t.Fatalf("line %d: got %q", n, line)
		}
		n++
	}
	if n < least {
		t.Errorf("got %d lines, want at least %d", n, least)
	}
}

// TestPipeInterrupted: a signal ends the command whatever its store, its spool
// and its input do, and the next run brings what was spooled into the bucket.
func TestPipeInterrupted(t *testing.T) {
	for name, tc := range map[string]struct {
		store  func(*testing.T) string // its address; nil: a folder
		flood  bool
		status int
	}{
		"store away, spool full":     {func(*testing.T) string { return "127.0.0.1:1" }, true, exitFailure},
		"store silent, spool full":   {silent, true, exitFailure},
		"store silent, stdin silent": {silent, false, exitFailure},
		"stdin silent":               {nil, false, exitFailure},
		"flooded":                    {nil, true, exitFailure},
	} {
		for _, sig := range []syscall.Signal{syscall.SIGINT, syscall.SIGTERM, syscall.SIGHUP} {
			t.Run(fmt.Sprint(name, ", ", sig), func(t *testing.T) {
				if signal.Ignored(sig) {
					t.Skip("these tests were started by nohup")
				}
				t.Parallel()
				h := newHome(t)
				folder := "file://" + filepath.Join(h.dir, "bucket")
				url := folder
				if tc.store != nil {
					url = "minio://" + tc.store(t) + "/logs?tls=false"
				}
				h.env = append(h.env, "COLDTAIL_OPT_MAX_SPOOL=1m", "MINIO_ACCESS_KEY=a", "MINIO_SECRET_KEY=bbbbbbbb")
				var input io.Reader = &endless{}
				if !tc.flood {
					input = forever(t, "line 0\nline 1\nlin")
				}
				c := h.start(stdinPipe(t, input), nil, "pipe", "--name", "app", "--bucket", url)
				least := 2
				if tc.flood && tc.store != nil {
					least = 10_000
					eventually(t, "the spool is full", func() bool { return h.spooled() > 1<<20 })
				} else {
					eventually(t, "something is spooled", func() bool { return h.spooled() > 0 })
				}
				if status := c.signal(sig); status != tc.status {
					t.Errorf("status %d, want %d", status, tc.status)
				}
				stderr := c.stderr.String()
				if !strings.Contains(stderr, "interrupted") || strings.Contains(stderr, "hangs") {
					t.Errorf("stderr: %s", stderr)
				}
				if tc.store != nil && !strings.Contains(stderr, "coldtail pipe --name app uploads it") {
					t.Errorf("stderr says nothing of what is left: %s", stderr)
				}
				h.env = h.env[:len(h.env)-2]
				h.pipe("app", "", "--bucket", folder)
				res := h.run(nil, "logs", "--bucket", folder, "app")
				if res.status != exitOK {
					t.Fatalf("%+v", res)
				}
				wantLines(t, res.stdout, least)
				if !tc.flood && res.stdout != "line 0\nline 1\nlin" {
					t.Errorf("got %q", res.stdout)
				}
			})
		}
	}
}

// TestPipeKeepsInput: what was read of stdin when the command is interrupted is
// in the spool, also what had not come through a FIFO that nobody read.
func TestPipeKeepsInput(t *testing.T) {
	h := newHome(t)
	h.env = append(h.env, "COLDTAIL_OPT_MAX_SPOOL=1m", "MINIO_ACCESS_KEY=a", "MINIO_SECRET_KEY=bbbbbbbb")
	r, w, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	written := &bytes.Buffer{}
	src := &endless{}
	go func() {
		// What the pipe took was given to coldtail, but for what is left in it.
		_, _ = io.Copy(w, io.TeeReader(src, written))
	}()
	c := h.start(r, nil, "pipe", "--name", "app", "--bucket", "minio://127.0.0.1:1/logs?tls=false")
	eventually(t, "the spool is full", func() bool { return h.spooled() > 1<<20 })
	if status := c.signal(syscall.SIGINT); status != exitFailure {
		t.Errorf("status %d", status)
	}
	// Now the pipe holds what coldtail has not read.
	rest := make([]byte, 1<<20)
	n, err := r.Read(rest)
	if err != nil {
		t.Fatal(err)
	}
	first, _, _ := bytes.Cut(rest[:n], []byte("\n"))
	_ = r.Close()
	folder := "file://" + filepath.Join(h.dir, "bucket")
	h.pipe("app", "", "--bucket", folder)
	res := h.run(nil, "logs", "--bucket", folder, "app")
	// The archive ends where the pipe goes on.
	last := res.stdout[strings.LastIndexByte(res.stdout, '\n')+1:]
	if last == "" {
		lines := strings.Split(strings.TrimSuffix(res.stdout, "\n"), "\n")
		var a, b int
		_, err1 := fmt.Sscanf(lines[len(lines)-1], "line %d", &a)
		_, err2 := fmt.Sscanf(string(first), "line %d", &b)
		if err1 != nil || err2 != nil || b != a+1 {
			t.Errorf("the archive ends with %q, the pipe goes on with %q", lines[len(lines)-1], first)
		}
	} else if whole := last + string(first); !strings.HasPrefix(whole, "line ") || strings.Contains(whole[5:], "l") {
		t.Errorf("the archive ends with %q, the pipe goes on with %q", last, first)
	}
	wantLines(t, res.stdout, 10_000)
}

// TestPipeOfRenamedHost brings what an earlier run of the name left under
// another host's name into the bucket, and nothing of other names.
func TestPipeOfRenamedHost(t *testing.T) {
	h := newHome(t)
	bucket := "file://" + filepath.Join(h.dir, "bucket")
	for _, name := range []string{"app", "other"} {
		res := h.run(strings.NewReader(name+" on the old host\n"), "pipe", "--name", name, "--host", "old", "--bucket", bucket+"?max-size=10", "--upload-timeout", "100ms")
		if res.status != exitFailure {
			t.Fatalf("%+v", res)
		}
	}
	h.pipe("app", "app on the new host\n", "--host", "new", "--bucket", bucket)
	h.run(nil, "logs", "--bucket", bucket, "app").want(t, "app on the old host\napp on the new host\n", "")
	if res := h.run(nil, "logs", "--bucket", bucket, "other"); res.status != exitFailure {
		t.Errorf("another name's log was archived: %+v", res)
	}
}

// TestPipesOfOneName: the second waits for the first, and neither loses anything.
func TestPipesOfOneName(t *testing.T) {
	h := newHome(t)
	r, w, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	defer r.Close()
	first := h.start(r, nil, "pipe", "--name", "app")
	if _, err := io.WriteString(w, "one\n"); err != nil {
		t.Fatal(err)
	}
	eventually(t, "the first has spooled something", func() bool { return h.spooled() > 0 })
	second := h.start(strings.NewReader("two\n"), nil, "pipe", "--name", "app")
	interrupted := h.start(strings.NewReader("three\n"), nil, "pipe", "--name", "app")
	eventually(t, "the third waits", func() bool { return interrupted.said("waiting for another") })
	if status := interrupted.signal(syscall.SIGTERM); status != exitFailure || !interrupted.said("nothing of standard input was archived") {
		t.Errorf("status %d: %s", status, interrupted.stderr.String())
	}
	eventually(t, "the second waits", func() bool { return second.said("waiting for another") })
	_ = w.Close()
	if a, b := first.wait(), second.wait(); a != exitOK || b != exitOK {
		t.Errorf("statuses %d and %d: %s%s", a, b, first.stderr.String(), second.stderr.String())
	}
	h.run(nil, "logs", "app").want(t, "one\ntwo\n", "")
}
