package disk

import (
	"flag"
	"fmt"
	"path/filepath"
	"slices"
	"strings"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"github.com/coldtail/coldtail/archiver"
	"github.com/coldtail/coldtail/codec"
	"github.com/coldtail/coldtail/codec/randtest"
)

var faults = flag.Int("faults", 15, "how often TestAnyCallFails has a call fail, for each kind of call")

// calls are those that TestAnyCallFails has fail.
var calls = []Op{Create, Rename, Unlink, Read, Write, Sync, SyncDir}

// TestAnyCallFails has single calls of each kind fail while containers write and
// are archived: all that was written arrives once and in order, also after a
// power loss that follows.
func TestAnyCallFails(t *testing.T) {
	for _, op := range calls {
		t.Run(string(op), func(t *testing.T) { anyCallFails(t, op) })
	}
}

func anyCallFails(t *testing.T, op Op) {
	store, dir := mounted(t)
	g := newRig(t, filepath.Join(dir, "state"))
	pause := newPausing(t, g.folder)
	g.bucket = pause
	g.start()
	var writers []*writer
	for i := range 2 {
		writers = append(writers, startWriter(g, i))
	}
	r := randtest.New(t)
	for range *faults {
		failOnce(t, store, op, 1+r.IntN(10))
	}
	after := newRig(t, filepath.Join(t.TempDir(), "state"))
	floors := make([]int, len(writers))
	for i, w := range writers {
		w.waitFloor()
		floors[i] = w.committedLines()
	}
	check(t, pause.still(func() error { return powerLoss(store, g, after, r) }))
	after.afterLoss(writers, floors)
	for _, w := range writers {
		close(w.stop)
		<-w.done
		check(t, g.a.Detach(t.Context(), w.c.f.Name()))
	}
	g.flush()
	for _, w := range writers {
		for _, local := range []bool{true, false} {
			if got := g.read(w.c.id, local); !slices.Equal(got, w.lines()) {
				t.Errorf("read %d lines, with the spool: %v, of %d; they differ first at %d", len(got), local, len(w.lines()), firstDifference(got, w.lines()))
			}
		}
	}
	if t.Failed() {
		t.Log(g.log.sb.String())
	}
	if n := store.Failed()[op]; n < *faults {
		t.Errorf("%d calls failed, want %d", n, *faults)
	}
	t.Logf("failed %v; %d lines exact; spool errors counted: %.0f, bytes lost: %.0f", store.Failed(), len(writers[0].lines())+len(writers[1].lines()),
		g.metric("spool_errors_total"), g.metric("lost_bytes_total"))
}

// TestFailedSyncDropsPages is for file systems that forget at once what they
// could not write: what is not in memory either is lost, but that is told, and
// what is read is in order and nothing else.
func TestFailedSyncDropsPages(t *testing.T) {
	store, dir := mounted(t)
	store.DropPages()
	g := newRig(t, filepath.Join(dir, "state"))
	g.start()
	w := startWriter(g, 0)
	r := randtest.New(t)
	for range *faults {
		failOnce(t, store, Sync, 1+r.IntN(10))
	}
	close(w.stop)
	<-w.done
	check(t, g.a.Detach(t.Context(), w.c.f.Name()))
	res, flushErr := g.a.Flush(t.Context(), false)
	if res.Pending != 0 || (flushErr != nil) != (res.Quarantine.Unarchived > 0) {
		t.Fatalf("flush: %+v, %v", res, flushErr)
	}
	got, gone := split(t, g.read(w.c.id, false))
	subsequence(t, got, w.lines())
	lost := len(w.lines()) - len(got)
	if gone != lost || (flushErr != nil) != (lost > 0) {
		t.Errorf("lost %d lines, gap rows count %d, flush says %v", lost, gone, flushErr)
	}
	if told := g.log.count("the disk lost entries") + g.log.count("part of a spooled segment is damaged"); lost > 0 && (told < 2 || g.metric("corrupt_records_total") == 0) {
		t.Errorf("lost %d lines in silence (%d reports)", lost, told)
	}
	t.Logf("lost %d lines of %d by %d failed syncs", lost, len(w.lines()), *faults)
}

