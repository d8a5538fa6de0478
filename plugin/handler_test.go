package plugin

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"io"
	"log/slog"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/coldtail/coldtail/archiver"
	"github.com/coldtail/coldtail/archiver/bucket/filebucket"
	"github.com/coldtail/coldtail/archiver/fifotest"
	"github.com/coldtail/coldtail/codec"
	"github.com/coldtail/coldtail/readback"
)

// patience bounds every wait for something that has to happen.
const patience = time.Minute

// process is a plugin process of a test: its own driver, archiver and socket.
type process struct {
	t       testing.TB
	handler *Handler
	driver  *Driver
	reg     *Registry
	client  *http.Client
	stop    func() // as SIGTERM does
}

// startProcess starts a plugin on a state directory, as cmd/coldtail does.
func startProcess(t testing.TB, state string, cfg DriverConfig, problem error) *process {
	t.Helper()
	cfg.Logger = slog.New(slog.NewTextHandler(t.Output(), nil))
	cfg.HostName = "host1"
	p := &process{t: t, driver: NewDriver(cfg)}
	b, err := filebucket.Open(filebucket.Config{Dir: filepath.Join(state, "bucket")}, cfg.Logger)
	if err != nil {
		t.Fatal(err)
	}
	a, err := archiver.New(archiver.Config{StateDir: state, Logger: cfg.Logger, OnEnd: p.driver.FIFOEnded}, b)
	if err != nil {
		t.Fatal(err)
	}
	p.reg = openRegistry(t, filepath.Join(state, "fifos"), "boot")
	p.handler, err = NewHandler(HandlerConfig{Driver: p.driver, Registry: prometheus.NewRegistry(), Logger: cfg.Logger, Version: "v1"})
	if err != nil {
		t.Fatal(err)
	}
	socket := filepath.Join(state, "s.sock")
	l, err := Listen(socket)
	if err != nil {
		t.Fatal(err)
	}
	p.client = &http.Client{Transport: &http.Transport{DialContext: func(ctx context.Context, _, _ string) (net.Conn, error) {
		return (&net.Dialer{}).DialContext(ctx, "unix", socket)
	}}}
	serveCtx, stopServing := context.WithCancel(context.Background())
	runCtx, stopRunning := context.WithCancel(context.Background())
	served, ran := make(chan error, 1), make(chan error, 1)
	go func() { served <- p.handler.Serve(serveCtx, l) }()
	reader := readback.New(readback.Config{Bucket: b, Local: a.Snapshot, LocalSince: a.Created()})
	p.driver.Open(runCtx, Parts{Archiver: a, Reader: reader, Registry: p.reg, Problem: problem})
	go func() { ran <- a.Run(runCtx) }()
	stopped := false
	p.stop = func() {
		if stopped {
			return
		}
		stopped = true
		stopServing()
		if err := <-served; err != nil {
			t.Errorf("serve: %v", err)
		}
		stopRunning()
		if err := <-ran; err != nil {
			t.Errorf("run: %v", err)
		}
		p.driver.Wait()
		p.client.CloseIdleConnections()
	}
	t.Cleanup(p.stop)
	return p
}

// post sends a request as the daemon does and returns status and body.
func (p *process) post(path string, body any) (int, string) {
	p.t.Helper()
	b, ok := body.(string)
	if !ok {
		j, err := json.Marshal(body)
		if err != nil {
			p.t.Fatal(err)
		}
		b = string(j)
	}
	return p.do(http.MethodPost, path, b)
}

func (p *process) do(method, path, body string) (int, string) {
	p.t.Helper()
	ctx, cancel := context.WithTimeout(p.t.Context(), patience)
	defer cancel()
	req, err := http.NewRequestWithContext(ctx, method, "http://plugin"+path, strings.NewReader(body))
	if err != nil {
		p.t.Fatal(err)
	}
	resp, err := p.client.Do(req)
	if err != nil {
		p.t.Fatalf("%s: %v", path, err)
	}
	defer resp.Body.Close()
	b, err := io.ReadAll(resp.Body)
	if err != nil {
		p.t.Fatalf("%s: %v", path, err)
	}
	return resp.StatusCode, strings.TrimSpace(string(b))
}

type startRequest struct {
	File string
	Info Info
}

const okBody = `{"Err":""}`

func (p *process) ok(path string, body any) {
	p.t.Helper()
	if status, got := p.post(path, body); status != http.StatusOK || got != okBody {
		p.t.Fatalf("%s: %d %s", path, status, got)
	}
}

