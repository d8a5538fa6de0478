package main

import (
	"encoding/json"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/coldtail/coldtail/archiver"
	"github.com/coldtail/coldtail/cmd/coldtail/probe"
	"github.com/coldtail/coldtail/plugin"
)

// doctorOut is doctor's --json.
type doctorOut struct {
	OK     bool
	Checks []probe.Result
}

func (o doctorOut) of(check string) probe.Result {
	i := slices.IndexFunc(o.Checks, func(r probe.Result) bool { return r.Name == check })
	if i < 0 {
		return probe.Result{}
	}
	return o.Checks[i]
}

func (h *home) doctor(args ...string) (result, doctorOut) {
	h.t.Helper()
	res := h.run(strings.NewReader(""), append([]string{"doctor", "--json"}, args...)...)
	var out doctorOut
	if res.status != exitUsage && res.stdout != "" {
		if err := json.Unmarshal([]byte(res.stdout), &out); err != nil {
			h.t.Fatalf("%v: %+v", err, res)
		}
	}
	return res, out
}

// noEngine is an engine that does not answer.
const noEngine = "DOCKER_HOST=unix:///nonexistent"

func TestDoctorFolder(t *testing.T) {
	h := newHome(t)
	h.env = append(h.env, noEngine)
	state := filepath.Join(h.dir, "state")
	res := h.run(strings.NewReader(""), "doctor", "--state", state)
	if res.status != exitOK || !strings.Contains(res.stdout, "trying out -> set COLDTAIL_BUCKET") || res.stderr != "" {
		t.Errorf("%+v", res)
	}
	for line := range strings.Lines(res.stdout) {
		if !slices.Contains([]string{"ok", "warn", "skip"}, strings.Fields(line)[0]) {
			t.Errorf("not a check: %q", line)
		}
	}
	if _, err := os.Stat(state); !os.IsNotExist(err) {
		t.Errorf("the state directory was made: %v", err)
	}
	// A bounded folder that is full keeps what is in it.
	folder := filepath.Join(h.dir, "full")
	h.pipe("web", "one\ntwo\n", "--state", state, "--bucket", "file://"+folder)
	before := tree(t, folder)
	res, out := h.doctor("--state", state, "--bucket", "file://"+folder+"?max-size=1")
	if res.status != exitOK || !strings.Contains(out.of("bucket").Detail, "the oldest is removed") {
		t.Errorf("%+v", res)
	}
	if got := out.of("earlier bucket"); got.Status != probe.OK || !strings.Contains(got.Detail, "are there") {
		t.Errorf("%+v", got)
	}
	if after := tree(t, folder); !slices.Equal(before, after) {
		t.Errorf("was %q, is %q", before, after)
	}
}

