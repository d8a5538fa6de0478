package s3http

import (
	"encoding/pem"
	"errors"
	"io"
	"math"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/coldtail/coldtail/archiver/bucket"
)

func TestClassify(t *testing.T) {
	for _, c := range []struct {
		code      string
		status    int
		permanent bool
		hinted    bool
	}{
		{"AccessDenied", 403, true, true},
		{"", 403, true, true},
		{"NoSuchBucket", 404, true, true},
		{"InvalidAccessKeyId", 403, true, true},
		{"SignatureDoesNotMatch", 403, true, true},
		{"AuthorizationHeaderMalformed", 400, true, true},
		{"PermanentRedirect", 301, true, true},
		{"", 301, true, true},
		{"InvalidArgument", 400, true, false},
		{"NotImplemented", 501, true, false},
		{"ExpiredToken", 400, false, true},
		{"RequestTimeTooSkewed", 403, false, true},
		{"SlowDown", 503, false, false},
		{"Whatever", 503, false, false},
		{"", 502, false, false},
		{"TooManyRequests", 429, false, false},
		{"", 429, false, false},
		{"RequestTimeout", 400, false, false},
		{"BadDigest", 400, false, false},
		{"InternalError", 500, false, false},
		{"InternalError", 200, false, false}, // S3 may fail after it has said 200
		{"ConditionalRequestConflict", 409, false, false},
		{"OperationAborted", 409, false, false},
		{"ExistingObjectIsDirectory", 409, false, false},
		{"", 0, false, false},
	} {
		permanent, hint := Classify(c.code, c.status, errors.New("x"))
		if permanent != c.permanent || (hint != "") != c.hinted {
			t.Errorf("%q, %d: permanent %v, hint %q", c.code, c.status, permanent, hint)
		}
	}
}

func TestRangeHeader(t *testing.T) {
	for want, o := range map[string]bucket.GetOptions{
		"":                            {},
		"bytes=0-9":                   {Length: 10},
		"bytes=5-":                    {Offset: 5},
		"bytes=5-5":                   {Offset: 5, Length: 1},
		"bytes=-8":                    {Offset: -8},
		"bytes=-9":                    {Offset: -9, Length: 3},
		"bytes=9223372036854775807-":  {Offset: math.MaxInt64, Length: 2},
		"bytes=1-9223372036854775807": {Offset: 1, Length: math.MaxInt64},
	} {
		if got := RangeHeader(o); got != want {
			t.Errorf("%+v: %q, want %q", o, got, want)
		}
	}
	for in, want := range map[string]int64{"bytes 0-4/5": 5, "bytes */17": 17, "bytes 0-4/*": -1, "": -1, "bytes 0-4/-3": -1} {
		if got, ok := Total(in); ok != (want >= 0) || ok && got != want {
			t.Errorf("%q: %d, %v", in, got, ok)
		}
	}
}

func TestBodyOfIgnoredRange(t *testing.T) {
	o := bucket.Object{SizeBytes: 10}
	body, err := NewBody(io.NopCloser(strings.NewReader("0123456789")), o, bucket.GetOptions{Offset: -4, Length: 2}, false)
	if err != nil {
		t.Fatal(err)
	}
	if got, err := io.ReadAll(body); err != nil || string(got) != "67" {
		t.Errorf("%q, %v", got, err)
	}
}

func TestPartSize(t *testing.T) {
	for _, size := range []int64{MultipartBytes + 1, 5 << 30, 5 << 40} {
		if p := PartSize(size); p < PartBytes || (size+p-1)/p > maxParts {
			t.Errorf("%d: %d", size, p)
		}
	}
}

func TestStallConn(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		client, server := net.Pipe()
		c := &stallConn{Conn: client, timeout: time.Minute}
		// Each byte of a slow upload keeps the waiting reader alive.
		go func() {
			for range 5 {
				_, _ = c.Write([]byte("x"))
				time.Sleep(40 * time.Second)
			}
		}()
		go func() { _, _ = io.Copy(io.Discard, server) }()
		began := time.Now()
		_, err := c.Read(make([]byte, 1))
		if !errors.Is(err, os.ErrDeadlineExceeded) {
			t.Fatalf("got %v", err)
		}
		if took := time.Since(began); took != 4*40*time.Second+time.Minute {
			t.Errorf("gave up after %v", took)
		}
		_ = client.Close()
		_ = server.Close()
		time.Sleep(time.Hour)
	})
}

func TestCAFile(t *testing.T) {
	server := httptest.NewTLSServer(http.NotFoundHandler())
	defer server.Close()
	plainServer := httptest.NewServer(http.NotFoundHandler())
	defer plainServer.Close()
	plain, err := Transport("")
	if err != nil {
		t.Fatal(err)
	}
	if _, err = (&http.Client{Transport: plain}).Get(server.URL); err == nil {
		t.Fatal("trusted without its authority")
	}
	if permanent, hint := Classify("", 0, err); !permanent || !strings.Contains(hint, "ca-file") {
		t.Errorf("%v: %v, %q", err, permanent, hint)
	}
	if _, err = (&http.Client{Transport: plain}).Get("https" + strings.TrimPrefix(plainServer.URL, "http")); err == nil {
		t.Fatal("TLS without TLS")
	}
	if permanent, hint := Classify("", 0, err); !permanent || hint != hintScheme {
		t.Errorf("%v: %v, %q", err, permanent, hint)
	}
	dir := t.TempDir()
	ca := filepath.Join(dir, "ca.pem")
	block := pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: server.Certificate().Raw})
	if err := os.WriteFile(ca, block, 0o600); err != nil {
		t.Fatal(err)
	}
	trusting, err := Transport(ca)
	if err != nil {
		t.Fatal(err)
	}
	resp, err := (&http.Client{Transport: trusting}).Get(server.URL)
	if err != nil {
		t.Fatal(err)
	}
	_ = resp.Body.Close()
	for name, content := range map[string]string{"empty": "", "none": "hello"} {
		file := filepath.Join(dir, name)
		if err := os.WriteFile(file, []byte(content), 0o600); err != nil {
			t.Fatal(err)
		}
		if _, err := Transport(file); err == nil {
			t.Errorf("%s accepted", name)
		}
	}
	if _, err := Transport(filepath.Join(dir, "missing")); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("missing file: %v", err)
	}
}
