// Package doctor runs the built `coldtail doctor` against a real MinIO server,
// with credentials that lack what people's credentials lack.
package doctor

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"net/http/httputil"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/minio/minio-go/v7" //nolint:depguard // looks into the bucket from outside

	"github.com/coldtail/coldtail/test/parts"
)

// report is doctor's output, and its exit status.
type report struct {
	Checks []struct{ Check, Status, Detail, Remedy string }
	status int
	output string // everything that it printed
}

func (r *report) of(check string) (status, text string) {
	for _, c := range r.Checks {
		if c.Check == check {
			return c.Status, c.Detail + " -> " + c.Remedy
		}
	}
	return "", ""
}

// want compares statuses, "check=status".
func (r *report) want(t *testing.T, wants ...string) {
	t.Helper()
	for _, w := range wants {
		check, status, _ := strings.Cut(w, "=")
		if got, text := r.of(check); got != status {
			t.Errorf("%s: %s, want %s: %s", check, got, status, text)
		}
	}
}

func run(t *testing.T, binary string, env []string, args ...string) *report {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 2*time.Minute)
	defer cancel()
	cmd := exec.CommandContext(ctx, binary, append([]string{"doctor", "--json"}, args...)...)
	cmd.Env = append([]string{
		"HOME=/nonexistent", "PATH=/usr/bin", "DOCKER_HOST=unix:///nonexistent",
		"AWS_EC2_METADATA_DISABLED=true",
	}, env...)
	var stderr strings.Builder
	cmd.Stderr = &stderr
	out, err := cmd.Output()
	var exit *exec.ExitError
	if err != nil && !errors.As(err, &exit) {
		t.Fatal(err)
	}
	r := &report{status: cmd.ProcessState.ExitCode(), output: string(out) + stderr.String()}
	if err := json.Unmarshal(out, r); err != nil {
		t.Fatalf("%v: %s%s", err, out, stderr.String())
	}
	return r
}

func keys(access, secret, session string) []string {
	return []string{
		"AWS_ACCESS_KEY_ID=" + access, "AWS_SECRET_ACCESS_KEY=" + secret, "AWS_SESSION_TOKEN=" + session,
		"MINIO_ACCESS_KEY=" + access, "MINIO_SECRET_KEY=" + secret, "MINIO_SESSION_TOKEN=" + session,
	}
}

func rootKeys() []string { return keys(parts.MinIOAccessKey, parts.MinIOSecretKey, "") }

// objects are the keys in the bucket, with versions.
func objects(t *testing.T, m *parts.MinIO, bucket string) (found []string) {
	t.Helper()
	for o := range m.Client().ListObjects(t.Context(), bucket, minio.ListObjectsOptions{Recursive: true, WithVersions: true}) {
		if o.Err != nil {
			t.Fatal(o.Err)
		}
		found = append(found, o.Key)
	}
	return found
}

// archive puts something real into the bucket, of the state.
func archive(t *testing.T, binary, state, url string, env []string) {
	t.Helper()
	cmd := exec.Command(binary, "pipe", "--name", "web", "--state", state, "--bucket", url)
	cmd.Env = append([]string{"HOME=/nonexistent"}, env...)
	cmd.Stdin = strings.NewReader("one\ntwo\n")
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Fatalf("pipe: %v: %s", err, out)
	}
}

func urls(endpoint, bucket string) map[string]string {
	return map[string]string{
		"s3":           fmt.Sprintf("s3://%s/a b/c?endpoint=http://%s&region=%s", bucket, endpoint, parts.MinIORegion),
		"s3, no":       fmt.Sprintf("s3://%s?endpoint=http://%s", bucket, endpoint),
		"minio":        fmt.Sprintf("minio://%s/%s/a?tls=false", endpoint, bucket),
		"minio, no":    fmt.Sprintf("minio://%s/%s?tls=false", endpoint, bucket),
		"s3, env side": fmt.Sprintf("s3://%s/e?region=%s&endpoint=http://%s&path-style=true", bucket, parts.MinIORegion, endpoint),
	}
}

var permissions = []string{"endpoint=ok", "tls=ok", "clock=ok", "put=ok", "range get=ok", "list=ok", "conditional put=ok", "clean-up=ok", "lifecycle=ok"}

