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

	"github.com/coldtail/coldtail/archiver/fifotest"
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
// but to write ready-made frames out of memory. Entries per second are compared,
// and those per second of the processors' time (-cpu), which tells more where
// others use them too.
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
				rounds := map[string][]float64{}
				for range benchRounds {
					wall, cpu := readLog(b, limit)
					rounds["M-limit/s"] = append(rounds["M-limit/s"], benchEntries/1e6/wall)
					for name, r := range map[string]logger.LogReader{"spool": fromSpool, "parquet": fromParquet} {
						w, c := readLog(b, r)
						rounds[name+"/limit"] = append(rounds[name+"/limit"], wall/w)
						rounds[name+"/limit-cpu"] = append(rounds[name+"/limit-cpu"], cpu/c)
					}
				}
				for unit, v := range rounds {
					b.ReportMetric(median(v), unit)
				}
			}
		})
	}
}

func median(v []float64) float64 {
	slices.Sort(v)
	return v[len(v)/2]
}

// readLog reads a whole log, which has to have all of its entries, and returns
// the seconds that took on the clock, and of the processors' time.
func readLog(b *testing.B, r logger.LogReader) (wall, cpu float64) {
	b.Helper()
	began, used := time.Now(), processorTime(b)
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
	return time.Since(began).Seconds(), (processorTime(b) - used).Seconds()
}

// processorTime is what this process, both of the adapter and of what it reads
// from, has used.
func processorTime(b *testing.B) time.Duration {
	b.Helper()
	var u unix.Rusage
	check(b, unix.Getrusage(unix.RUSAGE_SELF, &u))
	return time.Duration(u.Utime.Nano() + u.Stime.Nano())
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
	f := fifotest.New(b)
	defer f.Close()
	check(b, p.client.Call("LogDriver.StartLogging", map[string]any{"File": f.Name(), "Info": benchInfo()}, nil))
	f.Send(frames)
	check(b, p.client.Call("LogDriver.StopLogging", map[string]any{"File": f.Name()}, nil))
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
