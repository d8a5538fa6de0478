package readback

import (
	"context"
	"errors"
	"fmt"
	"io"
	"iter"
	"math"
	"sync/atomic"
	"time"

	"github.com/coldtail/coldtail/archiver/bucket"
	"github.com/coldtail/coldtail/archiver/spool"
	"github.com/coldtail/coldtail/codec"
	"github.com/coldtail/coldtail/codec/key"
	"github.com/coldtail/coldtail/readback/catalog"
)

// Config says what a Reader reads from.
type Config struct {
	Bucket bucket.Bucket // repeated through bucket.Retry
	// Local tells what the spool holds of a container; nil reads the bucket alone.
	Local func(containerID string) (*spool.Snapshot, error)
	// LocalSince is when the spool was made: a container that is younger has no
	// objects but those that the spool knows, and needs no listing.
	LocalSince time.Time
	// Timeout is how long the bucket may give nothing, however often it is
	// asked; 10 s where zero.
	Timeout time.Duration
}

// Reader reads logs. It may be used concurrently.
type Reader struct {
	cfg    Config
	bucket bucket.Bucket
	ahead  atomic.Int64 // bytes that all readings hold of the bucket: see aheadBytes
	// What objects inflate to: see allAheadInflated and sharedInflated.
	aheadInflated, inflated *codec.Memory
}

// New returns a Reader.
func New(cfg Config) *Reader {
	if cfg.Timeout <= 0 {
		cfg.Timeout = 10 * time.Second
	}
	return &Reader{cfg: cfg, bucket: bucket.Retry(cfg.Bucket, bucket.RetryConfig{}), aheadInflated: codec.NewMemory(allAheadInflated), inflated: codec.NewMemory(sharedInflated)}
}

// Query says which entries of which container to read.
type Query struct {
	ContainerID string
	// Created is when the container was made, if known: see Config.LocalSince.
	Created time.Time
	// Tail asks for the last Tail entries only, counted before Since and Until
	// apply, as Docker's own drivers do; negative for all.
	Tail int64
	// Since leaves out what comes before the first entry that is as late; what
	// comes behind that is read whatever its time, as times need not grow and
	// Docker's own drivers do so. Until ends at the first later entry. Zero
	// values do nothing.
	Since, Until time.Time
	// Follow goes on with what the container writes, until it stops.
	Follow bool
	// Lazy is for who merges many containers: nothing is fetched ahead, and
	// before the objects of a segment are opened, an entry with Seq 0 tells in its
	// TimeNano that none of theirs is earlier.
	Lazy bool
	// Described, unless nil, is told before the entries of each archived segment
	// what its rows have in common.
	Described func(codec.Meta)
	// From, unless nil, is told before an archived entry which object it is from,
	// where that is another one than the last entry's.
	From func(key.Meta)
}

// Entries reads in order. An entry's bytes are valid until the next one.
//
// An entry whose Seq is 0 is no entry: it tells that nothing more is ready, so
// that the consumer sends on what it has. A *codec.CorruptError stands for what
// is damaged; the entries behind it follow. A *MissingError tells what the bucket
// did not give, and codec.ErrNewer that it has objects which only a later version
// can read, once all else was read; only what is followed comes behind these.
// After any other error nothing follows.
func (r *Reader) Entries(ctx context.Context, q Query) iter.Seq2[codec.Entry, error] {
	return func(yield func(codec.Entry, error) bool) {
		q.ContainerID = key.ContainerID(q.ContainerID)
		rd := &reading{r: r, q: q, yield: yield, since: nanoOr(q.Since, math.MinInt64), until: nanoOr(q.Until, math.MaxInt64)}
		rd.end(rd.run(ctx))
	}
}

// end says how a reading ended, unless its consumer did that.
func (rd *reading) end(err error) {
	if errors.Is(err, errStop) || rd.tellMissing() != nil {
		return
	}
	if err != nil && !errors.Is(err, errUntil) {
		_ = rd.report(fmt.Errorf("read log of container %.12s: %w", rd.q.ContainerID, err)) // nothing follows
	}
}

func nanoOr(t time.Time, def int64) int64 {
	if t.IsZero() {
		return def
	}
	return codec.UnixNano(t)
}

// What ends a reading early: the consumer has enough, or Until was passed.
var (
	errStop  = errors.New("stop")
	errUntil = errors.New("until")
)

