package plugin

import (
	"context"
	"encoding/json"
	"io"
	"net/http"
	"net/url"
	"strings"
	"testing"
)

// FuzzHandlers sends any request to a plugin that runs: it answers, the
// daemon's endpoints with JSON, and nothing panics.
func FuzzHandlers(f *testing.F) {
	p := startProcess(f, f.TempDir(), DriverConfig{}, nil)
	p.client.CheckRedirect = func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }
	info := `{"ContainerID":"c1","ContainerName":"/web","Config":{"roll-size":"64m"},"ContainerCreated":"2026-01-02T03:04:05Z"}`
	for _, seed := range [][4]string{
		{"POST", "/LogDriver.StartLogging", "", `{"File":"/nowhere/fifo","Info":` + info + `}`},
		{"POST", "/LogDriver.StartLogging", "", `{"File":"x","Info":{"Config":{"nosuch":"1"}}}`},
		{"POST", "/LogDriver.StopLogging", "", `{"File":"/nowhere/fifo"}`},
		{"POST", "/LogDriver.StopLogging", "", ``},
		{"POST", "/LogDriver.Capabilities", "", `{}`},
		{"POST", "/LogDriver.ReadLogs", "", `{"Info":` + info + `,"Config":{"Tail":10,"Since":"0001-01-01T00:00:00Z","Follow":true}}`},
		{"POST", "/LogDriver.ReadLogs", "", `{"Config":{"Tail":9223372036854775807}}`},
		{"GET", "/status", "", ``},
		{"POST", "/flush", "evict=true", ``},
		{"DELETE", "/flush", "evict=?", ``},
		{"GET", "/metrics", "", ``},
		{"PUT", "/Plugin.Activate", "", ``},
		{"GET", "//..//LogDriver.StopLogging", "", `null`},
	} {
		f.Add(seed[0], seed[1], seed[2], []byte(seed[3]))
	}
	f.Fuzz(func(t *testing.T, method, path, query string, body []byte) {
		ctx, cancel := context.WithTimeout(t.Context(), patience)
		defer cancel()
		if method == http.MethodConnect {
			t.Skip("the client treats it otherwise")
		}
		req, err := http.NewRequestWithContext(ctx, method, "http://plugin/", strings.NewReader(string(body)))
		if err != nil {
			t.Skip()
		}
		values, _ := url.ParseQuery(query) // as much as there is
		req.URL = &url.URL{Scheme: "http", Host: "plugin", Path: "/" + strings.TrimPrefix(path, "/"), RawQuery: values.Encode()}
		resp, err := p.client.Do(req)
		if err != nil {
			t.Fatalf("no answer: %v", err)
		}
		defer resp.Body.Close()
		got, err := io.ReadAll(resp.Body)
		if err != nil {
			t.Fatalf("no whole answer: %v", err)
		}
		if strings.Contains(string(got), "internal error") {
			t.Fatal("it panicked")
		}
		judgeAnswer(t, req, resp, got)
	})
}

// judgeAnswer checks what the daemon relies on.
func judgeAnswer(t *testing.T, req *http.Request, resp *http.Response, body []byte) {
	t.Helper()
	name, ours := strings.CutPrefix(req.URL.Path, "/LogDriver.")
	switch {
	case !ours || req.Method == http.MethodHead:
		return
	case name == "StartLogging" || name == "StopLogging" || name == "Capabilities":
		if resp.StatusCode != http.StatusOK {
			t.Errorf("%s: status %d", name, resp.StatusCode)
		}
	case name != "ReadLogs" || resp.StatusCode == http.StatusOK:
		return
	}
	var answer struct{ Err *string }
	if err := json.Unmarshal(body, &answer); err != nil || answer.Err == nil {
		t.Errorf("%s answers %q", name, body)
	}
}
