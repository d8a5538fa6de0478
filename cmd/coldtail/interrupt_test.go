package main

import (
	"fmt"
	"net"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"golang.org/x/sys/unix"
)

// fullPipe is one that nobody reads and that takes nothing more.
func fullPipe(t *testing.T) *os.File {
	t.Helper()
	var fds [2]int
	if err := unix.Pipe2(fds[:], unix.O_CLOEXEC|unix.O_NONBLOCK); err != nil {
		t.Fatal(err)
	}
	for {
		if _, err := unix.Write(fds[1], make([]byte, 4096)); err != nil {
			break
		}
	}
	for {
		if _, err := unix.Write(fds[1], []byte{0}); err != nil {
			break
		}
	}
	if err := unix.SetNonblock(fds[1], false); err != nil {
		t.Fatal(err)
	}
	w := os.NewFile(uintptr(fds[1]), "full")
	t.Cleanup(func() { _ = w.Close(); _ = unix.Close(fds[0]) })
	return w
}

// writing reports whether the child is within a write to its standard output.
func (c *child) writing() bool {
	tasks, err := filepath.Glob(fmt.Sprintf("/proc/%d/task/*/syscall", c.cmd.Process.Pid))
	if err != nil {
		c.t.Fatal(err)
	}
	for _, path := range tasks {
		b, err := os.ReadFile(path)
		if err == nil && strings.HasPrefix(string(b), fmt.Sprintf("%d 0x1 ", unix.SYS_WRITE)) {
			return true
		}
	}
	return false
}

// TestInterruptedWhileWriting: a signal ends every command whose output nobody
// reads.
func TestInterruptedWhileWriting(t *testing.T) {
	if _, err := os.ReadFile("/proc/self/syscall"); err != nil {
		t.Skipf("skipped: the kernel does not say in which system call a task is: %v", err)
	}
	h := newHome(t)
	h.env = append(h.env, noEngine)
	h.grace = grace
	h.pipe("app", "one\n")
	for _, args := range []string{"logs app", "logs --json app", "logs -f app", "ls", "ls --json", "verify", "verify --json", "ddl duckdb", "doctor", "version", "--help", "logs --help"} {
		for _, sig := range []syscall.Signal{syscall.SIGINT, syscall.SIGTERM} {
			t.Run(fmt.Sprint(args, ", ", sig), func(t *testing.T) {
				t.Parallel()
				c := h.start(nil, fullPipe(t), strings.Fields(args)...)
				eventually(t, "the command writes", c.writing)
				if status := c.signal(sig); status != exitFailure || !c.said("coldtail: interrupted") {
					t.Errorf("status %d: %s", status, c.stderr.String())
				}
			})
		}
	}
}

// TestInterruptedWhileAsking: a signal ends every command whose store, or whose
// plugin, does not answer.
func TestInterruptedWhileAsking(t *testing.T) {
	for _, args := range []string{
		"logs app", "logs -f app", "ls", "verify", "verify app", "doctor --state STATE",
		"status --socket SOCKET", "flush --socket SOCKET",
	} {
		for _, sig := range []syscall.Signal{syscall.SIGINT, syscall.SIGTERM} {
			t.Run(fmt.Sprint(args, ", ", sig), func(t *testing.T) {
				t.Parallel()
				h := newHome(t)
				network, addr := "tcp", "127.0.0.1:0"
				if strings.Contains(args, "SOCKET") {
					network, addr = "unix", filepath.Join(h.dir, "s")
				}
				l, err := net.Listen(network, addr)
				if err != nil {
					t.Fatal(err)
				}
				defer l.Close()
				h.env = append(h.env, noEngine, "COLDTAIL_BUCKET=minio://"+l.Addr().String()+"/logs?tls=false", "MINIO_ACCESS_KEY=a", "MINIO_SECRET_KEY=bbbbbbbb")
				c := h.start(nil, nil, strings.Fields(strings.NewReplacer("SOCKET", addr, "STATE", h.dir).Replace(args))...)
				conn, err := l.Accept()
				if err != nil {
					t.Fatal(err)
				}
				defer conn.Close()
				want := exitFailure
				if strings.Contains(args, "-f") {
					want = exitOK // how a follower ends
				}
				if status := c.signal(sig); status != want || want == exitFailure && c.stderr.String() == "" || c.said("hangs") {
					t.Errorf("status %d: %s", status, c.stderr.String())
				}
			})
		}
	}
}

// TestFullOutput: what could not be printed is an error, of every command.
func TestFullOutput(t *testing.T) {
	h := newHome(t)
	h.env = append(h.env, noEngine)
	h.pipe("app", "one\n")
	full, err := os.OpenFile("/dev/full", os.O_WRONLY, 0)
	if err != nil {
		t.Skipf("skipped: %v", err)
	}
	defer full.Close()
	for _, args := range []string{"logs app", "logs --json app", "logs -f app", "ls", "verify", "ddl duckdb", "doctor", "version", "--help", "help logs", "logs --help", "completion bash", "completion zsh"} {
		t.Run(args, func(t *testing.T) {
			c := h.start(nil, full, strings.Fields(args)...)
			if status := c.wait(); status != exitFailure || !c.said("no space left on device") {
				t.Errorf("status %d: %s", status, c.stderr.String())
			}
		})
	}
}
