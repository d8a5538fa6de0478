package faults

import (
	"bytes"
	"context"
	"fmt"
	"net"
	"net/http"
	"net/http/httputil"
	"net/url"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"golang.org/x/sync/errgroup"

	"github.com/coldtail/coldtail/archiver/bucket"
	"github.com/coldtail/coldtail/archiver/fifotest"
	"github.com/coldtail/coldtail/codec"
	"github.com/coldtail/coldtail/codec/chunkfile"
	"github.com/coldtail/coldtail/codec/key"
	"github.com/coldtail/coldtail/plugin"
	"github.com/coldtail/coldtail/readback"
	"github.com/coldtail/coldtail/test/parts"
)

// TestReadWhileAway stops the store under a container whose first lines are
// archived only: docker logs gives the others, says which lines are missing and
// why, and fails. When the store is back, all are there.
func TestReadWhileAway(t *testing.T) {
	const before, after = 1000, 500
	goodKeys().setenv(t)
	for _, k := range kinds() {
		t.Run(k.name, func(t *testing.T) {
			t.Parallel()
			server := parts.StartMinIO(t) // its own, as it is stopped
			b := goodKeys().open(t, k.url(server.Endpoint, server.CreateBucket(t, "away-"+k.name), parts.MinIORegion))
			p := startReading(t, t.TempDir(), b, newJournal(t), 10*time.Second)
			c := newContainer(t, 0)
			c.start(p)
			c.print(before)
			c.stop(p)
			p.flushStopped("?evict=true")
			c.start(p)
			c.print(after)
			c.stop(p)
			c.judge("docker logs", p.logs(c))
			server.Stop(t)
			start := time.Now()
			lines, complaint, broken := p.brokenLogs(c)
			t.Logf("%d lines after %s, then: %s", len(lines), time.Since(start).Round(time.Second), complaint)
			if len(lines) != after || lines[0] != line(c.id, before) || lines[after-1] != line(c.id, before+after-1) {
				t.Errorf("%d lines, from %.40q", len(lines), lines[0])
			}
			if !strings.HasPrefix(complaint, fmt.Sprintf("coldtail: cannot read %d archived entries between ", before)) ||
				!strings.HasSuffix(complaint, "connection refused\n") || !broken {
				t.Errorf("said %q, broken off: %t", complaint, broken)
			}
			server.Start(t)
			c.judge("docker logs", p.logs(c))
		})
	}
}

// brokenLogs is `docker logs`, of what may not be to be had: the lines, what is
// said on stderr, and whether the daemon sees an error.
func (p *process) brokenLogs(c *container) (lines []string, complaint string, broken bool) {
	p.t.Helper()
	type config struct{ Tail int }
	stream := p.request("LogDriver.ReadLogs", struct {
		Info   plugin.Info
		Config config
	}{plugin.Info{ContainerID: c.id, ContainerCreated: c.created}, config{-1}})
	entries, rest := fifotest.Split(stream)
	for _, e := range entries {
		switch e.Source {
		case codec.Stdout:
			lines = append(lines, strings.TrimSuffix(string(e.Line), "\n"))
		case codec.Stderr:
			complaint += string(e.Line)
		}
	}
	return lines, complaint, len(rest) > 0
}