func tree(t *testing.T, dir string) (paths []string) {
	t.Helper()
	err := filepath.WalkDir(dir, func(path string, _ os.DirEntry, err error) error {
		paths = append(paths, path)
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return paths
}

func TestDoctorFails(t *testing.T) {
	blocked := func(h *home) []string {
		file := filepath.Join(h.dir, "file")
		if err := os.WriteFile(file, nil, 0o600); err != nil {
			t.Fatal(err)
		}
		return []string{"--bucket", "file://" + file, "--state", file}
	}
	for name, tc := range map[string]struct {
		args   func(h *home) []string
		check  string
		detail string
	}{
		"option":  {func(*home) []string { return []string{"--log-opt", "roll-size=1"} }, "log-opts", "COLDTAIL_OPT_ROLL_SIZE"},
		"unknown": {func(*home) []string { return []string{"--log-opt", "rol-age=1m"} }, "log-opts", "ROLL_AGE"},
		"scheme":  {func(*home) []string { return []string{"--bucket", "ftp://x"} }, "bucket", "must start with"},
		"secret":  {func(*home) []string { return []string{"--bucket", "s3://u:sesame-open@logs"} }, "bucket", "password"},
		"half a key": {func(h *home) []string {
			h.env = append(h.env, "MINIO_SECRET_KEY=sesame-open")
			return []string{"--bucket", "minio://127.0.0.1:1/logs"}
		}, "bucket", "MINIO_ACCESS_KEY"},
		"option of the bucket": {func(h *home) []string {
			h.env = append(h.env, "COLDTAIL_SSE=rot13")
			return []string{"--bucket", "s3://logs?region=eu-west-1"}
		}, "bucket", `COLDTAIL_SSE="rot13" must be AES256 or aws:kms`},
		"folder": {blocked, "bucket", "not a folder"},
		"state":  {blocked, "state", "not a directory"},
	} {
		t.Run(name, func(t *testing.T) {
			h := newHome(t)
			h.env = append(h.env, noEngine, "COLDTAIL_STATE="+h.dir)
			res, out := h.doctor(tc.args(h)...)
			got := out.of(tc.check)
			if res.status != exitFailure || out.OK || got.Status != probe.Fail || !strings.Contains(got.Detail, tc.detail) || got.Remedy == "" {
				t.Errorf("%+v: %+v", got, res)
			}
			if strings.Contains(res.stdout+res.stderr, "sesame") || !strings.Contains(res.stderr, "checks failed") {
				t.Errorf("%+v", res)
			}
		})
	}
}

// TestDoctorHides shows that secrets stay out of whatever an SDK says.
func TestDoctorHides(t *testing.T) {
	var out strings.Builder
	r := &doctorReport{app: &app{stdout: &out}}
	r.hide([]string{
		"AWS_SECRET_ACCESS_KEY=se+cret", "AWS_ACCESS_KEY_ID=AKIAEXAMPLE", "AWS_SESSION_TOKEN=token1", "MINIO_SECRET_KEY=minio-secret",
		"HTTPS_PROXY=http://me:proxypass@proxy:3128", "AWS_WEB_IDENTITY_TOKEN_FILE=/run/token", "AWS_REGION=eu-west-1", "MINIO_ACCESS_KEY=",
	})
	r.add(failing("not se+cret", "se+cret se%%2Bcret AKIAEXAMPLE token1\nminio-secret proxypass /run/token eu-west-1"))
	if got, want := strings.TrimSpace(out.String()), "*** *** *** *** *** *** /run/token eu-west-1 -> not ***"; !strings.HasSuffix(got, want) {
		t.Errorf("%q", got)
	}
}

// engine is a Docker engine that answers what it was given, by path.
func (h *home) engine(answers map[string]any) {
	h.t.Helper()
	socket := filepath.Join(h.dir, "docker.sock")
	l, err := net.Listen("unix", socket)
	if err != nil {
		h.t.Fatal(err)
	}
	server := &http.Server{Handler: http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		answer, ok := answers[r.URL.Path]
		if !ok {
			http.NotFound(w, r)
			return
		}
		_ = json.NewEncoder(w).Encode(answer)
	})}
	done := make(chan struct{})
	go func() { defer close(done); _ = server.Serve(l) }()
	h.t.Cleanup(func() { _ = server.Close(); <-done })
	h.env = append(h.env, "DOCKER_HOST=unix://"+socket)
}

func fakePlugin(id, name string, env ...string) map[string]any {
	return map[string]any{
		"Id": id, "Name": name, "Enabled": false, "Settings": map[string]any{"Env": env},
		"Config": map[string]any{"PropagatedMount": "/run/docker/logging", "Interface": map[string]any{"Socket": "coldtail.sock"}},
	}
}

