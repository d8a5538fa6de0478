package verify

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"math"
	"slices"
	"time"

	"github.com/coldtail/coldtail/archiver/bucket"
	"github.com/coldtail/coldtail/codec"
	"github.com/coldtail/coldtail/codec/chunkfile"
	"github.com/coldtail/coldtail/codec/key"
	"github.com/coldtail/coldtail/readback/catalog"
)

const (
	// inMemoryBytes bounds the objects that are read in one piece, which is one
	// request; larger ones are read in ranges.
	inMemoryBytes = 32 << 20
	// inflatedBytes is what each object that is being read may become beside its
	// bytes, and sharedInflated what they may together beyond that.
	inflatedBytes  = 4 << 20
	sharedInflated = 40 << 20
	// readAttempts bounds how often an object is read anew that changes or
	// fails midway.
	readAttempts = 3
)

// holesFree is how many holes and gap rows an object may have beside one a byte:
// each is held until the container's history is known.
const holesFree = 1 << 18

var errHoles = errors.New("its numbers have more holes than it has bytes")

// read is what is known of an object that has been read.
type read struct {
	chunk    catalog.Chunk
	gone     bool   // removed since it was listed
	held     ranges // numbers of its entries, gap rows left out
	gaps     []gapRow
	stats    codec.Stats
	origin   bool // its segment starts a history
	damaged  bool // held is not all that there was
	findings []Finding
	memory   *codec.Memory
}

// limits are what a decoder of the object may take.
func (r *read) limits(ctx context.Context) codec.Limits {
	return codec.Limits{Memory: codec.Allow(inflatedBytes, r.memory), Stop: func() error { return context.Cause(ctx) }}
}

// gapRow stands for entries that were dropped: those of the first numbers from
// seq on that no row has.
type gapRow struct{ seq, entries int64 }

// span is where they are unless rows are between them.
func (g gapRow) span() span {
	return span{g.seq, g.seq + min(g.entries, math.MaxInt64-g.seq) - 1} // numbers end
}

// find adds a finding about the object.
func (r *read) find(k Kind, format string, args ...any) *Finding {
	r.findings = append(r.findings, Finding{
		Kind: k, Key: r.chunk.Key(), ContainerID: r.chunk.ContainerID, SpoolID: r.chunk.SpoolID, Detail: fmt.Sprintf(format, args...),
	})
	return &r.findings[len(r.findings)-1]
}

// readObject reads and checks one object. Its error is the context's, or that of a
// bucket which does not answer.
func readObject(ctx context.Context, b bucket.Bucket, c catalog.Chunk, memory *codec.Memory) (*read, error) {
	for attempt := 1; ; attempt++ {
		// The segment with number 1 is the first since there was no state;
		// NDJSON has no other sign of it.
		r := &read{chunk: c, origin: c.SegmentSeq == 1, memory: memory}
		err := r.read(ctx, b)
		var corrupt *codec.CorruptError
		switch {
		case err == nil:
			return r, nil
		case ctx.Err() != nil:
			return nil, context.Cause(ctx)
		case errors.Is(err, bucket.ErrNotFound):
			r.gone = true
			return r, nil
		case errors.As(err, &corrupt), errors.Is(err, codec.ErrMemory), bucket.Permanent(err):
			r.unreadable(err)
			return r, nil
		case attempt == readAttempts:
			return nil, fmt.Errorf("read %s: %w", c.Key(), err)
		case errors.Is(err, bucket.ErrChanged):
			c.ETag = "" // the listing's is old
		}
	}
}

func (r *read) unreadable(err error) {
	r.damaged = true
	// What came before the damage was noticed may be garbled: gzip has one
	// checksum, at the end. Numbers that are not the object's are no entries.
	own := span{r.chunk.FirstSeq, r.chunk.LastSeq}
	r.held = r.held.within(own)
	r.gaps = slices.DeleteFunc(r.gaps, func(g gapRow) bool { return g.seq < own.first || g.span().last > own.last })
	f := r.find(Unreadable, "%v", err)
	f.FirstSeq, f.LastSeq = r.chunk.FirstSeq, r.chunk.LastSeq
	// Entries whose rows were read are not concerned.
	f.Entries = max(0, r.chunk.Entries-r.stats.Entries)
}

