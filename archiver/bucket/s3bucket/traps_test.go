package s3bucket

import (
	"bytes"
	"encoding/pem"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/s3"

	"github.com/coldtail/coldtail/archiver/bucket"
	"github.com/coldtail/coldtail/archiver/bucket/s3http"
)

// TestNoTrailersOverTLS: there the SDK itself would send checksums as trailers of
// an aws-chunked body, which many stores refuse.
func TestNoTrailersOverTLS(t *testing.T) {
	var mu sync.Mutex
	var requests []*http.Request
	var sizes []int
	server := httptest.NewTLSServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		body, _ := io.ReadAll(r.Body)
		mu.Lock()
		defer mu.Unlock()
		requests, sizes = append(requests, r), append(sizes, len(body))
	}))
	defer server.Close()
	ca := filepath.Join(t.TempDir(), "ca.pem")
	if err := os.WriteFile(ca, pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: server.Certificate().Raw}), 0o600); err != nil {
		t.Fatal(err)
	}
	content := bytes.Repeat([]byte("x"), 3<<20)
	for _, tc := range []struct {
		checksums s3http.Checksums
		retention string
		crc, md5  bool
	}{
		{"", "", false, true},
		{s3http.WhenRequired, "", false, true},
		{s3http.WhenSupported, "", true, false},
		{"", s3http.Compliance, false, true},
		{s3http.WhenSupported, s3http.Compliance, true, false},
	} {
		b := open(t, Config{Endpoint: server.URL, PathStyle: true, Options: s3http.Options{
			CAFile: ca, Checksums: tc.checksums, Retention: s3http.Retention{Mode: tc.retention, Days: 1},
		}})
		if err := b.Put(t.Context(), "k", bytes.NewReader(content), int64(len(content)), bucket.PutOptions{}); err != nil {
			t.Fatal(err)
		}
		r := requests[len(requests)-1]
		h := r.Header
		if h.Get("X-Amz-Trailer") != "" || h.Get("Content-Encoding") != "" || strings.HasPrefix(h.Get("X-Amz-Content-Sha256"), "STREAMING") ||
			r.ContentLength != int64(len(content)) || sizes[len(sizes)-1] != len(content) {
			t.Errorf("%+v: %d bytes with %v", tc, sizes[len(sizes)-1], h)
		}
		if (h.Get("X-Amz-Checksum-Crc32c") != "") != tc.crc || (h.Get("Content-Md5") != "") != tc.md5 {
			t.Errorf("%+v: %v", tc, h)
		}
	}
}

// TestAmazonGetsChecksums, which is the SDK's default there.
func TestAmazonGetsChecksums(t *testing.T) {
	s := newStore(t, func(http.ResponseWriter, *http.Request) {})
	b := open(t, Config{Region: "eu-central-1"})
	b.client = s3.New(b.client.Options(), func(o *s3.Options) { o.HTTPClient = redirected{s} })
	b.putter = s3http.NewPutter(&requests{client: b.client, name: b.name}, s3http.Options{}, (&Config{}).sums(&aws.Config{}, false))
	if err := b.Put(t.Context(), "k", strings.NewReader("x"), 1, bucket.PutOptions{}); err != nil {
		t.Fatal(err)
	}
	h := s.requests[0].Header
	if h.Get("X-Amz-Checksum-Crc32c") == "" || h.Get("X-Amz-Sdk-Checksum-Algorithm") != "CRC32C" || h.Get("X-Amz-Trailer") != "" {
		t.Errorf("%v", h)
	}
}

// TestRefusedWhileSending has a store that answers and hangs up before it has
// read the content, as VersityGW does: whether the answer arrives before the
// reset is a matter of chance, so there is one that is certainly lost, too.
func TestRefusedWhileSending(t *testing.T) {
	const refusal = "HTTP/1.1 412 Precondition Failed\r\nContent-Length: 0\r\n\r\n"
	content := bytes.Repeat([]byte("x"), 32<<20) // more than fits into buffers on the way
	for _, tc := range []struct {
		name, answer string
		head         int // the answer to who asks for the object
		done, asked  bool
	}{
		{"lost, is there", "", http.StatusOK, true, true},
		{"lost, is not there", "", http.StatusNotFound, false, true},
		{"perhaps lost, is there", refusal, http.StatusOK, true, false},
	} {
		var asked atomic.Bool
		s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			if r.Method == http.MethodHead {
				asked.Store(true)
				w.WriteHeader(tc.head)
				return
			}
			c, _, err := w.(http.Hijacker).Hijack()
			if err != nil {
				t.Error(err)
				return
			}
			_, _ = io.WriteString(c, tc.answer)
			_ = c.(*net.TCPConn).SetLinger(0) // a reset, whatever is unread
			_ = c.Close()
		}))
		t.Cleanup(s.Close)
		err := open(t, Config{Endpoint: s.URL, PathStyle: true}).
			Put(t.Context(), "k", bytes.NewReader(content), int64(len(content)), bucket.PutOptions{IfAbsent: true})
		if (err == nil) != tc.done || !tc.done && !bucket.Transient(err) {
			t.Errorf("%s: got %v", tc.name, err)
		}
		if tc.asked && !asked.Load() {
			t.Errorf("%s: did not ask whether the object is there", tc.name)
		}
	}
}
