package s3bucket

import (
	"bytes"
	"context"
	"errors"
	"io"
	"net/http"
	"net/http/httptest"
	"path/filepath"
	"strings"
	"sync"
	"testing"

	"github.com/aws/aws-sdk-go-v2/service/s3"

	"github.com/coldtail/coldtail/archiver/bucket"
	"github.com/coldtail/coldtail/archiver/bucket/s3http"
)

// The acceptance suite runs against a real server, in the module test/. Here
// is what such a server does not do: refuse, fail halfway, or be Google's.

// store answers requests by a function and remembers them.
type store struct {
	*httptest.Server
	mu       sync.Mutex
	requests []*http.Request
	sizes    []int64
}

func newStore(t *testing.T, answer func(w http.ResponseWriter, r *http.Request)) *store {
	t.Helper()
	s := &store{}
	s.Server = httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		n, _ := io.Copy(io.Discard, r.Body)
		s.mu.Lock()
		s.requests, s.sizes = append(s.requests, r), append(s.sizes, n)
		s.mu.Unlock()
		answer(w, r)
	}))
	t.Cleanup(s.Close)
	return s
}

func (s *store) count(method, query string) int {
	s.mu.Lock()
	defer s.mu.Unlock()
	n := 0
	for _, r := range s.requests {
		if r.Method == method && strings.Contains(r.URL.RawQuery, query) {
			n++
		}
	}
	return n
}

func open(t *testing.T, cfg Config) *Bucket {
	t.Helper()
	none := filepath.Join(t.TempDir(), "none")
	for name, value := range map[string]string{
		"AWS_ACCESS_KEY_ID": "AKIAEXAMPLE", "AWS_SECRET_ACCESS_KEY": "secret", "AWS_SESSION_TOKEN": "", "AWS_PROFILE": "",
		"AWS_CONFIG_FILE": none, "AWS_SHARED_CREDENTIALS_FILE": none, "AWS_REGION": "", "AWS_DEFAULT_REGION": "", "AWS_CA_BUNDLE": "",
	} {
		t.Setenv(name, value)
	}
	cfg.Bucket = "logs"
	b, err := Open(t.Context(), cfg)
	if err != nil {
		t.Fatal(err)
	}
	return b
}

func fail(w http.ResponseWriter, status int, code string) {
	w.WriteHeader(status)
	_, _ = io.WriteString(w, "<Error><Code>"+code+"</Code><Message>because</Message></Error>")
}

// TestPutHeaders holds what other stores and proxies cannot bear.
func TestPutHeaders(t *testing.T) {
	s := newStore(t, func(w http.ResponseWriter, r *http.Request) {})
	b := open(t, Config{Endpoint: s.URL, PathStyle: true})
	content := bytes.Repeat([]byte("x"), 3<<20) // above the SDK's limit for Expect
	if err := b.Put(t.Context(), "a/b c", bytes.NewReader(content), int64(len(content)), bucket.PutOptions{ContentType: "text/plain"}); err != nil {
		t.Fatal(err)
	}
	r := s.requests[0]
	if r.URL.EscapedPath() != "/logs/a/b%20c" || r.ContentLength != int64(len(content)) || s.sizes[0] != int64(len(content)) {
		t.Errorf("%s with %d bytes", r.URL.EscapedPath(), r.ContentLength)
	}
	for name, values := range r.Header {
		if name = strings.ToLower(name); strings.Contains(name, "checksum") || strings.Contains(name, "trailer") || name == "expect" || name == "if-none-match" {
			t.Errorf("header %s: %q", name, values)
		}
	}
	if enc := r.Header.Get("Content-Encoding"); enc != "" || r.Header.Get("Content-Type") != "text/plain" {
		t.Errorf("content: %q, %q", enc, r.Header.Get("Content-Type"))
	}
}

func TestChecksumsThatTheUserWants(t *testing.T) {
	s := newStore(t, func(w http.ResponseWriter, r *http.Request) {})
	t.Setenv("AWS_REQUEST_CHECKSUM_CALCULATION", "when_supported")
	b := open(t, Config{Endpoint: s.URL, PathStyle: true})
	if err := b.Put(t.Context(), "k", strings.NewReader("x"), 1, bucket.PutOptions{}); err != nil {
		t.Fatal(err)
	}
	if s.requests[0].Header.Get("X-Amz-Checksum-Crc32c") == "" {
		t.Errorf("none sent: %v", s.requests[0].Header)
	}
}

func TestAmazonsDefaults(t *testing.T) {
	b := open(t, Config{Region: "eu-central-1"})
	o := b.client.Options()
	if o.UsePathStyle || o.BaseEndpoint != nil || o.Region != "eu-central-1" || len(o.APIOptions) != len(s3.New(s3.Options{}).Options().APIOptions) {
		t.Errorf("path style %v, endpoint %v, region %s", o.UsePathStyle, o.BaseEndpoint, o.Region)
	}
}

// redirected sends every request to a store of the test's.
type redirected struct{ to *store }

func (r redirected) Do(req *http.Request) (*http.Response, error) {
	req.URL.Scheme, req.URL.Host = "http", strings.TrimPrefix(r.to.URL, "http://")
	return http.DefaultTransport.RoundTrip(req)
}

