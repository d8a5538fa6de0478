package bucketurl

import (
	"log/slog"
	"path/filepath"
	"reflect"
	"strings"
	"testing"

	"github.com/coldtail/coldtail/archiver/bucket"
	"github.com/coldtail/coldtail/archiver/bucket/filebucket"
	"github.com/coldtail/coldtail/archiver/bucket/miniobucket"
	"github.com/coldtail/coldtail/archiver/bucket/s3bucket"
	"github.com/coldtail/coldtail/archiver/bucket/s3http"
)

// plain are the options of a URL that has none.
func plain(change ...func(*s3http.Options)) s3http.Options {
	o := s3http.Options{MultipartBytes: 64 << 20, Concurrency: 4}
	for _, f := range change {
		f(&o)
	}
	return o
}

func ca(o *s3http.Options) { o.CAFile = "/ca.pem" }

// none is an environment without anything.
func none(string) string { return "" }

func environment(vars map[string]string) func(string) string {
	return func(name string) string { return vars[name] }
}

func TestParse(t *testing.T) {
	for raw, want := range map[string]URL{
		"file:///var/lib/coldtail":              {File: &filebucket.Config{Dir: "/var/lib/coldtail"}},
		"file://localhost/a%20b?max-size=10g":   {File: &filebucket.Config{Dir: "/a b", MaxSizeBytes: 10 << 30}},
		"file:///a?max-size=1.5m":               {File: &filebucket.Config{Dir: "/a", MaxSizeBytes: 3 << 19}},
		"s3://logs":                             {S3: &s3bucket.Config{Bucket: "logs", Options: plain()}},
		"s3://logs/team/a/?region=eu-central-1": {Prefix: "team/a", S3: &s3bucket.Config{Bucket: "logs", Region: "eu-central-1", Options: plain()}},
		"s3://logs?endpoint=https://h:9000":     {S3: &s3bucket.Config{Bucket: "logs", Endpoint: "https://h:9000", PathStyle: true, Options: plain()}},
		"s3://logs?endpoint=http%3A%2F%2Fh&path-style=false&ca-file=/ca.pem": {
			S3: &s3bucket.Config{Bucket: "logs", Endpoint: "http://h", HostStyle: true, Options: plain(ca)}},
		"s3://logs?path-style=true":              {S3: &s3bucket.Config{Bucket: "logs", PathStyle: true, Options: plain()}},
		"minio://h:9000/logs":                    {MinIO: &miniobucket.Config{Endpoint: "h:9000", Bucket: "logs", TLS: true, Options: plain()}},
		"minio://[::1]:9000/logs/a/b/?tls=false": {Prefix: "a/b", MinIO: &miniobucket.Config{Endpoint: "[::1]:9000", Bucket: "logs", Options: plain()}},
		"minio://h/logs?region=x&ca-file=/ca.pem&path-style=false": {
			MinIO: &miniobucket.Config{Endpoint: "h", Bucket: "logs", TLS: true, HostStyle: true, Region: "x", Options: plain(ca)}},
	} {
		got, err := Parse(raw, none)
		if err != nil || !reflect.DeepEqual(*got, want) {
			t.Errorf("%s: %+v, %v", raw, got, err)
		}
	}
}

