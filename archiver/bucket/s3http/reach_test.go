package s3http

import (
	"net/http"
	"net/http/httptest"
	"testing"
	"time"
)

func TestAbortDays(t *testing.T) {
	for name, tc := range map[string]struct {
		rules []AbortRule
		want  int
	}{
		"none":            {nil, 0},
		"all":             {[]AbortRule{{true, "", 7}}, 7},
		"disabled":        {[]AbortRule{{false, "", 7}}, 0},
		"something else":  {[]AbortRule{{true, "", 0}}, 0},
		"ours":            {[]AbortRule{{true, "logs/", 7}}, 7},
		"others'":         {[]AbortRule{{true, "data/", 7}}, 0},
		"a part of ours":  {[]AbortRule{{true, "logs/parquet/dt=", 7}}, 0},
		"the soonest one": {[]AbortRule{{true, "", 7}, {true, "logs/", 3}, {true, "lo", 5}}, 3},
	} {
		if got := AbortDays(tc.rules, "logs/"); got != tc.want {
			t.Errorf("%s: %d, want %d", name, got, tc.want)
		}
	}
}

func TestDescribe(t *testing.T) {
	server := httptest.NewTLSServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Date", "Mon, 02 Jan 2026 15:04:05 GMT")
		w.Header().Set("Server", "MinIO")
		w.Header().Set("X-Amz-Bucket-Region", "eu-west-1")
		w.WriteHeader(http.StatusForbidden)
	}))
	defer server.Close()
	asked := time.Now()
	resp, err := server.Client().Head(server.URL + "/bucket")
	if err != nil {
		t.Fatal(err)
	}
	_ = resp.Body.Close()
	got := Describe(resp, asked, time.Now())
	if got.URL != server.URL || got.Status != http.StatusForbidden || got.Server != "MinIO" || got.Region != "eu-west-1" ||
		!got.Date.Equal(time.Date(2026, 1, 2, 15, 4, 5, 0, time.UTC)) || got.TLSVersion != "TLS 1.3" ||
		!got.CertEnds.Equal(server.Certificate().NotAfter) || got.Answered.Before(got.Asked) {
		t.Errorf("%+v", got)
	}
	if got := Describe(&http.Response{Header: http.Header{}}, asked, asked); !got.Date.IsZero() || got.URL != "" || got.TLSVersion != "" {
		t.Errorf("%+v", got)
	}
}
