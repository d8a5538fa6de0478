package s3http

import (
	"crypto/x509"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"
)

// TestCertificates: what is to be done about a certificate depends on what is
// wrong with it.
func TestCertificates(t *testing.T) {
	server := httptest.NewTLSServer(http.NotFoundHandler())
	defer server.Close()
	known := x509.NewCertPool()
	known.AddCert(server.Certificate())
	for name, tc := range map[string]struct {
		roots *x509.CertPool
		host  string
		now   time.Time
		hint  string
	}{
		"unknown authority": {x509.NewCertPool(), "127.0.0.1", time.Time{}, hintCA},
		"another name":      {known, "localhost", time.Time{}, hintHost},
		"expired":           {known, "127.0.0.1", server.Certificate().NotAfter.Add(time.Second), hintExpiry},
		"not yet valid":     {known, "127.0.0.1", server.Certificate().NotBefore.Add(-time.Second), hintExpiry},
	} {
		transport, err := Transport("")
		if err != nil {
			t.Fatal(err)
		}
		transport.TLSClientConfig.RootCAs = tc.roots
		if !tc.now.IsZero() {
			transport.TLSClientConfig.Time = func() time.Time { return tc.now }
		}
		resp, err := (&http.Client{Transport: transport}).Get(strings.Replace(server.URL, "127.0.0.1", tc.host, 1))
		if err == nil {
			_ = resp.Body.Close()
		}
		if permanent, hint := Classify("", 0, err); !permanent || hint != tc.hint {
			t.Errorf("%s: %v: %v, %q, want %q", name, err, permanent, hint, tc.hint)
		}
	}
}
