//go:build e2e

package e2e

import (
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
)

// endless are loads that write until they are stopped, so that a fault finds them
// writing however long it takes to make. bursts does not count. They are different
// enough to meet it in different places: short lines in a steady flow, many at
// once, lines that fill a pipe, and lines of many parts.
var endless = []load{
	{width: 1, burst: 50, pause: 20},
	{width: 1, burst: 20000, pause: 2000},
	{width: 3000, burst: 100, pause: 150},
	{width: 60000, burst: 3, pause: 100},
}

// endless is the script of an endless load: it goes on where an earlier run ended,
// and after SIGTERM it notes the number of lines in /n. A process of its own
// writes, so that no signal interrupts a write. printf is built into busybox's
// shell: nothing is forked for a line.
func (l load) endless() string {
	return fmt.Sprintf(`rm -f /stop; trap 'touch /stop' TERM
{ i=$(cat /n 2>/dev/null || echo 0); while [ ! -e /stop ]; do j=0
while [ $j -lt %d ]; do i=$((i+1)); j=$((j+1)); printf '%%0%dd\n' $i; done; usleep %d; done; echo $i >/n; } &
wait; wait`, l.burst, l.width, l.pause*1000)
}

// startEndless starts a container with each of the endless loads.
func startEndless(t *testing.T, driver string, opts ...string) []string {
	t.Helper()
	ids := make([]string, len(endless))
	for i, l := range endless {
		ids[i] = create(t, driver, opts, l.endless())
	}
	docker(t, append([]string{"start"}, ids...)...)
	return ids
}

// noted stops a container with an endless load and returns how many lines it wrote.
func noted(t *testing.T, id string) int {
	t.Helper()
	docker(t, "stop", "-t", "60", id)
	file := filepath.Join(t.TempDir(), "n")
	docker(t, "cp", id+":/n", file)
	text, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	n, err := strconv.Atoi(strings.TrimSpace(string(text)))
	if err != nil {
		t.Fatal(err)
	}
	return n
}

// checkEndless stops the containers and compares what they wrote with their logs
// and rows.
func checkEndless(t *testing.T, p *plugin, ids []string) {
	t.Helper()
	wrote := make([]load, len(ids))
	for i, id := range ids {
		wrote[i] = load{width: endless[i].width, burst: noted(t, id), bursts: 1}
	}
	t.Logf("wrote %+v", wrote)
	checkWrote(t, p, ids, wrote)
}
