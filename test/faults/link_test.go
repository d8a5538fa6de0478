// Package faults runs the whole plugin, behind its socket, against a real MinIO
// to which the way is broken: by Toxiproxy, by a gateway that answers for the
// store, or by the configuration. What must hold is in docs/reliability.md.
package faults

import (
	"context"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"net/http/httputil"
	"net/url"
	"os"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/Shopify/toxiproxy/v2"
	"github.com/prometheus/client_golang/prometheus"
	"github.com/rs/zerolog"

	"github.com/coldtail/coldtail/archiver/bucket"
	"github.com/coldtail/coldtail/cmd/coldtail/bucketurl"
	"github.com/coldtail/coldtail/test/parts"
)

// kind is a client of the store.
type kind struct {
	name string
	url  func(endpoint, bucketName, region string) string
}

func kinds() []kind {
	return []kind{
		{"s3", func(endpoint, name, region string) string {
			return fmt.Sprintf("s3://%s/logs?endpoint=http://%s&region=%s", name, endpoint, region)
		}},
		{"minio", func(endpoint, name, region string) string {
			return fmt.Sprintf("minio://%s/%s/logs?tls=false&region=%s", endpoint, name, region)
		}},
	}
}

// keys are what a client signs with.
type keys struct{ access, secret, token string }

func goodKeys() keys { return keys{access: parts.MinIOAccessKey, secret: parts.MinIOSecretKey} }

// setenv gives the AWS SDK its keys, and nothing of the machine's.
func (k keys) setenv(t *testing.T) {
	t.Setenv("AWS_ACCESS_KEY_ID", k.access)
	t.Setenv("AWS_SECRET_ACCESS_KEY", k.secret)
	t.Setenv("AWS_SESSION_TOKEN", k.token)
	t.Setenv("AWS_PROFILE", "")
	t.Setenv("AWS_CONFIG_FILE", "/nonexistent")
	t.Setenv("AWS_SHARED_CREDENTIALS_FILE", "/nonexistent")
}

// open opens a bucket. The AWS SDK reads its keys from the environment, now.
func (k keys) open(t *testing.T, rawURL string) bucket.Bucket {
	t.Helper()
	getenv := func(name string) string {
		return map[string]string{"MINIO_ACCESS_KEY": k.access, "MINIO_SECRET_KEY": k.secret, "MINIO_SESSION_TOKEN": k.token}[name]
	}
	b, err := bucketurl.Open(context.Background(), rawURL, getenv, slog.New(slog.DiscardHandler))
	check(t, err)
	return b
}

// link is the way to a store: Toxiproxy, and a gateway where one is asked for.
type link struct {
	t     *testing.T
	proxy *toxiproxy.Proxy
	gate  *gateway // nil: straight to the store
}

func newLink(t *testing.T, store string, withGateway bool) *link {
	t.Helper()
	l := &link{t: t}
	upstream := store
	if withGateway {
		l.gate = &gateway{}
		l.gate.forward.Rewrite = func(r *httputil.ProxyRequest) {
			r.SetURL(&url.URL{Scheme: "http", Host: store})
			r.Out.Host = r.In.Host // it is signed
		}
		l.gate.forward.ErrorLog = slog.NewLogLogger(slog.DiscardHandler, slog.LevelError)
		server := httptest.NewServer(l.gate)
		t.Cleanup(server.Close)
		upstream = strings.TrimPrefix(server.URL, "http://")
	}
	api := toxiproxy.NewServer(toxiproxy.NewMetricsContainer(prometheus.NewRegistry()), zerolog.Nop())
	l.proxy = toxiproxy.NewProxy(api, t.Name(), parts.FreePort(t), upstream)
	l.up()
	t.Cleanup(l.proxy.Stop)
	return l
}

// up makes the proxy listen, on the port that it had; down closes it and all
// its connections.
func (l *link) up() {
	l.t.Helper()
	check(l.t, l.proxy.Start())
}

func (l *link) down() { l.proxy.Stop() }

// toxic adds a toxic of a name, in Toxiproxy's own JSON.
func (l *link) toxic(format string, args ...any) {
	l.t.Helper()
	_, err := l.proxy.Toxics.AddToxicJson(strings.NewReader(fmt.Sprintf(format, args...)))
	check(l.t, err)
}

// clear removes all toxics.
func (l *link) clear() { l.proxy.Toxics.ResetToxics(context.Background()) }

// answer is what a store says instead of doing what it was asked for.
type answer struct {
	status int
	code   string // S3's; empty: a proxy's HTML
	share  int64  // every how many-th request; 1 is all
}

// gateway answers for the store while it has an answer.
type gateway struct {
	forward httputil.ReverseProxy
	answer  atomic.Pointer[answer]
	asked   atomic.Int64
	refused atomic.Int64
}

func (g *gateway) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	a := g.answer.Load()
	if a == nil || g.asked.Add(1)%a.share != 0 {
		g.forward.ServeHTTP(w, r)
		return
	}
	g.refused.Add(1)
	body := "<html><body>not now</body></html>"
	w.Header().Set("Content-Type", "text/html")
	if a.code != "" {
		w.Header().Set("Content-Type", "application/xml")
		body = `<?xml version="1.0" encoding="UTF-8"?>` +
			"<Error><Code>" + a.code + "</Code><Message>played by a test</Message><RequestId>1</RequestId></Error>"
	}
	w.WriteHeader(a.status)
	if r.Method != http.MethodHead {
		_, _ = io.WriteString(w, body)
	}
}

func check(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

// TestMain runs more tests at once than there are processors: they wait.
func TestMain(m *testing.M) {
	os.Exit(runTests(m))
}
