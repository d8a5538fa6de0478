package conformance

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"sync/atomic"
	"testing"
	"time"

	"github.com/docker/docker/daemon/logger"

	"github.com/coldtail/coldtail/codec"
)

// place says where a log is when it is read.
type place struct {
	name   string
	format codec.Format
	// archived: all of it is archived and no segment is left, before it is read
	// and, while it is followed, after every entry.
	archived bool
	// split: every second entry archives what there is, and deletes the segments.
	split bool
}

// places are all that every case is run in.
func places() []place {
	out := []place{{name: "live", format: codec.Parquet}}
	for _, f := range codec.Formats() {
		out = append(out,
			place{name: "archived-" + string(f), format: f, archived: true},
			place{name: "split-" + string(f), format: f, split: true})
	}
	return out
}

// rig makes the containers of a test.
type rig struct {
	daemon *daemon
	place  place
	direct bool // read from the plugin's endpoint instead of through the adapter
}

// container is a container of a test, over all its starts.
type container struct {
	rig
	p       *process
	driver  string
	info    logger.Info
	written atomic.Int64
	follows atomic.Bool
}

// factory is the suite's Reader.Factory. Each container has a plugin of its own:
// archiving is for all of a plugin's containers, and would move the others'
// logs too.
func (r *rig) factory(t *testing.T, info logger.Info) func(*testing.T) logger.Logger {
	t.Helper()
	id := sha256.Sum256([]byte(info.ContainerID))
	info.ContainerID = hex.EncodeToString(id[:])
	info.ContainerCreated = time.Now()
	info.Config = map[string]string{"format": string(r.place.format)}
	c := &container{rig: *r, p: startProcess(t), info: info}
	c.driver = r.daemon.install(t, c.p)
	return c.start
}

// start starts the container's log as the daemon does.
func (c *container) start(t *testing.T) logger.Logger {
	t.Helper()
	create, err := logger.GetLogDriver(c.driver)
	check(t, err)
	l, err := create(c.info)
	check(t, err)
	if c.direct {
		return &placed{Logger: l, c: c, t: t, reader: &endpoint{c.p.client, c.info}}
	}
	r, ok := l.(logger.LogReader)
	if !ok {
		t.Fatal("the adapter does not know that the plugin reads logs")
	}
	return &placed{Logger: l, c: c, t: t, reader: r}
}

// placed is the daemon's logger, and moves the log to its place.
type placed struct {
	logger.Logger
	c      *container
	t      *testing.T
	reader logger.LogReader
}

// Log writes an entry to the FIFO.
func (l *placed) Log(m *logger.Message) error {
	if err := l.Logger.Log(m); err != nil {
		return err
	}
	n := l.c.written.Add(1)
	if l.c.place.split && n%2 == 0 || l.c.place.archived && l.c.follows.Load() {
		l.c.settle(l.t, n)
		l.c.p.flush(l.t)
	}
	return nil
}

// Sync waits until the plugin has taken all entries from the FIFO; the suite
// calls it where a case needs that.
func (l *placed) Sync() error {
	l.c.settle(l.t, l.c.written.Load())
	return nil
}

// ReadLogs moves the log to its place and reads it. Docker's own drivers have
// opened the log when this returns, and the suite's followers rely on it; the
// adapter has not even asked the plugin. So this waits until it has.
func (l *placed) ReadLogs(ctx context.Context, cfg logger.ReadConfig) *logger.LogWatcher {
	c := l.c
	c.put(l.t)
	if !cfg.Follow {
		return l.reader.ReadLogs(ctx, cfg)
	}
	before := c.p.snapshots(c.info.ContainerID)
	lw := l.reader.ReadLogs(ctx, cfg)
	waitFor(l.t, "a follower's start", func() bool { return c.p.snapshots(c.info.ContainerID) > before })
	c.follows.Store(true)
	return printed(lw)
}

// printed passes on what docker logs prints: entries of stdout and stderr. A
// follower gets others as well, where it heard nothing for a while.
func printed(from *logger.LogWatcher) *logger.LogWatcher {
	to := logger.NewLogWatcher()
	go func() {
		defer close(to.Msg)
		defer from.ConsumerGone()
		for {
			select {
			case err := <-from.Err:
				to.Err <- err
			case <-to.WatchConsumerGone():
				return
			case m, ok := <-from.Msg:
				if !ok {
					select {
					case err := <-from.Err: // sent before the end
						to.Err <- err
					default:
					}
					return
				}
				if m.Source != codec.Stdout && m.Source != codec.Stderr {
					continue
				}
				select {
				case to.Msg <- m:
				case <-to.WatchConsumerGone():
					return
				}
			}
		}
	}()
	return to
}

// settle waits until coldtail has at least n entries.
func (c *container) settle(t *testing.T, n int64) {
	t.Helper()
	waitFor(t, "entries in the spool", func() bool {
		local, remote := c.p.where(t, c.info.ContainerID)
		return local+remote >= n
	})
}

// put moves the log to its place, and checks that it is there. It waits for the
// plugin first: the adapter's Log returns when an entry is in the FIFO.
func (c *container) put(t *testing.T) {
	t.Helper()
	n := c.written.Load()
	c.settle(t, n)
	want := n // as it is live
	switch {
	case c.place.archived:
		c.p.flush(t)
		want = 0
	case c.place.split:
		want %= 2
	}
	if local, remote := c.p.where(t, c.info.ContainerID); local != want || local+remote != n {
		t.Errorf("%d entries are local and %d archived, want %d of %d to be local", local, remote, want, n)
	}
}
