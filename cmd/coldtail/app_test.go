package main

import (
	"bytes"
	"context"
	"io"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

// patience bounds every wait for something that has to happen.
const patience = 2 * time.Minute

// home is where the commands of a test keep what they keep.
type home struct {
	t   *testing.T
	dir string
	env []string
	// grace is what start's commands have after a signal; patience where zero, so
	// that only those that hang for ever are given up.
	grace time.Duration
}

func newHome(t *testing.T) *home {
	dir := t.TempDir()
	return &home{t: t, dir: dir, env: []string{"HOME=" + dir}}
}

// result is what a command printed and its exit status.
type result struct {
	stdout, stderr string
	status         int
}

func (h *home) run(stdin io.Reader, args ...string) result {
	h.t.Helper()
	ctx, cancel := context.WithTimeout(h.t.Context(), patience)
	defer cancel()
	var stdout, stderr bytes.Buffer
	a := &app{stdin: stdin, stdout: &stdout, stderr: &stderr, environ: h.env}
	status := a.run(ctx, args)
	return result{stdout.String(), stderr.String(), status}
}

func (h *home) pipe(name, input string, args ...string) {
	h.t.Helper()
	if res := h.run(strings.NewReader(input), append([]string{"pipe", "--name", name}, args...)...); res.status != exitOK || res.stdout != "" {
		h.t.Fatalf("pipe: %+v", res)
	}
}

func TestUsage(t *testing.T) {
	h := newHome(t)
	for name, tc := range map[string]struct {
		args   []string
		status int
		want   string // on stderr
	}{
		"nothing":         {[]string{}, exitUsage, "which command?"},
		"unknown":         {[]string{"flushh"}, exitUsage, "did you mean flush?"},
		"unknown flag":    {[]string{"logs", "--nosuch", "x"}, exitUsage, "--nosuch"},
		"no name":         {[]string{"logs"}, exitUsage, "NAME or ID is missing"},
		"empty name":      {[]string{"logs", ""}, exitUsage, "empty"},
		"empty service":   {[]string{"logs", "--service", "", "a"}, exitUsage, "empty"},
		"grep":            {[]string{"logs", "--grep", "(", "a"}, exitUsage, "regular expression"},
		"invert":          {[]string{"logs", "-v", "a"}, exitUsage, "need --grep"},
		"interval":        {[]string{"logs", "-f", "--interval", "1ms", "a"}, exitUsage, "at least 1s"},
		"no such service": {[]string{"logs", "--service", "a", "--host", "b"}, exitFailure, `no log of service "a" and host "b"`},
		"tail":            {[]string{"logs", "--tail", "few", "a"}, exitUsage, "must be a number or all"},
		"since":           {[]string{"logs", "--since", "then", "a"}, exitUsage, "must be a time"},
		"no such log":     {[]string{"logs", "a"}, exitFailure, `no log of a container "a"`},
		"bucket":          {[]string{"logs", "--bucket", "ftp://x", "a"}, exitFailure, "file://, s3:// or minio://"},
		"pipe's name":     {[]string{"pipe"}, exitUsage, "--name is missing"},
		"pipe's format":   {[]string{"pipe", "--name", "a", "--format", "csv"}, exitUsage, "parquet or ndjson"},
		"pipe's label":    {[]string{"pipe", "--name", "a", "--label", "b"}, exitUsage, "must be key=value"},
		"pipe's level":    {[]string{"pipe", "--name", "a", "--log-level", "loud"}, exitUsage, "debug, info, warn or error"},
		"no plugin":       {[]string{"status", "--socket", filepath.Join(h.dir, "none")}, exitFailure, "ask the plugin"},
		"plugin's option": {[]string{"plugin", "--log-opt", "x", "--socket", filepath.Join(h.dir, "s")}, exitUsage, "name=value"},
	} {
		t.Run(name, func(t *testing.T) {
			res := h.run(strings.NewReader(""), tc.args...)
			if res.status != tc.status || !strings.Contains(res.stderr, tc.want) || res.stdout != "" {
				t.Errorf("got %+v, want status %d and %q", res, tc.status, tc.want)
			}
		})
	}
	if res := h.run(nil, "version"); res.status != exitOK || res.stdout != "coldtail unknown\n" {
		t.Errorf("version: %+v", res)
	}
}

// TestPipeAndLogs archives hostile input and reads it back byte for byte.
func TestPipeAndLogs(t *testing.T) {
	for name, input := range map[string]string{
		"nothing":    "",
		"lines":      "one\ntwo\n",
		"unfinished": "one\ntwo",
		"blank":      "\n\n\n",
		"bytes":      "\xff\x00\xfe\r\n\x00",
		"long":       strings.Repeat("x", 100_000) + "\n" + strings.Repeat("y", 16<<10) + "\nend\n",
		"exact end":  strings.Repeat("x", 16<<10),
	} {
		for _, format := range []string{"parquet", "ndjson"} {
			t.Run(name+" as "+format, func(t *testing.T) {
				h := newHome(t)
				h.pipe("app", input, "--format", format, "--label", "team=blue")
				res := h.run(nil, "logs", "app")
				if input == "" {
					if res.status != exitFailure {
						t.Errorf("got %+v, want no log", res)
					}
					return
				}
				if res.status != exitOK || res.stdout != input || res.stderr != "" {
					t.Errorf("status %d, %d bytes, want %d; %s", res.status, len(res.stdout), len(input), res.stderr)
				}
			})
		}
	}
}

func TestRunsContinueOneHistory(t *testing.T) {
	h := newHome(t)
	h.pipe("app", "one\ntwo\n")
	h.pipe("app", "three\nfour\n")
	h.pipe("other", "not this\n")
	h.pipe("app", "elsewhere\n", "--host", "host2")
	id := pipeID("host2", "app")
	for _, tc := range []struct{ args, want string }{
		{"app", "one\ntwo\nthree\nfour\nelsewhere\n"},
		{"--tail 2 app", "four\nelsewhere\n"},
		{"--tail 3 app", "three\nfour\nelsewhere\n"},
		{"--tail 0 app", ""},
		{"--tail 99 app", "one\ntwo\nthree\nfour\nelsewhere\n"},
		{"--since 1h app", "one\ntwo\nthree\nfour\nelsewhere\n"},
		{"--until 1h app", ""},
		{id, "elsewhere\n"},
		{id[:12], "elsewhere\n"},
		{strings.ToUpper(id), "elsewhere\n"},
	} {
		if res := h.run(nil, append([]string{"logs"}, strings.Fields(tc.args)...)...); res.status != exitOK || res.stdout != tc.want {
			t.Errorf("logs %s: %+v, want %q", tc.args, res, tc.want)
		}
	}
}

// TestPipeThatCannotArchive fails, says where the rest is, and the next run
// brings it into the bucket.
func TestPipeThatCannotArchive(t *testing.T) {
	h := newHome(t)
	bucket := "file://" + filepath.Join(h.dir, "bucket")
	// No object fits.
	res := h.run(strings.NewReader("one\n"), "pipe", "--name", "app", "--bucket", bucket+"?max-size=10", "--upload-timeout", "100ms")
	if res.status != exitFailure || !strings.Contains(res.stderr, "for the next run of this name") {
		t.Fatalf("got %+v", res)
	}
	h.pipe("app", "two\n", "--bucket", bucket)
	if res := h.run(nil, "logs", "--bucket", bucket, "app"); res.stdout != "one\ntwo\n" {
		t.Errorf("got %+v", res)
	}
}

func TestPluginCommand(t *testing.T) {
	h := newHome(t)
	socket := filepath.Join(h.dir, "plugins", "id", "coldtail.sock")
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	var stderr bytes.Buffer
	a := &app{stdin: nil, stdout: io.Discard, stderr: &stderr, environ: append(h.env, "COLDTAIL_BUCKET=ftp://x", "COLDTAIL_LOG_LEVEL=loud")}
	ended := make(chan int, 1)
	go func() {
		ended <- a.run(ctx, []string{"plugin", "--socket", socket, "--state", filepath.Join(h.dir, "state")})
	}()
	// Bad settings must not end it: the daemon would not start.
	var res result
	for deadline := time.Now().Add(patience); ; time.Sleep(10 * time.Millisecond) {
		if res = h.run(nil, "status", "--socket", socket); strings.Contains(res.stdout, `"ready": true`) {
			break
		}
		if time.Now().After(deadline) {
			t.Fatalf("the plugin is not ready: %+v", res)
		}
	}
	if !strings.Contains(res.stdout, "plugin setting COLDTAIL_BUCKET") {
		t.Errorf("status: %s", res.stdout)
	}
	if got, err := findSocket(filepath.Join(h.dir, "plugins")); got != socket || err != nil {
		t.Errorf("found %q, %v", got, err)
	}
	if res := h.run(nil, "flush", "--evict", "--socket", socket); res.status != exitOK || !strings.Contains(res.stdout, "0 left") {
		t.Errorf("flush: %+v", res)
	}
	cancel()
	select {
	case status := <-ended:
		if status != exitOK || !strings.Contains(stderr.String(), "using the default log level") {
			t.Errorf("status %d: %s", status, stderr.String())
		}
	case <-time.After(patience):
		t.Fatal("the plugin does not end")
	}
	if _, err := findSocket(filepath.Join(h.dir, "plugins")); err == nil {
		t.Error("found a socket that nobody answers")
	}
}
