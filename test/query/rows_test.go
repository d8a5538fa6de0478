//go:build cgo

package query

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"io"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/coldtail/coldtail/archiver/fifotest"
	"github.com/coldtail/coldtail/codec"
	"github.com/coldtail/coldtail/test/samples"
)

// patience bounds every wait for something that has to happen.
const patience = 60 * time.Second

// pluginProcess is `coldtail plugin`, of which the test is the daemon.
type pluginProcess struct {
	t      *testing.T
	binary string
	socket string
	client *http.Client
}

func startPlugin(t *testing.T, bucketURL string, env ...string) *pluginProcess {
	t.Helper()
	path, err := binary()
	if err != nil {
		t.Fatalf("build the command: %v", err)
	}
	// A socket's path is short.
	dir, err := os.MkdirTemp("", "coldtail-")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = os.RemoveAll(dir) })
	p := &pluginProcess{t: t, binary: path, socket: filepath.Join(dir, "s")}
	p.client = &http.Client{Timeout: patience, Transport: &http.Transport{DialContext: func(ctx context.Context, _, _ string) (net.Conn, error) {
		return (&net.Dialer{}).DialContext(ctx, "unix", p.socket)
	}}}
	cmd := exec.Command(path, "plugin", "--socket", p.socket, "--state", filepath.Join(dir, "state"), "--bucket", bucketURL)
	cmd.Env = append([]string{"HOME=/nonexistent"}, env...)
	var log bytes.Buffer
	cmd.Stdout, cmd.Stderr = &log, &log
	cmd.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		p.client.CloseIdleConnections()
		_ = cmd.Process.Signal(syscall.SIGTERM)
		if err := cmd.Wait(); err != nil || t.Failed() {
			t.Errorf("coldtail plugin: %v: %s", err, log.String())
		}
	})
	for deadline := time.Now().Add(patience); ; time.Sleep(20 * time.Millisecond) {
		resp, err := p.client.Post("http://plugin/Plugin.Activate", "application/json", nil)
		if err == nil {
			_ = resp.Body.Close()
			return p
		}
		if time.Now().After(deadline) {
			t.Fatalf("the plugin does not answer: %v", err)
		}
	}
}

func (p *pluginProcess) request(endpoint string, body map[string]any) {
	p.t.Helper()
	b, err := json.Marshal(body)
	if err != nil {
		p.t.Fatal(err)
	}
	resp, err := p.client.Post("http://plugin/LogDriver."+endpoint, "application/json", bytes.NewReader(b))
	if err != nil {
		p.t.Fatal(err)
	}
	answer, err := io.ReadAll(resp.Body)
	if err := errors.Join(err, resp.Body.Close()); err != nil {
		p.t.Fatal(err)
	}
	var failed struct{ Err string }
	if err := json.Unmarshal(answer, &failed); err != nil || failed.Err != "" || resp.StatusCode != http.StatusOK {
		p.t.Fatalf("%s: %s, %s", endpoint, resp.Status, answer)
	}
}

// container starts logging, prints a line and stops.
func (p *pluginProcess) container(info map[string]any, line string) {
	p.t.Helper()
	fifo := fifotest.New(p.t)
	defer fifo.Close()
	p.request("StartLogging", map[string]any{"File": fifo.Name(), "Info": info})
	fifo.Print(line)
	p.request("StopLogging", map[string]any{"File": fifo.Name()})
}

func (p *pluginProcess) flush() {
	p.t.Helper()
	out, err := exec.Command(p.binary, "flush", "--socket", p.socket).CombinedOutput()
	if err != nil || !strings.Contains(string(out), ", 0 left") {
		p.t.Fatalf("flush: %v: %s", err, out)
	}
}

