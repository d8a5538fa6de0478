package s3http

import (
	"compress/gzip"
	"io"
	"net/http"
	"net/http/httptest"
	"testing"
)

// TestNoGunzip: an object comes as it is stored, also where a store says that it
// is compressed.
func TestNoGunzip(t *testing.T) {
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if enc := r.Header.Get("Accept-Encoding"); enc != "" {
			t.Errorf("asks for %s", enc)
		}
		w.Header().Set("Content-Encoding", "gzip")
		zip := gzip.NewWriter(w)
		_, _ = io.WriteString(zip, "content")
		_ = zip.Close()
	}))
	defer server.Close()
	transport, err := Transport("")
	if err != nil {
		t.Fatal(err)
	}
	defer transport.CloseIdleConnections()
	resp, err := (&http.Client{Transport: transport}).Get(server.URL)
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	got, err := io.ReadAll(resp.Body)
	if err != nil || string(got) == "content" || len(got) < 2 || got[0] != 0x1f || got[1] != 0x8b {
		t.Errorf("%q, %v", got, err)
	}
}
