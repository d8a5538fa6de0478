package faults

import (
	"context"
	"encoding/json"
	"flag"
	"io"
	"log/slog"
	"net"
	"net/http"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/rs/zerolog"

	"github.com/coldtail/coldtail/archiver"
	"github.com/coldtail/coldtail/archiver/bucket"
	"github.com/coldtail/coldtail/archiver/fifotest"
	"github.com/coldtail/coldtail/plugin"
	"github.com/coldtail/coldtail/readback"
)

const (
	// patience bounds every wait for something that has to happen, and every
	// request of the daemon's. The promise is one second; what was measured is
	// logged, as it is the machine's.
	patience = 60 * time.Second
	// readTimeout is how long a reader waits for the bucket: so long that a
	// request which does that, although it need not, is noticed.
	readTimeout = 2 * patience
	// parkTime is longer than an upload rests after a permanent error, and than
	// attempts may fail before that is reported.
	parkTime = 31 * time.Second
)

// runTests gives -parallel a default for tests that mostly wait.
func runTests(m *testing.M) int {
	zerolog.SetGlobalLevel(zerolog.Disabled) // Toxiproxy's own log
	flag.Parse()
	given := false
	flag.Visit(func(f *flag.Flag) { given = given || f.Name == "test.parallel" })
	if !given {
		if err := flag.Set("test.parallel", "8"); err != nil {
			panic(err)
		}
	}
	return m.Run()
}

// process is a plugin process but for its command line.
type process struct {
	t       *testing.T
	client  *http.Client
	metrics *prometheus.Registry
	journal *journal
	skipped atomic.Int64 // nanoseconds that its clock is ahead
	end     func()

	mu   sync.Mutex
	took map[string]time.Duration // the slowest request of each endpoint
}

// startProcess starts a plugin on a state directory. j collects what it logs.
func startProcess(t *testing.T, state string, b bucket.Bucket, j *journal) *process {
	t.Helper()
	return startReading(t, state, b, j, readTimeout)
}

// startReading is startProcess with a time after which a reader gives a bucket up.
func startReading(t *testing.T, state string, b bucket.Bucket, j *journal, timeout time.Duration) *process {
	t.Helper()
	p := &process{t: t, journal: j, metrics: prometheus.NewRegistry(), took: map[string]time.Duration{}}
	log := slog.New(j)
	driver := plugin.NewDriver(plugin.DriverConfig{Logger: log, HostName: "host1"})
	a, err := archiver.New(archiver.Config{
		StateDir: state, Logger: log, Registerer: p.metrics, OnEnd: driver.FIFOEnded,
		CommitInterval: 50 * time.Millisecond, ShutdownTimeout: 2 * time.Second,
		Now: func() time.Time { return time.Now().Add(time.Duration(p.skipped.Load())) },
	}, b)
	check(t, err)
	registry, err := plugin.OpenRegistry(filepath.Join(state, "fifos"), "boot", log)
	check(t, err)
	handler, err := plugin.NewHandler(plugin.HandlerConfig{Driver: driver, Registry: p.metrics, Logger: log, Version: "test"})
	check(t, err)
	socket := filepath.Join(state, "s")
	l, err := plugin.Listen(socket)
	check(t, err)
	p.client = &http.Client{Transport: &http.Transport{DialContext: func(ctx context.Context, _, _ string) (net.Conn, error) {
		return (&net.Dialer{}).DialContext(ctx, "unix", socket)
	}}}
	serveCtx, stopServing := context.WithCancel(context.Background())
	runCtx, stopRunning := context.WithCancel(context.Background())
	served, ran := make(chan error, 1), make(chan error, 1)
	go func() { served <- handler.Serve(serveCtx, l) }()
	reader := readback.New(readback.Config{Bucket: b, Local: a.Snapshot, LocalSince: a.Created(), Timeout: timeout})
	driver.Open(runCtx, plugin.Parts{Archiver: a, Reader: reader, Registry: registry})
	go func() { ran <- a.Run(runCtx) }()
	p.end = sync.OnceFunc(func() {
		stopServing()
		if err := <-served; err != nil {
			t.Errorf("serve: %v", err)
		}
		stopRunning()
		if err := <-ran; err != nil {
			t.Errorf("run: %v", err)
		}
		driver.Wait()
		p.client.CloseIdleConnections()
	})
	t.Cleanup(p.end)
	return p
}

// request sends a request as the daemon does, and notes how long that took.
func (p *process) request(endpoint string, body any) []byte {
	p.t.Helper()
	b, err := json.Marshal(body)
	check(p.t, err)
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, "http://plugin/"+endpoint, strings.NewReader(string(b)))
	check(p.t, err)
	start := time.Now()
	resp, err := p.client.Do(req)
	if err != nil {
		p.t.Fatalf("%s: %v", endpoint, err)
	}
	defer func() { _ = resp.Body.Close() }()
	answer, err := io.ReadAll(resp.Body)
	took := time.Since(start)
	if err != nil || resp.StatusCode != http.StatusOK {
		p.t.Fatalf("%s: %s %.300s, %v", endpoint, resp.Status, answer, err)
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	p.took[endpoint] = max(p.took[endpoint], took)
	return answer
}

