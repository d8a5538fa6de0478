package catalog

import (
	"context"
	"errors"
	"io"

	"golang.org/x/sync/errgroup"

	"github.com/coldtail/coldtail/archiver/bucket"
	"github.com/coldtail/coldtail/codec"
	"github.com/coldtail/coldtail/codec/chunkfile"
	"github.com/coldtail/coldtail/codec/ranged"
)

// maxGapReads bounds how many objects a proof reads to see whether they are gap rows.
const maxGapReads = 8

// run is the chunks of one segment, or a hole's upper edge.
type run struct {
	spool       string
	segment     int64
	first, last int64
	entries     int64
	one         Chunk // the chunk, where there is one only
	chunks      int
}

// runs joins chunks of the same segment, which are neighbours.
func runs(chunks []Chunk) []run {
	rs := make([]run, 0, len(chunks))
	for _, c := range chunks {
		if n := len(rs); n > 0 && rs[n-1].spool == c.SpoolID && rs[n-1].segment == c.SegmentSeq {
			r := &rs[n-1]
			r.last = max(r.last, c.LastSeq)
			r.entries += c.Entries
			r.chunks++
			continue
		}
		rs = append(rs, run{c.SpoolID, c.SegmentSeq, c.FirstSeq, c.LastSeq, c.Entries, c, 1})
	}
	return rs
}

// proven tells whether what was found holds what is wanted, for sure: walking
// down from the newest, no sequence number is missing. Bottom says that nothing
// older than what was listed is wanted.
func (f *finder) proven(ctx context.Context, bottom bool) (bool, error) {
	rs := runs(f.found)
	var holes []hole
	have, enough := int64(0), false
	for i := len(rs) - 1; i >= 0 && !enough; i-- {
		r := rs[i]
		known := f.w.Complete != "" && r.spool == f.w.Complete
		if !known && r.last-r.first+1 != r.entries {
			return false, nil
		}
		have += r.entries
		enough = have >= f.w.Tail
		if enough || known || i == 0 {
			continue
		}
		below := rs[i-1]
		switch {
		case below.spool != r.spool:
			// How far an older spool went, its numbers do not tell.
			if r.segment != 1 || f.w.Tail == codec.All && !f.w.Until.IsZero() {
				return false, nil
			}
		case below.last+1 != r.first:
			holes = append(holes, hole{below.one, r.first})
			if below.entries != 1 || len(holes) > maxGapReads {
				return false, nil
			}
		}
	}
	if !enough && !bottom {
		return false, nil
	}
	return f.gapRows(ctx, holes)
}

// hole is a chunk of one entry behind which numbers are missing up to next.
type hole struct {
	c    Chunk
	next int64
}

// gapRows tells whether the chunks are of gap rows that stand for the holes.
func (f *finder) gapRows(ctx context.Context, holes []hole) (bool, error) {
	if f.gaps == nil {
		f.gaps = map[string]int64{}
	}
	sizes := make([]int64, len(holes))
	g, ctx := errgroup.WithContext(ctx)
	for i, h := range holes {
		if n, ok := f.gaps[h.c.Key()]; ok {
			sizes[i] = n
			continue
		}
		g.Go(func() error {
			var err error
			sizes[i], err = gapEntries(ctx, f.b, h.c)
			return err
		})
	}
	if err := g.Wait(); err != nil {
		return false, err
	}
	ok := true
	for i, h := range holes {
		f.gaps[h.c.Key()] = sizes[i]
		ok = ok && h.c.FirstSeq+sizes[i] == h.next
	}
	return ok, nil
}

// maxGapBytes bounds the size of an object that holds a gap row alone, and
// gapMemoryBytes what reading it takes.
const (
	maxGapBytes    = 256 << 10
	gapMemoryBytes = 2 << 20
)

// gapEntries returns how many entries a chunk's only row stands for; 1 where it
// is no gap row.
func gapEntries(ctx context.Context, b bucket.Bucket, c Chunk) (int64, error) {
	if c.SizeBytes > maxGapBytes {
		return 1, nil
	}
	body, err := b.Get(ctx, c.Key(), bucket.GetOptions{ETag: c.ETag})
	if errors.Is(err, bucket.ErrNotFound) || errors.Is(err, bucket.ErrChanged) {
		return 1, nil
	}
	if err != nil {
		return 0, err
	}
	defer body.Close()
	raw, err := io.ReadAll(io.LimitReader(body, maxGapBytes))
	if err != nil {
		return 0, err
	}
	return gapIn(c.Format, raw), nil
}

func gapIn(format codec.Format, raw []byte) (n int64) {
	n = 1 // also if it is damaged: whoever reads it says so
	defer func() { _ = recover() }()
	d, err := chunkfile.NewDecoder(format, ranged.Bytes(raw), int64(len(raw)), codec.Range{
		Tail: codec.All, Limits: codec.Limits{Memory: codec.Allow(gapMemoryBytes, nil)},
	})
	if err != nil {
		return n
	}
	defer d.Close()
	var e codec.Entry
	if err := d.Next(&e); err != nil || e.Source != codec.GapSource {
		return n
	}
	if gap, err := codec.ParseGap(e.Line); err == nil {
		n = gap.Entries
	}
	return n
}