// TestTailRequests counts the HTTP requests of a tail from a real store, and
// all bytes of their answers: what readback's own test counts is no less.
func TestTailRequests(t *testing.T) {
	const chunks, entries = 2000, 20
	server := parts.StartMinIO(t)
	goodKeys().setenv(t)
	for _, k := range kinds() {
		t.Run(k.name, func(t *testing.T) {
			name := server.CreateBucket(t, "tail-"+k.name)
			last := time.Now().AddDate(0, -6, 0)
			want := fillArchive(t, goodKeys().open(t, k.url(server.Endpoint, name, parts.MinIORegion)), last, chunks, entries)
			m := startMeter(t, server.Endpoint)
			r := readback.New(readback.Config{Bucket: goodKeys().open(t, k.url(m.addr, name, parts.MinIORegion))})
			m.requests.Store(0)
			m.bytes.Store(0)
			var got []string
			for e, err := range r.Entries(t.Context(), readback.Query{ContainerID: key.ContainerID("tail"), Tail: 10}) {
				check(t, err)
				got = append(got, string(e.Line))
			}
			if strings.Join(got, "\n") != strings.Join(want[len(want)-10:], "\n") {
				t.Errorf("got %q, want %q", got, want[len(want)-10:])
			}
			t.Logf("%d requests, %d bytes", m.requests.Load(), m.bytes.Load())
			if m.requests.Load() > 40 || m.bytes.Load() > 2<<20 {
				t.Errorf("%d requests, %d bytes", m.requests.Load(), m.bytes.Load())
			}
		})
	}
}

// fillArchive archives one container's chunks, ten minutes apart, as an archiver
// would, and returns the last one's lines.
func fillArchive(t *testing.T, b bucket.Bucket, last time.Time, chunks, entries int) (lines []string) {
	t.Helper()
	var g errgroup.Group
	g.SetLimit(16)
	var days sync.Map
	for i := range chunks {
		var buf bytes.Buffer
		var e codec.Entry
		enc, err := chunkfile.NewEncoder(codec.Parquet, &buf, codec.Meta{}, codec.ChunkInfo{})
		check(t, err)
		at := last.Add(-time.Duration(chunks-1-i) * 10 * time.Minute).Truncate(time.Hour / 6)
		for k := range entries {
			e = codec.Entry{Seq: int64(1 + i*entries + k), TimeNano: at.UnixNano() + int64(k), Source: codec.Stdout, Line: []byte(fmt.Sprint("line ", i, k))}
			check(t, enc.Encode(&e))
			if i == chunks-1 {
				lines = append(lines, string(e.Line))
			}
		}
		st, err := enc.Close()
		check(t, err)
		meta := key.Meta{
			Format: codec.Parquet, ContainerID: key.ContainerID("tail"), SpoolID: strings.Repeat("a", 16), SegmentSeq: int64(i + 1),
			FirstSeq: st.FirstSeq, LastSeq: st.LastSeq, Entries: st.Entries, MinNano: st.MinNano, MaxNano: st.MaxNano, Hour: key.Hour(st.MinNano, st.MinNano),
		}
		g.Go(func() error {
			if _, known := days.LoadOrStore(meta.DayKey(), true); !known {
				if err := b.Put(context.Background(), meta.DayKey(), bytes.NewReader(nil), 0, bucket.PutOptions{}); err != nil {
					return err
				}
			}
			return b.Put(context.Background(), meta.Key(), bytes.NewReader(buf.Bytes()), int64(buf.Len()), bucket.PutOptions{})
		})
	}
	check(t, g.Wait())
	return lines
}

// meter is a proxy that counts.
type meter struct {
	addr            string
	requests, bytes atomic.Int64
}

func startMeter(t *testing.T, endpoint string) *meter {
	t.Helper()
	m := &meter{}
	// It leaves the Host header alone, which is signed.
	proxy := httputil.NewSingleHostReverseProxy(&url.URL{Scheme: "http", Host: endpoint})
	l, err := net.Listen("tcp", "127.0.0.1:0")
	check(t, err)
	m.addr = l.Addr().String()
	srv := &http.Server{ReadHeaderTimeout: patience, Handler: http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		m.requests.Add(1)
		proxy.ServeHTTP(&meteredWriter{w, m}, r)
	})}
	served := make(chan error, 1)
	go func() { served <- srv.Serve(l) }()
	t.Cleanup(func() {
		_ = srv.Close()
		<-served
	})
	return m
}

type meteredWriter struct {
	http.ResponseWriter
	m *meter
}

func (w *meteredWriter) Write(p []byte) (int, error) {
	w.m.bytes.Add(int64(len(p)))
	return w.ResponseWriter.Write(p)
}