// logging sends StartLogging or StopLogging.
func (p *process) logging(endpoint string, body any) {
	p.t.Helper()
	if answer := strings.TrimSpace(string(p.request("LogDriver."+endpoint, body))); answer != `{"Err":""}` {
		p.t.Fatalf("%s: %s", endpoint, answer)
	}
}

// logs is `docker logs`: a container's lines.
func (p *process) logs(c *container) (lines []string) {
	p.t.Helper()
	type config struct{ Tail int }
	stream := p.request("LogDriver.ReadLogs", struct {
		Info   plugin.Info
		Config config
	}{plugin.Info{ContainerID: c.id, ContainerCreated: c.created}, config{-1}})
	for _, e := range fifotest.Entries(p.t, stream) {
		lines = append(lines, strings.TrimSuffix(string(e.Line), "\n"))
	}
	return lines
}

func (p *process) status() archiver.Status {
	p.t.Helper()
	var s plugin.Status
	check(p.t, json.Unmarshal(p.request("status", nil), &s))
	return *s.Archiver
}

// flush archives everything, and returns how many segments are left: those of
// running containers may have got entries meanwhile.
func (p *process) flush(query string) (pending int) {
	p.t.Helper()
	var res archiver.FlushResult
	check(p.t, json.Unmarshal(p.request("flush"+query, nil), &res))
	return res.Pending
}

// flushStopped is flush where all containers have stopped.
func (p *process) flushStopped(query string) {
	p.t.Helper()
	if n := p.flush(query); n != 0 {
		p.t.Fatalf("flush left %d segments", n)
	}
}

// counter reads one of the archiver's metrics.
func (p *process) counter(name string) (v float64) {
	p.t.Helper()
	families, err := p.metrics.Gather()
	check(p.t, err)
	for _, f := range families {
		if f.GetName() == name {
			for _, m := range f.GetMetric() {
				v += m.GetCounter().GetValue()
			}
		}
	}
	return v
}

// skip puts the process's clock forward, so that uploads which rest after a
// permanent error are tried again.
func (p *process) skip(d time.Duration) { p.skipped.Add(int64(d)) }

// waitFor waits for what has to happen.
func (p *process) waitFor(what string, ok func() bool) {
	p.t.Helper()
	for deadline := time.Now().Add(patience); !ok(); time.Sleep(20 * time.Millisecond) {
		if time.Now().After(deadline) {
			p.t.Fatalf("waited in vain for %s; the last error is %q", what, p.status().LastError)
		}
	}
}

// logTimes logs how long the daemon waited.
func (p *process) logTimes() {
	p.t.Helper()
	p.mu.Lock()
	defer p.mu.Unlock()
	start, stop, logs := p.took["LogDriver.StartLogging"], p.took["LogDriver.StopLogging"], p.took["LogDriver.ReadLogs"]
	p.t.Logf("slowest StartLogging %v, StopLogging %v, ReadLogs %v", start.Round(time.Millisecond), stop.Round(time.Millisecond), logs.Round(time.Millisecond))
}

// journal is the plugin's own log.
type journal struct {
	mu      sync.Mutex
	records []slog.Record
}

// shown is how much of a journal is shown.
const shown = 40

// newJournal returns a journal that is shown where the test fails.
func newJournal(t *testing.T) *journal {
	j := &journal{}
	t.Cleanup(func() {
		if !t.Failed() {
			return
		}
		show := slog.NewTextHandler(t.Output(), nil)
		j.mu.Lock()
		defer j.mu.Unlock()
		for _, r := range j.records[:min(len(j.records), shown)] {
			_ = show.Handle(context.Background(), r) // to the test's output
		}
	})
	return j
}

func (j *journal) Enabled(context.Context, slog.Level) bool { return true }
func (j *journal) WithAttrs([]slog.Attr) slog.Handler       { return j }
func (j *journal) WithGroup(string) slog.Handler            { return j }

func (j *journal) Handle(_ context.Context, r slog.Record) error {
	j.mu.Lock()
	defer j.mu.Unlock()
	j.records = append(j.records, r.Clone())
	return nil
}

// said returns the records whose message starts so, as text with their attributes.
func (j *journal) said(prefix string) (out []string) {
	j.mu.Lock()
	defer j.mu.Unlock()
	for _, r := range j.records {
		if !strings.HasPrefix(r.Message, prefix) {
			continue
		}
		s := r.Message
		r.Attrs(func(a slog.Attr) bool {
			s += " " + a.String()
			return true
		})
		out = append(out, s)
	}
	return out
}

// errors returns the messages of level error, each once.
func (j *journal) errors() (out []string) {
	j.mu.Lock()
	defer j.mu.Unlock()
	for _, r := range j.records {
		if r.Level >= slog.LevelError && !slices.Contains(out, r.Message) {
			out = append(out, r.Message)
		}
	}
	return out
}
