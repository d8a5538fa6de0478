package main

import (
	"cmp"
	"container/heap"
	"context"
	"iter"
	"math"
	"slices"
	"sync"
	"time"

	"github.com/coldtail/coldtail/codec"
	"github.com/coldtail/coldtail/codec/key"
)

// stream is one container's entries, in the order of their arrival.
type stream struct {
	*target
	// from is no later than the first entry, Unix nanoseconds: the merge opens
	// the stream when it gets there, and holds nothing of it before.
	from    int64
	entries iter.Seq2[codec.Entry, error]

	// While it is open:
	pull func() (codec.Entry, error, bool)
	stop func()
	head codec.Entry // the next entry, valid until the next pull
	at   int64       // its place in time
	lost []error     // what could not be read before head

	object key.Meta // which head is from, where that is asked for
}

// farFuture is how far a time may be ahead of now. A later one is a broken
// clock's: its entry keeps the place that it arrived at.
const farFuture = 24 * time.Hour

// merger gives the entries of several streams in the order of time, while each
// stream keeps its own order.
type merger struct {
	emit func(*stream, *codec.Entry) error
	// fail is told what could not be read; more of the stream may follow.
	fail func(*stream, error) error
	// ended is told that a stream has, unless nil.
	ended func(*stream) error
	// pause is told that the next entry may take a while.
	pause func() error

	latest int64 // the latest plausible time
	open   openStreams
	closed []*stream // not yet opened, the earliest last
}

// openStreams is a heap, the stream with the earliest head first.
type openStreams []*stream

func (o openStreams) Len() int      { return len(o) }
func (o openStreams) Swap(i, j int) { o[i], o[j] = o[j], o[i] }
func (o openStreams) Less(i, j int) bool {
	return cmp.Or(cmp.Compare(o[i].at, o[j].at), cmp.Compare(o[i].ContainerID, o[j].ContainerID)) < 0
}
func (o *openStreams) Push(s any) { *o = append(*o, s.(*stream)) }
func (o *openStreams) Pop() any {
	n := len(*o) - 1
	s := (*o)[n]
	(*o)[n] = nil
	*o = (*o)[:n]
	return s
}

// run merges until all streams have ended, or one of the functions returns an
// error.
func (m *merger) run(ctx context.Context, streams []*stream) error {
	if len(streams) == 1 {
		return m.one(ctx, streams[0])
	}
	m.latest = time.Now().Add(farFuture).UnixNano()
	m.closed = slices.Clone(streams)
	slices.SortStableFunc(m.closed, func(a, b *stream) int { return -cmp.Compare(a.from, b.from) })
	defer func() {
		for _, s := range m.open {
			s.stop()
		}
	}()
	for {
		if err := m.openDue(); err != nil {
			return err
		}
		if len(m.open) == 0 {
			return ctx.Err()
		}
		s := m.open[0]
		if s.head.Seq == 0 {
			if err := m.fetch(); err != nil {
				return err
			}
			continue
		}
		if err := m.emit(s, &s.head); err != nil {
			return err
		}
		if s.advance(m.latest) {
			heap.Fix(&m.open, 0)
		} else {
			heap.Pop(&m.open)
			if err := m.end(s); err != nil {
				return err
			}
		}
		if err := m.report(s); err != nil {
			return err
		}
		if err := ctx.Err(); err != nil {
			return err
		}
	}
}

// fetch lets the streams that have said when they go on do so: the first, and
// some that are next, as each waits for the bucket.
func (m *merger) fetch() error {
	if err := m.pause(); err != nil {
		return err
	}
	var due []*stream
	m.open = slices.DeleteFunc(m.open, func(s *stream) bool {
		if s.head.Seq == 0 {
			due = append(due, s)
		}
		return s.head.Seq == 0
	})
	slices.SortFunc(due, func(a, b *stream) int { return cmp.Compare(a.at, b.at) })
	n := min(parallelFinds, len(due))
	m.open = append(m.open, due[n:]...)
	heap.Init(&m.open)
	return m.advanceAll(due[:n])
}

func (m *merger) end(s *stream) error {
	s.stop()
	if m.ended == nil {
		return nil
	}
	return m.ended(s)
}

// one passes a single stream on, without the price of a merge.
func (m *merger) one(ctx context.Context, s *stream) error {
	for e, err := range s.entries {
		switch {
		case ctx.Err() != nil:
			return ctx.Err()
		case err != nil:
			err = m.fail(s, err)
		case e.Seq > 0:
			err = m.emit(s, &e)
		default:
			err = m.pause()
		}
		if err != nil {
			return err
		}
	}
	if err := ctx.Err(); err != nil || m.ended == nil {
		return err
	}
	return m.ended(s)
}

// openDue opens the streams that may have an entry before the earliest head:
// some at a time, as each waits for the bucket.
func (m *merger) openDue() error {
	for len(m.closed) > 0 {
		due := m.closed[len(m.closed)-1].from
		if len(m.open) > 0 {
			if due > m.open[0].at {
				return nil
			}
			due = m.open[0].at
		}
		n := 0
		for n < min(parallelFinds, len(m.closed)) && m.closed[len(m.closed)-1-n].from <= due {
			n++
		}
		batch := m.closed[len(m.closed)-n:]
		m.closed = m.closed[:len(m.closed)-n]
		if err := m.pause(); err != nil {
			return err
		}
		if err := m.openAll(batch); err != nil {
			return err
		}
	}
	return nil
}

func (m *merger) openAll(batch []*stream) error {
	for _, s := range batch {
		s.pull, s.stop = iter.Pull2(s.entries)
		s.at = math.MinInt64
	}
	return m.advanceAll(batch)
}

// advanceAll advances streams side by side, and puts those that go on into the
// heap.
func (m *merger) advanceAll(batch []*stream) error {
	more := make([]bool, len(batch))
	var wg sync.WaitGroup
	for i, s := range batch {
		wg.Go(func() { more[i] = s.advance(m.latest) })
	}
	wg.Wait()
	var err error
	for i, s := range batch {
		if err == nil {
			err = m.report(s)
		}
		switch {
		case more[i] && err == nil:
			heap.Push(&m.open, s)
		case err == nil:
			err = m.end(s)
		default:
			s.stop()
		}
	}
	return err
}

// report tells what the stream could not read.
func (m *merger) report(s *stream) error {
	failed := s.lost
	s.lost = nil
	for _, err := range failed {
		if err := m.fail(s, err); err != nil {
			return err
		}
	}
	return nil
}

// advance makes the next entry the head, and tells whether there is one.
func (s *stream) advance(latest int64) bool {
	for {
		e, err, ok := s.pull()
		if !ok {
			return false
		}
		if err != nil {
			s.lost = append(s.lost, err) // more may follow
			continue
		}
		s.head = e
		if e.TimeNano <= latest && (e.Seq > 0 || e.TimeNano != 0) {
			s.at = e.TimeNano
		}
		return true
	}
}
