//go:build e2e

package e2e

import (
	"bytes"
	"encoding/json"
	"fmt"
	"slices"
	"strconv"
	"testing"
	"time"

	"github.com/coldtail/coldtail/test/parts"
)

// minioPlugin is a plugin that archives to a MinIO of the test's.
func minioPlugin(t *testing.T, name string) (*plugin, *parts.MinIO) {
	t.Helper()
	minio := parts.StartMinIO(t)
	minio.CreateBucket(t, "logs")
	return privatePlugin(t, name, "COLDTAIL_BUCKET="+minioURL(minio),
		"MINIO_ACCESS_KEY="+parts.MinIOAccessKey, "MINIO_SECRET_KEY="+parts.MinIOSecretKey), minio
}

func minioURL(minio *parts.MinIO) string {
	return fmt.Sprintf("minio://%s/logs?tls=false", minio.Endpoint)
}

// tinySpool are log-opts of a container of which a megabyte may wait.
func tinySpool(overflow string, more ...string) (args []string) {
	for _, opt := range append([]string{"overflow=" + overflow, "max-spool=1m", "roll-size=64k"}, more...) {
		args = append(args, "--log-opt", opt)
	}
	return args
}

// flood is far more than hold a tiny spool and what is before it: the pipes of 64
// KiB and 1 MiB, Docker's ring and its buffer, of 1 MB each.
var flood = load{width: 100, burst: 100000, bursts: 1}

func (l load) atOnce() string {
	return fmt.Sprintf(`awk 'BEGIN{for(i=1;i<=%d;i++) printf "%%0%dd\n", i}'`, l.lines(), l.width)
}

// TestGaps fills spools while the bucket is away: docker logs tells on stderr how
// many entries are missing, and so does the archive once the bucket is back.
func TestGaps(t *testing.T) {
	p, minio := minioPlugin(t, "coldtail:e2e-gaps")
	minio.Stop(t)
	overflows := []string{"drop-old", "drop-new"}
	ids := make([]string, len(overflows))
	for i, overflow := range overflows {
		ids[i] = start(t, p.name, tinySpool(overflow), flood.atOnce())
	}
	wait(t, ids...)
	before := make([]result, len(ids))
	for i, id := range ids {
		before[i] = logs(t, id)
		kept, dropped := numbers(t, before[i].stdout), gaps(t, before[i].stderr)
		t.Logf("%s: %d lines and %d dropped", overflows[i], len(kept), dropped)
		if len(kept) == 0 || dropped == 0 || len(kept)+dropped != flood.lines() {
			t.Fatalf("%s: %d lines and %d dropped, of %d", overflows[i], len(kept), dropped, flood.lines())
		}
		// The end is there of one, the beginning of the other.
		if last := kept[len(kept)-1]; overflows[i] == "drop-old" && last != flood.lines() {
			t.Errorf("drop-old: the last line is %d", last)
		}
		if overflows[i] == "drop-new" && kept[0] != 1 {
			t.Errorf("drop-new: the first line is %d", kept[0])
		}
	}
	minio.Start(t)
	eventually(t, "flush after the bucket is back", func() bool { return p.tryFlush(t, "--evict").err == nil })
	for i, id := range ids {
		after := logs(t, id)
		kept, dropped := numbers(t, after.stdout), gaps(t, after.stderr)
		// What was dropped while it was being uploaded may have arrived: then it
		// is there, and no gap.
		if first := len(numbers(t, before[i].stdout)); len(kept) < first || len(kept)+dropped != flood.lines() {
			t.Errorf("%s, from the bucket: %d lines, %d before, and %d dropped", overflows[i], len(kept), first, dropped)
		}
		checkArchive(t, minio, id, len(kept), dropped)
	}
}

// numbers are the lines of a log, which ascend.
func numbers(t *testing.T, log []byte) (all []int) {
	t.Helper()
	for line := range bytes.Lines(log) {
		n, err := strconv.Atoi(string(bytes.TrimSuffix(line, []byte("\n"))))
		if err != nil || len(all) > 0 && n <= all[len(all)-1] {
			t.Fatalf("after %v: line %q", all[max(0, len(all)-1):], clip(line))
		}
		all = append(all, n)
	}
	return all
}

