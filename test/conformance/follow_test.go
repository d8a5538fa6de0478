package conformance

import (
	"context"
	"fmt"
	"io"
	"iter"
	"runtime"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/docker/docker/api/types/plugins/logdriver"
	"github.com/docker/docker/daemon/logger"

	"github.com/coldtail/coldtail/archiver/bucket"
	"github.com/coldtail/coldtail/archiver/fifotest"
	"github.com/coldtail/coldtail/codec"
)

// countedBucket counts what is asked of a bucket to read from it.
type countedBucket struct {
	bucket.Bucket
	requests *atomic.Int64
}

func (b *countedBucket) Get(ctx context.Context, key string, opts bucket.GetOptions) (bucket.Body, error) {
	b.requests.Add(1)
	return b.Bucket.Get(ctx, key, opts)
}

func (b *countedBucket) List(ctx context.Context, prefix string, opts bucket.ListOptions) iter.Seq2[bucket.Object, error] {
	b.requests.Add(1)
	return b.Bucket.List(ctx, prefix, opts)
}

// followInfo is the container of the tests here.
func followInfo(config map[string]string) logger.Info {
	return logger.Info{ContainerID: strings.Repeat("f", 64), ContainerName: "/follow", ContainerCreated: time.Now(), Config: config}
}

// TestFollowLeavesTheBucketAlone follows a container whose history is in the
// bucket: that is read once, and from then on the bucket is asked for nothing,
// although what is followed is archived meanwhile.
func TestFollowLeavesTheBucketAlone(t *testing.T) {
	const before, during = 100, 500
	d := newDaemon(t)
	p := startProcess(t)
	create, err := logger.GetLogDriver(d.install(t, p))
	check(t, err)
	info := followInfo(nil)
	l, err := create(info)
	check(t, err)
	write := func(n int) {
		m := logger.NewMessage()
		m.Source, m.Timestamp = codec.Stdout, time.Now()
		m.Line = fmt.Append(m.Line[:0], n)
		check(t, l.Log(m))
	}
	for n := range before {
		write(n)
	}
	waitFor(t, "entries in the spool", func() bool { local, _ := p.where(t, info.ContainerID); return local == before })
	p.flush(t)

	lw := printed(l.(logger.LogReader).ReadLogs(t.Context(), logger.ReadConfig{Tail: -1, Follow: true}))
	defer lw.ConsumerGone()
	next := func(want int) {
		t.Helper()
		select {
		case m, ok := <-lw.Msg:
			if !ok || string(m.Line) != fmt.Sprintln(want) {
				t.Fatalf("got %+v, want entry %d", m, want)
			}
		case <-time.After(patience):
			t.Fatalf("waited for entry %d in vain", want)
		}
	}
	for n := range before {
		next(n)
	}
	asked := p.requests.Load()
	if asked == 0 {
		t.Fatal("the history came from elsewhere: the test shows nothing")
	}
	for n := range during {
		write(before + n)
		next(before + n)
		if n%100 == 50 {
			p.flush(t)
		}
	}
	if n := p.requests.Load() - asked; n != 0 {
		t.Errorf("a follower that keeps up asked the bucket for %d things", n)
	}
	check(t, l.Close())
	select {
	case m, ok := <-lw.Msg:
		if ok {
			t.Errorf("got %+v behind the end", m)
		}
	case <-time.After(patience):
		t.Error("the follower goes on after the container's end")
	}
}

// TestFollowerThatLags follows with a client that reads nothing while its
// container writes 80 MB, all of which is archived and evicted: it then gets all
// of it, in order, and the plugin has kept none of it in memory.
func TestFollowerThatLags(t *testing.T) {
	const entries, part, lineBytes = 400_000, 10_000, 180
	p := startProcess(t)
	fifo := fifotest.New(t)
	defer fifo.Close()
	info := followInfo(map[string]string{"roll-size": "8m"})
	check(t, p.client.Call("LogDriver.StartLogging", map[string]any{"File": fifo.Name(), "Info": info}, nil))
	body, err := p.client.Stream("LogDriver.ReadLogs", map[string]any{"Info": info, "Config": logger.ReadConfig{Tail: -1, Follow: true}})
	check(t, err)
	defer body.Close()
	before := heap()
	pad := strings.Repeat("x", lineBytes)
	for n := 0; n < entries; n += part {
		var frames []byte
		for i := range part {
			e := codec.Entry{Source: codec.Stdout, TimeNano: time.Now().UnixNano(), Line: fmt.Appendf(nil, "%d %s", n+i, pad)}
			frames = codec.AppendFrame(frames, &e)
		}
		fifo.Send(frames)
		if n == entries/2 {
			p.flush(t)
		}
	}
	check(t, p.client.Call("LogDriver.StopLogging", map[string]any{"File": fifo.Name()}, nil))
	p.flush(t)
	if local, remote := p.where(t, info.ContainerID); local != 0 || remote != entries {
		t.Fatalf("%d entries are local and %d archived, want all to be archived", local, remote)
	}
	if grown := heap() - before; grown > entries*lineBytes/4 {
		t.Errorf("the heap has grown by %d bytes behind a follower that does not read", grown)
	} else {
		t.Logf("the heap has grown by %d bytes", grown)
	}
	asked := p.requests.Load()
	dec := logdriver.NewLogEntryDecoder(body)
	for n := 0; ; n++ {
		var e logdriver.LogEntry
		if err := dec.Decode(&e); err == io.EOF {
			if n != entries {
				t.Fatalf("the follower got %d entries, want %d", n, entries)
			}
			break
		} else if err != nil {
			t.Fatal(err)
		}
		if e.Source != codec.Stdout {
			n-- // one that nobody prints
			continue
		}
		if want := fmt.Sprintf("%d %s\n", n, pad); string(e.Line) != want {
			t.Fatalf("entry %d is %.20q", n, e.Line)
		}
	}
	if p.requests.Load() == asked {
		t.Error("the follower did not lag behind the spool: the test shows nothing")
	}
}

// heap is what lives on it.
func heap() int64 {
	runtime.GC()
	runtime.GC() // the second frees what finalizers of the first held
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return int64(m.HeapAlloc)
}
