package archiver // see rig

import (
	"bytes"
	"log/slog"
	"strings"
	"testing"
	"time"

	"github.com/coldtail/coldtail/archiver/fifotest"
)

// TestTornFrame: a frame whose writer died is passed over, counted, and named
// once in the log; the entries around it are exact. A line is never logged.
func TestTornFrame(t *testing.T) {
	g := newRig(t)
	g.stop()
	var log bytes.Buffer
	g.cfg.Logger = slog.New(slog.NewTextHandler(&log, nil))
	g.start()
	d := newDaemon(t)
	check(t, g.a.Attach(t.Context(), source(d.path, idA)))
	d.print("one", "two")
	frame := fifotest.Frame("the daemon dies in the middle of this")
	torn := frame[:len(frame)-5]
	d.f.Send(torn)
	check(t, d.f.Close()) // the daemon is gone
	waitFor(t, "the end of the fifo", func() bool { return g.a.Status().Streams[0].FIFOs == 0 })
	d = newDaemon(t)
	check(t, g.a.Attach(t.Context(), source(d.path, idA)))
	d.print("three")
	check(t, g.a.Detach(t.Context(), d.path))
	g.flush()
	g.want(idA, []string{"one", "two", "three"})
	if n := g.a.Status().LostBytes; n != int64(len(torn)) {
		t.Errorf("%d bytes are counted, %d were torn", n, len(torn))
	}
	g.stop()
	if n := strings.Count(log.String(), "passed over bytes"); n != 1 || strings.Contains(log.String(), "daemon dies") {
		t.Errorf("named %d times:\n%s", n, &log)
	}
}

// TestCommitBySize: what a busy container writes is committed once it is more
// than may be lost, however far off the next interval is.
func TestCommitBySize(t *testing.T) {
	g := newRig(t)
	g.stop()
	committed := make(chan struct{}, 1)
	g.cfg.CommitInterval, g.cfg.CommitBytes = time.Hour, 64<<10
	g.cfg.Hook = func(step, _ string) {
		if step == "commit" {
			select {
			case committed <- struct{}{}:
			default:
			}
		}
	}
	g.start()
	d := newDaemon(t)
	check(t, g.a.Attach(t.Context(), source(d.path, idA)))
	lines := numbers(5000) // 200 KB
	d.print(lines...)
	select {
	case <-committed:
	case <-time.After(time.Minute):
		t.Fatal("nothing is committed")
	}
	check(t, g.a.Detach(t.Context(), d.path))
	g.flush()
	g.want(idA, lines)
}