// reading is one call of Entries.
type reading struct {
	r            *Reader
	q            Query
	yield        func(codec.Entry, error) bool
	since, until int64
	from         *input        // of the entry before: see Query.From
	missing      *MissingError // what was not to be had so far
	away         bool          // so that the bucket is not asked again
	newer        catalog.Newer // what a later version archived, and this one cannot read
	newerTold    bool
}

func (rd *reading) run(ctx context.Context) error {
	tail, from := rd.q.Tail, int64(0)
	if tail < 0 {
		tail = codec.All
	}
	for {
		next, err := rd.pass(ctx, tail, from)
		if !errors.Is(err, spool.ErrGone) {
			return err
		}
		// A follower fell so far behind that what it wants next is in the
		// bucket only.
		tail, from = codec.All, next
	}
}

// pass reads what there is of the last tail entries from number from on, then
// follows. With spool.ErrGone it returns the number to go on with.
func (rd *reading) pass(ctx context.Context, tail, from int64) (next int64, err error) {
	var sn *spool.Snapshot
	if rd.r.cfg.Local != nil {
		if sn, err = rd.r.cfg.Local(rd.q.ContainerID); err != nil {
			return 0, err
		}
	}
	p := planLocal(sn, tail, from)
	if rd.needsBucket(sn, p) {
		groups, err := rd.groups(ctx, sn, p.missing, from)
		if err != nil {
			return 0, err
		}
		p = p.addGroups(groups, from).prune(rd.since, rd.until)
	}
	if err := rd.remote(ctx, p.groups, from); err != nil {
		return 0, err
	}
	if p.ends {
		return 0, nil
	}
	if sn == nil {
		return 0, nil
	}
	return rd.local(ctx, sn, p.fromSeq)
}

// needsBucket tells whether the local segments cannot satisfy the query.
func (rd *reading) needsBucket(sn *spool.Snapshot, p plan) bool {
	switch {
	case sn == nil:
		return true
	case p.missing == 0:
		return false
	case len(sn.Segments) == 0:
		return true
	}
	oldest := sn.Segments[0].Header
	if oldest.CreatedNano <= rd.since {
		return false // whatever is older arrived before since
	}
	return !oldest.Origin || !rd.young(sn)
}

// young tells that the container has no history but what the spool knows.
func (rd *reading) young(sn *spool.Snapshot) bool {
	c := rd.q.Created
	if sn == nil || sn.Away != nil && sn.Away(c) {
		return false
	}
	return !c.IsZero() && !rd.r.cfg.LocalSince.IsZero() && c.After(rd.r.cfg.LocalSince)
}

// send passes an entry on if it is in the range.
func (rd *reading) send(e *codec.Entry) error {
	if e.TimeNano > rd.until {
		return errUntil
	}
	if e.TimeNano < rd.since {
		return nil
	}
	rd.since = math.MinInt64 // see Query.Since
	if !rd.yield(*e, nil) {
		return errStop
	}
	return nil
}

// report passes on an error behind which more follows or, with nil, that
// nothing is ready.
func (rd *reading) report(err error) error {
	if !rd.yield(codec.Entry{}, err) {
		return errStop
	}
	return nil
}

// local reads the snapshot from number from on, and then follows.
func (rd *reading) local(ctx context.Context, sn *spool.Snapshot, from int64) (next int64, err error) {
	c := sn.Cursor(from)
	defer c.Close()
	idle := func() error {
		if err := rd.tellMissing(); err != nil {
			return err
		}
		return rd.report(nil)
	}
	var e codec.Entry
	for {
		b, err := c.Next(ctx, rd.q.Follow, idle)
		var corrupt *codec.CorruptError
		switch {
		case errors.Is(err, io.EOF):
			return 0, nil
		case errors.As(err, &corrupt):
			if err := rd.report(err); err != nil {
				return 0, err
			}
			continue
		case err != nil:
			return c.Seq(), err
		}
		seq := b.FirstSeq
		for rest := b.Frames; len(rest) > 0; seq++ {
			n, err := codec.ParseFrame(rest, &e)
			if err != nil {
				// Its checksum holds, so it was written like this: not by this
				// version. What follows it may be readable.
				if err := rd.report(&codec.CorruptError{What: "spooled frame", Offset: -1, Err: err}); err != nil {
					return 0, err
				}
				break
			}
			rest = rest[n:]
			if seq < from {
				continue
			}
			if seq > sn.LastSeq && !rd.q.Follow {
				return 0, nil
			}
			e.Seq, e.ArrivalNano = seq, b.ArrivalNano
			if err := rd.send(&e); err != nil {
				return 0, err
			}
		}
	}
}
