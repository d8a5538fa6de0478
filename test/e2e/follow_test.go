//go:build e2e

package e2e

import (
	"bytes"
	"context"
	"io"
	"os/exec"
	"sync"
	"testing"
	"time"
)

// TestFollowEnds follows from before the first line to the container's end, with
// two followers at once.
func TestFollowEnds(t *testing.T) {
	const script = `i=0; while [ $i -lt 30 ]; do i=$((i+1)); echo line $i; echo err $i >&2; usleep 100000; done; printf tail`
	ref := start(t, "json-file", nil, script)
	id := start(t, shared.name, nil, script)
	followers := make([]result, 2)
	var wg sync.WaitGroup
	for i := range followers {
		wg.Go(func() { followers[i] = runContext(t.Context(), nil, "docker", "logs", "-f", id) })
	}
	wait(t, ref, id)
	ended := make(chan struct{})
	go func() { wg.Wait(); close(ended) }()
	select {
	case <-ended:
	case <-time.After(patience):
		t.Fatal("docker logs -f goes on after the container stopped")
	}
	want := logs(t, ref)
	for _, got := range followers {
		if got.err != nil {
			t.Errorf("docker logs -f: %v\n%s", got.err, clip(got.stderr))
		}
		compareView(t, []string{"-f"}, want, got)
	}
	// A follower of a stopped container prints what there is and ends.
	compareView(t, []string{"-f"}, logs(t, ref, "-f"), logs(t, id, "-f"))
	compareView(t, []string{"--tail", "2", "-f"}, logs(t, ref, "-f", "--tail", "0"), logs(t, id, "-f", "--tail", "0"))
}

// TestFollowLong follows for longer than the 30 s at which docker's own client
// timeout would cut it.
func TestFollowLong(t *testing.T) {
	t.Parallel()
	const script = `i=0; while [ $i -lt 36 ]; do i=$((i+1)); echo line $i; sleep 1; done`
	ref := start(t, "json-file", nil, script)
	id := start(t, shared.name, nil, script)
	got := run(t, patience, nil, "docker", "logs", "-f", id)
	if got.err != nil {
		t.Errorf("docker logs -f: %v", got.err)
	}
	wait(t, ref, id)
	compareView(t, []string{"-f"}, logs(t, ref), got)
}

// TestFollowSlowReader follows with a client that hardly reads: the container
// must end all the same, and the reader must get everything in the end.
func TestFollowSlowReader(t *testing.T) {
	t.Parallel()
	const script = `seq 1 400000`
	ref := runToEnd(t, "json-file", nil, script)
	id := create(t, shared.name, nil, script)
	docker(t, "start", id)
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
	first := make([]byte, 4096)
	if _, err := io.ReadFull(out, first); err != nil {
		t.Fatal(err)
	}
	wait(t, id) // reading nothing meanwhile
	rest, err := io.ReadAll(out)
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Wait(); err != nil {
		t.Errorf("docker logs -f: %v", err)
	}
	same(t, "slow docker logs -f", logs(t, ref).stdout, append(first, rest...))
}

// TestFollowTail joins a running container at its last lines.
func TestFollowTail(t *testing.T) {
	const script = `seq 1 100; while [ ! -e /tmp/go ]; do usleep 20000; done; seq 101 200`
	id := start(t, shared.name, nil, script)
	eventually(t, "the first lines", func() bool {
		return bytes.Count(logs(t, id).stdout, []byte("\n")) == 100
	})
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	cmd := exec.CommandContext(ctx, "docker", "logs", "-f", "--tail", "2", id)
	cmd.WaitDelay = time.Second
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	first := make([]byte, len("99\n100\n"))
	if _, err := io.ReadFull(out, first); err != nil {
		t.Fatal(err)
	}
	docker(t, "exec", id, "touch", "/tmp/go")
	rest, err := io.ReadAll(out)
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Wait(); err != nil {
		t.Errorf("docker logs -f: %v", err)
	}
	want := runToEnd(t, "json-file", nil, `seq 99 200`)
	same(t, "docker logs -f --tail 2", logs(t, want).stdout, append(first, rest...))
}
