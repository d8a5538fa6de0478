package main

import (
	"context"
	"slices"

	"github.com/coldtail/coldtail/codec"
	"github.com/coldtail/coldtail/codec/key"
	"github.com/coldtail/coldtail/readback"
)

// lastEntries keeps the last of many entries, with their bytes.
type lastEntries struct {
	size int64
	ring []keptEntry
	next int // the oldest, once the ring is full
}

type keptEntry struct {
	s      *stream
	e      codec.Entry
	object key.Meta
}

func (l *lastEntries) add(s *stream, e *codec.Entry) {
	if int64(len(l.ring)) < l.size {
		k := keptEntry{s, *e, s.object}
		k.e.Line = slices.Clone(e.Line)
		l.ring = append(l.ring, k)
		return
	}
	k := &l.ring[l.next]
	line := append(k.e.Line[:0], e.Line...)
	*k = keptEntry{s, *e, s.object}
	k.e.Line = line
	l.next = (l.next + 1) % len(l.ring)
}

func (l *lastEntries) full() bool { return int64(len(l.ring)) >= l.size }

// all returns them in their order.
func (l *lastEntries) all() []keptEntry {
	return slices.Concat(l.ring[l.next:], l.ring[:l.next])
}

// printTail prints the last entries of the one log that several containers
// wrote, and holds them in memory. Containers with the latest days come first;
// the others are read only if they can have a part in it.
func (r *logsRun) printTail(ctx context.Context) error {
	if r.query.Tail == 0 {
		return nil
	}
	byEnd := slices.Clone(r.targets)
	slices.SortStableFunc(byEnd, func(a, b *target) int { return b.last().Compare(a.last()) })
	for n := 1; ; n = min(2*n, len(byEnd)) {
		last := &lastEntries{size: r.query.Tail}
		type failure struct {
			s   *stream
			err error
		}
		var failed []failure
		// Since and until apply to what the tail is.
		streams := r.streams(ctx, byEnd[:n], readback.Query{Tail: r.query.Tail})
		err := r.merge(ctx, streams,
			func(s *stream, e *codec.Entry) error { last.add(s, e); return nil },
			func(s *stream, err error) error { failed = append(failed, failure{s, err}); return nil })
		if err != nil {
			return err
		}
		kept := last.all()
		if n < len(byEnd) && (!last.full() || kept[0].e.TimeNano < codec.UnixNano(byEnd[n].last())) {
			continue
		}
		for _, f := range failed {
			if err := r.complain(f.s, f.err); err != nil {
				return err
			}
		}
		return r.printRange(kept)
	}
}

// printRange prints the entries between since and until, as a Query has them.
func (r *logsRun) printRange(kept []keptEntry) error {
	q := &r.query
	if !q.Since.IsZero() {
		first := slices.IndexFunc(kept, func(k keptEntry) bool { return k.e.TimeNano >= codec.UnixNano(q.Since) })
		if first < 0 {
			return nil
		}
		kept = kept[first:]
	}
	for i := range kept {
		if !q.Until.IsZero() && kept[i].e.TimeNano > codec.UnixNano(q.Until) {
			break
		}
		kept[i].s.object = kept[i].object
		if err := r.emit(kept[i].s, &kept[i].e); err != nil {
			return err
		}
	}
	if r.sent != nil {
		return nil // more may come
	}
	return r.out.finish(nil)
}