// info is what the daemon tells of a container, as moby's logger.Info goes over
// the wire.
func info(name, id string, labels map[string]string, opts map[string]string) map[string]any {
	return map[string]any{
		"Config": opts, "ContainerID": id, "ContainerName": "/" + name, "ContainerEntrypoint": "/bin/app", "ContainerArgs": []string{"--password=hunter2"},
		"ContainerImageID": "sha256:" + strings.Repeat("ab", 32), "ContainerImageName": "registry.example/shop/app:1.2",
		"ContainerCreated": time.Now().Format(time.RFC3339Nano), "ContainerEnv": []string{"REGION=eu", "PASSWORD=hunter2", "ZONE=a"},
		"ContainerLabels": labels, "LogPath": "", "DaemonName": "docker",
	}
}

// TestRows: what the daemon tells of a container, and what its log-opts choose,
// is in its rows, under the columns that people filter on; nothing else is.
func TestRows(t *testing.T) {
	host, err := os.Hostname()
	if err != nil {
		t.Fatal(err)
	}
	for _, f := range codec.Formats() {
		t.Run(string(f), func(t *testing.T) {
			dir := t.TempDir()
			p := startPlugin(t, "file://"+dir, "COLDTAIL_OPT_FORMAT="+string(f), "COLDTAIL_OPT_LABELS=tier")
			compose, swarm, plain := strings.Repeat("c", 64), strings.Repeat("5", 64), strings.Repeat("f", 64)
			p.container(info("shop-api-1", compose, map[string]string{
				"com.docker.compose.service": "api", "com.docker.compose.project": "shop", "com.docker.swarm.service.name": "not-this",
				"team": "blue", "org.opencontainers.image.version": "1.2", "secret": "hunter2",
			}, map[string]string{
				"tag": "{{.ImageName}}/{{.Name}}/{{.ID}}", "labels": "team,absent", "labels-regex": `^(com\.docker\.compose\.project|org\.)`,
				"env": "REGION", "env-regex": "^Z",
			}), "one")
			p.container(info("shop_web.1.xyz", swarm, map[string]string{"com.docker.swarm.service.name": "shop_web", "tier": "front"}, nil), "two")
			p.container(info("it's \"odd\"", plain, nil, map[string]string{"env": "ABSENT"}), "three")
			p.flush()

			const image, imageID = "registry.example/shop/app:1.2", "sha256:abababababababababababababababababababababababababababababababab"
			want := []string{
				samples.Row("one", "api", compose, "shop-api-1", image, imageID, host, image+"/shop-api-1/cccccccccccc",
					"com.docker.compose.project=shop, org.opencontainers.image.version=1.2, team=blue", "REGION=eu, ZONE=a"),
				samples.Row("three", "it's \"odd\"", plain, "it's \"odd\"", image, imageID, host, nil, nil, nil),
				samples.Row("two", "shop_web", swarm, "shop_web.1.xyz", image, imageID, host, nil, "tier=front", nil),
			}
			db := openView(t, f, dir)
			rows, err := db.Query(`SELECT body, service_name, container_id, container_name, image_name, image_id, host_name, tag,
				array_to_string(list_sort(list_transform(map_entries(labels), e -> e.key || '=' || e.value)), ', '),
				array_to_string(list_sort(list_transform(map_entries(attributes), e -> e.key || '=' || e.value)), ', ')
				FROM logs ORDER BY body`)
			if err != nil {
				t.Fatal(err)
			}
			if d := cmp.Diff(want, texts(t, rows)); d != "" {
				t.Error(d)
			}
			for filter, body := range map[string]string{
				"service_name = 'api'": "one", "container_id LIKE '" + swarm[:12] + "%'": "two", "container_name = 'it''s \"odd\"'": "three",
				"labels['team'] = 'blue'": "one", "attributes['ZONE'] = 'a'": "one", "tag LIKE '%shop-api-1%'": "one", "labels['tier'] = 'front'": "two",
			} {
				if got := one[string](t, db, "SELECT string_agg(body) FROM logs WHERE "+filter); got != body {
					t.Errorf("%s: %s, want %s", filter, got, body)
				}
			}
		})
	}
}
