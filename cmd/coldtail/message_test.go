package main

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
	"unicode"
	"unicode/utf8"

	"github.com/coldtail/coldtail/readback/verify"
)

// hostile are texts that a terminal acts on, or that hide what is there.
var hostile = []string{
	"\x1b[31mred", "\x1b]0;title\a", "\u009b31m", "\x9b31m", "bell\a", "two\nlines", "back\rover", "\u202egpj", "\u2066iso", "\xff\xfe", "\x7f", "\u2028",
}

// wantVisible fails where a terminal would act on what a command printed.
func wantVisible(t *testing.T, what, printed string) {
	t.Helper()
	if !utf8.ValidString(printed) {
		t.Errorf("%s: %q is not UTF-8", what, printed)
	}
	for _, r := range printed {
		if !unicode.IsPrint(r) && r != '\n' {
			t.Errorf("%s: %q has %q", what, printed, r)
			return
		}
	}
}

// TestHostileNames: names and keys of a bucket, to which others can write.
func TestHostileNames(t *testing.T) {
	for _, bad := range hostile {
		s := newShelf(t)
		n, twin := container(bad, "n"+bad, "h"+bad), container(bad, "n"+bad, "other"+bad)
		s.say(n, at(0, "a"))
		s.say(twin, at(1, "b"))
		if name := strings.NewReplacer("/", "", "\x00", "").Replace(bad); name != "" {
			s.touch("parquet/dt=2024-05-06/hour=12/" + name + ".parquet")
			s.touch("parquet/dt=2024-05-06/hour=12/" + n.ContainerID + "-" + name)
			s.touch("index/day/" + n.ContainerID + "/2024-05-06/" + name)
			s.touch("index/name/" + name + "/x/y")
		}
		for _, args := range [][]string{
			{"ls"}, {"ls", "--json"}, {"ls", "--by", "service"}, {"ls", "--by", "host", "--json"}, {"ls", "--name", bad},
			{"logs", "--service", bad}, {"logs", "--service", bad, "--json"}, {"logs", bad}, {"logs", "--host", bad}, {"logs", "--grep", "(" + bad, "x"},
			{"logs", "--since", bad, "x"}, {"logs", "--tail", bad, "x"}, {"logs", "--" + bad, "x"},
			{"verify"}, {"verify", "--json"}, {"verify", bad}, {bad}, {"ddl", bad}, {"ddl", "duckdb", "--table", bad},
			{"pipe", "--name", "x", "--label", bad}, {"pipe", "--name", "x", "--log-level", bad},
			{"status", "--socket", bad}, {"flush", "--socket", bad},
		} {
			res := s.run(args[0], args[1:]...)
			wantVisible(t, fmt.Sprintf("stdout of %q", args), res.stdout)
			wantVisible(t, fmt.Sprintf("stderr of %q", args), res.stderr)
		}
	}
}

// TestHostileURL: the bucket's URL, the state's path, and what is in a plugin's
// way.
func TestHostileURL(t *testing.T) {
	for _, bad := range hostile {
		h := newHome(t)
		h.env = append(h.env, noEngine)
		path := strings.NewReplacer("\x00", "").Replace(filepath.Join(h.dir, bad))
		if err := os.WriteFile(path, nil, 0o600); err != nil {
			t.Fatal(err)
		}
		for _, args := range [][]string{
			{"logs", "--bucket", "s3://" + bad, "x"}, {"logs", "--bucket", "file://" + path, "x"}, {"ls", "--bucket", bad},
			{"logs", "--bucket", "s3://logs?region=" + bad, "x"}, {"logs", "--bucket", "s3://logs?" + bad + "=x", "x"},
			{"doctor", "--bucket", "file://" + path}, {"doctor", "--bucket", "s3://" + bad}, {"doctor", "--state", path}, {"doctor", "--json", "--state", path},
			{"pipe", "--name", "x", "--state", path}, {"pipe", "--name", bad, "--bucket", "file://" + path, "--upload-timeout", "1ms"},
			{"ddl", "duckdb", "--bucket", "file://" + path},
		} {
			res := h.run(strings.NewReader("a\n"), args...)
			if args[0] != "ddl" || res.status != exitOK {
				wantVisible(t, fmt.Sprintf("stdout of %q", args), res.stdout)
			}
			wantVisible(t, fmt.Sprintf("stderr of %q", args), res.stderr)
		}
	}
}

