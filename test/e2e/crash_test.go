//go:build e2e

package e2e

import (
	"testing"
	"time"
)

// TestKilled kills the plugin again and again while containers write. The daemon
// starts it again, it goes on with the FIFOs, and nothing is missing or there
// twice.
func TestKilled(t *testing.T) {
	p := privatePlugin(t, "coldtail:e2e-killed", "COLDTAIL_BUCKET="+folderBucket)
	ids := startLoads(t, p.name)
	for range 5 {
		time.Sleep(2 * time.Second) // of load between the kills
		before := lastLine(t, ids[0])
		if before == loads[0].lines() {
			t.Fatal("the load ended before the last kill: the test shows nothing")
		}
		p.kill(t)
		eventually(t, "the container goes on", func() bool { return lastLine(t, ids[0]) > before })
		t.Logf("killed after line %d, went on to %d", before, lastLine(t, ids[0]))
	}
	wait(t, ids...)
	checkLoads(t, p, ids)
}
