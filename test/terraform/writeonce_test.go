package terraform

import (
	"bytes"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"net/http/httputil"
	"net/url"
	"path"
	"strings"
	"testing"

	"github.com/minio/minio-go/v7/pkg/credentials"

	"github.com/coldtail/coldtail/archiver/bucket"
	"github.com/coldtail/coldtail/archiver/bucket/s3http"
	"github.com/coldtail/coldtail/test/parts"
)

// denial is a statement of the bucket policy. MinIO does not know its condition
// keys, so that a proxy before it applies it as Amazon documents them.
type denial struct {
	Sid, Effect, Action string
	Resource            []string
	Condition           struct{ Null, Bool map[string]string }
}

// applies tells whether the statement denies a request to store an object.
// https://docs.aws.amazon.com/AmazonS3/latest/userguide/conditional-writes-enforce.html
func (d *denial) applies(r *http.Request) bool {
	query := r.URL.Query()
	isPut := r.Method == http.MethodPut || r.Method == http.MethodPost && (query.Has("uploads") || query.Has("uploadId"))
	if !isPut || d.Effect != "Deny" || d.Action != "s3:PutObject" {
		return false
	}
	creates := !query.Has("uploads") && !query.Has("partNumber")
	context := map[string]string{"s3:ObjectCreationOperation": fmt.Sprint(creates)}
	if v := r.Header.Get("If-None-Match"); v != "" {
		context["s3:if-none-match"] = v
	}
	for key, want := range d.Condition.Null {
		if _, ok := context[key]; fmt.Sprint(!ok) != want {
			return false
		}
	}
	for key, want := range d.Condition.Bool {
		if context[key] != want {
			return false
		}
	}
	for _, resource := range d.Resource {
		if prefix, ok := strings.CutSuffix(strings.TrimPrefix(resource, "arn:aws:s3:::"), "*"); ok && strings.HasPrefix(r.URL.Path, "/"+prefix) {
			return true
		}
	}
	return false
}

// enforce starts the proxy.
func enforce(t *testing.T, server string, d *denial) string {
	t.Helper()
	target, err := url.Parse(server)
	if err != nil {
		t.Fatal(err)
	}
	proxy := &httputil.ReverseProxy{Rewrite: func(r *httputil.ProxyRequest) {
		r.SetURL(target)
		r.Out.Host = r.In.Host // which is signed
	}}
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if d.applies(r) {
			_, _ = io.Copy(io.Discard, r.Body)
			w.WriteHeader(http.StatusForbidden)
			fmt.Fprint(w, "<Error><Code>AccessDenied</Code><Message>"+d.Sid+"</Message></Error>")
			return
		}
		proxy.ServeHTTP(w, r)
	}))
	t.Cleanup(s.Close)
	return s.URL
}

// TestWriteOnce holds that coldtail writes as ever to a bucket that is
// write-once, in one request and in parts, and that nothing overwrites there.
func TestWriteOnce(t *testing.T) {
	p := plan(t, "prefix=prod", "write_once=true")
	var document struct{ Statement []denial }
	decode(t, []byte(p.policy(t, "aws_s3_bucket_policy.logs")), &document)
	d := &document.Statement[len(document.Statement)-1]
	if d.Sid != "WriteOnce" {
		t.Fatalf("no statement WriteOnce in %+v", document)
	}
	server := parts.StartMinIO(t)
	server.CreateBucket(t, bucketName)
	endpoint := enforce(t, server.URL(), d)
	root := rights{credentials.Value{AccessKeyID: parts.MinIOAccessKey, SecretAccessKey: parts.MinIOSecretKey}}
	address := bucketURL(endpoint, "prod")
	for range 2 { // markers are there the second time
		if _, err := root.run(t, coldtail(t), "hello\n", "pipe", "--name", "web", "--bucket", address, "--state", t.TempDir()); err != nil {
			t.Fatal(err)
		}
	}
	b := root.open(t, address)
	const large = s3http.MultipartBytes + 1
	for key, sizeBytes := range map[string]int64{"parquet/small": 10, "parquet/large": large, "index/day/x": 0, "ndjson/small": 10} {
		content := bytes.NewReader(bytes.Repeat([]byte{'1'}, int(sizeBytes)))
		for range 2 { // a repeated upload counts as done
			if err := b.Put(t.Context(), key, content, sizeBytes, bucket.PutOptions{IfAbsent: true}); err != nil {
				t.Errorf("put %s: %v", key, err)
			}
		}
		other := bytes.NewReader(bytes.Repeat([]byte{'2'}, int(sizeBytes)))
		denied(t, "overwriting "+key, b.Put(t.Context(), key, other, sizeBytes, bucket.PutOptions{}))
		denied(t, "a put beside "+key, b.Put(t.Context(), path.Dir(key)+"/new", other, sizeBytes, bucket.PutOptions{}))
	}
	// Query results, which Athena puts without the condition.
	if err := b.Put(t.Context(), "athena-results/x", strings.NewReader("x"), 1, bucket.PutOptions{}); err != nil {
		t.Errorf("results cannot be put: %v", err)
	}
}