// gaps adds up what a log's stderr says was dropped; nothing else may be there.
func gaps(t *testing.T, stderr []byte) (dropped int) {
	t.Helper()
	for line := range bytes.Lines(stderr) {
		var gap struct {
			Coldtail string `json:"coldtail"`
			Entries  int    `json:"entries"`
			Reason   string `json:"reason"`
		}
		if err := json.Unmarshal(line, &gap); err != nil || gap.Coldtail != "gap" || gap.Entries <= 0 || gap.Reason == "" {
			t.Fatalf("on stderr: %q: %v", clip(line), err)
		}
		dropped += gap.Entries
	}
	return dropped
}

// checkArchive lets `coldtail verify` count what the bucket has of a container.
func checkArchive(t *testing.T, minio *parts.MinIO, id string, rows, dropped int) {
	t.Helper()
	t.Setenv("MINIO_ACCESS_KEY", parts.MinIOAccessKey)
	t.Setenv("MINIO_SECRET_KEY", parts.MinIOSecretKey)
	res := run(t, patience, nil, binary(), "verify", "--json", "--bucket", minioURL(minio), id)
	lines := slices.Collect(bytes.Lines(res.stdout))
	if len(lines) == 0 {
		t.Fatalf("coldtail verify: %v\n%s", res.err, res.stderr)
	}
	var last struct {
		Summary struct {
			Entries  int
			GapRows  int `json:"gap_rows"`
			Dropped  int
			Findings int
		}
	}
	if err := json.Unmarshal(lines[len(lines)-1], &last); err != nil {
		t.Fatal(err)
	}
	if s := last.Summary; s.Entries-s.GapRows != rows || s.Dropped != dropped || s.Findings != 0 {
		t.Errorf("coldtail verify counts %+v, docker logs has %d lines and %d dropped\n%s", s, rows, dropped, res.stdout)
	}
}

// TestNonBlocking shows that Docker's ring works before the plugin: nothing
// differs while it is not full.
func TestNonBlocking(t *testing.T) {
	const script = `seq 1 20000; seq 1 1000 >&2; head -c 50000 /dev/zero | tr '\0' x; echo; printf end`
	opts := []string{"--log-opt", "mode=non-blocking", "--log-opt", "max-buffer-size=4m"}
	ref := runToEnd(t, "json-file", opts, script)
	id := runToEnd(t, shared.name, opts, script)
	compare(t, ref, id, allViews)
	shared.flush(t, "--evict")
	compare(t, ref, id, allViews)
}

// TestNonBlockingOverflow blocks the plugin by a full spool: the ring drops, and
// the container writes on. One without the ring waits.
func TestNonBlockingOverflow(t *testing.T) {
	p, minio := minioPlugin(t, "coldtail:e2e-ring")
	minio.Stop(t)
	lines := flood.lines() + 1
	script := flood.atOnce() + fmt.Sprintf(`; touch /written; while [ ! -e /go ]; do usleep 20000; done; echo %d`, lines)
	ring := start(t, p.name, tinySpool("block", "mode=non-blocking", "max-buffer-size=1m"), script)
	waits := start(t, p.name, tinySpool("block"), script)
	written := func(id string) bool {
		return run(t, patience, nil, "docker", "exec", id, "test", "-e", "/written").err == nil
	}
	eventually(t, "the container with the ring has written", func() bool { return written(ring) })
	eventually(t, "the container without the ring waits", func() bool {
		before := lastLine(t, waits)
		time.Sleep(time.Second)
		return lastLine(t, waits) == before && before > 0 && !written(waits)
	})
	minio.Start(t)
	eventually(t, "the container without the ring has written", func() bool { return written(waits) })
	p.flush(t) // so that the ring, too, has room
	for _, id := range []string{ring, waits} {
		docker(t, "exec", id, "touch", "/go")
	}
	wait(t, ring, waits)
	p.flush(t, "--evict")
	same(t, "docker logs of the container that waited", append(flood.want(), fmt.Appendln(nil, lines)...), logs(t, waits).stdout)
	log := logs(t, ring)
	kept := numbers(t, log.stdout)
	t.Logf("Docker's ring dropped %d of %d lines", lines-len(kept), lines)
	if len(log.stderr) > 0 || len(kept) >= lines || kept[0] != 1 || kept[len(kept)-1] != lines {
		t.Errorf("%d lines, from %d to %d; stderr: %q", len(kept), kept[0], kept[len(kept)-1], clip(log.stderr))
	}
	checkArchive(t, minio, ring, len(kept), 0)
}
