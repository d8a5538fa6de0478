//go:build e2e

package e2e

import (
	"bytes"
	"context"
	"io"
	"net"
	"net/http"
	"path/filepath"
	"strings"
	"testing"
)

// TestBadOption shows that a container with a bad log-opt does not start, and
// that its user is told why in one sentence.
func TestBadOption(t *testing.T) {
	for _, tc := range []struct {
		opt  string
		want []string
	}{
		{"format=csv", []string{"format", "csv", "parquet", "ndjson"}},
		{"roll-size=much", []string{"roll-size", "much"}},
		{"roll-age=-5m", []string{"roll-age", "-5m"}},
		{"no-such-option=1", []string{"no-such-option"}},
		{"tag={{.Nope}}", []string{"tag", "Nope"}},
	} {
		t.Run(tc.opt, func(t *testing.T) {
			id := create(t, shared.name, []string{"--log-opt", tc.opt}, "true")
			res := run(t, patience, nil, "docker", "start", id)
			if res.err == nil {
				t.Fatal("the container started")
			}
			// The client repeats the daemon's sentence once, on a line of its own.
			lines := strings.Split(strings.TrimSpace(string(res.stderr)), "\n")
			for _, want := range tc.want {
				if !strings.Contains(lines[0], want) {
					t.Errorf("docker start says %q, without %q", lines[0], want)
				}
			}
			if len(lines) > 2 {
				t.Errorf("docker start says %d lines, want one sentence: %q", len(lines), res.stderr)
			}
		})
	}
}

// TestDockersOptions shows that the log-opts of Docker's own drivers, which stand
// in many a daemon.json, are accepted.
func TestDockersOptions(t *testing.T) {
	var opts []string
	for _, opt := range []string{
		"mode=non-blocking", "max-buffer-size=4m", "max-size=10m", "max-file=3", "cache-disabled=true",
		"labels=a", "env=B", "tag={{.Name}}/{{.ID}}", "roll-size=1m", "roll-age=1m", "format=parquet",
	} {
		opts = append(opts, "--log-opt", opt)
	}
	id := runToEnd(t, shared.name, opts, `seq 1 100`)
	ref := runToEnd(t, "json-file", nil, `seq 1 100`)
	compare(t, ref, id, everyView)
}

// TestRemove removes a container whose log then outlives it in the bucket.
func TestRemove(t *testing.T) {
	const script = `seq 1 1000; printf 'last'`
	ref := runToEnd(t, "json-file", nil, script)
	id := runToEnd(t, shared.name, nil, script)
	name := strings.TrimPrefix(docker(t, "inspect", "--format", "{{.Name}}", id), "/")
	shared.flush(t)
	docker(t, "rm", id)
	want := logs(t, ref)
	bucket := "file://" + filepath.Join(shared.state, "bucket")
	for _, who := range []string{id, id[:12], name} {
		res := run(t, patience, nil, binary(), "logs", "--bucket", bucket, who)
		if res.err != nil {
			t.Fatalf("coldtail logs %s: %v\n%s", who, res.err, res.stderr)
		}
		same(t, "coldtail logs "+who, want.stdout, res.stdout)
	}
	rows := countLines(t, shared.objects(t, id))
	if rows != 1001 {
		t.Errorf("the bucket has %d rows, want 1001", rows)
	}
}

// TestDisableEnable shows that the plugin's state survives its being disabled
// and enabled, with logs that were in the spool and in the bucket.
func TestDisableEnable(t *testing.T) {
	p := privatePlugin(t, "coldtail:e2e-state", "COLDTAIL_BUCKET="+folderBucket)
	ref := runToEnd(t, "json-file", nil, `seq 1 5000`)
	archived := runToEnd(t, p.name, nil, `seq 1 5000`)
	p.flush(t, "--evict")
	spooled := runToEnd(t, p.name, nil, `seq 1 5000`)
	docker(t, "plugin", "disable", "-f", p.name)
	docker(t, "plugin", "enable", "--timeout", "0", p.name)
	if err := p.locate(t.Context()); err != nil {
		t.Fatal(err)
	}
	compare(t, ref, archived, everyView)
	compare(t, ref, spooled, everyView)
	docker(t, "start", ref, archived)
	wait(t, ref, archived)
	compare(t, ref, archived, everyView)
}

// TestStatus reads what the plugin says about itself.
func TestStatus(t *testing.T) {
	runToEnd(t, shared.name, nil, `seq 1 10`)
	res := run(t, patience, nil, binary(), "status", "--socket", shared.socket)
	if res.err != nil {
		t.Fatalf("coldtail status: %v\n%s", res.err, res.stderr)
	}
	if len(bytes.TrimSpace(res.stdout)) == 0 {
		t.Error("coldtail status prints nothing")
	}
	metrics := get(t, shared.socket, "/metrics")
	if !bytes.Contains(metrics, []byte("\ncoldtail_")) {
		t.Errorf("no metrics called coldtail_: %q", clip(metrics))
	}
}

// get fetches a path from a unix socket.
func get(t testing.TB, socket, path string) []byte {
	t.Helper()
	resp, err := unixClient(socket).Get("http://plugin" + path)
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	body, err := io.ReadAll(resp.Body)
	if err != nil || resp.StatusCode != http.StatusOK {
		t.Fatalf("get %s: %s: %v", path, resp.Status, err)
	}
	return body
}

// unixClient speaks HTTP over a unix socket, with a connection for each request.
func unixClient(socket string) *http.Client {
	return &http.Client{Timeout: patience, Transport: &http.Transport{
		DisableKeepAlives: true,
		DialContext: func(ctx context.Context, _, _ string) (net.Conn, error) {
			return (&net.Dialer{}).DialContext(ctx, "unix", socket)
		},
	}}
}
