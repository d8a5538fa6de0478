package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"iter"
	"math"
	"sync"
	"sync/atomic"
	"time"

	"github.com/coldtail/coldtail/archiver/bucket"
	"github.com/coldtail/coldtail/codec"
	"github.com/coldtail/coldtail/codec/key"
	"github.com/coldtail/coldtail/readback"
	"github.com/coldtail/coldtail/readback/catalog"
)

var (
	errAway = errors.New("the bucket is away")
)

// maxComplaints bounds the lines about what could not be read.
const maxComplaints = 10

// logsRun prints containers' logs from a bucket.
type logsRun struct {
	who    *who
	query  readback.Query // Since, Until and Tail
	json   bool
	out    *logOutput
	stderr io.Writer
	line   func(error) string // an error in one line
	bucket bucket.Bucket
	// retrying repeats what fails, as long as a follower lives.
	retrying bucket.Bucket
	reader   *readback.Reader
	wait     *spinner

	targets  []*target
	found    func(context.Context, []*target) error // told what will be read, unless nil
	sent     func(*stream, *codec.Entry)            // told what is printed, unless nil
	away     atomic.Bool                            // the bucket gave nothing for a while
	failures int
	untold   int // of these

	newer   catalog.Newer // what the search for objects met of a later version
	ids     idSet         // whose objects are wanted
	isNewer bool          // that there is something of a later version was told
}

// idSet is a set of containers, for several goroutines.
type idSet struct {
	mu  sync.RWMutex
	ids map[string]bool
}

func (s *idSet) add(id string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.ids == nil {
		s.ids = map[string]bool{}
	}
	s.ids[id] = true
}

// want says whose objects are wanted.
func (r *logsRun) want(targets []*target) {
	for _, t := range targets {
		r.ids.add(t.ContainerID)
	}
}

func (s *idSet) has(id string) bool {
	s.mu.RLock()
	defer s.mu.RUnlock()
	return s.ids[id]
}

// wants reports whether a container's log is asked for, as far as that is known.
func (r *logsRun) wants(id string) bool { return r.ids.has(id) }

// tellNewer says once that objects were met which only a later version can read.
func (r *logsRun) tellNewer() error {
	if err := r.newer.Err(); err != nil && !r.isNewer {
		return r.complain(nil, err)
	}
	return nil
}

// print prints what there is.
func (r *logsRun) print(ctx context.Context) error {
	targets, err := r.find(ctx)
	if err != nil {
		return err
	}
	r.wait.phase("reading, entries")
	r.targets = targets
	tellGuesses(r.stderr, r.wait, r.who.names, namesOf(targets))
	setLabels(targets)
	r.out.expect(targets)
	if r.found != nil {
		if err := r.found(ctx, targets); err != nil {
			return err
		}
	}
	if r.query.Tail >= 0 && r.who.oneLog() && len(targets) > 1 {
		return r.printTail(ctx)
	}
	var due []*target
	for _, t := range targets {
		if r.inRange(t) {
			due = append(due, t)
		}
	}
	streams := r.streams(ctx, due, r.query)
	before := r.out.count
	if err := r.merge(ctx, streams, r.emit, r.complain); err != nil {
		return err
	}
	if len(targets) == 1 && r.out.count == before && r.failures == 0 {
		return r.exists(ctx, targets[0])
	}
	return r.tellNewer()
}

// find returns the containers; where these are several, with their days.
func (r *logsRun) find(ctx context.Context) ([]*target, error) {
	ctx, b, stop := guard(ctx, r.bucket, r.wait)
	defer stop()
	targets, err := r.who.find(ctx, b, true)
	if errors.Is(err, errNoLog) && !r.who.recent.IsZero() {
		// What has nothing so late is a log, too. One of a host's shows that there is any.
		ever := *r.who
		ever.recent = time.Time{}
		if targets, err = ever.find(ctx, b, true); err == nil && len(ever.names) == 0 {
			targets = targets[:1]
		}
	}
	r.want(targets)
	if err != nil || len(targets) == 1 {
		return targets, cause(ctx, err)
	}
	if targets, err = loadDays(ctx, b, targets); err != nil {
		return nil, cause(ctx, err)
	}
	if len(targets) == 0 {
		return nil, noLog(r.who)
	}
	return targets, nil
}

