package miniobucket

import (
	"bytes"
	"context"
	"crypto/md5"
	"encoding/base64"
	"errors"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/coldtail/coldtail/archiver/bucket"
)

// The acceptance suite runs against a real server, in the module test/. Here
// is what such a server does not do.

func open(t *testing.T, answer http.HandlerFunc) *Bucket {
	t.Helper()
	server := httptest.NewServer(answer)
	t.Cleanup(server.Close)
	b, err := Open(Config{Endpoint: strings.TrimPrefix(server.URL, "http://"), Bucket: "logs", AccessKey: "access", SecretKey: "secret"})
	if err != nil {
		t.Fatal(err)
	}
	return b
}

func fail(w http.ResponseWriter, status int, code string) {
	w.WriteHeader(status)
	_, _ = io.WriteString(w, "<Error><Code>"+code+"</Code><Message>because</Message></Error>")
}

// TestPutHeaders holds what other servers and proxies cannot bear.
func TestPutHeaders(t *testing.T) {
	content := bytes.Repeat([]byte("x"), 20<<20) // minio-go would send parts
	var requests []*http.Request
	b := open(t, func(w http.ResponseWriter, r *http.Request) {
		got, _ := io.ReadAll(r.Body)
		if !bytes.Equal(got, content) {
			t.Errorf("%d bytes arrived, want %d as they are", len(got), len(content))
		}
		requests = append(requests, r)
	})
	if err := b.Put(t.Context(), "a/b c", bytes.NewReader(content), int64(len(content)), bucket.PutOptions{IfAbsent: true}); err != nil {
		t.Fatal(err)
	}
	if len(requests) != 1 {
		t.Fatalf("%d requests; a location call or parts", len(requests))
	}
	r := requests[0]
	sum := md5.Sum(content)
	for name, want := range map[string]string{
		"Content-Md5":          base64.StdEncoding.EncodeToString(sum[:]),
		"X-Amz-Content-Sha256": "UNSIGNED-PAYLOAD",
		"If-None-Match":        "*",
		"Content-Encoding":     "",
		"Expect":               "",
		"X-Amz-Trailer":        "",
	} {
		if got := r.Header.Get(name); got != want {
			t.Errorf("%s: %q, want %q", name, got, want)
		}
	}
	if r.URL.EscapedPath() != "/logs/a/b%20c" {
		t.Errorf("path %s", r.URL.EscapedPath())
	}
}

func TestErrorsAreClassed(t *testing.T) {
	for _, c := range []struct {
		status    int
		code      string
		permanent bool
		says      string
	}{
		{403, "AccessDenied", true, "403 AccessDenied: because"},
		{404, "NoSuchBucket", true, "404 NoSuchBucket: because (create the bucket"},
		{403, "SignatureDoesNotMatch", true, "403 SignatureDoesNotMatch: because"},
		{503, "SlowDown", false, "503 SlowDown: because"},
		{500, "InternalError", false, "500 InternalError: because"},
		{409, "ConditionalRequestConflict", false, "409 ConditionalRequestConflict: because"},
		{409, "OperationAborted", false, "409 OperationAborted: because"},
		{409, "ExistingObjectIsDirectory", false, "409 ExistingObjectIsDirectory: because"}, // VersityGW's, where a folder goes away
		{429, "", false, "429 Too Many Requests: not an answer of S3"},
		{502, "", false, "502 Bad Gateway: not an answer of S3"},
	} {
		requests := 0
		b := open(t, func(w http.ResponseWriter, r *http.Request) {
			requests++
			if c.code == "" {
				w.WriteHeader(c.status) // a proxy's answer, not S3's
				_, _ = io.WriteString(w, "<html><body>"+strings.Repeat("x", 5000)+"</body></html>")
				return
			}
			fail(w, c.status, c.code)
		})
		err := b.Put(t.Context(), "some/key", strings.NewReader("x"), 1, bucket.PutOptions{IfAbsent: true})
		if err == nil || bucket.Permanent(err) != c.permanent || !strings.HasPrefix(err.Error(), `put "some/key": `+c.says) {
			t.Errorf("%d %s: %v", c.status, c.code, err)
		}
		if requests != 1 {
			t.Errorf("%d %s: minio-go repeated it: %d requests", c.status, c.code, requests)
		}
	}
}

// TestListingCutShort: minio-go's listing ends without an error when its
// context does, and would be taken for complete.
func TestListingCutShort(t *testing.T) {
	b := open(t, func(w http.ResponseWriter, r *http.Request) {
		_, _ = io.WriteString(w, `<ListBucketResult><IsTruncated>true</IsTruncated><NextContinuationToken>t</NextContinuationToken>`+
			`<Contents><Key>a</Key><Size>1</Size></Contents></ListBucketResult>`)
	})
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	var last error
	n := 0
	for _, err := range b.List(ctx, "", bucket.ListOptions{}) {
		last = err
		n++
		cancel()
	}
	if n != 2 || !errors.Is(last, context.Canceled) {
		t.Errorf("%d results, the last: %v", n, last)
	}
}

// TestOpenRefusesNames: minio-go's own complaint would pass for an outage.
func TestOpenRefusesNames(t *testing.T) {
	for _, name := range []string{"", "x", "a/b", "a..b", "10.0.0.1"} {
		if _, err := Open(Config{Endpoint: "127.0.0.1:1", Bucket: name, AccessKey: "a", SecretKey: "s"}); err == nil {
			t.Errorf("%q was accepted", name)
		}
	}
}
