//go:build e2e

package e2e

import (
	"bytes"
	"encoding/json"
	"io"
	"io/fs"
	"net/http"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"testing"
)

// fifoDir is where the daemon makes a plugin's FIFOs, inside the plugin: its
// propagated mount, as the state is.
const fifoDir = "/run/docker/logging"

// TestRepeatedRequests sends what a daemon sends that lost its memory or an answer:
// StopLogging for FIFOs that the plugin does not know, without a body, and
// StartLogging again. A container writes meanwhile.
func TestRepeatedRequests(t *testing.T) {
	p := privatePlugin(t, "coldtail:e2e-requests", "COLDTAIL_BUCKET="+folderBucket)
	l := load{width: 1, burst: 100, pause: 20}
	id := start(t, p.name, nil, l.endless())
	fifos := p.fifos(t)
	if len(fifos) != 1 {
		t.Fatalf("the daemon made the FIFOs %v", fifos)
	}
	if err := syscall.Mkfifo(filepath.Join(p.state, "nobodys"), 0o600); err != nil {
		t.Fatal(err)
	}
	start := map[string]any{
		"File": fifoDir + "/" + fifos[0],
		"Info": map[string]any{"ContainerID": id, "ContainerName": "/again", "Config": map[string]string{}},
	}
	var wg sync.WaitGroup
	for range 10 {
		wg.Go(func() { p.post(t, "/LogDriver.StartLogging", start) })
		wg.Go(func() { p.post(t, "/LogDriver.StopLogging", map[string]any{"File": fifoDir + "/never-there"}) })
		wg.Go(func() { p.post(t, "/LogDriver.StopLogging", map[string]any{"File": fifoDir + "/nobodys"}) })
		wg.Go(func() { p.post(t, "/LogDriver.StopLogging", nil) })
	}
	wg.Wait()
	goesOn(t, id)
	l = load{width: l.width, burst: noted(t, id), bursts: 1}
	same(t, "docker logs", l.want(), logs(t, id).stdout)
	p.flush(t, "--evict")
	same(t, "rows", l.want(), rows(t, p, id))
}

// post sends a request of the daemon's, whose answer must be no error.
func (p *plugin) post(t *testing.T, path string, body any) {
	t.Helper()
	var b []byte
	if body != nil {
		var err error
		if b, err = json.Marshal(body); err != nil {
			t.Error(err)
			return
		}
	}
	resp, err := unixClient(p.socket).Post("http://plugin"+path, "application/json", bytes.NewReader(b))
	if err != nil {
		t.Error(err)
		return
	}
	defer resp.Body.Close()
	var answer struct{ Err string }
	if err := json.NewDecoder(io.LimitReader(resp.Body, 1<<20)).Decode(&answer); err != nil || resp.StatusCode != http.StatusOK || answer.Err != "" {
		t.Errorf("%s answers %s, %q: %v", path, resp.Status, answer.Err, err)
	}
}

// fifos are the names of the FIFOs that the daemon has with the plugin.
func (p *plugin) fifos(t *testing.T) (names []string) {
	t.Helper()
	files, err := os.ReadDir(p.state)
	if err != nil {
		t.Fatal(err)
	}
	for _, f := range files {
		if f.Type() == fs.ModeNamedPipe {
			names = append(names, f.Name())
		}
	}
	return names
}

// TestStartedOften runs one container again and again: nothing of a run stays.
func TestStartedOften(t *testing.T) {
	p := privatePlugin(t, "coldtail:e2e-often", "COLDTAIL_BUCKET="+folderBucket)
	const warm, runs = 3, 30
	id := create(t, p.name, nil, `seq 1 50`)
	for range warm {
		docker(t, "start", id)
		wait(t, id)
	}
	usage := func() map[string]int {
		text := get(t, p.socket, "/metrics")
		return map[string]int{
			"goroutines":  metric(t, text, "go_goroutines"),
			"descriptors": metric(t, text, "process_open_fds"),
			"files":       countFiles(t, p.state),
			"fifos":       len(p.fifos(t)),
		}
	}
	before := usage()
	for range runs {
		docker(t, "start", id)
		wait(t, id)
	}
	// A goroutine or a descriptor of the last run, or of this look, may be there
	// still; runs of them may not.
	const slack = 4
	var after map[string]int
	eventually(t, "the plugin is as before", func() bool {
		after = usage()
		for what, n := range after {
			if n > before[what]+slack {
				t.Logf("%s: %d, before %d", what, n, before[what])
				return false
			}
		}
		return true
	})
	t.Logf("before %v, after %d runs %v", before, runs, after)
	same(t, "docker logs", bytes.Repeat(sequence(50), warm+runs), logs(t, id).stdout)
}

// metric is the value of a metric without labels.
func metric(t *testing.T, text []byte, name string) int {
	t.Helper()
	for line := range strings.Lines(string(text)) {
		if value, ok := strings.CutPrefix(line, name+" "); ok {
			n, err := strconv.ParseFloat(strings.TrimSpace(value), 64)
			if err != nil {
				t.Fatal(err)
			}
			return int(n)
		}
	}
	t.Fatalf("there is no metric %s", name)
	return 0
}

// countFiles counts what is under dir, directories aside.
func countFiles(t *testing.T, dir string) int {
	t.Helper()
	n := 0
	err := filepath.WalkDir(dir, func(_ string, d fs.DirEntry, err error) error {
		if err == nil && !d.IsDir() {
			n++
		}
		return nil // what goes away meanwhile does not count
	})
	if err != nil {
		t.Fatal(err)
	}
	return n
}
