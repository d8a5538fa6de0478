package main

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/coldtail/coldtail/archiver/fifotest"
	"github.com/coldtail/coldtail/plugin"
)

// TestPluginGoesOnWithFrames ends the plugin in the middle of many containers'
// frames. The next one looks after what the first left in the spool, and must
// not give these frames up: their ends are still in the FIFOs.
func TestPluginGoesOnWithFrames(t *testing.T) {
	const containers = 100
	h := newHome(t)
	stop := h.startPlugin()
	fifos := map[string]*fifotest.FIFO{}
	ends := map[string][]byte{}
	for i := range containers {
		// In the other order than that of their folders in the spool.
		id := fmt.Sprintf("%064x", containers-i)
		path := filepath.Join(h.dir, id)
		f := fifotest.Make(t, path)
		h.logging("StartLogging", struct {
			File string
			Info plugin.Info
		}{path, plugin.Info{ContainerID: id, ContainerName: "/app", ContainerCreated: time.Now()}})
		frame := fifotest.Frame("line of " + id)
		f.Send(frame[:20])
		fifos[id], ends[id] = f, frame[20:]
	}
	for id := range fifos {
		h.waitFor("a frame's start to be spooled", func() bool {
			files, err := filepath.Glob(filepath.Join(h.dir, "state", "spool", id, "*.active"))
			if err != nil || len(files) != 1 {
				return false
			}
			fi, err := os.Stat(files[0])
			return err == nil && fi.Size() == 20
		})
	}
	stop()
	stop = h.startPlugin()
	defer stop()
	for id, f := range fifos {
		f.Send(ends[id])
		h.logging("StopLogging", struct{ File string }{f.Name()})
	}
	if res := h.run(nil, "flush", "--socket", h.socket()); res.status != exitOK {
		t.Fatalf("flush: %+v", res)
	}
	for id := range fifos {
		res := h.run(nil, "logs", "--bucket", "file://"+filepath.Join(h.dir, "bucket"), id)
		if want := "line of " + id + "\n"; res.status != exitOK || res.stdout != want || res.stderr != "" {
			t.Errorf("got %+v, want %q", res, want)
		}
	}
}

func (h *home) socket() string { return filepath.Join(h.dir, "s") }

// startPlugin runs the plugin until stop is called, as SIGTERM does.
func (h *home) startPlugin() (stop func()) {
	h.t.Helper()
	ctx, cancel := context.WithCancel(h.t.Context())
	a := &app{stdout: io.Discard, stderr: h.t.Output(), environ: h.env}
	ended := make(chan int, 1)
	go func() {
		ended <- a.run(ctx, []string{
			"plugin", "--log-level", "error", "--socket", h.socket(), "--state", filepath.Join(h.dir, "state"), "--bucket", "file://" + filepath.Join(h.dir, "bucket"),
		})
	}()
	h.waitFor("the plugin to be ready", func() bool {
		return strings.Contains(h.run(nil, "status", "--socket", h.socket()).stdout, `"ready": true`)
	})
	return func() {
		h.t.Helper()
		cancel()
		if status := <-ended; status != exitOK {
			h.t.Errorf("the plugin ended with status %d", status)
		}
	}
}

// logging sends the plugin a request as the daemon does.
func (h *home) logging(endpoint string, body any) {
	h.t.Helper()
	client := &http.Client{Transport: &http.Transport{DisableKeepAlives: true, DialContext: func(ctx context.Context, _, _ string) (net.Conn, error) {
		return (&net.Dialer{}).DialContext(ctx, "unix", h.socket())
	}}}
	b, err := json.Marshal(body)
	if err != nil {
		h.t.Fatal(err)
	}
	resp, err := client.Post("http://plugin/LogDriver."+endpoint, "", bytes.NewReader(b))
	if err != nil {
		h.t.Fatal(err)
	}
	defer resp.Body.Close()
	if answer, err := io.ReadAll(resp.Body); err != nil || strings.TrimSpace(string(answer)) != `{"Err":""}` {
		h.t.Fatalf("%s: %s, %v", endpoint, answer, err)
	}
}

func (h *home) waitFor(what string, ok func() bool) {
	h.t.Helper()
	for deadline := time.Now().Add(patience); !ok(); time.Sleep(10 * time.Millisecond) {
		if time.Now().After(deadline) {
			h.t.Fatalf("waited in vain for %s", what)
		}
	}
}
