package main

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/cenkalti/backoff/v5"

	"github.com/coldtail/coldtail/archiver/bucket"
	"github.com/coldtail/coldtail/codec"
	"github.com/coldtail/coldtail/codec/key"
	"github.com/coldtail/coldtail/readback"
	"github.com/coldtail/coldtail/readback/catalog"
)

const (
	// fullInterval is how often a follower looks for what the looks at the
	// newest hours do not see: new containers, days of containers that were
	// quiet, and what a clock that was set back filed under an earlier hour.
	fullInterval = 10 * time.Minute
	// newFor is for how long a container is new: a host that was away for longer
	// brings older days, but it has newer ones, too.
	newFor = 7 * 24 * time.Hour
	// maxSlower is how many intervals a follower waits while nothing comes.
	maxSlower = 12
	// recent is how long a container is looked at with each poll after its last
	// object's hour.
	recent = 25 * time.Hour
)

// follower prints what is archived after a first reading. An object is printed
// once, when it appears, whatever its place: objects of two hours are put one
// after the other, and a host that was away brings its older hours later.
type follower struct {
	r      *logsRun
	now    func() time.Time
	states []*followed
	of     map[*target]*followed
	sums   sums
	fullAt time.Time // when everything was looked at
	lister hourLister
	first  bool            // the first reading goes on
	told   map[string]bool // the objects that were complained of since the last poll
}

func newFollower(r *logsRun, now func() time.Time) *follower {
	f := &follower{r: r, now: now, of: map[*target]*followed{}, lister: hourLister{bucket: r.retrying}, first: true}
	r.sent, r.found = f.sent, f.start
	return f
}

// start learns what there is of the containers before they are read, so that
// whatever appears later is new.
func (f *follower) start(ctx context.Context, targets []*target) error {
	f.fullAt = f.now()
	ctx, b, stop := guard(ctx, f.r.bucket, f.r.wait)
	defer stop()
	f.lister.bucket = b
	defer func() { f.lister.bucket = f.r.retrying }()
	var unknown []*target
	for _, t := range targets {
		if len(t.days) == 0 {
			unknown = append(unknown, t)
		}
	}
	if _, err := loadDays(ctx, b, unknown); err != nil {
		return cause(ctx, err)
	}
	for _, t := range targets {
		f.add(t)
	}
	_, err := f.look(ctx, true, func(s *followed, c catalog.Chunk) { s.learn(c) })
	return cause(ctx, err)
}

func (f *follower) add(t *target) {
	s := newFollowed(t, &f.r.query, &f.sums)
	f.states = append(f.states, s)
	f.of[t] = s
}

// sent keeps account of an entry that is printed.
func (f *follower) sent(st *stream, e *codec.Entry) {
	s := f.of[st.target]
	if f.first && (len(s.begun) == 0 || st.object != s.lastBegun) {
		s.begun[st.object.Key()], s.lastBegun = st.object.Hour, st.object
	}
	s.sent(&st.object, e)
}

// follow polls until ctx ends or until has passed.
func (f *follower) follow(ctx context.Context, interval time.Duration) error {
	slower := backoff.NewExponentialBackOff()
	slower.InitialInterval, slower.MaxInterval = interval, maxSlower*interval
	slower.RandomizationFactor = 0.1 // so that many followers spread
	slower.Reset()
	f.r.wait.stop()
	until := f.r.query.Until
	for until.IsZero() || f.now().Before(until) {
		if err := errors.Join(f.r.tellNewer(), f.r.out.flush()); err != nil {
			return err
		}
		select {
		case <-ctx.Done():
			return nil
		case <-time.After(slower.NextBackOff()):
		}
		news, err := f.poll(ctx)
		if err != nil {
			return err
		}
		if news {
			slower.Reset()
			continue
		}
		// A line that nothing continues is one.
		if err := f.r.out.finish(nil); err != nil {
			return err
		}
	}
	return nil
}

