package readback

import (
	"context"
	"errors"
	"fmt"
	"io"

	"github.com/coldtail/coldtail/archiver/bucket"
	"github.com/coldtail/coldtail/archiver/chunk"
	"github.com/coldtail/coldtail/archiver/spool"
	"github.com/coldtail/coldtail/codec"
)

// groups finds the container's objects. The spool's own list has those of this
// spool; only for others, or where that was damaged, the bucket is listed.
func (rd *reading) groups(ctx context.Context, sn *spool.Snapshot) ([]group, error) {
	var objs []chunk.Chunk
	local := map[int64]bool{}
	own, complete := "", false
	if sn != nil {
		listed, all, err := sn.AllObjects()
		if err != nil {
			return nil, err
		}
		complete = all && rd.young()
		for _, o := range listed {
			m, err := chunk.ParseKey(o.Key)
			if err != nil {
				continue // not written by this version: the listing may know it
			}
			own = m.SpoolID
			objs = append(objs, chunk.Chunk{Meta: m, SizeBytes: o.SizeBytes})
		}
		for _, v := range sn.Segments {
			own = v.Header.SpoolID
			local[v.Header.SegmentSeq] = true
		}
	}
	if !complete {
		ctx, cancel := context.WithTimeout(ctx, rd.r.cfg.Timeout)
		defer cancel()
		listed, err := chunk.List(ctx, rd.r.bucket, rd.q.ContainerID)
		if err != nil {
			return nil, fmt.Errorf("find what is archived: %w", err)
		}
		objs = append(objs, listed...)
	}
	return arrange(objs, func(m chunk.Meta) bool { return m.SpoolID == own && local[m.SegmentSeq] }), nil
}

// group reads one segment's objects, merged by sequence number.
func (rd *reading) group(ctx context.Context, g group, from int64) error {
	total := int64(0)
	var ins []*input
	defer func() {
		for _, in := range ins {
			_ = in.d.Close() // frees buffers only
		}
	}()
	for _, o := range g.objects {
		n := min(g.tail, o.Entries)
		in, err := rd.open(ctx, o, codec.Range{Tail: n, FromSeq: from})
		if errors.Is(err, bucket.ErrNotFound) {
			continue // removed by the bucket's own retention
		}
		if bad := (*codec.CorruptError)(nil); errors.As(err, &bad) {
			if err := rd.report(err); err != nil {
				return err
			}
			continue
		}
		if err != nil {
			return err
		}
		if from == 0 {
			in.left = n - 1 // it holds the first already
		}
		total += n
		ins = append(ins, in)
	}
	skip := max(0, total-g.tail)
	for {
		in := next(ins)
		if in == nil {
			return nil
		}
		if skip > 0 {
			skip--
		} else if err := rd.send(&in.e); err != nil {
			return err
		}
		if err := in.advance(); err != nil {
			in.done = true
			if err := rd.report(err); err != nil {
				return err
			}
		}
	}
}

// input is an object that is being decoded.
type input struct {
	d    codec.Decoder
	e    codec.Entry // the next one
	name string
	left int64 // how many follow, as the key says; -1 where that is not known
	done bool
}

func (in *input) advance() error {
	err := in.d.Next(&in.e)
	if errors.Is(err, io.EOF) {
		in.done = true
		if in.left > 0 {
			// An object that was cut at one of its inner ends looks whole.
			return &codec.CorruptError{What: in.name, Offset: -1, Err: fmt.Errorf("it lacks %d entries that its key promises", in.left)}
		}
		return nil
	}
	in.left--
	var corrupt *codec.CorruptError
	if err != nil && !errors.As(err, &corrupt) {
		return &codec.CorruptError{What: in.name, Offset: -1, Err: err}
	}
	return err
}

// next returns the input with the smallest number, or nil when all are done.
func next(ins []*input) (first *input) {
	for _, in := range ins {
		if !in.done && (first == nil || in.e.Seq < first.e.Seq) {
			first = in
		}
	}
	return first
}

func (rd *reading) open(ctx context.Context, o chunk.Chunk, rg codec.Range) (*input, error) {
	key := o.Key()
	r := &objectReader{ctx: ctx, rd: rd, key: key, etag: o.ETag}
	d, err := codec.NewDecoder(o.Format, r, o.SizeBytes, rg)
	if err != nil {
		return nil, fmt.Errorf("open %s: %w", key, tooShort(err))
	}
	in := &input{d: d, name: key, left: -1}
	if err := in.advance(); err != nil {
		_ = d.Close()
		return nil, fmt.Errorf("open %s: %w", key, tooShort(err))
	}
	return in, nil
}

// tooShort makes an error of an object that ends too early one of damage. What
// the bucket itself says is none.
func tooShort(err error) error {
	var be *bucket.Error
	var bad *codec.CorruptError
	early := errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF)
	if errors.As(err, &be) || errors.As(err, &bad) || !early {
		return err
	}
	return &codec.CorruptError{What: "object", Offset: -1, Err: err}
}

// objectReader reads ranges of one object, all of the same version. It lives
// no longer than the call whose context it keeps, which io.ReaderAt cannot pass.
type objectReader struct {
	ctx  context.Context
	rd   *reading
	key  string
	etag string
}

func (r *objectReader) ReadAt(p []byte, off int64) (int, error) {
	ctx, cancel := context.WithTimeout(r.ctx, r.rd.r.cfg.Timeout)
	defer cancel()
	b, err := r.rd.r.bucket.Get(ctx, r.key, bucket.GetOptions{Offset: off, Length: int64(len(p)), ETag: r.etag})
	if err != nil {
		return 0, err
	}
	defer b.Close()
	r.etag = b.Object.ETag
	return io.ReadFull(b, p)
}
