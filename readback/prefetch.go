package readback

import (
	"context"
	"errors"
	"fmt"
	"runtime/debug"
	"slices"
	"sync"

	"github.com/coldtail/coldtail/codec"
)

// What one reading holds of the bucket: objects that are being read and those
// that are fetched ahead of them have at most aheadBytes and are at most
// aheadObjects, but that the object that is needed next is always fetched.
//
// What objects inflate to is counted apart. Those that are fetched ahead have
// allAheadInflated, in all readings of a Reader; one that does not get what it
// wants is opened when it is needed. The first that is needed has neededInflated,
// others of the same merge, up to aheadObjects of them, mergedInflated each, and
// all that are needed share sharedInflated. A row of what the daemon sends takes 1
// MiB, and each join that is under way as much.
const (
	aheadBytes       = 32 << 20
	aheadObjects     = 16
	allAheadInflated = 48 << 20
	oneAheadInflated = 1 << 20 // what there must be to begin with one
	neededInflated   = 4 << 20
	mergedInflated   = 1 << 20
	sharedInflated   = 40 << 20
	// allAheadBytes bounds what all readings of a Reader hold together, likewise.
	allAheadBytes = 4 * aheadBytes
)

// prefetcher opens objects ahead of their reading, in the order of reading. It
// is used by one goroutine.
type prefetcher struct {
	rd      *reading
	from    int64 // see codec.Range
	queue   []object
	started []*fetch
	held    int64 // bytes, of what was started and not released
	open    int
	needed  int // of those, by the merge
	cancel  context.CancelFunc
	wg      sync.WaitGroup
}

// fetch is an object on its way.
type fetch struct {
	object object
	done   chan struct{}
	in     *input // see reading.open; when done is closed
	err    error
	panic  any // of a decoder, which is not to end the process
}

// prefetch begins to open the groups' objects. Close it.
func (rd *reading) prefetch(ctx context.Context, groups []group, from int64) (context.Context, *prefetcher) {
	p := &prefetcher{rd: rd, from: from}
	for _, g := range groups {
		p.queue = append(p.queue, g.objects...)
	}
	ctx, p.cancel = context.WithCancel(ctx)
	p.fill(ctx)
	return ctx, p
}

// fill starts what there is room for.
func (p *prefetcher) fill(ctx context.Context) {
	for !p.rd.q.Lazy && len(p.queue) > 0 && p.open < aheadObjects && p.hasRoom(p.queue[0].cost()) {
		p.start(ctx)
	}
}

// hasRoom tells whether so many bytes may be fetched that are not needed yet.
// Readings that ask at the same time may get a little more than there is.
func (p *prefetcher) hasRoom(n int64) bool {
	return p.held+n <= aheadBytes && p.rd.r.ahead.Load()+n <= allAheadBytes && p.rd.r.aheadInflated.Left() >= oneAheadInflated
}

// hold counts bytes that are held from now, or with n < 0 no longer.
func (p *prefetcher) hold(n int64) {
	p.held += n
	p.rd.r.ahead.Add(n)
}

func (p *prefetcher) start(ctx context.Context) {
	f := &fetch{object: p.queue[0], done: make(chan struct{})}
	p.queue = p.queue[1:]
	p.started = append(p.started, f)
	p.hold(f.object.cost())
	p.open++
	p.wg.Go(func() {
		defer close(f.done)
		defer func() {
			if v := recover(); v != nil {
				f.panic = fmt.Sprintf("%v, while fetching ahead: %s", v, debug.Stack())
			}
		}()
		f.in, f.err = p.rd.open(ctx, f.object, p.from, codec.Allow(0, p.rd.r.aheadInflated))
	})
}

// next waits for the next object. Release it.
func (p *prefetcher) next(ctx context.Context) (*input, error) {
	if len(p.started) == 0 {
		p.start(ctx)
	}
	f := p.started[0]
	p.started = slices.Delete(p.started, 0, 1)
	<-f.done // soon after the context ends
	if f.panic != nil {
		panic(f.panic) // for who contains those of the reader
	}
	p.needed++
	free := int64(0)
	switch {
	case p.needed == 1:
		free = neededInflated
	case p.needed <= aheadObjects:
		free = mergedInflated
	}
	if errors.Is(f.err, codec.ErrMemory) {
		return p.rd.open(ctx, f.object, p.from, codec.Allow(free, p.rd.r.inflated))
	}
	f.in.memory.Raise(free, p.rd.r.inflated)
	return f.in, f.err
}

// release says that an object is done with.
func (p *prefetcher) release(ctx context.Context, in *input) {
	in.close()
	p.hold(-in.object.cost())
	p.open--
	p.needed--
	p.fill(ctx)
}

// close ends what is on its way and waits for it.
func (p *prefetcher) close() {
	p.cancel()
	p.wg.Wait()
	for _, f := range p.started {
		if f.in != nil {
			f.in.close()
		}
	}
	p.hold(-p.held)
}