func (r *read) read(ctx context.Context, b bucket.Bucket) error {
	src, sizeBytes, err := r.open(ctx, b)
	if err != nil {
		return err
	}
	if sizeBytes != r.chunk.SizeBytes {
		r.find(Mismatch, "the listing says %d bytes, it has %d", r.chunk.SizeBytes, sizeBytes)
	}
	// The rows first: a footer that is damaged may leave them whole, and a
	// damaged page the footer.
	p := &place{hour: r.chunk.Hour}
	rowsErr := r.rows(ctx, src, sizeBytes, p)
	claims, err := chunkfile.Inspect(r.chunk.Format, src, sizeBytes, r.limits(ctx))
	if err == nil {
		r.compareClaims(&claims, rowsErr == nil)
	}
	if err := errors.Join(rowsErr, err); err != nil {
		if rowsErr != nil && err.Error() != rowsErr.Error() {
			err = rowsErr
		}
		return err
	}
	r.compareKey()
	p.report(r)
	return nil
}

// open gets the object: the whole, or a window on it.
func (r *read) open(ctx context.Context, b bucket.Bucket) (io.ReaderAt, int64, error) {
	w := &windowed{ctx: ctx, b: b, key: r.chunk.Key(), etag: r.chunk.ETag}
	opts := bucket.GetOptions{ETag: w.etag}
	if r.chunk.SizeBytes > inMemoryBytes {
		opts.Length = 1 // tells the size
	}
	body, err := b.Get(ctx, w.key, opts)
	if err != nil {
		return nil, 0, err
	}
	defer body.Close()
	w.etag = body.Object.ETag
	if r.chunk.SizeBytes > inMemoryBytes {
		return w, body.Object.SizeBytes, nil
	}
	var buf bytes.Buffer
	buf.Grow(int(r.chunk.SizeBytes) + bytes.MinRead)
	if _, err := buf.ReadFrom(io.LimitReader(body, inMemoryBytes)); err != nil {
		return nil, 0, err
	}
	return bytes.NewReader(buf.Bytes()), int64(buf.Len()), nil
}

// windowed reads ranges of one version of an object. It lives no longer than
// the call whose context it keeps, which io.ReaderAt cannot pass.
type windowed struct {
	ctx       context.Context
	b         bucket.Bucket
	key, etag string
}

func (w *windowed) ReadAt(p []byte, off int64) (int, error) {
	if len(p) == 0 {
		return 0, nil
	}
	body, err := w.b.Get(w.ctx, w.key, bucket.GetOptions{Offset: off, Length: int64(len(p)), ETag: w.etag})
	if err != nil {
		return 0, err
	}
	defer body.Close()
	n, err := io.ReadFull(body, p)
	if errors.Is(err, io.ErrUnexpectedEOF) {
		err = io.EOF
	}
	return n, err
}

// rows decodes all entries.
func (r *read) rows(ctx context.Context, src io.ReaderAt, sizeBytes int64, p *place) error {
	d, err := chunkfile.NewDecoder(r.chunk.Format, src, sizeBytes, codec.Range{Tail: codec.All, Limits: r.limits(ctx)})
	if err != nil {
		return err
	}
	defer d.Close()
	var e codec.Entry
	var unclear *Finding
	most := holesFree + int(sizeBytes)
	for {
		err := d.Next(&e)
		if errors.Is(err, io.EOF) {
			return nil
		}
		if err != nil {
			return err
		}
		if len(r.held)+len(r.gaps) > most {
			return &codec.CorruptError{What: "object", Offset: -1, Err: errHoles}
		}
		r.stats.Add(&e)
		p.add(&e)
		if e.Source != codec.GapSource {
			r.held = r.held.append(e.Seq)
			continue
		}
		gap, err := codec.ParseGap(e.Line)
		if err != nil {
			if unclear == nil {
				unclear = r.find(Mismatch, "a gap row does not say how many entries it stands for")
				unclear.FirstSeq = e.Seq
			}
			unclear.LastSeq = e.Seq
			gap.Entries = 1
		}
		r.gaps = append(r.gaps, gapRow{e.Seq, gap.Entries})
	}
}