// poll prints what has appeared, and tells whether anything has.
func (f *follower) poll(ctx context.Context) (news bool, err error) {
	f.first, f.told = false, map[string]bool{}
	full := f.now().Sub(f.fullAt) >= fullInterval
	if full {
		f.fullAt = f.now()
		f.lister.forget()
		if err := f.discover(ctx); err != nil {
			return false, err
		}
	}
	fresh := map[*followed][]catalog.Chunk{}
	news, err = f.look(ctx, full, func(s *followed, c catalog.Chunk) {
		if s.isNew(c) {
			fresh[s] = append(fresh[s], c)
		}
	})
	if err != nil {
		return false, err
	}
	var streams []*stream
	for _, s := range f.states {
		ready := s.ready(fresh[s])
		if len(ready) == 0 {
			continue
		}
		from := ready[0].MinNano
		for _, c := range ready {
			from = min(from, c.MinNano)
			s.learn(c)
		}
		q := readback.Query{ContainerID: s.ContainerID, Lazy: true, Described: f.r.described(s.target)}
		st := &stream{target: s.target, from: from}
		q.From = func(m key.Meta) { st.object = m }
		st.entries = f.r.reader.Objects(ctx, q, ready)
		streams = append(streams, st)
		fresh[s] = ready
	}
	return news, f.r.merge(ctx, streams, f.emit, func(st *stream, err error) error {
		if missing := (*readback.MissingError)(nil); errors.As(err, &missing) && !bucket.Permanent(err) {
			s := f.of[st.target]
			s.forget(fresh[s]) // the next poll reads them again
			return nil
		}
		return f.r.complain(st, err)
	})
}

// emit prints an entry of a new object, if it is wanted and was not printed.
func (f *follower) emit(st *stream, e *codec.Entry) error {
	wanted, twice := f.of[st.target].wants(&st.object, e, &f.r.query)
	if !wanted {
		return nil
	}
	if twice && len(f.told) < maxComplaints && !f.told[st.object.Key()] {
		key := st.object.Key()
		f.told[key] = true
		if err := f.r.note(st, fmt.Errorf("another entry than before has the number %d, in %s, and maybe more there: a state was set back, or an object is not of the host's plugin; all are printed, and coldtail verify tells more", e.Seq, key)); err != nil {
			return err
		}
	}
	return f.r.emit(st, e)
}

// discover finds containers that are new, and the days of all.
func (f *follower) discover(ctx context.Context) error {
	w := f.asked()
	w.recent = f.now().Add(-newFor)
	w.recentNames = w.recent
	found, err := w.find(ctx, f.r.retrying, true)
	var wrong *usageError
	switch {
	case errors.As(err, &wrong):
		found = nil // an id's start, of several containers by now
	case err != nil && !errors.Is(err, errNoLog):
		return err
	}
	all := make([]*target, len(f.states))
	for i, s := range f.states {
		all[i] = s.target
	}
	for _, t := range found {
		if !slices.ContainsFunc(all, func(o *target) bool { return o.ContainerID == t.ContainerID }) {
			all = append(all, t)
			f.r.want([]*target{t})
			f.add(t)
		}
	}
	if _, err := loadDays(ctx, f.r.retrying, slices.Clone(all)); err != nil {
		return err
	}
	if !f.r.who.oneLog() {
		setLabels(all)
	}
	f.r.out.expect(all)
	return nil
}

// asked is whose new containers are looked for: a name's among the services
// that are known to have it, as the index is sorted by service.
func (f *follower) asked() *who {
	w := *f.r.who
	if len(w.names) == 0 || len(w.services) > 0 {
		return &w
	}
	for _, s := range f.states {
		if s.Service != "" && !slices.Contains(w.services, s.Service) {
			w.services = append(w.services, s.Service)
		}
	}
	return &w
}

// look lists the hours that can have changed or, with full, all of the newest
// days, and calls see for each object that is there. It tells whether there are
// new ones.
func (f *follower) look(ctx context.Context, full bool, see func(*followed, catalog.Chunk)) (news bool, err error) {
	byID := map[string]*followed{}
	wanted := map[partition][]string{}
	for _, s := range f.states {
		if s.ended {
			continue
		}
		byID[s.ContainerID] = s
		for _, p := range s.partitions(f.now().UTC(), full) {
			wanted[p] = append(wanted[p], s.ContainerID)
		}
	}
	err = f.lister.list(ctx, wanted, func(c catalog.Chunk) {
		s := byID[c.ContainerID]
		news = news || s.isNew(c)
		see(s, c)
	})
	if err != nil {
		return false, fmt.Errorf("look for new objects: %w", err)
	}
	return news, nil
}