// exists tells of a container without entries whether it has a log at all.
func (r *logsRun) exists(ctx context.Context, t *target) error {
	ctx, b, stop := guard(ctx, r.bucket, r.wait)
	defer stop()
	found, err := loadDays(ctx, b, []*target{t})
	if err == nil && len(found) == 0 {
		err = noLog(r.who)
	}
	return cause(ctx, err)
}

// inRange tells whether the container has anything of the time that is asked for.
func (r *logsRun) inRange(t *target) bool {
	if len(t.days) == 0 {
		return true // not known
	}
	q := &r.query
	return (q.Since.IsZero() || t.last().After(q.Since)) && (q.Until.IsZero() || !t.first().After(q.Until))
}

// eager is how many containers may be read ahead, each with up to 32 MiB.
const eager = 4

// streams read what q asks for of each container.
func (r *logsRun) streams(ctx context.Context, targets []*target, q readback.Query) (out []*stream) {
	q.Lazy = len(targets) > eager
	for _, t := range targets {
		q.ContainerID, q.Described = t.ContainerID, r.described(t)
		s := &stream{target: t, from: math.MinInt64}
		if r.sent != nil {
			q.From = func(m key.Meta) { s.object = m }
		}
		s.entries = r.unlessAway(r.reader.Entries(ctx, q))
		if len(t.days) > 0 {
			s.from = codec.UnixNano(t.first())
		}
		out = append(out, s)
	}
	return out
}

// described returns what keeps account of what a container's rows have in
// common, where that is printed.
func (r *logsRun) described(t *target) func(codec.Meta) {
	if !r.json {
		return nil
	}
	return func(m codec.Meta) { t.meta = &m }
}

// unlessAway reads nothing more of a container once the bucket has given
// nothing of another: each would wait as long.
func (r *logsRun) unlessAway(entries iter.Seq2[codec.Entry, error]) iter.Seq2[codec.Entry, error] {
	return func(yield func(codec.Entry, error) bool) {
		if r.away.Load() {
			yield(codec.Entry{}, errAway)
			return
		}
		for e, err := range entries {
			if err == nil && e.Seq == 0 && r.away.Load() {
				yield(codec.Entry{}, errAway)
				return
			}
			if !yield(e, err) {
				return
			}
		}
	}
}

// merge passes the streams' entries on, merged by time, and what could not be
// read.
func (r *logsRun) merge(ctx context.Context, streams []*stream, emit func(*stream, *codec.Entry) error, fail func(*stream, error) error) error {
	m := &merger{emit: emit, fail: fail, pause: r.out.flush}
	if r.sent == nil {
		// Nothing continues its last line.
		m.ended = func(s *stream) error { return r.out.finish(s.target) }
	}
	return m.run(ctx, streams)
}

func (r *logsRun) emit(s *stream, e *codec.Entry) error {
	if r.sent != nil {
		r.sent(s, e)
	}
	return r.out.add(s.target, e)
}

// complain tells at once what could not be read, where it is missing.
func (r *logsRun) complain(s *stream, err error) error {
	if errors.Is(err, context.Canceled) {
		return nil
	}
	r.isNewer = r.isNewer || errors.Is(err, codec.ErrNewer)
	// What is refused may be of this container alone.
	if missing := (*readback.MissingError)(nil); errors.As(err, &missing) && missing.Away {
		r.away.Store(true)
	}
	if r.failures++; r.failures > maxComplaints || errors.Is(err, errAway) {
		r.untold++
		return nil
	}
	return r.note(s, err)
}

// note says something of a stream, or of all, where what was read has come to.
func (r *logsRun) note(s *stream, what error) error {
	if err := r.out.flush(); err != nil {
		return err
	}
	r.wait.stop()
	if r.who.oneLog() || s == nil {
		_, _ = fmt.Fprintf(r.stderr, "coldtail: %s\n", r.line(what))
	} else {
		_, _ = fmt.Fprintf(r.stderr, "coldtail: %s: %s\n", s.label, r.line(what))
	}
	return nil
}

// lost sums up what could not be read.
func (r *logsRun) lost() error {
	switch {
	case r.failures == 0:
		return nil
	case r.untold > 0:
		return fmt.Errorf("%d more ranges could not be read", r.untold)
	}
	return errReported
}
