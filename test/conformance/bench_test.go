package conformance

import (
	"encoding/json"
	"errors"
	"fmt"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/docker/docker/daemon/logger"
	"github.com/docker/docker/pkg/plugins"
	"golang.org/x/sys/unix"

	"github.com/coldtail/coldtail/codec"
)

const (
	benchEntries = 500_000
	// benchRounds is how often each source is read: they take turns, so that what
	// else the machine does is everybody's, and are compared round by round.
	benchRounds = 7
)

// BenchmarkReadLogs reads a log through the daemon's adapter, which takes the
// frames from the plugin's socket one by one: from the spool, from Parquet in a
// folder, and, as the adapter's own limit, from a server that has nothing to do
// but to write ready-made frames out of memory. Entries per second are compared.
func BenchmarkReadLogs(b *testing.B) {
	for _, line := range []struct {
		name string
		text string // of one line; %d is its number
	}{{"short", "%d"}, {"usual", "%d " + strings.Repeat("x", 160)}} {
		b.Run("lines="+line.name, func(b *testing.B) {
			d := newDaemon(b)
			frames := makeFrames(line.text, codec.AppendFrame)
			limit := d.reader(b, serveFrames(b, makeFrames(line.text, codec.AppendReadFrame)))
			spooled := startProcess(b)
			ingest(b, spooled, frames)
			fromSpool := d.reader(b, spooled)
			archived := startProcess(b)
			ingest(b, archived, frames)
			archived.flush(b)
			if local, remote := archived.where(b, benchInfo().ContainerID); local != 0 || remote != benchEntries {
				b.Fatalf("%d entries are local and %d archived, want all to be archived", local, remote)
			}
			fromParquet := d.reader(b, archived)
			for b.Loop() {
				var top, spool, parquet []float64
				for range benchRounds {
					most := rate(b, limit)
					top = append(top, most/1e6)
					spool = append(spool, rate(b, fromSpool)/most)
					parquet = append(parquet, rate(b, fromParquet)/most)
				}
				b.ReportMetric(median(top), "M-limit/s")
				b.ReportMetric(median(spool), "spool/limit")
				b.ReportMetric(median(parquet), "parquet/limit")
			}
		})
	}
}

func median(v []float64) float64 {
	slices.Sort(v)
	return v[len(v)/2]
}

// rate reads a whole log, which has to have all of its entries, and returns how
// many of them came in a second.
func rate(b *testing.B, r logger.LogReader) float64 {
	b.Helper()
	began := time.Now()
	lw := r.ReadLogs(b.Context(), logger.ReadConfig{Tail: -1})
	defer lw.ConsumerGone()
	n := 0
	for range lw.Msg {
		n++
	}
	select {
	case err := <-lw.Err:
		b.Fatal(err)
	default:
	}
	if n != benchEntries {
		b.Fatalf("read %d entries, want %d", n, benchEntries)
	}
	return float64(n) / time.Since(began).Seconds()
}

// makeFrames returns the frames of a log.
func makeFrames(text string, add func([]byte, *codec.Entry) []byte) []byte {
	var out []byte
	now := time.Now().UnixNano()
	for i := range benchEntries {
		e := codec.Entry{Source: codec.Stdout, TimeNano: now + int64(i)*1000, Line: fmt.Appendf(nil, text, i)}
		out = add(out, &e)
	}
	return out
}

// benchInfo is the container of every benchmark.
func benchInfo() logger.Info {
	return logger.Info{ContainerID: strings.Repeat("b", 64), ContainerName: "/bench", ContainerCreated: time.Now(), Config: map[string]string{}}
}

// ingest lets p read frames from a FIFO, as a container that ran and stopped.
func ingest(b *testing.B, p *process, frames []byte) {
	b.Helper()
	path := filepath.Join(p.dir, "fifo")
	check(b, unix.Mkfifo(path, 0o600))
	f, err := os.OpenFile(path, os.O_RDWR, 0)
	check(b, err)
	defer f.Close()
	check(b, p.client.Call("LogDriver.StartLogging", map[string]any{"File": path, "Info": benchInfo()}, nil))
	_, err = f.Write(frames)
	check(b, err)
	check(b, p.client.Call("LogDriver.StopLogging", map[string]any{"File": path}, nil))
}

// reader is the daemon's adapter for p. The proxy that moves FIFOs steps aside
// once there is one: what is read comes from the plugin's socket itself.
func (d *daemon) reader(b *testing.B, p *process) logger.LogReader {
	b.Helper()
	name := d.install(b, p)
	create, err := logger.GetLogDriver(name)
	check(b, err)
	l, err := create(benchInfo())
	check(b, err)
	r, ok := l.(logger.LogReader)
	if !ok {
		b.Fatal("the adapter does not know that the plugin reads logs")
	}
	client := d.plugins[name].client // the adapter's own
	proxied := *client
	*client = *p.client
	b.Cleanup(func() {
		*client = proxied
		check(b, l.Close())
	})
	return r
}

// serveFrames is a plugin that answers every request to read logs with frames.
func serveFrames(b *testing.B, frames []byte) *process {
	b.Helper()
	dir, err := os.MkdirTemp("", "coldtail")
	check(b, err)
	b.Cleanup(func() { check(b, os.RemoveAll(dir)) })
	p := &process{dir: dir, socket: filepath.Join(dir, "limit.sock")}
	p.client, err = plugins.NewClient("unix://"+p.socket, nil)
	check(b, err)
	mux := http.NewServeMux()
	mux.HandleFunc("/LogDriver.ReadLogs", func(w http.ResponseWriter, _ *http.Request) {
		for rest := frames; len(rest) > 0; {
			n := min(len(rest), 256<<10)
			if _, err := w.Write(rest[:n]); err != nil {
				return
			}
			rest = rest[n:]
		}
	})
	mux.HandleFunc("/LogDriver.Capabilities", func(w http.ResponseWriter, _ *http.Request) {
		_ = json.NewEncoder(w).Encode(map[string]any{"Cap": map[string]bool{"ReadLogs": true}})
	})
	mux.HandleFunc("/", func(w http.ResponseWriter, _ *http.Request) { _, _ = w.Write([]byte(`{"Err":""}`)) })
	l, err := net.Listen("unix", p.socket)
	check(b, err)
	srv := &http.Server{Handler: mux}
	served := make(chan error, 1)
	go func() { served <- srv.Serve(l) }()
	b.Cleanup(func() {
		check(b, srv.Close())
		if err := <-served; !errors.Is(err, http.ErrServerClosed) {
			b.Error(err)
		}
	})
	return p
}
