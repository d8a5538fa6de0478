package buckets

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"net/url"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/coldtail/coldtail/archiver/fifotest"
	"github.com/coldtail/coldtail/test/parts"
)

// The secrets that must come out nowhere.
const (
	canaryID     = "AKIACANARYCANARY1234"
	canarySecret = "canary/secret+key/of-forty-characters-000"
	canaryToken  = "canary-session-token//////////wEaDGNhbmFyeQ=="
)

func canaryEnv() []string {
	return []string{
		"AWS_ACCESS_KEY_ID=" + canaryID, "AWS_SECRET_ACCESS_KEY=" + canarySecret, "AWS_SESSION_TOKEN=" + canaryToken,
		"MINIO_ACCESS_KEY=" + canaryID, "MINIO_SECRET_KEY=" + canarySecret, "MINIO_SESSION_TOKEN=" + canaryToken,
	}
}

const canaryProfile = "[default]\naws_access_key_id = " + canaryID + "\naws_secret_access_key = " + canarySecret + "\naws_session_token = " + canaryToken + "\n"

// process runs coldtail's commands and keeps everything that they print.
type process struct {
	t      *testing.T
	binary string
	env    []string
	works  bool // the bucket does
	out    bytes.Buffer
}

const (
	// patience bounds every wait for something that has to happen.
	patience = time.Minute
	// impatience ends commands that wait for a bucket that does not come back.
	impatience = 3 * time.Second
)

// run runs a command to its end; one that waits for the bucket is told to end.
func (p *process) run(args ...string) string {
	p.t.Helper()
	limit := impatience
	if p.works {
		limit = patience
	}
	ctx, cancel := context.WithTimeout(p.t.Context(), limit)
	defer cancel()
	cmd := exec.CommandContext(ctx, p.binary, args...)
	cmd.Cancel = func() error { return cmd.Process.Signal(syscall.SIGTERM) }
	cmd.WaitDelay = 10 * time.Second
	cmd.Env = p.env
	out, err := cmd.CombinedOutput()
	var exit *exec.ExitError
	if err != nil && !errors.As(err, &exit) && !errors.Is(err, context.DeadlineExceeded) {
		p.t.Fatal(err)
	}
	p.out.Write(out)
	return string(out)
}

// ask asks the plugin on its socket.
func (p *process) ask(method, socket, path, body string) string {
	p.t.Helper()
	client := &http.Client{Timeout: patience, Transport: &http.Transport{
		DialContext: func(ctx context.Context, _, _ string) (net.Conn, error) {
			return (&net.Dialer{}).DialContext(ctx, "unix", socket)
		},
		DisableKeepAlives: true,
	}}
	req, err := http.NewRequestWithContext(p.t.Context(), method, "http://plugin"+path, strings.NewReader(body))
	if err != nil {
		p.t.Fatal(err)
	}
	resp, err := client.Do(req)
	if err != nil {
		return err.Error()
	}
	defer resp.Body.Close()
	answer, err := io.ReadAll(resp.Body)
	if err != nil {
		p.t.Fatal(err)
	}
	p.out.Write(answer)
	return string(answer)
}