// lines decodes a stream of frames to "source: line".
func lines(t testing.TB, stream string) []string {
	t.Helper()
	var out []string
	for _, e := range fifotest.Entries(t, []byte(stream)) {
		out = append(out, e.Source+": "+string(e.Line))
	}
	return out
}

func (p *process) logs(id string) []string {
	p.t.Helper()
	status, body := p.do(http.MethodPost, "/LogDriver.ReadLogs", `{"Info":{"ContainerID":"`+id+`"},"Config":{"Tail":-1}}`)
	if status != http.StatusOK {
		p.t.Fatalf("read logs: %d %s", status, body)
	}
	return lines(p.t, body+"\n") // do trims
}

func TestLoggingAndReading(t *testing.T) {
	p := startProcess(t, t.TempDir(), DriverConfig{}, nil)
	info := testInfo()
	f := fifotest.New(t)
	p.ok("/LogDriver.StartLogging", startRequest{f.Name(), info})
	p.ok("/LogDriver.StartLogging", startRequest{f.Name(), info}) // repeated
	var want []string
	for range 100 {
		f.Print("out")
		f.Log(codec.Entry{Source: codec.Stderr, Line: []byte("")})
		want = append(want, "stdout: out\n", "stderr: \n")
	}
	p.ok("/LogDriver.StopLogging", map[string]string{"File": f.Name()})
	if got := p.logs(info.ContainerID); !slices.Equal(got, want) {
		t.Errorf("got %d entries, want %d: %.300q", len(got), len(want), got)
	}
	if n := p.reg.Len(); n != 0 {
		t.Errorf("%d fifos are still known", n)
	}
	p.ok("/LogDriver.StopLogging", map[string]string{"File": f.Name()}) // repeated
}

func TestStopLoggingNeverFails(t *testing.T) {
	p := startProcess(t, t.TempDir(), DriverConfig{}, nil)
	f, running := fifotest.New(t), fifotest.New(t)
	p.ok("/LogDriver.StartLogging", startRequest{running.Name(), testInfo()})
	f.Print("of an unknown container")
	for name, body := range map[string]string{
		"never started": `{"File":"` + f.Name() + `"}`,
		"no file":       `{"File":"/no/such/fifo"}`,
		"empty":         ``,
		"garbage":       `{"File":`,
		"other type":    `{"File":7}`,
	} {
		t.Run(name, func(t *testing.T) {
			for _, method := range []string{http.MethodPost, http.MethodGet} {
				if status, got := p.do(method, "/LogDriver.StopLogging", body); status != http.StatusOK || got != okBody {
					t.Errorf("%s: %d %s", method, status, got)
				}
			}
		})
	}
	// An unnamed stop must not end what goes on.
	running.Print("still here")
	p.ok("/LogDriver.StopLogging", "")
	if got := p.logs(testInfo().ContainerID); !slices.Equal(got, []string{"stdout: still here\n"}) {
		t.Errorf("got %q", got)
	}
	if n := p.reg.Len(); n != 1 {
		t.Errorf("%d fifos are known, want 1", n)
	}
}

func TestStartLoggingRefuses(t *testing.T) {
	p := startProcess(t, t.TempDir(), DriverConfig{Defaults: map[string]string{"roll-age": "soon"}}, nil)
	f := fifotest.New(t)
	good := map[string]string{"roll-age": "1m"}
	start := func(path string, cfg map[string]string) startRequest {
		info := testInfo()
		info.Config = cfg
		return startRequest{path, info}
	}
	for name, tc := range map[string]struct {
		body any
		want string
	}{
		"option":       {start(f.Name(), map[string]string{"roll-age": "1m", "format": "csv"}), `log-opt format="csv": must be parquet or ndjson`},
		"default":      {start(f.Name(), nil), `plugin setting COLDTAIL_OPT_ROLL_AGE="soon": must be a duration`},
		"tag":          {start(f.Name(), map[string]string{"roll-age": "1m", "tag": "{{.Nope}}"}), `log-opt tag="{{.Nope}}": must be a template`},
		"no fifo":      {start("/no/such/fifo", good), "no such file"},
		"no container": {startRequest{f.Name(), Info{Config: good}}, "names no container"},
		"garbage":      {`{"Info":{"ContainerEnv":"hunter2"`, "not what a Docker daemon sends"},
	} {
		t.Run(name, func(t *testing.T) {
			status, body := p.post("/LogDriver.StartLogging", tc.body)
			var ans answer
			if err := json.Unmarshal([]byte(body), &ans); err != nil || status != http.StatusOK {
				t.Fatalf("%d %s: %v", status, body, err)
			}
			if !strings.Contains(ans.Err, tc.want) || strings.Contains(ans.Err, "\n") || strings.Contains(ans.Err, "hunter2") {
				t.Errorf("got %q, want %q in one sentence", ans.Err, tc.want)
			}
		})
	}
	if n := p.reg.Len(); n != 0 {
		t.Errorf("%d fifos are known", n)
	}
}