// TestDoctorManaged checks a managed plugin's settings instead of its own.
func TestDoctorManaged(t *testing.T) {
	for _, name := range []string{"AWS_ACCESS_KEY_ID", "AWS_REGION", "AWS_CONFIG_FILE", "AWS_SHARED_CREDENTIALS_FILE"} {
		t.Setenv(name, "the host's") // and back at the end
	}
	h := newHome(t)
	root := filepath.Join(h.dir, "docker")
	mount := filepath.Join(root, "plugins", "id1", "propagated-mount")
	if err := os.MkdirAll(mount, 0o700); err != nil {
		t.Fatal(err)
	}
	other := map[string]any{"Id": "x", "Name": "other:latest", "Config": map[string]any{"Interface": map[string]any{"Socket": "other.sock"}}}
	answers := map[string]any{
		"/info":    map[string]any{"DockerRootDir": root},
		"/version": map[string]any{"Version": "20.10.24+dfsg1", "ApiVersion": "1.41"},
		"/plugins": []any{other, fakePlugin("id1", "coldtail:latest", "COLDTAIL_BUCKET=", "COLDTAIL_OPT_ROLL_AGE=2m", "AWS_ACCESS_KEY_ID=the plugin's", "AWS_REGION=")},
	}
	h.engine(answers)
	h.env = append(h.env, "AWS_REGION=the host's", "COLDTAIL_OPT_ROLL_SIZE=wrong")
	res, out := h.doctor("--plugin", "coldtail")
	for check, want := range map[string]probe.Result{
		"settings":       {Status: probe.OK, Detail: "coldtail:latest"},
		"log-opts":       {Status: probe.OK, Detail: "1 default"},
		"bucket":         {Status: probe.Warn, Detail: "trying out"},
		"put":            {Status: probe.OK},
		"state":          {Status: probe.OK, Detail: mount},
		"docker":         {Status: probe.OK, Detail: "20.10.24"},
		"client timeout": {Status: probe.Skip, Detail: "--timeout 0"},
		"plugin":         {Status: probe.Fail, Detail: "not enabled"},
	} {
		if got := out.of(check); got.Status != want.Status || !strings.Contains(got.Detail, want.Detail) {
			t.Errorf("%s: %+v", check, got)
		}
	}
	if res.status != exitFailure {
		t.Errorf("%+v", res)
	}
	if got := os.Getenv("AWS_ACCESS_KEY_ID"); got != "the plugin's" {
		t.Errorf("the SDK would take %q", got)
	}
	if got, ok := os.LookupEnv("AWS_REGION"); ok {
		t.Errorf("the host's region is left: %q", got)
	}
	if left, err := os.ReadDir(mount); err != nil || len(left) > 0 {
		t.Errorf("left: %v, %v", left, err)
	}
	if res, _ := h.doctor("--plugin", "nosuch"); res.status != exitFailure || !strings.Contains(res.stderr, `no coldtail plugin "nosuch"`) {
		t.Errorf("%+v", res)
	}
	answers["/plugins"] = []any{fakePlugin("id1", "a:b"), fakePlugin("id2", "c:d")}
	if res, _ := h.doctor(); res.status != exitUsage || !strings.Contains(res.stderr, "a:b, c:d") {
		t.Errorf("%+v", res)
	}
	answers["/plugins"] = []any{fakePlugin("id1", "a:b", "COLDTAIL_BUCKET=file:///data", "COLDTAIL_STATE=/state")}
	if _, out := h.doctor("--plugin", "a:b"); out.of("bucket").Status != probe.Fail || out.of("state").Status != probe.Warn {
		t.Errorf("outside of the mount: %+v", out)
	}
}

