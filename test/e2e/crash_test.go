//go:build e2e

package e2e

import (
	"bytes"
	"fmt"
	"os"
	"path/filepath"
	"testing"
	"time"
)

// TestKilled kills the plugin again and again while containers write. The daemon
// starts it again, it goes on with the FIFOs, and nothing is missing or there
// twice.
func TestKilled(t *testing.T) {
	p := privatePlugin(t, "coldtail:e2e-killed", "COLDTAIL_BUCKET="+folderBucket)
	ids := startEndless(t, p.name)
	for range 5 {
		time.Sleep(2 * time.Second) // of load between the kills
		before := lastLine(t, ids[0])
		p.kill(t)
		eventually(t, "the container goes on", func() bool { return lastLine(t, ids[0]) > before })
		t.Logf("killed after line %d, went on to %d", before, lastLine(t, ids[0]))
	}
	checkEndless(t, p, ids)
}

// TestDisabledUnderLoad disables the plugin, which Docker allows with containers
// that use it, and enables it again.
func TestDisabledUnderLoad(t *testing.T) {
	p := privatePlugin(t, "coldtail:e2e-disabled", "COLDTAIL_BUCKET="+folderBucket)
	ids := startEndless(t, p.name)
	for range 2 {
		time.Sleep(2 * time.Second) // of load
		docker(t, "plugin", "disable", "-f", p.name)
		time.Sleep(time.Second) // in which the pipes fill
		p.enable(t)
		goesOn(t, ids[0])
	}
	checkEndless(t, p, ids)
}

// goesOn waits until a running container's log grows.
func goesOn(t *testing.T, id string) {
	t.Helper()
	before := lastLine(t, id)
	eventually(t, "the container goes on", func() bool { return lastLine(t, id) > before })
}

// TestContainerKilled kills containers that write as fast as they can. They note
// each line after writing it, so their log may have one line more.
func TestContainerKilled(t *testing.T) {
	const script = `i=0; while :; do i=$((i+1)); echo $i; echo $i >>/n; done`
	ids := []string{start(t, shared.name, nil, script), start(t, shared.name, nil, script)}
	for _, id := range ids {
		eventually(t, "many lines", func() bool { return lastLine(t, id) > 5000 })
	}
	docker(t, append([]string{"kill"}, ids...)...)
	wait(t, ids...)
	var all [][]byte
	for _, id := range ids {
		file := filepath.Join(t.TempDir(), "n")
		docker(t, "cp", id+":/n", file)
		noted, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		n := bytes.Count(noted, []byte("\n"))
		got := logs(t, id).stdout
		if last := lastLine(t, id); last != n && last != n+1 {
			t.Errorf("the log ends at %d, the container noted %d", last, n)
		}
		same(t, "docker logs of a killed container", sequence(lastLine(t, id)), got)
		all = append(all, got)
	}
	shared.flush(t, "--evict")
	for i, id := range ids {
		same(t, "docker logs of a killed container, from the bucket", all[i], logs(t, id).stdout)
		same(t, "rows of a killed container", all[i], rows(t, shared, id))
	}
}

// TestRemovedDuringUpload removes running containers while their logs are being
// uploaded; the logs outlive them in the bucket.
func TestRemovedDuringUpload(t *testing.T) {
	const lines = 300000
	ids := make([]string, 3)
	for i := range ids {
		ids[i] = start(t, shared.name, nil, fmt.Sprintf(`seq 1 %d; exec sleep 1000`, lines))
	}
	for _, id := range ids {
		eventually(t, "all lines", func() bool { return lastLine(t, id) == lines })
	}
	flushed := make(chan result, 1)
	go func() { flushed <- shared.tryFlush(t) }()
	eventually(t, "the first upload", func() bool {
		return len(shared.objects(t, ids[0]))+len(shared.objects(t, ids[1]))+len(shared.objects(t, ids[2])) > 0
	})
	docker(t, append([]string{"rm", "-f"}, ids...)...)
	if res := <-flushed; res.err != nil {
		t.Errorf("coldtail flush: %v\n%s", res.err, res.stderr)
	}
	shared.flush(t)
	for _, id := range ids {
		same(t, "rows of a removed container", sequence(lines), rows(t, shared, id))
	}
}

// sequence is what seq 1 n prints.
func sequence(n int) []byte { return load{width: 1, burst: n, bursts: 1}.want() }
