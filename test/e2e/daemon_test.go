//go:build e2e

package e2e

import (
	"bytes"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"
)

// TestDaemonRestarted restarts a daemon without live-restore: it stops the
// containers that write, and the plugin after them, and starts both again. A
// killed one leaves them, and the next kills them before it starts them again.
func TestDaemonRestarted(t *testing.T) {
	e := startEngine(t)
	p := privatePlugin(t, "coldtail:e2e-restarted", "COLDTAIL_BUCKET="+folderBucket)
	ids := startEndless(t, p.name, "--restart", "unless-stopped")
	for range 2 {
		time.Sleep(2 * time.Second) // of load
		e.stop(t, syscall.SIGTERM)
		e.start(t)
		for _, id := range ids {
			goesOn(t, id)
		}
	}
	checkEndless(t, p, ids)
	// The next daemon's killing them counts as stopping them.
	told := startTold(t, p.name, "--restart", "always")
	told.burst(t)
	told.logged(t)
	e.stop(t, syscall.SIGKILL)
	e.start(t)
	told.burst(t)
	told.logged(t)
	told.stop(t)
	checkWrote(t, p, told.ids, told.wrote())
	eventually(t, "no FIFO is left", func() bool { return len(p.fifos(t)) == 0 })
	checkDefaultDriver(t, e, p)
}

// checkDefaultDriver makes the plugin the daemon's default driver, with log-opts:
// a daemon whose default driver is not there when it starts refuses to start.
func checkDefaultDriver(t *testing.T, e *engine, p *plugin) {
	t.Helper()
	e.stop(t, syscall.SIGTERM)
	config, err := json.Marshal(map[string]any{"log-driver": p.name, "log-opts": map[string]string{"roll-size": "1m", "tag": "{{.Name}}"}})
	if err == nil {
		err = os.WriteFile(filepath.Join(e.dir, "daemon.json"), config, 0o600)
	}
	if err != nil {
		t.Fatal(err)
	}
	e.start(t)
	id := docker(t, "run", "-d", "--network", "none", image(), "seq", "1", "1000")
	wait(t, id)
	if driver := docker(t, "inspect", "--format", "{{.HostConfig.LogConfig.Type}} {{.HostConfig.LogConfig.Config}}", id); !strings.HasPrefix(driver, p.name+" map[roll-size:1m tag:") {
		t.Errorf("the container logs with %s", driver)
	}
	same(t, "docker logs with the default driver", sequence(1000), logs(t, id).stdout)
	docker(t, "rm", id)
}

// TestLiveRestore restarts and kills a daemon with live-restore: the containers
// and the plugin run on.
//
// What dockerd has read from a container but not written to the plugin dies with
// it: up to 1 MB of each stream, whatever the driver. So the containers whose
// logs must be exact are told when to write, and dockerd ends after a burst is
// logged; while it is away they write on. One more writes without a pause, and
// one with Docker's own driver beside it.
func TestLiveRestore(t *testing.T) {
	e := startEngine(t, "--live-restore")
	p := privatePlugin(t, "coldtail:e2e-live", "COLDTAIL_BUCKET="+folderBucket)
	told := startTold(t, p.name)
	busy := start(t, p.name, nil, load{width: busyWidth, burst: 50}.endless())
	ref := start(t, "json-file", nil, load{width: busyWidth, burst: 50}.endless())
	signals := []syscall.Signal{syscall.SIGTERM, syscall.SIGKILL, syscall.SIGTERM, syscall.SIGKILL}
	for _, signal := range signals {
		told.burst(t)
		told.logged(t)
		e.stop(t, signal)
		told.burst(t)
		time.Sleep(time.Second) // in which they write
		e.start(t)
		told.burst(t)
		told.logged(t)
		goesOn(t, busy)
	}
	told.stop(t)
	checkBusy(t, "json-file", ref, len(signals))
	checkBusy(t, "coldtail", busy, len(signals))
	checkWrote(t, p, told.ids, told.wrote())
	same(t, "rows of the busy container", logs(t, busy).stdout, rows(t, p, busy)) // checkWrote has archived it
	eventually(t, "no FIFO is left", func() bool { return len(p.fifos(t)) == 0 })
}

// told are containers that write a burst when the test says so.
type told struct {
	ids    []string
	loads  []load
	dir    string // has a file for each burst
	bursts int
}

// startTold starts them. A container that is started again goes on.
func startTold(t *testing.T, driver string, opts ...string) *told {
	t.Helper()
	c := &told{dir: t.TempDir(), loads: []load{{width: 1, burst: 5000}, {width: 3000, burst: 100}, {width: 60000, burst: 5}}}
	for _, l := range c.loads {
		c.ids = append(c.ids, start(t, driver, append(opts, "-v", c.dir+":/say:ro"), fmt.Sprintf(
			`i=0; b=1; [ ! -e /at ] || . /at; while :; do if [ ! -e /say/$b ]; then usleep 10000; continue; fi
b=$((b+1)); j=0; while [ $j -lt %d ]; do i=$((i+1)); j=$((j+1)); printf '%%0%dd\n' $i; done; echo "i=$i b=$b" >/at; done`, l.burst, l.width)))
	}
	return c
}

// burst lets the containers write.
func (c *told) burst(t *testing.T) {
	t.Helper()
	c.bursts++
	if err := os.WriteFile(filepath.Join(c.dir, strconv.Itoa(c.bursts)), nil, 0o600); err != nil {
		t.Fatal(err)
	}
}

// wrote is what the containers write in all.
func (c *told) wrote() []load {
	all := make([]load, len(c.loads))
	for i, l := range c.loads {
		all[i] = load{width: l.width, burst: l.burst, bursts: c.bursts}
	}
	return all
}

// logged waits until the containers' logs end with the last burst: then dockerd
// holds nothing of theirs.
func (c *told) logged(t *testing.T) {
	t.Helper()
	for i, l := range c.wrote() {
		eventually(t, "the burst is logged", func() bool { return lastLine(t, c.ids[i]) == l.lines() })
	}
}

// stop stops the containers, which wait for the next burst.
func (c *told) stop(t *testing.T) {
	t.Helper()
	docker(t, append([]string{"kill"}, c.ids...)...)
	wait(t, c.ids...)
}

// busyWidth is the length of the lines of the container that never pauses.
const busyWidth = 20

// checkBusy stops a container that wrote while dockerd ended several times, and
// judges its log. What dockerd held is missing, a hole for each end at most, and a
// line may be cut on both sides of it; the rest is there once, in order.
func checkBusy(t *testing.T, driver, id string, ends int) {
	t.Helper()
	const held = 2 << 20 // far more than dockerd holds of a stream, far less than was written
	n := noted(t, id)
	last, holes, missing, cut := 0, 0, 0, 0
	for line := range bytes.Lines(logs(t, id).stdout) {
		if len(line) != busyWidth+1 {
			cut++
			continue
		}
		i, err := strconv.Atoi(string(bytes.TrimLeft(bytes.TrimSpace(line), "0")))
		if err != nil || i <= last {
			t.Fatalf("after line %d: %q", last, clip(line))
		}
		if i > last+1 {
			holes++
			missing += i - last - 1
		}
		last = i
	}
	t.Logf("%s: of %d lines, %d are missing in %d holes, with %d lines cut, after %d ends of dockerd", driver, n, missing, holes, cut, ends)
	if last != n || holes > ends || cut > 2*ends || missing*(busyWidth+1) > ends*held {
		t.Errorf("that is more than dockerd held; the last is %d", last)
	}
}
