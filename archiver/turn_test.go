package archiver // see rig

import (
	"context"
	"errors"
	"io"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/coldtail/coldtail/archiver/bucket"
	"github.com/coldtail/coldtail/archiver/fifotest"
	"github.com/coldtail/coldtail/readback/catalog"
)

// picky is a bucket in which the objects of one container cannot be put now.
type picky struct {
	bucket.Bucket
	id       string
	refuses  atomic.Bool
	attempts atomic.Int64
}

func (p *picky) Put(ctx context.Context, key string, r io.ReaderAt, sizeBytes int64, o bucket.PutOptions) error {
	if p.refuses.Load() && strings.Contains(key, p.id) {
		p.attempts.Add(1)
		return &bucket.Error{Op: bucket.OpPut, Key: key, Err: errors.New("503 slow down")}
	}
	return p.Bucket.Put(ctx, key, r, sizeBytes, o)
}

// TestFailingContainerMakesWay: a container whose uploads alone keep failing
// does not keep the only uploader, and is archived once they work.
func TestFailingContainerMakesWay(t *testing.T) {
	if testing.Short() {
		t.Skip("skipped by -short: it waits through rests")
	}
	g := newRig(t)
	g.stop()
	p := &picky{Bucket: g.bucket, id: idA}
	p.refuses.Store(true)
	g.bucket, g.cfg.Workers = p, 1
	g.start()
	a, b := newDaemon(t), newDaemon(t)
	check(t, g.a.Attach(t.Context(), source(a.path, idA), source(b.path, idB)))
	a.print("refused")
	g.seal(idA)
	waitFor(t, "the uploader to be busy with it", func() bool { return p.attempts.Load() > 0 })
	for i := range 3 {
		b.print(numbers(i + 1)[i])
		g.seal(idB)
		waitFor(t, "the other container", func() bool { return len(g.archived(idB)) == i+1 })
	}
	if got := g.archived(idA); len(got) != 0 {
		t.Fatalf("archived %q", got)
	}
	p.refuses.Store(false)
	waitFor(t, "the container that had failed", func() bool { return len(g.archived(idA)) == 1 })
	check(t, detachAll(t.Context(), g.a))
	g.flush()
}

// TestSuccessWakes: after an outage the first upload that succeeds lets those
// try again that failed meanwhile, and so does a flush. One that failed while others
// succeeded waits.
func TestSuccessWakes(t *testing.T) {
	g := newRig(t)
	d := newDaemon(t)
	check(t, g.a.Attach(t.Context(), source(d.path, idA), source(newDaemon(t).path, idB)))
	streams := map[string]*stream{}
	for _, s := range g.a.all() {
		streams[s.id] = s
	}
	other := streams[idB]
	until := func(s *stream) int64 {
		s.rest.mu.Lock()
		defer s.rest.mu.Unlock()
		return s.rest.until
	}
	var later int64
	park := func(at time.Time) {
		other.rest.afterTurn(at, time.Now())
		later = until(other)
	}
	upload := func() {
		d.print("x")
		n := len(g.archived(idA))
		g.seal(idA)
		// All of it, until the others are woken: then the container can be uploaded again.
		waitFor(t, "an upload", func() bool { return len(g.archived(idA)) > n && len(streams[idA].upload) == 1 })
	}
	upload()
	park(time.Now().Add(-time.Hour)) // others have succeeded since
	upload()
	if until(other) != later {
		t.Error("woken, although its trouble is its own")
	}
	park(time.Now()) // nobody has
	upload()
	waitFor(t, "it to be woken", func() bool { return until(other) == 0 })
	park(time.Now().Add(-time.Hour))
	check(t, detachAll(t.Context(), g.a))
	g.flush()
	if until(other) != 0 {
		t.Error("a flush does not wake")
	}
}

// TestFlushOutlastsAnOutage: a flush that began while the bucket was away ends
// once it is back.
func TestFlushOutlastsAnOutage(t *testing.T) {
	if testing.Short() {
		t.Skip("skipped by -short: it waits through an outage")
	}
	g := newRig(t)
	g.stop()
	p := &picky{Bucket: g.bucket, id: idA}
	p.refuses.Store(true)
	g.bucket = p
	g.start()
	d := newDaemon(t)
	check(t, g.a.Attach(t.Context(), source(d.path, idA)))
	d.print("kept")
	check(t, g.a.Detach(t.Context(), d.path))
	done := make(chan error, 1)
	go func() {
		_, err := g.a.Flush(t.Context(), false)
		done <- err
	}()
	waitFor(t, "more than a turn's attempts", func() bool { return p.attempts.Load() > turnFailures })
	p.refuses.Store(false)
	select {
	case err := <-done:
		check(t, err)
	case <-time.After(time.Minute):
		t.Fatal("the flush does not end")
	}
	g.want(idA, []string{"kept"})
}