func TestProblemIsTold(t *testing.T) {
	p := startProcess(t, t.TempDir(), DriverConfig{}, errors.New("COLDTAIL_BUCKET: no such scheme"))
	_, body := p.post("/LogDriver.StartLogging", startRequest{fifotest.New(t).Name(), testInfo()})
	if !strings.Contains(body, "COLDTAIL_BUCKET: no such scheme") {
		t.Errorf("start: %s", body)
	}
	if _, body := p.do(http.MethodGet, "/status", ""); !strings.Contains(body, "no such scheme") {
		t.Errorf("status: %s", body)
	}
}

func TestOtherEndpoints(t *testing.T) {
	p := startProcess(t, t.TempDir(), DriverConfig{}, nil)
	for _, tc := range []struct {
		method, path string
		status       int
		want         string
	}{
		{http.MethodPost, "/Plugin.Activate", 200, `{"Implements": ["LogDriver"]}`},
		{http.MethodPost, "/LogDriver.Capabilities", 200, `{"Cap":{"ReadLogs":true},"Err":""}`},
		{http.MethodGet, "/LogDriver.Capabilities", 200, `"ReadLogs":true`},
		{http.MethodPost, "/LogDriver.ReadLogs", 400, `"Err":"the request to read logs`},
		{http.MethodGet, "/status", 200, `"version":"v1","ready":true`},
		{http.MethodGet, "/metrics", 200, `coldtail_plugin_requests_total{endpoint="LogDriver.Capabilities",result="ok"} 2`},
		{http.MethodPost, "/flush", 200, `"pending":0`},
		{http.MethodPost, "/flush?evict=1", 200, `"pending":0`},
		{http.MethodPost, "/flush?evict=all", 400, "must be true or false"},
		{http.MethodGet, "/flush", 405, "use POST"},
	} {
		if status, body := p.do(tc.method, tc.path, ""); status != tc.status || !strings.Contains(body, tc.want) {
			t.Errorf("%s %s: %d %s, want %d %s", tc.method, tc.path, status, body, tc.status, tc.want)
		}
	}
}

// follow reads a log with Follow and sends its lines; the channel is closed at
// the stream's end.
func (p *process) follow(id string) <-chan string {
	p.t.Helper()
	resp, err := p.client.Post("http://plugin/LogDriver.ReadLogs", "", strings.NewReader(`{"Info":{"ContainerID":"`+id+`"},"Config":{"Tail":-1,"Follow":true}}`))
	if err != nil {
		p.t.Fatal(err)
	}
	out := make(chan string)
	go func() {
		defer close(out)
		defer resp.Body.Close()
		var buf []byte
		chunk := make([]byte, 4096)
		for {
			n, err := resp.Body.Read(chunk)
			buf = append(buf, chunk[:n]...)
			var entries []codec.Entry
			entries, buf = fifotest.Split(buf)
			for _, e := range entries {
				if e.Source == codec.Stdout || e.Source == codec.Stderr { // else it is a beat
					out <- string(e.Line)
				}
			}
			if err != nil {
				return
			}
		}
	}()
	return out
}

func expect(t *testing.T, ch <-chan string, want string, open bool) {
	t.Helper()
	select {
	case got, ok := <-ch:
		if got != want || ok != open {
			t.Fatalf("got %q, %v, want %q, %v", got, ok, want, open)
		}
	case <-time.After(patience):
		t.Fatalf("nothing came, want %q", want)
	}
}

func TestFollow(t *testing.T) {
	p := startProcess(t, t.TempDir(), DriverConfig{}, nil)
	f := fifotest.New(t)
	p.ok("/LogDriver.StartLogging", startRequest{f.Name(), testInfo()})
	f.Print("one")
	ch := p.follow(testInfo().ContainerID)
	expect(t, ch, "one\n", true)
	f.Print("two")
	expect(t, ch, "two\n", true)
	p.ok("/LogDriver.StopLogging", map[string]string{"File": f.Name()})
	expect(t, ch, "", false)
}

