package readback

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/coldtail/coldtail/archiver/bucket"
	"github.com/coldtail/coldtail/archiver/spool"
	"github.com/coldtail/coldtail/codec"
	"github.com/coldtail/coldtail/readback/catalog"
)

// groups finds the objects of the last tail entries that are not in local
// segments. The spool's own list has those of this spool; only for others, or
// where that was damaged, the bucket is listed. If it cannot be, the groups are
// those that are known, and the rest is noted as missing.
func (rd *reading) groups(ctx context.Context, sn *spool.Snapshot, tail, from int64) ([]group, error) {
	own, err := ownObjects(sn, tail, from)
	if err != nil {
		return nil, err
	}
	if own.enough {
		return arrange(own.objects, own.isLocal), nil
	}
	objs := own.objects
	// From a number on there is nothing but this spool's.
	if !own.all || from == 0 && !rd.young(sn) {
		found, err := rd.find(ctx, own, tail)
		if cause := context.Cause(ctx); err != nil && cause != nil {
			return nil, cause
		}
		if err != nil {
			rd.miss(rd.beforeKnown(sn, own, err))
		} else {
			objs = found
		}
	}
	return arrange(objs, own.isLocal), nil
}

func (rd *reading) find(ctx context.Context, own listed, tail int64) ([]catalog.Chunk, error) {
	w := catalog.Want{Tail: tail, Since: rd.q.Since, Until: rd.q.Until, Elsewhere: own.isLocal}
	for _, o := range own.objects {
		// Those of an earlier spool id are not all of it, and prove nothing.
		// Nor do those of a list that is not whole: the newest may be missing.
		if own.all && o.SpoolID == own.spoolID && !own.isLocal(o.Meta) {
			o.ETag = "" // a bucket that was copied has others
			w.Known = append(w.Known, o)
		}
	}
	if own.all {
		w.Complete = own.spoolID
	}
	ctx, dog := watch(ctx, rd.r.cfg.Timeout)
	defer dog.stop()
	found, err := catalog.Find(ctx, rd.newer.Watch(watched{rd.r.bucket, dog}, nil), rd.q.ContainerID, w)
	if err != nil {
		return nil, fmt.Errorf("find what is archived: %w", dog.explain(err))
	}
	return own.mark(found), nil
}

// beforeKnown describes what may be in a bucket that cannot be listed: all that
// is older than what the spool knows.
func (rd *reading) beforeKnown(sn *spool.Snapshot, own listed, err error) *MissingError {
	m := &MissingError{From: rd.q.Since, Err: err}
	if sn == nil {
		return m
	}
	if len(sn.Segments) > 0 {
		h := sn.Segments[0].Header
		m.To, m.ToSeq = time.Unix(0, h.CreatedNano), h.FirstSeq-1
	}
	for _, o := range own.objects {
		if at := time.Unix(0, o.MinNano); bucket.Permanent(err) && (m.To.IsZero() || at.Before(m.To)) {
			m.To, m.ToSeq = at, o.FirstSeq-1
		}
	}
	return m
}

// remote reads the groups in order.
func (rd *reading) remote(ctx context.Context, groups []group, from int64) error {
	if len(groups) == 0 {
		return nil
	}
	if rd.away { // what is known from a list of our own
		rd.missAll(groups, rd.missing.Err)
		return nil
	}
	ctx, p := rd.prefetch(ctx, groups, from)
	defer p.close()
	for i, g := range groups {
		if rd.q.Lazy {
			earliest, _ := g.times()
			if !rd.yield(codec.Entry{TimeNano: earliest}, nil) {
				return errStop
			}
		}
		if err := rd.group(ctx, p, g); err != nil {
			return err
		}
		if rd.away {
			rd.missAll(groups[i+1:], rd.missing.Err)
			return nil
		}
	}
	return nil
}

// missAll notes groups that are not even tried.
func (rd *reading) missAll(groups []group, err error) {
	for _, g := range groups {
		for _, o := range g.objects {
			rd.miss((&input{object: o, left: o.tail}).rest(err))
		}
	}
}

// group reads one segment's objects, merged by sequence number. Each is opened
// when the merge gets to its first number.
func (rd *reading) group(ctx context.Context, p *prefetcher, g group) (err error) {
	rest := g.objects
	var ins []*input
	defer func() {
		for _, in := range ins {
			if in.close(); err == nil {
				p.release(ctx, in) // else nothing more is to be fetched
			}
		}
	}()
	admit := func() (entries int64, err error) {
		o := rest[0]
		rest = rest[1:]
		in, err := p.next(ctx)
		ins = append(ins, in)
		if err == nil {
			if rd.q.Described != nil {
				rd.q.Described(in.meta)
			}
			return o.tail, nil
		}
		return 0, rd.failed(ctx, in, err)
	}
	// Which of the objects the entries of a tail are in shows only when all are open.
	skip := int64(0)
	for g.tail != codec.All && len(rest) > 0 && !rd.away {
		n, err := admit()
		if err != nil {
			return err
		}
		skip += n
	}
	skip -= g.tail
	for {
		i := next(ins)
		for len(rest) > 0 && !rd.away && (i < 0 || rest[0].FirstSeq <= ins[i].e.Seq) {
			if _, err := admit(); err != nil {
				return err
			}
			i = next(ins)
		}
		if rd.away {
			rd.missAll([]group{{objects: rest}}, rd.missing.Err)
			rest = nil
		}
		if i < 0 {
			return nil
		}
		in := ins[i]
		if skip > 0 {
			skip--
		} else if err := rd.sendFrom(in); err != nil {
			return err
		}
		err := in.advance()
		if err != nil {
			if err := rd.failed(ctx, in, err); err != nil {
				return err
			}
		}
		if in.done {
			ins[i] = ins[len(ins)-1]
			ins = ins[:len(ins)-1]
			p.release(ctx, in)
		}
	}
}

// sendFrom sends an object's next entry.
func (rd *reading) sendFrom(in *input) error {
	if rd.q.From != nil && rd.from != in {
		rd.q.From(in.object.Meta)
		rd.from = in
	}
	return rd.send(&in.e)
}

// failed ends an object that cannot be read on. Others can, unless the result
// is an error.
func (rd *reading) failed(ctx context.Context, in *input, err error) error {
	in.done = true
	switch {
	case ctx.Err() != nil:
		return context.Cause(ctx)
	case errors.Is(err, bucket.ErrNotFound):
		return nil // removed by the bucket's own retention
	case isDamage(err):
		return rd.report(err)
	case errors.Is(err, codec.ErrMemory):
		return rd.report(in.corrupt(codec.ErrMemory))
	case isBucket(err):
		rd.miss(in.rest(err))
		return nil
	}
	return err
}

// next returns the index of the input with the smallest number, or -1.
func next(ins []*input) (first int) {
	first = -1
	for i, in := range ins {
		if !in.done && (first < 0 || in.e.Seq < ins[first].e.Seq) {
			first = i
		}
	}
	return first
}
