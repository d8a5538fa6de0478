//go:build e2e

package e2e

import (
	"bytes"
	"context"
	"io"
	"iter"
	"os/exec"
	"strconv"
	"strings"
	"testing"
	"time"
)

// TestFollowEmpty asks for the log of a container that has printed nothing: there
// is an answer at once, of nothing.
func TestFollowEmpty(t *testing.T) {
	id := start(t, shared.name, nil, `exec sleep 100000`)
	if res := logs(t, id, "--tail", "2"); len(res.stdout)+len(res.stderr) > 0 {
		t.Errorf("got %q, %q", res.stdout, res.stderr)
	}
	// The headers, that is: the body has no end yet.
	resp, err := unixClient(engineSocket()).Get("http://engine/containers/" + id + "/logs?follow=1&stdout=1&stderr=1&tail=all")
	if err != nil {
		t.Fatal(err)
	}
	if err := resp.Body.Close(); err != nil {
		t.Error(err)
	}
}

// TestFollowSinceFuture follows from a moment that is still to come.
func TestFollowSinceFuture(t *testing.T) {
	id := start(t, shared.name, nil, `i=0; while [ $i -lt 40 ]; do i=$((i+1)); echo log$i; usleep 100000; done`)
	var first time.Time
	eventually(t, "the first line", func() bool {
		stamp, _, ok := strings.Cut(string(logs(t, id, "-t").stdout), " ")
		if ok {
			first, _ = time.Parse(time.RFC3339Nano, stamp)
		}
		return !first.IsZero()
	})
	since := first.Add(2 * time.Second)
	res := logs(t, id, "-t", "-f", "--since", since.Format(time.RFC3339Nano))
	var want []byte
	for at, line := range stamped(t, id) {
		if !at.Before(since) {
			want = append(want, line...)
		}
	}
	same(t, "docker logs -f --since", want, res.stdout)
	if !bytes.HasSuffix(want, []byte(" log40\n")) {
		t.Errorf("the last line is not there: %q", clip(want))
	}
}

// stamped are the lines of a log, with the time that each begins with.
func stamped(t *testing.T, id string) iter.Seq2[time.Time, []byte] {
	t.Helper()
	all := logs(t, id, "-t").stdout
	return func(yield func(time.Time, []byte) bool) {
		for line := range bytes.Lines(all) {
			stamp, _, _ := bytes.Cut(line, []byte(" "))
			at, err := time.Parse(time.RFC3339Nano, string(stamp))
			if err != nil {
				t.Fatalf("line %q: %v", clip(line), err)
			}
			if !yield(at, line) {
				return
			}
		}
	}
}

// TestFollowUntilFuture follows up to a moment that is still to come, and then
// ends although the container goes on.
func TestFollowUntilFuture(t *testing.T) {
	id := start(t, shared.name, nil, `i=0; while true; do i=$((i+1)); echo log$i; usleep 100000; done`)
	until := time.Now().Add(3 * time.Second)
	res := logs(t, id, "-t", "-f", "--until", until.Format(time.RFC3339Nano))
	var want []byte
	n := 0
	for at, line := range stamped(t, id) {
		if n++; !bytes.HasSuffix(line, []byte(" log"+strconv.Itoa(n)+"\n")) {
			t.Fatalf("line %d is %q", n, clip(line))
		}
		if !at.After(until) {
			want = append(want, line...)
		}
	}
	same(t, "docker logs -f --until", want, res.stdout)
	if len(want) == 0 || n == bytes.Count(want, []byte("\n")) {
		t.Errorf("%d lines, all or none of which are until then", n)
	}
}

// TestFollowTTY follows a terminal.
func TestFollowTTY(t *testing.T) {
	const script = `sleep 1; echo out; echo err >&2; printf 'prompt> '`
	ref := start(t, "json-file", []string{"-t"}, script)
	id := start(t, shared.name, []string{"-t"}, script)
	got := logs(t, id, "-f")
	wait(t, ref)
	compareView(t, []string{"-f"}, logs(t, ref), got)
}

// TestFollowClientGone kills a client that follows, of a container that writes
// and of one that does not: neither the daemon nor the plugin keeps anything.
func TestFollowClientGone(t *testing.T) {
	for _, c := range []struct {
		name, script string
	}{
		{"writes", `while true; do echo hello; usleep 200000; done`},
		{"silent", `exec sleep 100000`},
		{"silent after its first line", `echo hello; exec sleep 100000`},
	} {
		t.Run(c.name, func(t *testing.T) {
			id := start(t, shared.name, nil, c.script)
			usage := func() map[string]int {
				text := get(t, shared.socket, "/metrics")
				n, err := strconv.Atoi(docker(t, "info", "--format", "{{.NGoroutines}}"))
				if err != nil {
					t.Fatal(err)
				}
				return map[string]int{
					"readers":               metric(t, text, "coldtail_plugin_readers"),
					"goroutines of plugin":  metric(t, text, "go_goroutines"),
					"descriptors of plugin": metric(t, text, "process_open_fds"),
					"goroutines of daemon":  n,
				}
			}
			logs(t, id) // what the first reading makes and keeps
			before := usage()
			const crowd = 20
			ctx, cancel := context.WithCancel(t.Context())
			defer cancel()
			cmds := make([]*exec.Cmd, crowd)
			for i := range cmds {
				cmds[i] = exec.CommandContext(ctx, "docker", "logs", "-f", id)
				out, err := cmds[i].StdoutPipe()
				if err != nil {
					t.Fatal(err)
				}
				if err := cmds[i].Start(); err != nil {
					t.Fatal(err)
				}
				if strings.Contains(c.script, "echo") {
					if _, err := io.ReadFull(out, make([]byte, 1)); err != nil {
						t.Fatal(err)
					}
				}
			}
			eventually(t, "the followers", func() bool { return usage()["readers"] == before["readers"]+crowd })
			cancel()
			for _, cmd := range cmds {
				_ = cmd.Wait() // killed
			}
			// This look takes a few itself. A leak would be one for each client.
			const slack = crowd / 4
			var after map[string]int
			defer func() { t.Logf("before %v, after %v", before, after) }()
			eventually(t, "the daemon and the plugin are as before", func() bool {
				after = usage()
				for what, n := range after {
					if n > before[what]+slack {
						return false
					}
				}
				return after["readers"] == before["readers"]
			})
		})
	}
}

// TestFollowReadSlowly follows with a client that takes a few bytes at a time
// and then, when the container has ended, the rest. The log's last line has no end.
func TestFollowReadSlowly(t *testing.T) {
	t.Parallel()
	const size = 150_000
	id := start(t, shared.name, nil, `usleep 600000; yes X | head -c 150000`)
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	cmd := exec.CommandContext(ctx, "docker", "logs", "-f", id)
	cmd.WaitDelay = time.Second
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	ended := make(chan struct{})
	go func() { defer close(ended); wait(t, id) }()
	var got []byte
	buf := make([]byte, 10)
	for slow := true; slow; {
		n, err := out.Read(buf)
		if err != nil {
			t.Fatal(err)
		}
		got = append(got, buf[:n]...)
		select {
		case <-ended:
			slow = false
		case <-time.After(50 * time.Millisecond):
		}
	}
	rest, err := io.ReadAll(out)
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Wait(); err != nil {
		t.Errorf("docker logs -f: %v", err)
	}
	same(t, "slow docker logs -f", bytes.Repeat([]byte("X\n"), size/2), append(got, rest...))
}
