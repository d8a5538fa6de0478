package faults

import (
	"fmt"
	"runtime"
	"testing"
	"time"

	"github.com/coldtail/coldtail/test/parts"
)

// TestBlackHole: packets vanish instead of being refused. What was under way
// is noticed only when the connection ends, so this takes no part in TestFaults:
// there is no failed attempt to wait for.
func TestBlackHole(t *testing.T) {
	server := parts.StartMinIO(t)
	goodKeys().setenv(t)
	for _, k := range kinds() {
		t.Run(k.name, func(t *testing.T) {
			t.Parallel()
			w := &world{link: newLink(t, server.Endpoint, false), server: server, name: server.CreateBucket(t, "hole-"+k.name)}
			b := goodKeys().open(t, k.url(w.proxy.Listen, w.name, parts.MinIORegion))
			p := startProcess(t, t.TempDir(), b, newJournal(t))
			c := newContainer(t, 0)
			w.toxic(`{"type":"timeout","stream":"upstream","attributes":{"timeout":0}}`)
			c.start(p)
			for range 5 {
				c.print(1000)
				c.stop(p)
				c.start(p)
			}
			c.judge("docker logs", p.logs(c))
			time.Sleep(200 * time.Millisecond) // uploads are under way, into nothing
			if n := p.counter("coldtail_uploads_total"); n != 0 {
				t.Fatalf("%v uploads through a black hole", n)
			}
			w.clear()
			c.stop(p)
			p.flushStopped("")
			judgeArchive(t, b, c)
			p.logTimes()
		})
	}
}

// TestLongOutage: while the bucket is away, a container writes far more than
// the plugin keeps in memory, and more than segments in flight could hold.
func TestLongOutage(t *testing.T) {
	const (
		linesEach   = 150_000
		growthBytes = 24 << 20 // of the heap; the spool holds about three times as much
	)
	server := parts.StartMinIO(t)
	goodKeys().setenv(t)
	for _, k := range kinds() {
		t.Run(k.name, func(t *testing.T) {
			w := &world{link: newLink(t, server.Endpoint, false), server: server, name: server.CreateBucket(t, "outage-"+k.name)}
			b := goodKeys().open(t, k.url(w.proxy.Listen, w.name, parts.MinIORegion))
			p := startProcess(t, t.TempDir(), b, newJournal(t))
			containers := []*container{newContainer(t, 0), newContainer(t, 1), newContainer(t, 2)}
			for _, c := range containers {
				c.rollSize = "2m"
				c.start(p)
				c.print(100)
			}
			p.flush("")
			before := heap()
			w.down()
			for range 10 {
				for _, c := range containers {
					c.print(linesEach / 10)
				}
			}
			p.waitFor("the fifos to be read", func() bool { return p.counter("coldtail_entries_read_total") == 3*(linesEach+100) })
			pending, grown := p.status().PendingBytes, heap()-before
			t.Logf("%d MiB in the spool, the heap has grown by %d KiB", pending>>20, grown>>10)
			if grown > growthBytes {
				t.Errorf("the heap has grown by %d bytes, more than %d", grown, growthBytes)
			}
			w.up()
			for _, c := range containers {
				c.stop(p)
			}
			p.flushStopped("?evict=1")
			judgeArchive(t, b, containers...)
			p.logTimes()
			p.end()
		})
	}
}

// heap returns what is live, in bytes.
func heap() int64 {
	runtime.GC()
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return int64(m.HeapAlloc)
}

// TestReadingThroughResets: `docker logs` of what is only in the bucket goes on
// where the connection broke, however often that happens.
func TestReadingThroughResets(t *testing.T) {
	server := parts.StartMinIO(t)
	goodKeys().setenv(t)
	for _, k := range kinds() {
		t.Run(k.name, func(t *testing.T) {
			w := &world{link: newLink(t, server.Endpoint, false), server: server, name: server.CreateBucket(t, "reads-"+k.name)}
			b := goodKeys().open(t, k.url(w.proxy.Listen, w.name, parts.MinIORegion))
			p := startProcess(t, t.TempDir(), b, newJournal(t))
			c := newContainer(t, 0)
			c.rollSize = "4m"
			c.start(p)
			c.print(20_000)
			c.stop(p)
			p.flushStopped("?evict=1")
			// The objects have more than 1 MB: it hardly compresses.
			w.toxic(`{"type":"limit_data","stream":"downstream","attributes":{"bytes":%d}}`, 200_000)
			start := time.Now()
			c.judge("docker logs through resets", p.logs(c))
			t.Logf("%d lines in %v", c.written, time.Since(start).Round(time.Millisecond))
		})
	}
}

// TestMisconfigured: a real MinIO refuses what the plugin was set to. Containers
// run meanwhile; once the setting is mended and the plugin started again, with
// the same state, everything arrives.
func TestMisconfigured(t *testing.T) {
	const region = "eu-central-1"
	server := parts.StartMinIO(t)
	cases := misconfigurations()
	for i := range cases {
		for _, k := range kinds() {
			server.CreateBucket(t, fmt.Sprintf("set-%d-%s", i, k.name))
		}
	}
	server.Stop(t)
	server.SetRegion(region)
	server.Start(t)
	for i, c := range cases {
		for _, k := range kinds() {
			t.Run(c.name+"/"+k.name, func(t *testing.T) {
				mend(t, c, k, server, fmt.Sprintf("set-%d-%s", i, k.name), region)
			})
		}
	}
}