func TestHealthy(t *testing.T) {
	server, binary := parts.StartMinIO(t), parts.Coldtail(t)
	for name, versioned := range map[string]bool{"plain": false, "versioned": true} {
		bucket := server.CreateBucket(t, name)
		if versioned {
			if err := server.Client().EnableVersioning(t.Context(), bucket); err != nil {
				t.Fatal(err)
			}
		}
		for kind, url := range urls(server.Endpoint, bucket) {
			t.Run(name+" "+kind, func(t *testing.T) {
				state := t.TempDir()
				archive(t, binary, state, url, rootKeys())
				before := objects(t, server, bucket)
				r := run(t, binary, rootKeys(), "--bucket", url, "--state", state)
				r.want(t, permissions...)
				r.want(t, "settings=ok", "bucket=ok", "earlier bucket=ok", "docker=skip", "client timeout=skip")
				if status, text := r.of("state"); status != "ok" && !strings.Contains(text, "in memory") { // as /tmp may be
					t.Errorf("state: %s: %s", status, text)
				}
				// How fast the disk is now is not the program's.
				if status, text := r.of("fsync"); status != "ok" && status != "warn" {
					t.Errorf("fsync: %s: %s", status, text)
				}
				if r.status != 0 {
					t.Errorf("status %d: %s", r.status, r.output)
				}
				if _, text := r.of("earlier bucket"); !strings.Contains(text, "are there") {
					t.Error(text)
				}
				if after := objects(t, server, bucket); strings.Join(after, "\n") != strings.Join(before, "\n") || len(after) == 0 {
					t.Errorf("was %q, is %q", before, after)
				}
				if entries, err := filepath.Glob(filepath.Join(state, ".tmp*")); err != nil || len(entries) > 0 {
					t.Errorf("left in the state directory: %q, %v", entries, err)
				}
			})
		}
	}
}

// session returns credentials that the policy's actions limit.
func session(t *testing.T, m *parts.MinIO, actions ...string) []string {
	t.Helper()
	v := m.Session(t, actions, "arn:aws:s3:::*")
	return keys(v.AccessKeyID, v.SecretAccessKey, v.SessionToken)
}

// TestPermissions takes each permission away.
func TestPermissions(t *testing.T) {
	server, binary := parts.StartMinIO(t), parts.Coldtail(t)
	for _, tc := range []struct {
		name    string
		actions []string
		status  int
		left    int
		want    []string
	}{
		{"the module's writer", []string{"s3:PutObject", "s3:AbortMultipartUpload", "s3:ListMultipartUploadParts", "s3:GetObject", "s3:ListBucket"}, 0, 1,
			[]string{"put=ok", "range get=ok", "list=ok", "conditional put=ok", "clean-up=ok"}},
		{"write-only", []string{"s3:PutObject"}, 0, 1,
			[]string{"put=ok", "range get=warn", "list=warn", "conditional put=skip", "clean-up=ok"}},
		{"no list", []string{"s3:PutObject", "s3:GetObject", "s3:DeleteObject"}, 0, 0,
			[]string{"put=ok", "range get=ok", "list=warn", "conditional put=ok", "clean-up=ok"}},
		{"a reader", []string{"s3:GetObject", "s3:ListBucket"}, 1, 0,
			[]string{"endpoint=ok", "put=fail", "range get=skip", "list=ok", "conditional put=skip", "clean-up=skip"}},
	} {
		t.Run(tc.name, func(t *testing.T) {
			bucket := server.CreateBucket(t, strings.ToLower(strings.NewReplacer(" ", "-", "'", "").Replace(tc.name)))
			env := session(t, server, tc.actions...)
			url := urls(server.Endpoint, bucket)["s3"]
			// Twice: what the first run could not delete must not be in the way.
			for range 2 {
				r := run(t, binary, env, "--bucket", url, "--state", t.TempDir())
				r.want(t, tc.want...)
				if r.status != tc.status {
					t.Errorf("status %d: %s", r.status, r.output)
				}
				noSecrets(t, r, env)
			}
			left := objects(t, server, bucket)
			if len(left) != tc.left || tc.left == 1 && !strings.HasPrefix(left[0], "a b/c/doctor/") {
				t.Errorf("left: %q", left)
			}
		})
	}
}

func noSecrets(t *testing.T, r *report, env []string) {
	t.Helper()
	for _, kv := range env {
		if name, value, _ := strings.Cut(kv, "="); value != "" && strings.Contains(r.output, value) {
			t.Errorf("the output has %s", name)
		}
	}
}

