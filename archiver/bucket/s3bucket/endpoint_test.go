package s3bucket

import (
	"io"
	"net/http"
	"strconv"
	"strings"
	"testing"

	"github.com/coldtail/coldtail/archiver/bucket"
	"github.com/coldtail/coldtail/archiver/bucket/s3http"
)

// TestResponseChecksums: other stores are not asked for checksums of what they
// send, unless the user wants that.
func TestResponseChecksums(t *testing.T) {
	for wanted, mode := range map[string]string{"": "", "when_required": "", "when_supported": "ENABLED"} {
		s := newStore(t, func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Content-Length", strconv.Itoa(len("content")))
			_, _ = io.WriteString(w, "content")
		})
		t.Setenv("AWS_RESPONSE_CHECKSUM_VALIDATION", wanted)
		body, err := open(t, Config{Endpoint: s.URL, PathStyle: true}).Get(t.Context(), "k", bucket.GetOptions{})
		if err != nil {
			t.Fatal(err)
		}
		if got, err := io.ReadAll(body); err != nil || string(got) != "content" {
			t.Errorf("%q: %q, %v", wanted, got, err)
		}
		_ = body.Close()
		if got := s.requests[0].Header.Get("X-Amz-Checksum-Mode"); got != mode {
			t.Errorf("%q: checksum mode %q, want %q", wanted, got, mode)
		}
	}
}

// TestPathStyleOfSDKsEndpoint: an endpoint of the SDK's environment is one as
// much as the URL's.
func TestPathStyleOfSDKsEndpoint(t *testing.T) {
	t.Setenv("AWS_ENDPOINT_URL_S3", "http://store.example:9000")
	for hostStyle, want := range map[bool]bool{false: true, true: false} {
		if got := open(t, Config{HostStyle: hostStyle}).client.Options().UsePathStyle; got != want {
			t.Errorf("host style %v: path style %v", hostStyle, got)
		}
	}
}

// TestChecksumOptionCountsBeforeSDKs: the bucket's URL says more than what is for
// all of the SDK's users.
func TestChecksumOptionCountsBeforeSDKs(t *testing.T) {
	for option, sdks := range map[s3http.Checksums]string{s3http.WhenRequired: "when_supported", s3http.WhenSupported: "when_required"} {
		s := newStore(t, func(http.ResponseWriter, *http.Request) {})
		t.Setenv("AWS_REQUEST_CHECKSUM_CALCULATION", sdks)
		b := open(t, Config{Endpoint: s.URL, Options: s3http.Options{Checksums: option}})
		if err := b.Put(t.Context(), "k", strings.NewReader("x"), 1, bucket.PutOptions{}); err != nil {
			t.Fatal(err)
		}
		if crc := s.requests[0].Header.Get("X-Amz-Checksum-Crc32c") != ""; crc != (option == s3http.WhenSupported) {
			t.Errorf("%s, the SDK's %s: %v", option, sdks, s.requests[0].Header)
		}
	}
}
