package commands

import (
	"bytes"
	"fmt"
	"io"
	"os"
	"strings"
	"testing"
	"time"

	"golang.org/x/sys/unix"
)

// terminal opens a pseudo-terminal: the end that shows, and the program's.
func terminal(t *testing.T) (master, slave *os.File) {
	t.Helper()
	master, err := os.OpenFile("/dev/ptmx", os.O_RDWR, 0)
	if err != nil {
		t.Skipf("no pseudo-terminals here: %v", err)
	}
	t.Cleanup(func() { _ = master.Close() })
	n := 0
	if err = unix.IoctlSetPointerInt(int(master.Fd()), unix.TIOCSPTLCK, 0); err == nil {
		n, err = unix.IoctlGetInt(int(master.Fd()), unix.TIOCGPTN)
	}
	if err != nil {
		t.Fatal(err)
	}
	slave, err = os.OpenFile(fmt.Sprintf("/dev/pts/%d", n), os.O_RDWR|unix.O_NOCTTY, 0)
	if err != nil {
		t.Fatal(err)
	}
	return master, slave
}

// shown is what a terminal shows of a command.
func (a *archive) shown(env []string, args ...string) string {
	a.t.Helper()
	master, slave := terminal(a.t)
	cmd := a.command(a.t.Context(), args...)
	cmd.Env = append(cmd.Env, env...)
	cmd.Stdout, cmd.Stderr = slave, slave
	if err := cmd.Start(); err != nil {
		a.t.Fatal(err)
	}
	_ = slave.Close()
	var b bytes.Buffer
	_, _ = io.Copy(&b, master) // ends with an error when the other end is closed
	if err := cmd.Wait(); err != nil {
		a.t.Fatal(err)
	}
	return strings.ReplaceAll(b.String(), "\r\n", "\n")
}

func TestTerminal(t *testing.T) {
	a := newArchive(t)
	a.pipe("web", "web-1", "north", "parquet", strings.NewReader("one\n"))
	a.pipe("web", "web-2", "north", "parquet", strings.NewReader("two\n"))
	const plain = "web-1  | one\nweb-2  | two\n"
	const colored = "\x1b[36mweb-1  | \x1b[0mone\n\x1b[33mweb-2  | \x1b[0mtwo\n"
	args := []string{"logs", "--service", "web"}
	for name, tc := range map[string]struct {
		env, args []string
		want      string
	}{
		"terminal":        {[]string{"TERM=xterm"}, args, colored},
		"dumb":            {[]string{"TERM=dumb"}, args, plain},
		"NO_COLOR":        {[]string{"TERM=xterm", "NO_COLOR=1"}, args, plain},
		"--no-color":      {[]string{"TERM=xterm"}, append(args, "--no-color"), plain},
		"--no-log-prefix": {[]string{"TERM=xterm"}, append(args, "--no-log-prefix"), "one\ntwo\n"},
		"one":             {[]string{"TERM=xterm"}, []string{"logs", "web-1"}, "one\n"},
	} {
		if got := a.shown(tc.env, tc.args...); got != tc.want {
			t.Errorf("%s: %q, want %q", name, got, tc.want)
		}
	}
	if got := a.ok(args...); got != plain {
		t.Errorf("piped: %q", got)
	}
}

// TestProgress says on a terminal what it waits for, and nowhere else.
func TestProgress(t *testing.T) {
	a := &archive{t: t, home: t.TempDir(), url: silentServer(t, make(chan struct{}, 100))}
	for _, args := range [][]string{{"ls"}, {"logs", "web"}} {
		master, slave := terminal(t)
		cmd := a.command(t.Context(), args...)
		cmd.Env = append(cmd.Env, "TERM=xterm")
		var stdout bytes.Buffer
		cmd.Stdout, cmd.Stderr = &stdout, slave
		if err := cmd.Start(); err != nil {
			t.Fatal(err)
		}
		guard := time.AfterFunc(patience, func() { _ = cmd.Process.Kill() })
		var shown []byte
		for buf := make([]byte, 4096); !bytes.Contains(shown, []byte(", objects: 0")); {
			n, err := master.Read(buf)
			if err != nil {
				t.Fatalf("%v shows %q: %v", args, shown, err)
			}
			if shown = append(shown, buf[:n]...); bytes.Contains(shown, []byte("coldtail:")) {
				t.Fatalf("%v shows %q", args, shown)
			}
		}
		if err := cmd.Process.Signal(os.Interrupt); err != nil {
			t.Fatal(err)
		}
		_ = cmd.Wait()
		guard.Stop()
		_ = slave.Close()
		if stdout.Len() > 0 {
			t.Errorf("%v prints %q", args, stdout.String())
		}
	}
	asked := make(chan struct{}, 100)
	a.url = silentServer(t, asked)
	r := a.start("ls")
	r.waits(asked)
	if r.interruptAfter(1500*time.Millisecond) == 0 || r.stderr.String() != "coldtail: interrupted\n" {
		t.Errorf("not on a terminal: %q", r.stderr.String())
	}
}
