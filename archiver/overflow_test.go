package archiver // see rig

import (
	"context"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/coldtail/coldtail/archiver/bucket"
	"github.com/coldtail/coldtail/codec"
)

// fullRig has a bucket that is away, and a container with a small spool.
func fullRig(t *testing.T, policy Overflow) (*rig, *awayBucket, Source, *daemon) {
	g := newRig(t)
	away := &awayBucket{Bucket: g.bucket}
	away.set(&bucket.Error{Op: bucket.OpPut, Permanent: true, Err: errors.New("access denied")})
	g.stop()
	g.bucket = away
	g.start()
	d := newDaemon(t)
	src := source(d.path, idA)
	src.Options.SpoolBytes, src.Options.Overflow = 256<<10, policy
	return g, away, src, d
}

// comeBack lets uploads work again at once.
func (g *rig) comeBack(away *awayBucket) {
	away.set(nil)
	for _, s := range g.a.all() {
		s.rest.end()
	}
}

// split separates gap rows from lines.
func split(t *testing.T, rows []string) (lines []string, dropped int64) {
	t.Helper()
	for _, r := range rows {
		if !strings.HasPrefix(r, "{") {
			lines = append(lines, r)
			continue
		}
		gap, err := codec.ParseGap([]byte(r))
		check(t, err)
		dropped += gap.Entries
	}
	return lines, dropped
}

