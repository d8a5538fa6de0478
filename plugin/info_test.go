package plugin

import (
	"encoding/json"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/coldtail/coldtail/codec"
)

func metaOf(t *testing.T, info Info, cfg map[string]string) codec.Meta {
	t.Helper()
	opts, err := ParseOptions(cfg, nil)
	if err != nil {
		t.Fatal(err)
	}
	meta, _, err := info.meta(opts)
	if err != nil {
		t.Fatal(err)
	}
	return meta
}

func TestMeta(t *testing.T) {
	info := testInfo()
	info.ContainerLabels[codec.MetaCutKey] = "forged"
	want := codec.Meta{
		ContainerID: info.ContainerID, ContainerName: "web", ServiceName: "frontend",
		ImageName: "nginx:1", ImageID: info.ContainerImageID, HostName: "host1",
	}
	got := metaOf(t, info, nil)
	if d := cmp.Diff(want, got); d != "" {
		t.Error(d)
	}
	want.Tag = "web"
	want.Labels = map[string]string{"team": "blue", "other": "x"}
	want.Attributes = map[string]string{"A": "1", "LIST": "a=b"}
	got = metaOf(t, info, map[string]string{"tag": "{{.Name}}", "labels": "team,absent,coldtail.cut", "labels-regex": "^o", "env": "A,BARE", "env-regex": "^L"})
	if d := cmp.Diff(want, got); d != "" {
		t.Error(d)
	}
}

func TestServiceName(t *testing.T) {
	for name, tc := range map[string]struct {
		labels map[string]string
		want   string
	}{
		"compose":       {map[string]string{labelCompose: "c", labelSwarm: "s"}, "c"},
		"swarm":         {map[string]string{labelSwarm: "s"}, "s"},
		"empty compose": {map[string]string{labelCompose: "", labelSwarm: "s"}, "s"},
		"neither":       {nil, "web"},
	} {
		t.Run(name, func(t *testing.T) {
			info := testInfo()
			info.ContainerLabels = tc.labels
			if got := metaOf(t, info, nil).ServiceName; got != tc.want {
				t.Errorf("got %q, want %q", got, tc.want)
			}
		})
	}
}

// TestSecretsStay shows that what was not asked for leaves with nothing.
func TestSecretsStay(t *testing.T) {
	info := testInfo()
	info.ContainerArgs = append(info.ContainerArgs, "--password=hunter2")
	info.ContainerLabels["key"] = "hunter2"
	b, err := json.Marshal(metaOf(t, info, map[string]string{"labels": "team", "env": "A"}))
	if err != nil {
		t.Fatal(err)
	}
	if strings.Contains(string(b), "hunter2") {
		t.Errorf("a secret is archived: %s", b)
	}
}

func TestMetaIsValidUTF8(t *testing.T) {
	info := testInfo()
	info.ContainerName, info.ContainerImageName, info.hostName = "/a\xff", "i\xff", "h\xff"
	info.ContainerLabels = map[string]string{"k\xff": "v\xff", labelCompose: "s\xff"}
	info.ContainerEnv = []string{"E\xff=v\xff"}
	got := metaOf(t, info, map[string]string{"labels-regex": "^k", "env-regex": "^E", "tag": "{{.Name}}"})
	want := codec.Meta{
		ContainerID: info.ContainerID, ContainerName: "a\uFFFD", ServiceName: "s\uFFFD", ImageName: "i\uFFFD", ImageID: info.ContainerImageID,
		HostName: "h\uFFFD", Tag: "a\uFFFD", Labels: map[string]string{"k\uFFFD": "v\uFFFD"}, Attributes: map[string]string{"E\uFFFD": "v\uFFFD"},
	}
	if d := cmp.Diff(want, got); d != "" {
		t.Error(d)
	}
}

// TestInfoIsTheDaemons parses a request as the daemon sends it.
func TestInfoIsTheDaemons(t *testing.T) {
	const body = `{"Config":{"tag":"x"},"ContainerID":"ab","ContainerName":"/n","ContainerEntrypoint":"e","ContainerArgs":["a"],` +
		`"ContainerImageID":"sha256:cd","ContainerImageName":"i","ContainerCreated":"2024-05-06T07:08:09.123456789Z",` +
		`"ContainerEnv":["A=B"],"ContainerLabels":{"l":"v"},"LogPath":"","DaemonName":"docker"}`
	var info Info
	if err := json.Unmarshal([]byte(body), &info); err != nil {
		t.Fatal(err)
	}
	again, err := json.Marshal(info)
	if err != nil {
		t.Fatal(err)
	}
	if string(again) != body {
		t.Errorf("got %s, want %s", again, body)
	}
}