// TestSecretsComeOutNowhere looks for the credentials in all that coldtail says,
// at its most talkative, where they are accepted, refused, unusable, and echoed
// by the store.
func TestSecretsComeOutNowhere(t *testing.T) {
	server := parts.StartMinIO(t)
	server.CreateBucket(t, "logs")
	binary := parts.Coldtail(t)
	echo := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		// As S3 does to a wrong signature.
		w.WriteHeader(http.StatusForbidden)
		fmt.Fprintf(w, "<Error><Code>SignatureDoesNotMatch</Code><Message>The request signature we calculated does not match.</Message>"+
			"<CanonicalRequest>x-amz-security-token:%s</CanonicalRequest><Token-0>%[1]s</Token-0></Error>", r.Header.Get("X-Amz-Security-Token"))
	}))
	t.Cleanup(echo.Close)
	page := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		w.WriteHeader(http.StatusBadGateway)
		_, _ = io.WriteString(w, "<html>a proxy</html>")
	}))
	t.Cleanup(page.Close)
	plain := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		w.WriteHeader(http.StatusForbidden)
		_ = r.Header.Write(w)
	}))
	t.Cleanup(plain.Close)
	for _, tc := range []struct {
		name    string
		server  string
		file    string // content of credentials-file; empty: the environment
		options string
		works   bool
		says    string // in what is printed
	}{
		{"accepted", server.URL(), profile("default", parts.MinIOAccessKey, parts.MinIOSecretKey), "", true, ""},
		{"refused, in a file", server.URL(), canaryProfile, "", false, "check the access key"},
		{"refused, in the environment", server.URL(), "", "", false, "check the access key"},
		{"echoed", echo.URL, canaryProfile, "", false, "SignatureDoesNotMatch"},
		{"a proxy's page", page.URL, "", "", false, "502"},
		{"echoed by a proxy", plain.URL, canaryProfile, "", false, "403"},
		{"nobody there", "http://127.0.0.1:1", canaryProfile, "", false, "refused"},
		{"role", server.URL(), canaryProfile, "&role-arn=arn:aws:iam::1:role/r&role-external-id=ext", false, "the role cannot be assumed"},
		{"no delimiter", server.URL(), "[default]\naws_secret_access_key " + canarySecret + "\n", "", false, "credentials-file"},
		{"half", server.URL(), "[default]\naws_secret_access_key = " + canarySecret + "\n", "", false, "credentials-file"},
		{"one line", server.URL(), canarySecret, "", false, "credentials-file"},
		{"in the URL", server.URL(), canaryProfile, "&secret-key=" + url.QueryEscape(canarySecret), false, "unknown parameter"},
	} {
		for _, k := range []kind{kinds()[0], kinds()[2]} {
			t.Run(tc.name+", "+k.name, func(t *testing.T) {
				t.Parallel()
				dir := t.TempDir()
				p := &process{t: t, binary: binary, works: tc.works, env: []string{
					"HOME=" + dir, "PATH=/usr/bin", "DOCKER_HOST=unix:///nonexistent", "AWS_EC2_METADATA_DISABLED=true",
					"COLDTAIL_LOG_LEVEL=debug", "COLDTAIL_STATE=" + dir + "/state",
					"COLDTAIL_BUCKET=" + k.url(tc.server, "logs", tc.options),
				}}
				if tc.file == "" {
					p.env = append(p.env, canaryEnv()...)
				} else {
					p.env = append(p.env, "COLDTAIL_CREDENTIALS_FILE="+keyFile(t, tc.file))
				}
				archived := servePlugin(p, dir, tc.says)
				if archived != tc.works {
					t.Errorf("archived: %v", archived)
				}
				p.run("doctor")
				p.run("doctor", "--json", "--state", dir+"/other")
				p.run("logs", "web")
				said := p.out.String()
				for name, secret := range map[string]string{
					"access key": canaryID, "secret": canarySecret, "token": canaryToken,
					"escaped secret": url.QueryEscape(canarySecret), "escaped token": url.QueryEscape(canaryToken), "good secret": parts.MinIOSecretKey,
				} {
					for line := range strings.Lines(said) {
						if strings.Contains(line, secret) {
							t.Errorf("the %s came out: %s", name, line)
						}
					}
				}
				if !strings.Contains(said, tc.says) || !strings.Contains(said, "coldtail_bucket_requests_total") && tc.works {
					t.Errorf("%q is not in what was said:\n%s", tc.says, said)
				}
			})
		}
	}
}

// servePlugin runs the plugin with one container until it has said something,
// and tells whether it archived what the container printed.
func servePlugin(p *process, dir, says string) (archived bool) {
	t := p.t
	socket, fifo := filepath.Join(dir, "s.sock"), filepath.Join(dir, "fifo")
	cmd := exec.Command(p.binary, "plugin", "--socket", socket)
	cmd.Env = p.env
	var log bytes.Buffer
	cmd.Stdout, cmd.Stderr = &log, &log
	cmd.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	for deadline := time.Now().Add(patience); !strings.Contains(p.ask(http.MethodGet, socket, "/status", ""), `"ready":true`); {
		if time.Now().After(deadline) {
			t.Fatalf("the plugin is not ready: %s", p.out.String())
		}
		time.Sleep(20 * time.Millisecond)
	}
	f := fifotest.Make(t, fifo)
	defer f.Close()
	info := fmt.Sprintf(`{"File":%q,"Info":{"ContainerID":"%064x","ContainerName":"/web","Config":{}}}`, fifo, 7)
	p.ask(http.MethodPost, socket, "/LogDriver.StartLogging", info)
	f.Print("hello")
	p.ask(http.MethodPost, socket, "/LogDriver.StopLogging", fmt.Sprintf(`{"File":%q}`, fifo))
	p.run("flush", "--socket", socket)
	p.run("status", "--socket", socket)
	for deadline := time.Now().Add(patience); !strings.Contains(p.out.String()+p.ask(http.MethodGet, socket, "/status", ""), says); {
		if time.Now().After(deadline) {
			break // the test says so
		}
		time.Sleep(20 * time.Millisecond)
	}
	metrics := p.ask(http.MethodGet, socket, "/metrics", "")
	if err := cmd.Process.Signal(syscall.SIGTERM); err != nil {
		t.Fatal(err)
	}
	_ = cmd.Wait() // its status says nothing here
	p.out.Write(log.Bytes())
	return strings.Contains(metrics, "coldtail_uploads_total 1")
}