// failOnce has the n-th call from now fail with EIO, and waits for it.
func failOnce(t *testing.T, store *Store, op Op, n int) {
	t.Helper()
	var left atomic.Int64
	left.Store(int64(n))
	store.Fail(func(o Op, _ string) syscall.Errno {
		if o == op && left.Add(-1) == 0 {
			return syscall.EIO
		}
		return 0
	})
	waitFor(t, "the call to be made", func() bool { return left.Load() <= 0 })
}

// TestBrokenDisk: a disk on which nothing can be written any more blocks no
// container unless that was asked for. What is dropped meanwhile is counted, and has its gap
// row in its place once the disk works again.
func TestBrokenDisk(t *testing.T) {
	for _, op := range []Op{Write, Sync} {
		for _, policy := range archiver.Overflows() {
			t.Run(fmt.Sprint(op, " ", policy), func(t *testing.T) { brokenDisk(t, op, policy) })
		}
	}
}

func brokenDisk(t *testing.T, op Op, policy archiver.Overflow) {
	store, dir := mounted(t)
	g := newRig(t, filepath.Join(dir, "state"))
	g.options.SpoolBytes, g.options.Overflow = 1<<20, policy
	g.start()
	a, b := g.container(0), g.container(1)
	check(t, g.a.Attach(t.Context(), a.source(), b.source()))
	a.print(lines("before", 100)...)
	waitFor(t, "them to come in", a.f.Drained)
	store.Fail(func(o Op, _ string) syscall.Errno {
		if o == op {
			return syscall.EIO
		}
		return 0
	})
	n := 30_000 // 2 MB of frames: more than the pipe and the quota take
	if policy == archiver.Block {
		n = 500 // what the pipe takes
	}
	written := make(chan struct{})
	go func() {
		defer close(written)
		a.print(lines("meanwhile", n)...)
	}()
	waitFor(t, "the container not to be blocked", func() bool {
		select {
		case <-written:
			return policy == archiver.Block || a.f.Drained()
		default:
			return false
		}
	})
	if policy != archiver.Block && op == Write {
		b.print("of a container that stops")
		check(t, g.a.Detach(t.Context(), b.f.Name()))
	}
	if pending := g.a.Status().PendingBytes; pending > 2*g.options.SpoolBytes {
		t.Errorf("%d bytes are pending, the quota is %d", pending, g.options.SpoolBytes)
	}
	waitFor(t, "the disk's error to be met", func() bool { return g.metric("spool_errors_total") > 0 })
	store.Fail(nil)
	waitFor(t, "the spool to take entries", func() bool { return a.f.Drained() && g.log.count("works again")+g.log.count("durable again") > 0 })
	waitFor(t, "entries to be taken again", func() bool {
		a.print("probe")
		time.Sleep(20 * time.Millisecond)
		st := g.a.Status()
		return st.Dropped == g.a.Status().Dropped && st.PendingBytes <= g.options.SpoolBytes
	})
	a.print(lines("after", 10)...)
	check(t, g.a.Detach(t.Context(), a.f.Name()))
	g.flush()
	got, dropped := split(t, g.read(a.id, false))
	if len(got)+dropped != len(a.sent) {
		t.Errorf("%d lines and %d dropped of %d", len(got), dropped, len(a.sent))
	}
	wantDropped := policy != archiver.Block
	if (dropped > 0) != wantDropped {
		t.Errorf("%d were dropped", dropped)
	}
	subsequence(t, got, a.sent)
	if g.log.count("cannot write to the spool") > 2 || g.log.count("cannot make the spool durable") > 2 || g.log.count("panic") > 0 {
		t.Errorf("reported too often:\n%s", g.log.sb.String())
	}
	t.Logf("%d lines, %d dropped", len(got), dropped)
}

func lines(what string, n int) (out []string) {
	for i := range n {
		out = append(out, fmt.Sprintf("%s %d %030d", what, i, 0))
	}
	return out
}

// split separates gap rows from lines.
func split(t *testing.T, rows []string) (lines []string, dropped int) {
	t.Helper()
	for _, r := range rows {
		if !strings.HasPrefix(r, "{") {
			lines = append(lines, r)
			continue
		}
		gap, err := codec.ParseGap([]byte(r))
		check(t, err)
		dropped += int(gap.Entries)
	}
	return lines, dropped
}

func subsequence(t *testing.T, got, of []string) {
	t.Helper()
	i := 0
	for _, l := range got {
		for i < len(of) && of[i] != l {
			i++
		}
		if i == len(of) {
			t.Fatalf("line %.40q is not where it was written", l)
		}
		i++
	}
}