func TestGoogleDoesNotGetAcceptEncodingSigned(t *testing.T) {
	s := newStore(t, func(w http.ResponseWriter, r *http.Request) {})
	for endpoint, signed := range map[string]bool{"https://storage.googleapis.com": false, s.URL: true} {
		b := open(t, Config{Endpoint: endpoint, PathStyle: true})
		_, err := b.client.PutObject(t.Context(), &s3.PutObjectInput{Bucket: &b.name, Key: &b.name, Body: strings.NewReader("x")},
			func(o *s3.Options) { o.HTTPClient = redirected{s} })
		if err != nil {
			t.Fatal(err)
		}
		auth := s.requests[len(s.requests)-1].Header.Get("Authorization")
		if auth == "" || strings.Contains(auth, "accept-encoding") != signed {
			t.Errorf("%s: %s", endpoint, auth)
		}
	}
}

func TestErrorsAreClassed(t *testing.T) {
	for _, c := range []struct {
		status    int
		code      string
		permanent bool
		hint      string
	}{
		{403, "AccessDenied", true, "permission"},
		{404, "NoSuchBucket", true, "create the bucket"},
		{301, "PermanentRedirect", true, "region"},
		{400, "AuthorizationHeaderMalformed", true, "region"},
		{403, "InvalidAccessKeyId", true, "access key"},
		{400, "ExpiredToken", false, "renewed"},
		{403, "RequestTimeTooSkewed", false, "clock"},
		{503, "SlowDown", false, ""},
		{500, "InternalError", false, ""},
		{429, "TooManyRequests", false, ""},
		{409, "ConditionalRequestConflict", false, ""},
		{409, "OperationAborted", false, ""},
		{409, "ExistingObjectIsDirectory", false, ""}, // VersityGW's, where a folder goes away
	} {
		s := newStore(t, func(w http.ResponseWriter, r *http.Request) { fail(w, c.status, c.code) })
		b := open(t, Config{Endpoint: s.URL, PathStyle: true})
		err := b.Put(t.Context(), "some/key", strings.NewReader("x"), 1, bucket.PutOptions{IfAbsent: true})
		if err == nil || bucket.Permanent(err) != c.permanent || !strings.Contains(bucket.Hint(err), c.hint) || !strings.HasPrefix(err.Error(), `put "some/key": `) {
			t.Errorf("%d %s: %v", c.status, c.code, err)
		}
		if len(s.requests) != 1 {
			t.Errorf("%d %s: the SDK repeated it: %d requests", c.status, c.code, len(s.requests))
		}
	}
}

func TestNoCredentialsIsPermanent(t *testing.T) {
	open(t, Config{Endpoint: "http://127.0.0.1:1"}) // for its environment
	t.Setenv("AWS_ACCESS_KEY_ID", "")
	t.Setenv("AWS_SECRET_ACCESS_KEY", "")
	t.Setenv("AWS_EC2_METADATA_DISABLED", "true")
	b, err := Open(t.Context(), Config{Bucket: "logs", Endpoint: "http://127.0.0.1:1", PathStyle: true})
	if err != nil {
		t.Fatal(err)
	}
	err = b.Put(t.Context(), "k", strings.NewReader("x"), 1, bucket.PutOptions{})
	if !bucket.Permanent(err) || !strings.Contains(bucket.Hint(err), "AWS_ACCESS_KEY_ID") {
		t.Errorf("got %v", err)
	}
}

// TestPartsAreAborted fails one part of a large object.
func TestPartsAreAborted(t *testing.T) {
	s := newStore(t, func(w http.ResponseWriter, r *http.Request) {
		switch q := r.URL.Query(); {
		case q.Has("uploads"):
			_, _ = io.WriteString(w, "<InitiateMultipartUploadResult><UploadId>u1</UploadId></InitiateMultipartUploadResult>")
		case q.Get("partNumber") == "3":
			fail(w, 503, "SlowDown")
		case r.Method == http.MethodHead:
			w.WriteHeader(http.StatusNotFound)
		}
	})
	b := open(t, Config{Endpoint: s.URL, PathStyle: true})
	size := int64(s3http.MultipartBytes + 1)
	err := b.Put(t.Context(), "k", zeros{}, size, bucket.PutOptions{IfAbsent: true})
	if !bucket.Transient(err) {
		t.Errorf("got %v", err)
	}
	if n := s.count(http.MethodDelete, "uploadId=u1"); n != 1 {
		t.Errorf("%d aborts", n)
	}
	if n := s.count(http.MethodHead, ""); n != 1 {
		t.Errorf("%d looks before the upload", n)
	}
}

type zeros struct{}

func (zeros) ReadAt(p []byte, _ int64) (int, error) {
	clear(p)
	return len(p), nil
}

// TestIgnoredRange has a store that always answers with everything.
func TestIgnoredRange(t *testing.T) {
	s := newStore(t, func(w http.ResponseWriter, r *http.Request) { _, _ = io.WriteString(w, "0123456789") })
	b := open(t, Config{Endpoint: s.URL, PathStyle: true})
	body, err := b.Get(t.Context(), "k", bucket.GetOptions{Offset: 4, Length: 3})
	if err != nil {
		t.Fatal(err)
	}
	defer body.Close()
	if got, err := io.ReadAll(body); err != nil || string(got) != "456" || body.Object.SizeBytes != 10 {
		t.Errorf("%q, %v, %+v", got, err, body.Object)
	}
}

func TestCancelledIsNotAnErrorOfTheStore(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	s := newStore(t, func(w http.ResponseWriter, r *http.Request) { cancel() })
	b := open(t, Config{Endpoint: s.URL, PathStyle: true})
	_, err := b.Get(ctx, "k", bucket.GetOptions{})
	if err != nil && !errors.Is(err, context.Canceled) {
		t.Errorf("got %v", err)
	}
}
