package plugin

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"path/filepath"
	"strings"
	"sync"
	"testing"

	"github.com/coldtail/coldtail/archiver"
	"github.com/coldtail/coldtail/archiver/bucket/filebucket"
)

// TestResultsAreCounted: each result of a request is counted under its own label,
// a panic in either kind of endpoint, too.
func TestResultsAreCounted(t *testing.T) {
	p := startProcess(t, t.TempDir(), DriverConfig{}, nil)
	p.handler.handle("/test.panic", patience, 0, func(context.Context, *http.Request, []byte) (any, error) { panic("here") })
	p.handler.handle("/test.error", patience, 0, func(context.Context, *http.Request, []byte) (any, error) { return nil, errors.New("no") })
	for _, path := range []string{"/test.panic", "/test.error", "/LogDriver.Capabilities", "/LogDriver.StartLogging", "/LogDriver.ReadLogs"} {
		p.post(path, "")
	}
	p.driver.mu.Lock()
	p.driver.parts.Reader = nil // ReadLogs panics
	p.driver.mu.Unlock()
	if _, body := p.do(http.MethodPost, "/LogDriver.ReadLogs", `{"Info":{"ContainerID":"a"},"Config":{"Tail":-1}}`); !strings.Contains(body, "internal error") {
		t.Errorf("a panic while reading is not told: %q", body)
	}
	_, metrics := p.do(http.MethodGet, "/metrics", "")
	for _, want := range []string{
		`endpoint="test.panic",result="panic"} 1`,
		`endpoint="test.error",result="error"} 1`,
		`endpoint="LogDriver.Capabilities",result="ok"} 1`,
		`endpoint="LogDriver.StartLogging",result="error"} 1`,
		`endpoint="LogDriver.ReadLogs",result="error"} 1`,
		`endpoint="LogDriver.ReadLogs",result="panic"} 1`,
		`coldtail_plugin_panics_total 2`,
	} {
		if !strings.Contains(metrics, want) {
			t.Errorf("not in the metrics: %s", want)
		}
	}
}

// TestStatusWhileOpening: the state can be asked for at any moment of the start.
func TestStatusWhileOpening(t *testing.T) {
	dir := t.TempDir()
	log := slog.New(slog.DiscardHandler)
	b, err := filebucket.Open(filebucket.Config{Dir: filepath.Join(dir, "bucket")}, log)
	if err != nil {
		t.Fatal(err)
	}
	a, err := archiver.New(archiver.Config{StateDir: dir, Logger: log}, b)
	if err != nil {
		t.Fatal(err)
	}
	reg := openRegistry(t, filepath.Join(dir, "fifos"), "boot")
	for i := range 500 {
		d := NewDriver(DriverConfig{Logger: log})
		var asked sync.WaitGroup
		began := make(chan struct{}, 1)
		asked.Go(func() {
			for {
				s := d.Status()
				select {
				case began <- struct{}{}:
				default:
				}
				if s.Ready {
					return
				}
			}
		})
		<-began
		d.Open(t.Context(), Parts{Archiver: a, Registry: reg, Problem: fmt.Errorf("%d", i)})
		asked.Wait()
	}
}