// wantGaps expects the lines that were written in their order, but for some, and
// gaps that count these.
func (g *rig) wantGaps(id string, written []string) (got []string, dropped int64) {
	g.t.Helper()
	got, dropped = split(g.t, g.archived(id))
	if dropped == 0 || int64(len(got))+dropped != int64(len(written)) {
		g.t.Fatalf("%d lines and %d dropped of %d", len(got), dropped, len(written))
	}
	subsequence(g.t, got, written)
	return got, dropped
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

func TestDropOld(t *testing.T) {
	g, away, src, d := fullRig(t, DropOld)
	check(t, g.a.Attach(t.Context(), src))
	lines := numbers(60_000) // some 2.5 MB
	d.print(lines...)
	waitFor(t, "the quota to hold", func() bool { return g.a.Status().PendingBytes <= src.Options.SpoolBytes })
	check(t, g.a.Detach(t.Context(), d.path))
	g.comeBack(away)
	g.flush()
	got, dropped := g.wantGaps(idA, lines)
	if got[len(got)-1] != lines[len(lines)-1] {
		t.Fatal("the newest line was dropped")
	}
	if n := g.a.Status().Dropped; n != dropped {
		t.Fatalf("status says %d dropped, the archive %d", n, dropped)
	}
}

func TestDropNew(t *testing.T) {
	g, away, src, d := fullRig(t, DropNew)
	check(t, g.a.Attach(t.Context(), src))
	lines := numbers(60_000)
	d.print(lines[:30_000]...)
	waitFor(t, "the spool to be full", func() bool { return g.a.all()[0].quota.exceeded() })
	d.print(lines[30_000:]...)
	g.comeBack(away)
	waitFor(t, "room", func() bool { return !g.a.all()[0].quota.exceeded() })
	more := []string{"after one", "after two"}
	d.print(more...)
	check(t, g.a.Detach(t.Context(), d.path))
	g.flush()
	got, _ := g.wantGaps(idA, append(lines, more...))
	if got[0] != lines[0] || got[1] != lines[1] || !slices.Equal(got[len(got)-2:], more) {
		t.Fatalf("kept %.20q to %.20q", got[:2], got[len(got)-2:])
	}
}

func TestBlock(t *testing.T) {
	g, away, src, d := fullRig(t, Block)
	check(t, g.a.Attach(t.Context(), src))
	var written atomic.Int64 // lines; it writes until it is told to stop
	stop, done := make(chan struct{}), make(chan struct{})
	go func() {
		defer close(done)
		for i := int64(0); ; i++ {
			select {
			case <-stop:
				return
			default:
			}
			d.print(fmt.Sprint("line ", i))
			written.Store(i + 1)
		}
	}()
	waitFor(t, "the spool to be full", func() bool { return len(g.a.all()) == 1 && g.a.all()[0].quota.exceeded() })
	waitFor(t, "the writer to be blocked", func() bool {
		before := written.Load()
		time.Sleep(300 * time.Millisecond)
		return written.Load() == before
	})
	g.comeBack(away)
	before := written.Load()
	waitFor(t, "the writer to go on", func() bool { return written.Load() > before })
	close(stop)
	<-done
	check(t, g.a.Detach(t.Context(), d.path))
	g.flush()
	g.want(idA, numbers(int(written.Load())))
}

// TestTotalQuota takes from the largest user, and leaves the small one alone.
func TestTotalQuota(t *testing.T) {
	g, away, src, d := fullRig(t, DropOld)
	g.stop()
	g.cfg.SpoolBytes = 512 << 10
	g.start()
	src.Options.SpoolBytes = 1 << 30
	src.Options.RollBytes = 64 << 10
	small := newDaemon(t)
	check(t, g.a.Attach(t.Context(), src, source(small.path, idB)))
	few, many := numbers(100), numbers(60_000)
	small.print(few...)
	d.print(many...)
	waitFor(t, "the quota to hold", func() bool { return g.a.Status().PendingBytes <= g.cfg.SpoolBytes })
	check(t, detachAll(t.Context(), g.a))
	g.comeBack(away)
	g.flush()
	g.want(idB, few)
	g.wantGaps(idA, many)
}

// TestDropsTogether has many goroutines hold one quota, as commits of a stream
// that come together do: no more is dropped than has to be, and that two want to
// drop one segment is no reason to drop what comes.
func TestDropsTogether(t *testing.T) {
	g, _, src, d := fullRig(t, DropOld)
	src.Options.SpoolBytes, src.Options.RollBytes = 1<<30, 64<<10
	check(t, g.a.Attach(t.Context(), src))
	d.print(numbers(100_000)...)
	check(t, g.a.Detach(t.Context(), d.path))
	s := g.a.all()[0]
	check(t, s.log.Commit())
	const atMost = 320 << 10 // of one segment: a full pipe is moved at once
	for most := s.log.Info().PendingBytes - 1; most > 1<<20; most -= 384 << 10 {
		o := s.inlet.options()
		o.SpoolBytes = most
		s.inlet.found(o)
		var wg sync.WaitGroup
		for range 8 {
			wg.Go(func() { g.a.enforce(s) })
		}
		wg.Wait()
		if left := s.log.Info().PendingBytes; left > most || left < most-atMost {
			t.Fatalf("%d bytes are left of at most %d", left, most)
		}
		if s.quota.exceeded() || s.quota.stuck.is.Load() {
			t.Fatal("what comes would be dropped")
		}
	}
}

// TestLostResponseCancelsTheGap: what was dropped here had arrived there.
func TestLostResponseCancelsTheGap(t *testing.T) {
	g := newRig(t)
	deaf := &deafBucket{Bucket: g.bucket}
	deaf.on.Store(true)
	g.stop()
	g.bucket = deaf
	g.start()
	d := newDaemon(t)
	src := source(d.path, idA)
	src.Options.SpoolBytes, src.Options.RollBytes = 1<<30, 64<<10
	check(t, g.a.Attach(t.Context(), src))
	lines := numbers(10_000)
	d.print(lines...)
	waitFor(t, "some uploads", func() bool { return deaf.puts.Load() > 2 })
	s := g.a.all()[0]
	for range 2 {
		if dropped, err := g.a.dropOldest(s, reasonQuota); err != nil || !dropped {
			t.Fatal("nothing was dropped")
		}
	}
	check(t, g.a.Detach(t.Context(), d.path))
	deaf.on.Store(false)
	s.rest.end()
	g.flush()
	got, dropped := split(t, g.archived(idA))
	// The first was stored; whether the second was, too, is the uploads' pace.
	if int64(len(got))+dropped != int64(len(lines)) || got[0] != lines[0] {
		t.Fatalf("%d lines and %d dropped of %d", len(got), dropped, len(lines))
	}
	subsequence(t, got, lines)
}

// deafBucket stores chunks and says that it failed.
type deafBucket struct {
	bucket.Bucket
	on   atomic.Bool
	puts atomic.Int64
}

func (b *deafBucket) Put(ctx context.Context, key string, r io.ReaderAt, sizeBytes int64, opts bucket.PutOptions) error {
	b.puts.Add(1)
	err := b.Bucket.Put(ctx, key, r, sizeBytes, opts)
	if err == nil && b.on.Load() && strings.HasSuffix(key, ".parquet") {
		return &bucket.Error{Op: bucket.OpPut, Key: key, Permanent: true, Err: errors.New("connection reset")}
	}
	return err
}
