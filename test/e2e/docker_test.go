//go:build e2e

package e2e

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"os"
	"os/exec"
	"strings"
	"sync/atomic"
	"testing"
	"time"
)

// patience bounds every single command, and every wait: far above what any needs, and below
// what a hung engine would cost.
const patience = 3 * time.Minute

// result is what a command printed. err is nil where it succeeded in time.
type result struct {
	stdout, stderr []byte
	err            error
}

// run runs a program for at most limit and kills it then; a docker client that
// is stuck ignores milder signals.
func run(t testing.TB, limit time.Duration, stdin io.Reader, name string, args ...string) result {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), limit)
	defer cancel()
	return runContext(ctx, stdin, name, args...)
}

func runContext(ctx context.Context, stdin io.Reader, name string, args ...string) result {
	var stdout, stderr bytes.Buffer
	cmd := exec.CommandContext(ctx, name, args...)
	cmd.Stdin, cmd.Stdout, cmd.Stderr = stdin, &stdout, &stderr
	cmd.WaitDelay = time.Second
	err := cmd.Run()
	if ctx.Err() != nil {
		err = fmt.Errorf("%s %s: did not end in time: %w", name, strings.Join(args, " "), ctx.Err())
	}
	return result{stdout.Bytes(), stderr.Bytes(), err}
}

// dockerLine runs docker and returns its trimmed output.
func dockerLine(ctx context.Context, args ...string) (string, error) {
	res := runContext(ctx, nil, "docker", args...)
	if res.err != nil {
		return "", fmt.Errorf("docker %s: %w: %s", strings.Join(args, " "), res.err, res.stderr)
	}
	return strings.TrimSpace(string(res.stdout)), nil
}

// docker runs docker and fails t unless it succeeds.
func docker(t testing.TB, args ...string) string {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	out, err := dockerLine(ctx, args...)
	if err != nil {
		t.Fatal(err)
	}
	return out
}

var serial atomic.Int64

// create makes a container that logs with driver and runs script in a shell.
func create(t testing.TB, driver string, opts []string, script string) string {
	t.Helper()
	name := fmt.Sprintf("coldtail-e2e-%d-%d", os.Getpid(), serial.Add(1))
	args := []string{"create", "--name", name, "--network", "none", "--log-driver", driver}
	args = append(args, opts...)
	args = append(args, image(), "sh", "-c", script)
	id := docker(t, args...)
	t.Cleanup(func() {
		ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
		defer cancel()
		_, err := dockerLine(ctx, "rm", "-f", id)
		if err != nil && !strings.Contains(err.Error(), "No such container") {
			t.Error(err)
		}
	})
	return id
}

// start makes a container and starts it.
func start(t testing.TB, driver string, opts []string, script string) string {
	t.Helper()
	id := create(t, driver, opts, script)
	docker(t, "start", id)
	return id
}

// wait waits until the containers have ended.
func wait(t testing.TB, ids ...string) {
	t.Helper()
	docker(t, append([]string{"wait"}, ids...)...)
}

// runToEnd makes a container, runs it and waits for its end.
func runToEnd(t testing.TB, driver string, opts []string, script string) string {
	t.Helper()
	id := start(t, driver, opts, script)
	wait(t, id)
	return id
}

// logs runs `docker logs`, which must succeed.
func logs(t testing.TB, id string, args ...string) result {
	t.Helper()
	res := run(t, patience, nil, "docker", append(append([]string{"logs"}, args...), id)...)
	if res.err != nil {
		t.Fatalf("docker logs %s: %v\n%s", strings.Join(args, " "), res.err, clip(res.stderr))
	}
	return res
}

// eventually polls until done holds; waiting for a state, not measuring time.
func eventually(t testing.TB, what string, done func() bool) {
	t.Helper()
	deadline := time.Now().Add(patience)
	for !done() {
		if time.Now().After(deadline) {
			t.Fatalf("still waiting after %v: %s", patience, what)
		}
		time.Sleep(50 * time.Millisecond)
	}
}

// clip shortens bytes for a message.
func clip(b []byte) []byte {
	if len(b) > 100 {
		return append(append([]byte{}, b[:100]...), "…"...)
	}
	return b
}