// compareKey compares the key with the rows.
func (r *read) compareKey() {
	c, s := &r.chunk, &r.stats
	for _, v := range []struct {
		what      string
		said, are int64
	}{
		{"entries", c.Entries, s.Entries},
		{"first sequence number", c.FirstSeq, s.FirstSeq},
		{"last sequence number", c.LastSeq, s.LastSeq},
		{"smallest time", c.MinNano, max(0, s.MinNano)},
		{"largest time", c.MaxNano, max(0, s.MaxNano)},
	} {
		if v.said != v.are {
			r.find(Mismatch, "%s: the key says %d, the rows %d", v.what, v.said, v.are)
		}
	}
}

// compareClaims compares the footer with the key and, if they could all be
// read, the rows.
func (r *read) compareClaims(c *codec.Claims, whole bool) {
	if id := key.ContainerID(c.ContainerID); id != r.chunk.ContainerID {
		r.find(Mismatch, "container: the key says %.12s, the object %.12s", r.chunk.ContainerID, id)
	}
	if !c.Footer {
		return
	}
	r.origin = c.Info.Origin
	if c.Info.SpoolID != r.chunk.SpoolID || c.Info.SegmentSeq != r.chunk.SegmentSeq {
		r.find(Mismatch, "spool and segment: the key says %s and %d, the footer %s and %d",
			r.chunk.SpoolID, r.chunk.SegmentSeq, c.Info.SpoolID, c.Info.SegmentSeq)
	}
	a, b := c.Stats, r.stats
	a.Rows, b.Rows = 0, 0 // the decoder has no rows
	if whole && a != b {
		r.find(Mismatch, "the footer says %d entries (%d gap rows), numbers %d to %d, times %d to %d; the rows %d (%d), %d to %d, %d to %d",
			a.Entries, a.Gaps, a.FirstSeq, a.LastSeq, a.MinNano, a.MaxNano,
			b.Entries, b.Gaps, b.FirstSeq, b.LastSeq, b.MinNano, b.MaxNano)
	}
}

// place counts rows outside of the object's hour. When a row arrived is not
// archived, so that a time which would be absurd at some arrival in the hour,
// and so be filed there, can be told neither right nor wrong.
type place struct {
	hour                     time.Time
	outside, absurd          int64
	first, last              int64 // numbers of those outside
	firstAbsurd, firstStrays int64 // times
}

func (p *place) add(e *codec.Entry) {
	if own := key.Hour(e.TimeNano, e.TimeNano); own.Equal(p.hour) {
		return
	}
	// The latest arrival with which it could be filed under another hour.
	late := codec.UnixNano(p.hour.Add(time.Hour - 1))
	early := codec.UnixNano(p.hour)
	if key.Hour(e.TimeNano, early).Equal(p.hour) || key.Hour(e.TimeNano, late).Equal(p.hour) {
		if p.absurd++; p.absurd == 1 {
			p.firstAbsurd = e.TimeNano
		}
		return
	}
	if p.outside++; p.outside == 1 {
		p.first, p.firstStrays = e.Seq, e.TimeNano
	}
	p.last = e.Seq
}

func (p *place) report(r *read) {
	stamp := func(nano int64) string { return time.Unix(0, nano).UTC().Format(time.RFC3339) }
	if p.outside > 0 {
		f := r.find(Misplaced, "%d of %d entries are not of this hour, the first of %s", p.outside, r.stats.Entries, stamp(p.firstStrays))
		f.FirstSeq, f.LastSeq, f.Entries = p.first, p.last, p.outside
	}
	if p.hour.Before(key.FirstDay()) {
		r.find(Absurd, "its host's clock was not set: it is filed under a day before %s, where tables of Athena and Trino do not look", key.FirstDay().Format(time.DateOnly))
	}
	if p.absurd > 0 {
		f := r.find(Absurd, "%d of %d entries have times that fit no clock, the first %s: filed by their arrival, or moved", p.absurd, r.stats.Entries, stamp(p.firstAbsurd))
		f.Entries = p.absurd
	}
}