func TestShutdownEndsFollowers(t *testing.T) {
	p := startProcess(t, t.TempDir(), DriverConfig{}, nil)
	f := fifotest.New(t)
	p.ok("/LogDriver.StartLogging", startRequest{f.Name(), testInfo()})
	f.Print("one")
	ch := p.follow(testInfo().ContainerID)
	expect(t, ch, "one\n", true)
	ended := make(chan struct{})
	go func() { defer close(ended); p.stop() }()
	expect(t, ch, "coldtail: "+errClosing.Error()+"\n", true)
	expect(t, ch, "", false)
	<-ended
}

// TestRestart shows that the FIFOs of running containers are read on by the
// next process, to which the daemon says nothing, and that others are forgotten.
func TestRestart(t *testing.T) {
	state := t.TempDir()
	p := startProcess(t, state, DriverConfig{}, nil)
	f, lost := fifotest.New(t), fifotest.New(t)
	other := testInfo()
	other.ContainerID = strings.Repeat("ab", 32)
	p.ok("/LogDriver.StartLogging", startRequest{f.Name(), testInfo()})
	p.ok("/LogDriver.StartLogging", startRequest{lost.Name(), other})
	f.Print("one")
	p.stop()
	f.Print("two")
	if err := os.Remove(lost.Name()); err != nil {
		t.Fatal(err)
	}
	p = startProcess(t, state, DriverConfig{}, nil)
	if got := paths(p.reg); !slices.Equal(got, []string{f.Name()}) {
		t.Errorf("attached: %v", got)
	}
	f.Print("three")
	p.ok("/LogDriver.StopLogging", map[string]string{"File": f.Name()})
	want := []string{"stdout: one\n", "stdout: two\n", "stdout: three\n"}
	if got := p.logs(testInfo().ContainerID); !slices.Equal(got, want) {
		t.Errorf("got %q, want %q", got, want)
	}
}

// TestWriterDies shows that a FIFO whose writer is gone is forgotten.
func TestWriterDies(t *testing.T) {
	p := startProcess(t, t.TempDir(), DriverConfig{}, nil)
	f := fifotest.New(t)
	p.ok("/LogDriver.StartLogging", startRequest{f.Name(), testInfo()})
	f.Print("last")
	if err := f.Close(); err != nil {
		t.Fatal(err)
	}
	for deadline := time.Now().Add(patience); p.reg.Len() > 0; time.Sleep(time.Millisecond) {
		if time.Now().After(deadline) {
			t.Fatal("the fifo is still known")
		}
	}
	if got := p.logs(testInfo().ContainerID); !slices.Equal(got, []string{"stdout: last\n"}) {
		t.Errorf("got %q", got)
	}
	for deadline := time.Now().Add(patience); !gone(f.Name()); time.Sleep(time.Millisecond) {
		if time.Now().After(deadline) {
			t.Fatal("the fifo, which no daemon will remove, is still there")
		}
	}
}

func TestPanicIsContained(t *testing.T) {
	p := startProcess(t, t.TempDir(), DriverConfig{}, nil)
	var log bytes.Buffer
	p.handler.cfg.Logger = slog.New(slog.NewTextHandler(&log, nil))
	p.handler.handle("/LogDriver.Test", patience, 0, func(context.Context, *http.Request, []byte) (any, error) {
		panic("hunter2")
	})
	if status, body := p.post("/LogDriver.Test", ""); status != http.StatusOK || !strings.Contains(body, `"Err":"internal error`) {
		t.Errorf("%d %s", status, body)
	}
	if s := log.String(); !strings.Contains(s, "panic in a request") || strings.Contains(s, "hunter2") {
		t.Errorf("log: %s", s)
	}
	p.ok("/LogDriver.StopLogging", "")
}

// TestHungRequestIsAnswered shows that a system call that does not return does
// not hang the daemon.
func TestHungRequestIsAnswered(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h := &Handler{}
		ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
		defer cancel()
		hung := make(chan struct{})
		_, err := h.bounded(ctx, "/test", func() (any, error) { <-hung; return nil, nil })
		if err == nil || !strings.Contains(err.Error(), "could not answer in time") {
			t.Errorf("got %v", err)
		}
		close(hung)
	})
}

// TestNotReady shows that a plugin without its state directory says why.
func TestNotReady(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		d := NewDriver(DriverConfig{Logger: slog.New(slog.DiscardHandler)})
		d.Unready(errors.New("lock state: busy"))
		ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
		defer cancel()
		if err := d.StartLogging(ctx, "/f", testInfo()); err == nil || err.Error() != "coldtail is not ready: lock state: busy" {
			t.Errorf("start: %v", err)
		}
		d.StopLogging(ctx, "/f")
		if s := d.Status(); s.Ready || s.Problem != "lock state: busy" {
			t.Errorf("status: %+v", s)
		}
	})
}
