//go:build e2e

package e2e

import (
	"bytes"
	"fmt"
	"strings"
	"testing"
)

// TestLogsWhileAway stops the bucket under a container whose first run is
// archived only: docker logs prints all of the second run, which is far more
// than the daemon queues, says on stderr what is missing, and fails.
func TestLogsWhileAway(t *testing.T) {
	const first, second = 1000, 200_000
	p, minio := minioPlugin(t, "coldtail:e2e-away")
	script := fmt.Sprintf("if mkdir /again 2>/dev/null; then seq 1 %d; else seq %d %d; fi", first, first+1, first+second)
	id := runToEnd(t, p.name, nil, script)
	p.flush(t, "--evict")
	docker(t, "start", id)
	wait(t, id)
	if n := bytes.Count(logs(t, id).stdout, []byte("\n")); n != first+second {
		t.Fatalf("%d lines while the bucket is there", n)
	}
	minio.Stop(t)

	res := run(t, patience, nil, "docker", "logs", id)
	t.Logf("%v\n%s", res.err, clip(res.stderr))
	if all := numbers(t, res.stdout); len(all) != second || all[0] != first+1 {
		t.Errorf("%d lines", len(all))
	}
	checkAway(t, res, fmt.Sprintf("coldtail: cannot read %d archived entries between ", first))

	// What is local needs no bucket.
	if got := logs(t, id, "--tail", "100").stdout; len(numbers(t, got)) != 100 {
		t.Errorf("--tail 100: %s", clip(got))
	}
	checkAway(t, run(t, patience, nil, "docker", "logs", "--follow", "--tail", fmt.Sprint(second+10), id), "coldtail: cannot read 10 archived entries between ")

	minio.Start(t)
	if n := bytes.Count(logs(t, id).stdout, []byte("\n")); n != first+second {
		t.Errorf("%d lines when the bucket is back", n)
	}
}

func checkAway(t *testing.T, res result, says string) {
	t.Helper()
	if !strings.HasPrefix(string(res.stderr), says) || strings.Count(string(res.stderr), "coldtail:") != 1 {
		t.Errorf("said %q, want one line %q", clip(res.stderr), says)
	}
	if res.err == nil {
		t.Error("docker logs succeeded")
	}
}
