package main

import (
	"bytes"
	"cmp"
	"io"
	"os"
	"os/exec"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"
)

// runMain is set where the test's binary is to be coldtail itself: to the grace
// after a signal.
const runMain = "COLDTAIL_TEST_RUN_MAIN"

func TestMain(m *testing.M) {
	if os.Getenv(runMain) != "" {
		g, err := time.ParseDuration(os.Getenv(runMain))
		if err != nil {
			panic(err)
		}
		_ = os.Unsetenv(runMain)
		os.Exit(process(g))
	}
	os.Exit(m.Run())
}

// child is a command in a process of its own.
type child struct {
	t      *testing.T
	cmd    *exec.Cmd
	stderr textBuffer
	ended  chan error
}

// textBuffer may be read while it is written.
type textBuffer struct {
	mu sync.Mutex
	b  bytes.Buffer
}

func (b *textBuffer) Write(p []byte) (int, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.b.Write(p)
}

func (b *textBuffer) String() string {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.b.String()
}

func (c *child) said(what string) bool { return strings.Contains(c.stderr.String(), what) }

// start runs the command. Where stdout is nil it is discarded.
func (h *home) start(stdin io.Reader, stdout io.Writer, args ...string) *child {
	h.t.Helper()
	exe, err := os.Executable()
	if err != nil {
		h.t.Fatal(err)
	}
	c := &child{t: h.t, cmd: exec.Command(exe, args...), ended: make(chan error, 1)}
	c.cmd.Env = append([]string{runMain + "=" + cmp.Or(h.grace, patience).String(), "PATH=" + os.Getenv("PATH")}, h.env...)
	c.cmd.Stdin, c.cmd.Stdout, c.cmd.Stderr = stdin, stdout, &c.stderr
	c.cmd.WaitDelay = time.Second // a pipe that another process holds
	if err := c.cmd.Start(); err != nil {
		h.t.Fatal(err)
	}
	go func() { c.ended <- c.cmd.Wait() }()
	h.t.Cleanup(func() { _ = c.cmd.Process.Kill() })
	return c
}

// signal sends a signal and waits for the end. It returns the exit status, and
// -1 if the command had to be killed.
func (c *child) signal(sig syscall.Signal) int {
	c.t.Helper()
	if err := c.cmd.Process.Signal(sig); err != nil {
		c.t.Fatal(err)
	}
	return c.wait()
}

func (c *child) wait() int {
	c.t.Helper()
	select {
	case <-c.ended:
		return c.cmd.ProcessState.ExitCode()
	case <-time.After(patience):
		c.t.Fatalf("the command does not end; stderr: %s", c.stderr.String())
		return -1
	}
}