func TestManagedPaths(t *testing.T) {
	p := &managedPlugin{dir: "/docker/plugins/id"}
	p.Config.PropagatedMount = "/run/docker/logging"
	p.Settings.Mounts = []struct{ Source, Destination string }{{"/srv/secrets", "/etc/coldtail"}}
	for inside, want := range map[string]string{
		"/run/docker/logging/fifo":   "/docker/plugins/id/propagated-mount/fifo",
		"/var/lib/coldtail":          "/docker/plugins/id/propagated-mount",
		"/var/lib/coldtail/bucket":   "/docker/plugins/id/propagated-mount/bucket",
		"/var/lib/coldtail/../other": "/docker/plugins/id/rootfs/var/lib/other",
		"/var/lib/coldtailor":        "/docker/plugins/id/rootfs/var/lib/coldtailor",
		"/etc/coldtail/keys":         "/srv/secrets/keys",
		"/etc/coldtailor":            "/docker/plugins/id/rootfs/etc/coldtailor",
	} {
		if got := p.hostPath(inside); got != want {
			t.Errorf("%s: %s, want %s", inside, got, want)
		}
	}
	d := &doctor{managed: p}
	if got := d.onHost("s3://b?ca-file=/var/lib/coldtail/ca.pem"); got != "s3://b?ca-file=%2Fdocker%2Fplugins%2Fid%2Fpropagated-mount%2Fca.pem" {
		t.Error(got)
	}
	if got := d.onHost("minio://h/b?credentials-file=/etc/coldtail/keys"); got != "minio://h/b?credentials-file=%2Fsrv%2Fsecrets%2Fkeys" {
		t.Error(got)
	}
	for name, want := range map[string]bool{
		"COLDTAIL_CREDENTIALS_FILE": true, "COLDTAIL_CA_FILE": true, "SSL_CERT_FILE": true, "AWS_CA_BUNDLE": true, "COLDTAIL_BUCKET": false, "X_FILE": false,
	} {
		if pathVariable(name) != want {
			t.Errorf("%s: %v", name, !want)
		}
	}
}

func TestJudgeEngine(t *testing.T) {
	for _, tc := range []struct {
		version, api string
		want         probe.Status
	}{
		{"28.2.2", "1.50", probe.OK}, {"20.10.24+dfsg1", "1.41", probe.OK}, {"29.0", "1.52", probe.OK}, {"dev", "2.0", probe.OK},
		{"2.0.0-beta.24", "1.56", probe.OK}, {"library-import", "1.56", probe.OK},
		{"19.03.15", "1.40", probe.Fail}, {"1.12", "1.24", probe.Fail}, {"20.10", "0.99", probe.Fail},
		{"20.10", "", probe.Skip}, {"20.10", "new", probe.Skip}, {"", "", probe.Skip},
	} {
		if got := judgeEngine(tc.version, tc.api); got.Status != tc.want {
			t.Errorf("%q, API %q: %+v", tc.version, tc.api, got)
		}
	}
}

func TestJudgePlugin(t *testing.T) {
	for name, tc := range map[string]struct {
		status plugin.Status
		want   probe.Status
	}{
		"healthy":    {plugin.Status{Ready: true, Archiver: &archiver.Status{OldestAgeSec: 60}}, probe.OK},
		"starting":   {plugin.Status{}, probe.Warn},
		"misset":     {plugin.Status{Ready: true, Problem: "no"}, probe.Fail},
		"error":      {plugin.Status{Ready: true, Archiver: &archiver.Status{LastError: "denied"}}, probe.Warn},
		"unattached": {plugin.Status{Ready: true, Unattached: 1, Archiver: &archiver.Status{}}, probe.Warn},
		"old":        {plugin.Status{Ready: true, Archiver: &archiver.Status{OldestAgeSec: 7200}}, probe.Warn},
	} {
		if got := judgePlugin(&tc.status); got.Status != tc.want || got.Detail == "" {
			t.Errorf("%s: %+v", name, got)
		}
	}
	// One that was restarted, and one that has ended.
	two := plugin.Status{Ready: true, FIFOs: 3, Archiver: &archiver.Status{Streams: []archiver.StreamStatus{{FIFOs: 2}, {FIFOs: 1}, {}}}}
	if got := judgePlugin(&two); !strings.Contains(got.Detail, "2 containers attached") {
		t.Errorf("two containers with three pipes: %+v", got)
	}
}

func TestJudgeSync(t *testing.T) {
	slow := slices.Repeat([]time.Duration{time.Second}, 6)
	fast := slices.Repeat([]time.Duration{time.Millisecond}, 6)
	for want, took := range map[probe.Status][]time.Duration{probe.Skip: nil, probe.OK: append(fast, slow[0]), probe.Warn: append(slow, fast[0])} {
		if got := judgeSync(took); got.Status != want {
			t.Errorf("%v: %+v", took, got)
		}
	}
}