// TestClockSetBack: a clock that is ahead makes the store refuse. Once it is
// right, uploads go on, and do not rest until it shows that time again.
func TestClockSetBack(t *testing.T) {
	for name, err := range map[string]*bucket.Error{
		"refused": {Op: bucket.OpPut, Permanent: true, Err: errors.New("denied")},
		"failing": {Op: bucket.OpPut, Err: errors.New("the clock is wrong")},
	} {
		t.Run(name, func(t *testing.T) {
			g := newRig(t)
			away := &awayBucket{Bucket: g.bucket}
			away.set(err)
			g.stop()
			var ahead atomic.Int64
			ahead.Store(int64(24 * time.Hour))
			g.cfg.Now = func() time.Time { return time.Now().Add(time.Duration(ahead.Load())) }
			g.bucket = away
			g.start()
			d := newDaemon(t)
			check(t, g.a.Attach(t.Context(), source(d.path, idA)))
			d.print("kept")
			g.seal(idA)
			s := g.a.all()[0]
			waitFor(t, "the container to rest", func() bool { return s.rest.lasts(g.cfg.Now()) })
			away.set(nil)
			ahead.Store(0)
			waitFor(t, "an upload", func() bool {
				chunks, err := catalog.List(t.Context(), g.bucket, idA)
				return err == nil && len(chunks) == 1
			})
			check(t, detachAll(t.Context(), g.a))
		})
	}
}

// seal ends a container's active segment and commits it, once there is one.
func (g *rig) seal(id string) {
	g.t.Helper()
	for _, s := range g.a.all() {
		if s.id == id {
			waitFor(g.t, "entries to seal", func() bool { return s.log.Info().ActiveBytes > 0 })
			s.log.Roll()
		}
	}
}

// TestUploadsAreQueuedOnce: a stream waits once for the uploaders, and one that has
// come to rest meanwhile makes no attempt.
func TestUploadsAreQueuedOnce(t *testing.T) {
	g := newRig(t)
	g.stop()
	p := &picky{Bucket: g.bucket, id: idA}
	p.refuses.Store(true)
	g.bucket = p
	a, err := New(g.cfg, g.bucket) // nobody uploads
	check(t, err)
	d := newDaemon(t)
	check(t, a.Attach(t.Context(), source(d.path, idA)))
	d.print("x")
	check(t, a.Detach(t.Context(), d.path))
	s := a.known(idA)
	s.log.Roll()
	check(t, s.log.Commit())
	for range 3 {
		a.uploadSoon(s)
	}
	if n := len(a.uploads); n != 1 {
		t.Fatalf("it waits %d times", n)
	}
	s.rest.park(time.Now())
	a.uploadQueued(t.Context(), <-a.uploads)
	if n := p.attempts.Load(); n != 0 {
		t.Fatalf("%d attempts while it rests", n)
	}
	p.refuses.Store(false)
	check(t, a.Close())
	g.start()
	g.flush()
}

// TestFlushOfARunningContainer: a flush is about what was there when it began. What
// a container writes and seals meanwhile is not left over, and counts for nothing.
func TestFlushOfARunningContainer(t *testing.T) {
	g := newRig(t)
	g.stop()
	d := newDaemon(t)
	var more, sealed atomic.Int64
	g.cfg.CommitInterval = time.Hour // nobody else seals
	g.cfg.Hook = func(step, _ string) {
		if step != "encoded" || more.Add(1) > 1 {
			return
		}
		for range 3 {
			d.print("written meanwhile")
			waitFor(t, "it to be read", func() bool { return d.f.Drained() })
			g.a.known(idA).log.Roll()
			check(t, g.a.known(idA).log.Commit())
		}
		sealed.Store(int64(len(g.a.known(idA).log.Pending())))
	}
	g.start()
	check(t, g.a.Attach(t.Context(), source(d.path, idA)))
	d.print("there")
	waitFor(t, "it to be read", func() bool { return g.a.known(idA).log.Info().LastSeq > 0 })
	res, err := g.a.Flush(t.Context(), false)
	if err != nil || res.Segments != 1 || res.Pending != 0 {
		t.Errorf("flush: %+v, %v", res, err)
	}
	if n := sealed.Load(); n != 4 {
		t.Errorf("%d segments were sealed meanwhile", n-1)
	}
	check(t, detachAll(t.Context(), g.a))
	g.flush()
	if n := len(g.archived(idA)); n != 4 {
		t.Errorf("%d lines archived", n)
	}
}

// TestFlushWaitsForAnEntry: entries before one that is unfinished are archived
// by a flush once that is finished, and left, which is an error, if it never is.
func TestFlushWaitsForAnEntry(t *testing.T) {
	g := newRig(t)
	d := newDaemon(t)
	check(t, g.a.Attach(t.Context(), source(d.path, idA)))
	d.print("there")
	frame := fifotest.Frame("in two pieces")
	d.f.Send(frame[:20])
	waitFor(t, "it to be read", func() bool { return d.f.Drained() && g.a.known(idA).log.Info().LastSeq > 0 })
	res, err := g.a.Flush(t.Context(), false)
	if err == nil || res.Pending != 1 || res.Segments != 0 {
		t.Errorf("flush: %+v, %v", res, err)
	}
	d.f.Send(frame[20:])
	res, err = g.a.Flush(t.Context(), false)
	if err != nil || res.Pending != 0 || res.Segments != 1 {
		t.Errorf("flush: %+v, %v", res, err)
	}
	check(t, detachAll(t.Context(), g.a))
	g.flush()
	g.want(idA, []string{"there", "in two pieces"})
}
