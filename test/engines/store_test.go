package engines_test

import (
	"log/slog"
	"net/http"
	"net/http/httptest"
	"net/http/httputil"
	"net/url"
	"os/exec"
	"strings"
	"sync"
	"testing"

	"github.com/coldtail/coldtail/archiver/bucket"
	"github.com/coldtail/coldtail/cmd/coldtail/bucketurl"
	"github.com/coldtail/coldtail/codec"
	"github.com/coldtail/coldtail/test/parts"
)

const bucketName = "archive"

// store is a real MinIO, and what counts the requests of engines on their way
// there.
type store struct {
	minio    *parts.MinIO
	proxy    *httptest.Server
	coldtail string

	mu    sync.Mutex
	count requests
}

// requests are how often an engine asked.
type requests struct{ lists, gets int }

func startStore(t *testing.T) *store {
	t.Helper()
	t.Setenv("AWS_CONFIG_FILE", "/nonexistent")
	t.Setenv("AWS_SHARED_CREDENTIALS_FILE", "/nonexistent")
	s := &store{minio: parts.StartMinIO(t), coldtail: parts.Coldtail(t)}
	s.minio.CreateBucket(t, bucketName)
	target, err := url.Parse(s.minio.URL())
	if err != nil {
		t.Fatal(err)
	}
	// The host that clients signed stays in the request.
	forward := &httputil.ReverseProxy{Rewrite: func(r *httputil.ProxyRequest) {
		r.Out.URL.Scheme, r.Out.URL.Host = target.Scheme, target.Host
		r.Out.Host = r.In.Host
	}}
	s.proxy = httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		s.note(r)
		forward.ServeHTTP(w, r)
	}))
	t.Cleanup(s.proxy.Close)
	return s
}

func (s *store) url() string { return s.proxy.URL }

func (s *store) note(r *http.Request) {
	s.mu.Lock()
	defer s.mu.Unlock()
	q := r.URL.Query()
	switch {
	case r.Method != http.MethodGet:
	case q.Has("list-type") || q.Has("prefix") || q.Has("delimiter"):
		s.count.lists++
	default:
		s.count.gets++
	}
}

// counted returns the requests since it was called last.
func (s *store) counted() requests {
	s.mu.Lock()
	defer s.mu.Unlock()
	n := s.count
	s.count = requests{}
	return n
}

// archive is where an archive is, as users name it.
func (s *store) archive(prefix string) string {
	return "s3://" + bucketName + "/" + prefix + "?region=us-east-1&endpoint=" + url.QueryEscape(s.url())
}

func (s *store) open(t *testing.T, prefix string) bucket.Bucket {
	t.Helper()
	t.Setenv("AWS_ACCESS_KEY_ID", parts.MinIOAccessKey)
	t.Setenv("AWS_SECRET_ACCESS_KEY", parts.MinIOSecretKey)
	getenv := func(string) string { return "" }
	b, err := bucketurl.Open(t.Context(), s.archive(prefix), getenv, slog.New(slog.DiscardHandler))
	if err != nil {
		t.Fatal(err)
	}
	return b
}

// ddl is what coldtail prints for an archive.
func (s *store) ddl(t *testing.T, engine string, f codec.Format, prefix, database string, args ...string) string {
	t.Helper()
	argv := append([]string{"ddl", engine, "--format", string(f), "--bucket", s.archive(prefix), "--database", database}, args...)
	cmd := exec.Command(s.coldtail, argv...)
	cmd.Env = []string{"HOME=/nonexistent", "AWS_ACCESS_KEY_ID=" + parts.MinIOAccessKey, "AWS_SECRET_ACCESS_KEY=" + parts.MinIOSecretKey}
	var stderr strings.Builder
	cmd.Stderr = &stderr
	out, err := cmd.Output()
	if err != nil {
		t.Fatalf("coldtail ddl %s: %v: %s", engine, err, stderr.String())
	}
	return string(out)
}
