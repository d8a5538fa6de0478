package encode

import (
	"cmp"
	"context"
	"errors"
	"slices"

	"github.com/coldtail/coldtail/codec"
)

// maxProbes bounds how long a segment is searched for what cannot be encoded.
const maxProbes = 4096

var errTooBad = errors.New("too much of the segment cannot be encoded")

// exclude adds entries to the bad ones. It reports whether there are any new.
func (c *content) exclude(more []seqRange) bool {
	had := len(c.bad)
	all := slices.Concat(c.bad, more)
	slices.SortFunc(all, func(x, y seqRange) int { return cmp.Or(cmp.Compare(x.first, y.first), cmp.Compare(y.last, x.last)) })
	c.bad = nil
	for _, r := range all {
		if n := len(c.bad); n == 0 || r.last > c.bad[n-1].last {
			c.bad = append(c.bad, r)
		}
	}
	return len(c.bad) > had
}

// search finds the entries that cannot be encoded: those that the encoder has
// named, else those that cannot by themselves, by encoding ever fewer of a batch.
// Where each can, but a batch cannot, that is the batch.
func (e *Encoder) search(ctx context.Context, c *content) error {
	if c.exclude(c.refused) {
		return nil
	}
	var found []seqRange
	probes := 0
	var probe func(es []codec.Entry) error
	probe = func(es []codec.Entry) error {
		if probes++; probes > maxProbes {
			return errTooBad
		}
		if ctx.Err() != nil {
			return context.Cause(ctx)
		}
		if e.encodable(c, es) {
			return nil
		}
		before := len(found)
		if len(es) > 1 {
			half := len(es) / 2
			if err := probe(es[:half]); err != nil {
				return err
			}
			if err := probe(es[half:]); err != nil {
				return err
			}
		}
		if len(found) == before {
			found = append(found, seqRange{es[0].Seq, es[len(es)-1].Seq})
		}
		return nil
	}
	var batch []codec.Entry
	var bytes int
	flush := func() (err error) {
		if len(batch) > 0 {
			err = probe(batch)
		}
		batch, bytes = batch[:0], 0
		return err
	}
	_, err := c.each(func(entry *codec.Entry) error {
		e2 := *entry
		e2.Line, e2.PartID = slices.Clone(entry.Line), slices.Clone(entry.PartID)
		batch = append(batch, e2)
		if bytes += len(entry.Line); bytes > probeBytes || len(batch) >= probeEntries {
			return flush()
		}
		return nil
	})
	if err == nil {
		err = flush()
	}
	if err == nil && !c.exclude(found) {
		err = ErrMismatch // it is none of them alone
	}
	return err
}

// What is encoded together in the first probe of a part.
const (
	probeBytes   = 1 << 20
	probeEntries = 4096
)
