//go:build e2e

package e2e

import (
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
)

// TestRows compares what people filter on with what the engine says of the
// container: services of Compose and Swarm, names, images, and what log-opts choose.
func TestRows(t *testing.T) {
	host, err := os.Hostname()
	if err != nil {
		t.Fatal(err)
	}
	imageID := docker(t, "inspect", "--format", "{{.Id}}", image())
	for name, tc := range map[string]struct {
		opts    []string
		service string // "": the container's name
		want    map[string]any
	}{
		"compose": {
			[]string{
				"--label", "com.docker.compose.service=api", "--label", "com.docker.swarm.service.name=not-this", "--label", "team=ops", "--label", "secret=hunter2",
				"--env", "REGION=eu", "--env", "ZONE=a", "--env", "PASSWORD=hunter2",
				"--log-opt", "labels=team,absent", "--log-opt", "env=REGION", "--log-opt", "env-regex=^Z", "--log-opt", "tag={{.ImageName}}/{{.Name}}/{{.ID}}",
			}, "api", map[string]any{"labels": map[string]any{"team": "ops"}, "attributes": map[string]any{"REGION": "eu", "ZONE": "a"}},
		},
		"swarm": {[]string{"--label", "com.docker.swarm.service.name=shop_web"}, "shop_web", nil},
		"plain": {nil, "", nil},
	} {
		t.Run(name, func(t *testing.T) {
			id := runToEnd(t, shared.name, tc.opts, "echo hello")
			container := strings.TrimPrefix(docker(t, "inspect", "--format", "{{.Name}}", id), "/")
			shared.flush(t)
			res := run(t, patience, nil, binary(), "logs", "--json", "--bucket", "file://"+filepath.Join(shared.state, "bucket"), id)
			var got map[string]any
			if err := json.Unmarshal(res.stdout, &got); err != nil || res.err != nil {
				t.Fatalf("%v, %v: %s%s", err, res.err, res.stdout, res.stderr)
			}
			want := map[string]any{
				"stream": "stdout", "body": "hello", "service_name": container, "container_id": id, "container_name": container,
				"image_name": image(), "image_id": imageID, "host_name": host,
			}
			if tc.service != "" {
				want["service_name"] = tc.service
			}
			for column, value := range tc.want {
				want[column] = value
			}
			if tc.want != nil {
				want["tag"] = image() + "/" + container + "/" + id[:12]
			}
			ignore := cmpopts.IgnoreMapEntries(func(k string, _ any) bool { return k == "time" || k == "time_unix_nano" || k == "seq" })
			if d := cmp.Diff(want, got, ignore); d != "" {
				t.Error(d)
			}
		})
	}
}