// TestBroken provokes what people meet first.
func TestBroken(t *testing.T) {
	server, binary := parts.StartMinIO(t), parts.Coldtail(t)
	bucket := server.CreateBucket(t, "logs")
	for kind, url := range urls(server.Endpoint, bucket) {
		t.Run(kind, func(t *testing.T) {
			wrong := keys(parts.MinIOAccessKey, "not-the-secret", "")
			for _, tc := range []struct {
				name, url string
				env       []string
				check     string
				text      string
			}{
				{"wrong secret", url, wrong, "put", "secret key"},
				{"no bucket", strings.Replace(url, "/"+bucket, "/no-such-bucket", 1), rootKeys(), "put", "create the bucket"},
				{"nobody there", strings.Replace(url, server.Endpoint, "127.0.0.1:1", 1), rootKeys(), "endpoint", "refused"},
				{"no TLS", strings.NewReplacer("http://", "https://", "tls=false", "tls=true").Replace(url), rootKeys(), "endpoint", "does not speak TLS"},
				{"malformed", url + "&nonsense=sesame-open", rootKeys(), "bucket", "nonsense"},
			} {
				if tc.name == "malformed" && !strings.Contains(url, "?") {
					continue
				}
				r := run(t, binary, tc.env, "--bucket", tc.url, "--state", t.TempDir())
				if status, text := r.of(tc.check); status != "fail" || !strings.Contains(text, tc.text) {
					t.Errorf("%s: %s: %s", tc.name, status, text)
				}
				if r.status != 1 {
					t.Errorf("%s: status %d", tc.name, r.status)
				}
				noSecrets(t, r, tc.env)
				if strings.Contains(r.output, "sesame-open") {
					t.Errorf("%s: shows an unknown parameter's value", tc.name)
				}
			}
		})
	}
	if left := objects(t, server, bucket); len(left) > 0 {
		t.Errorf("left: %q", left)
	}
}

// TestBucketChanged archives to one bucket and looks into another.
func TestBucketChanged(t *testing.T) {
	server, binary := parts.StartMinIO(t), parts.Coldtail(t)
	state := t.TempDir()
	old := urls(server.Endpoint, server.CreateBucket(t, "old"))["s3"]
	archive(t, binary, state, old, rootKeys())
	changed := urls(server.Endpoint, server.CreateBucket(t, "new"))["s3"]
	r := run(t, binary, rootKeys(), "--bucket", changed, "--state", state)
	r.want(t, "earlier bucket=warn")
	if _, text := r.of("earlier bucket"); !strings.Contains(text, "1 of 1 objects") || r.status != 0 {
		t.Errorf("status %d, %s", r.status, text)
	}
}

// TestClock puts another clock before the server.
func TestClock(t *testing.T) {
	server, binary := parts.StartMinIO(t), parts.Coldtail(t)
	bucket := server.CreateBucket(t, "logs")
	target, err := url.Parse(server.URL())
	if err != nil {
		t.Fatal(err)
	}
	for skew, want := range map[time.Duration]string{0: "ok", 5 * time.Minute: "warn", -20 * time.Minute: "fail"} {
		proxy := httptest.NewServer(&httputil.ReverseProxy{
			Rewrite: func(r *httputil.ProxyRequest) { r.SetURL(target); r.Out.Host = r.In.Host },
			ModifyResponse: func(r *http.Response) error {
				// Only where doctor looks at it: the AWS SDK would sign its
				// next request by this clock.
				if r.Request.Method != http.MethodHead {
					return nil
				}
				r.Header.Set("Date", time.Now().Add(skew).UTC().Format(http.TimeFormat))
				return nil
			},
		})
		for kind, url := range urls(strings.TrimPrefix(proxy.URL, "http://"), bucket) {
			r := run(t, binary, rootKeys(), "--bucket", url, "--state", t.TempDir())
			r.want(t, "clock="+want, "put=ok")
			if (r.status != 0) != (want == "fail") {
				t.Errorf("%s, %v: status %d", kind, skew, r.status)
			}
		}
		proxy.Close()
	}
	if left := objects(t, server, bucket); len(left) > 0 {
		t.Errorf("left: %q", left)
	}
}

// TestDefaultFolder leaves nothing where nothing was.
func TestDefaultFolder(t *testing.T) {
	binary := parts.Coldtail(t)
	state := filepath.Join(t.TempDir(), "not", "yet")
	r := run(t, binary, nil, "--state", state)
	r.want(t, "bucket=warn", "put=ok", "range get=ok", "list=ok", "conditional put=ok", "clean-up=ok")
	if _, text := r.of("bucket"); !strings.Contains(text, "trying out") || r.status != 0 {
		t.Errorf("status %d, %s", r.status, text)
	}
	if _, err := os.Stat(filepath.Dir(state)); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("left behind: %v", err)
	}
}