// TestHostileStore: what a store, and a plugin, answer.
func TestHostileStore(t *testing.T) {
	for _, bad := range hostile {
		store := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Content-Type", "application/xml")
			w.WriteHeader(http.StatusForbidden)
			_, _ = fmt.Fprintf(w, "<Error><Code>Access%sDenied</Code><Message>%s</Message><Resource>%s</Resource></Error>", bad, bad, bad)
		}))
		h := newHome(t)
		socket := filepath.Join(h.dir, "s")
		l, err := net.Listen("unix", socket)
		if err != nil {
			t.Fatal(err)
		}
		answer, err := json.Marshal(map[string]string{"Err": bad})
		if err != nil {
			t.Fatal(err)
		}
		status := http.StatusInternalServerError
		plugin := &http.Server{Handler: http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
			w.WriteHeader(status)
			_, _ = w.Write(answer)
		})}
		go func() { _ = plugin.Serve(l) }()
		h.env = append(h.env, noEngine, "MINIO_ACCESS_KEY=a", "MINIO_SECRET_KEY=bbbbbbbb", "COLDTAIL_BUCKET=minio://"+store.Listener.Addr().String()+"/logs?tls=false")
		for _, args := range [][]string{
			{"logs", "x"}, {"ls"}, {"verify", "x"}, {"verify"}, {"doctor", "--state", h.dir}, {"doctor", "--json", "--state", h.dir},
			{"pipe", "--name", "x", "--upload-timeout", "10ms"}, {"logs", strings.Repeat("a", 64)},
			{"status", "--socket", socket}, {"flush", "--socket", socket},
		} {
			res := h.run(strings.NewReader("a\n"), args...)
			wantVisible(t, fmt.Sprintf("stdout of %q", args), res.stdout)
			wantVisible(t, fmt.Sprintf("stderr of %q", args), res.stderr)
		}
		status = http.StatusOK
		if res := h.run(nil, "status", "--socket", socket); res.status != exitOK {
			t.Errorf("%+v", res)
		} else {
			wantVisible(t, "stdout of status", res.stdout)
		}
		_ = plugin.Close()
		store.Close()
	}
}

// TestHostileFindings: whatever a finding has in it.
func TestHostileFindings(t *testing.T) {
	for _, bad := range hostile {
		for _, js := range []bool{false, true} {
			var out bytes.Buffer
			p := &verifyPrinter{out: &out, json: js}
			p.finding(verify.Finding{Kind: verify.Gap, Key: bad, Other: bad, Detail: bad, ContainerID: bad, SpoolID: bad, FirstSeq: 1, LastSeq: 2})
			wantVisible(t, "a finding", out.String())
		}
	}
}

// TestSecretsAreHidden: no message and no log line holds a secret of the
// environment, whatever an error holds.
func TestSecretsAreHidden(t *testing.T) {
	var out bytes.Buffer
	a := &app{stderr: &out, environ: []string{
		"AWS_SECRET_ACCESS_KEY=hunter/+2", "AWS_ENDPOINT_URL_S3=http://user:SeCr%45t@host\x01", "https_proxy=http://user:pass%20word@proxy:1",
		"AWS_ENDPOINT_URL=user:not-a-url", "MINIO_SECRET_KEY=\x1bescape", "SHORT_TOKEN=abc",
	}}
	text := "http://user:SeCr%45t@host, SeCrEt, hunter/+2 and hunter%2F%2B2, pass%20word, pass word, \x1bescape, abc"
	err := errors.Join(errors.New(text), fmt.Errorf("why: %w", errors.New(text)))
	a.tell(t.Context(), a.message(err))
	var c config
	log, lerr := c.logger(a, 0)
	if lerr != nil {
		t.Fatal(lerr)
	}
	log.Error("x", "err", err, "text", text, "at", time.Unix(0, 0))
	for _, secret := range []string{"SeCr", "hunter", "pass", "escape"} {
		if strings.Contains(out.String(), secret) {
			t.Errorf("%q is in %s", secret, out.String())
		}
	}
	if !strings.Contains(out.String(), "abc") || strings.Count(out.String(), "\n") != 3 {
		t.Errorf("printed %s", out.String())
	}
	wantVisible(t, "messages", out.String())
}

// TestSecretsOfAddresses: nor does what a command prints where the SDK cannot
// use, or reach, an address with a password.
func TestSecretsOfAddresses(t *testing.T) {
	for _, endpoint := range []string{"http://user:SeCrEt@127.0.0.1:1", "http://user:SeCrEt@127.0.0.1:1\x01", "http://user:SeCrEt@[", "://user:SeCrEt@x"} {
		for _, args := range []string{"logs x", "ls", "doctor", "ddl duckdb", "ddl athena", "ddl trino", "ddl spark", "ddl clickhouse", "ddl hive", "pipe --name x --upload-timeout 1ms"} {
			t.Run(args, func(t *testing.T) {
				t.Parallel()
				h := newHome(t)
				h.env = append(h.env, noEngine, "COLDTAIL_BUCKET=s3://logs?region=eu-central-1", "AWS_ACCESS_KEY_ID=a", "AWS_SECRET_ACCESS_KEY=b", "AWS_ENDPOINT_URL_S3="+endpoint, "AWS_MAX_ATTEMPTS=1")
				var out textBuffer
				c := h.start(strings.NewReader("a\n"), &out, append(strings.Fields(args), "--state", h.dir)...)
				_ = c.wait()
				if all := c.stderr.String() + out.String(); strings.Contains(all, "SeCrEt") {
					t.Errorf("with %q: %s", endpoint, all)
				}
			})
		}
	}
}