func TestParseRefuses(t *testing.T) {
	for raw, want := range map[string]string{
		"":                                           "must start with file://, s3:// or minio://",
		"/var/lib":                                   "must start with",
		"gs://bucket":                                "must start with",
		"file:relative":                              "must have // after the colon",
		"s3:bucket":                                  "must have // after the colon",
		"file://host/path":                           "absolute path",
		"file://":                                    "absolute path",
		"file:///a?max-size=lots":                    `max-size="lots" must be a size such as`,
		"file:///a?max-size=0":                       `max-size="0" must be a size such as`,
		"file:///a?max-size=-1g":                     "must be a size such as",
		"file:///a?max-size=":                        "max-size is empty",
		"file:///a?max-size=1g&max-size=2g":          "max-size is given more than once",
		"file:///a?region=x":                         `unknown parameter "region": file:// allows max-size; s3:// and minio:// has region`,
		"s3:///prefix":                               "needs a bucket's name",
		"s3://host:9000/bucket":                      "endpoint=",
		"s3://logs?acl=public&path-style=true":       `unknown parameter "acl": s3:// allows ca-file, concurrency, credentials-file, endpoint,`,
		"s3://logs?path-style=maybe":                 `path-style="maybe" must be true or false`,
		"s3://logs?endpoint=host:9000":               `endpoint="host:9000" must be a URL such as`,
		"s3://logs?endpoint=https://h/?x=y":          "must be a URL such as",
		"s3://logs?endpoint=https://u:hunter2@h":     "must not contain a user name",
		"s3://logs/a/../b":                           "the prefix must not contain",
		"s3://logs/a//b":                             "the prefix must not contain",
		"s3://AKIA:hunter2@logs":                     "must not contain a user name",
		"s3://AKIA:hunter2@logs:x":                   "not a URL",
		"s3://logs?secret-key=hunter2":               `unknown parameter "secret-key"`,
		"s3://logs#x":                                "must not contain a #",
		"s3://logs?region=%zz":                       "malformed parameters",
		"s3://b":                                     `"b" cannot be a bucket's name`,
		"s3://-logs":                                 "cannot be a bucket's name",
		"s3://lo..gs":                                "cannot be a bucket's name",
		"s3://logs?region=eu%20central":              `region="eu central" must be a region's name`,
		"minio://h/b":                                `"b" cannot be a bucket's name: these have 3 to 63`,
		"minio://h/a:b/c":                            "cannot be a bucket's name",
		"minio://h/" + strings.Repeat("a", 64):       "cannot be a bucket's name",
		"minio://h/logs?region=a/b":                  `region="a/b" must be a region's name`,
		"minio://h:9000":                             "needs a server and a bucket",
		"minio:///bucket":                            "needs a server and a bucket",
		"minio://h:0/logs":                           "a server's port is a number from 1 to 65535",
		"minio://h:65536/logs":                       "a server's port is a number",
		"minio://h:/logs":                            "a server's port is a number",
		"s3://logs?endpoint=http://h:99999":          "must be a URL such as",
		"s3://logs?endpoint=http://h:":               "must be a URL such as",
		"s3://logs?endpoint=http://:9000":            "must be a URL such as",
		"s3://logs/" + strings.Repeat("p/", 151):     "the prefix must be at most 300 bytes",
		"minio://h/logs/" + strings.Repeat("p", 301): "the prefix must be at most 300 bytes",
		"minio://h/logs?tls=si":                      `tls="si" must be true or false`,
		"minio://h/logs?endpoint=https://h":          `unknown parameter "endpoint": minio:// allows ca-file,`,
	} {
		u, err := Parse(raw, none)
		if err == nil {
			t.Errorf("%s accepted: %+v", raw, u)
			continue
		}
		if !strings.Contains(err.Error(), want) {
			t.Errorf("%s: %v, want %q in it", raw, err, want)
		}
		if strings.Contains(err.Error(), "hunter2") || strings.Contains(err.Error(), "\n") {
			t.Errorf("%s: %v", raw, err)
		}
	}
}

// TestOpenNeedsNoNetwork opens buckets on a port where nobody listens.
func TestOpenNeedsNoNetwork(t *testing.T) {
	t.Setenv("AWS_CONFIG_FILE", filepath.Join(t.TempDir(), "none"))
	t.Setenv("AWS_SHARED_CREDENTIALS_FILE", filepath.Join(t.TempDir(), "none"))
	t.Setenv("AWS_REGION", "")
	t.Setenv("AWS_DEFAULT_REGION", "")
	log := slog.New(slog.DiscardHandler)
	env := map[string]string{"MINIO_ACCESS_KEY": "a", "MINIO_SECRET_KEY": "hunter2hunter2"}
	getenv := func(name string) string { return env[name] }
	for _, raw := range []string{
		"file://" + filepath.Join(t.TempDir(), "not", "yet"),
		"s3://logs/p?region=eu-central-1",
		"s3://logs?endpoint=http://127.0.0.1:1",
		"minio://127.0.0.1:1/logs?tls=false",
	} {
		var b bucket.Bucket
		b, err := Open(t.Context(), raw, getenv, log)
		if err != nil || b == nil {
			t.Errorf("%s: %v", raw, err)
		}
	}
	if _, err := Open(t.Context(), "s3://logs", getenv, log); err == nil || !strings.Contains(err.Error(), "region") {
		t.Errorf("without a region: %v", err)
	}
	delete(env, "MINIO_ACCESS_KEY")
	if _, err := Open(t.Context(), "minio://127.0.0.1:1/logs", getenv, log); err == nil || !strings.Contains(err.Error(), "MINIO_ACCESS_KEY") || strings.Contains(err.Error(), "hunter2") {
		t.Errorf("with half of the credentials: %v", err)
	}
}

// TestErrorsSayNoSecret reads the error of a request that never arrives.
func TestErrorsSayNoSecret(t *testing.T) {
	t.Setenv("AWS_ACCESS_KEY_ID", "AKIAEXAMPLE")
	t.Setenv("AWS_SECRET_ACCESS_KEY", "hunter2hunter2")
	getenv := func(name string) string {
		if strings.HasPrefix(name, "MINIO_") {
			return "hunter2hunter2"
		}
		return ""
	}
	for _, raw := range []string{"s3://logs/p?endpoint=http://127.0.0.1:1", "minio://127.0.0.1:1/logs/p?tls=false"} {
		b, err := Open(t.Context(), raw, getenv, slog.New(slog.DiscardHandler))
		if err != nil {
			t.Fatal(err)
		}
		_, err = b.Get(t.Context(), "k", bucket.GetOptions{})
		if !bucket.Transient(err) || strings.Contains(err.Error(), "hunter2") || !strings.Contains(err.Error(), `get "p/k": `) {
			t.Errorf("%s: %v", raw, err)
		}
	}
}
