package readback

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"sync"
	"time"

	"github.com/coldtail/coldtail/archiver/bucket"
	"github.com/coldtail/coldtail/codec"
	"github.com/coldtail/coldtail/codec/chunkfile"
	"github.com/coldtail/coldtail/codec/ranged"
)

// input is an object that is being decoded.
type input struct {
	object object
	d      codec.Decoder
	e      codec.Entry // the next one
	left   int64       // how many follow, as the key says; -1 where that is not known
	done   bool
	// next is where what was not read begins.
	nextSeq, nextNano int64
	meta              codec.Meta // where the query wants it
	memory            *codec.Allowance
}

func (in *input) advance() error {
	err := in.d.Next(&in.e)
	if errors.Is(err, io.EOF) {
		in.done = true
		if in.left > 0 {
			// An object that was cut at one of its inner ends looks whole.
			return in.corrupt(fmt.Errorf("it lacks %d entries that its key promises", in.left))
		}
		return nil
	}
	if err != nil {
		if isDamage(err) || isBucket(err) || errors.Is(err, codec.ErrMemory) {
			return err
		}
		return in.corrupt(err)
	}
	if in.left > 0 {
		in.left--
	}
	in.nextSeq, in.nextNano = in.e.Seq+1, in.e.TimeNano
	return nil
}

func (in *input) corrupt(err error) error {
	return &codec.CorruptError{What: in.object.Key(), Offset: -1, Err: err}
}

// rest describes what is missing of the object when err ends its reading.
func (in *input) rest(err error) *MissingError {
	o := in.object
	m := &MissingError{
		From: time.Unix(0, o.MinNano), To: time.Unix(0, o.MaxNano),
		FromSeq: o.FirstSeq, ToSeq: o.LastSeq, Entries: max(0, in.left), Err: err,
	}
	if in.nextSeq > 0 {
		m.From, m.FromSeq = time.Unix(0, in.nextNano), in.nextSeq
	}
	return m
}

// open makes an input and reads its first entry. The input is valid, to tell
// what is missing, also with an error.
func (rd *reading) open(ctx context.Context, o object, from int64, memory *codec.Allowance) (*input, error) {
	in := &input{object: o, left: o.tail, memory: memory}
	if from > o.FirstSeq {
		in.left = -1
	}
	fail := func(err error) (*input, error) {
		in.done = true
		return in, fmt.Errorf("open %s: %w", o.Key(), tooShort(err))
	}
	or := &objectReader{ctx: ctx, rd: rd, key: o.Key(), etag: o.ETag, sha256: o.SHA256}
	var r io.ReaderAt = or
	if o.whole(from) {
		if o.SHA256 != "" {
			or.etag, or.verified = "", true // here, by its content
		}
		b := make([]byte, o.SizeBytes)
		if _, err := r.ReadAt(b, 0); err != nil {
			if o.SHA256 != "" && errors.Is(err, io.ErrUnexpectedEOF) && !isBucket(err) { // it is shorter
				err = or.overwritten()
			}
			return fail(err)
		}
		if sum := sha256.Sum256(b); o.SHA256 != "" && hex.EncodeToString(sum[:]) != o.SHA256 {
			return fail(or.overwritten())
		}
		r = ranged.Bytes(b)
	}
	limits := codec.Limits{Memory: memory, Stop: func() error { return context.Cause(ctx) }}
	d, err := chunkfile.NewDecoder(o.Format, r, o.SizeBytes, codec.Range{Tail: o.tail, FromSeq: from, Limits: limits})
	if err != nil {
		return fail(err)
	}
	in.d = d
	if rd.q.Described != nil {
		// Damage there is none to the entries.
		if in.meta, err = chunkfile.ReadMeta(o.Format, r, o.SizeBytes, limits.With(codec.Allow(mergedInflated, rd.r.inflated))); isBucket(err) {
			in.close()
			return fail(err)
		}
	}
	if err := in.advance(); err != nil {
		in.close()
		return fail(err)
	}
	return in, nil
}

func (in *input) close() {
	in.done = true
	if in.d != nil {
		_ = in.d.Close() // frees buffers only
	}
}

// wholeBytes is up to which size an object that is wanted from its beginning to
// its end is read at once. Of larger ones the decoder reads ranges as it goes,
// and holds at most about rangesBytes of them.
const (
	wholeBytes  = 8 << 20
	rangesBytes = 20 << 20
)

func (o object) whole(from int64) bool {
	return o.tail >= o.Entries && from <= o.FirstSeq && 0 < o.SizeBytes && o.SizeBytes <= wholeBytes
}

// cost is how many bytes of the object may be in memory at a time.
func (o object) cost() int64 { return min(o.SizeBytes, rangesBytes) }

// tooShort makes an error of an object that ends too early one of damage. What
// the bucket itself says is none.
func tooShort(err error) error {
	early := errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF)
	if isBucket(err) || isDamage(err) || !early {
		return err
	}
	return &codec.CorruptError{What: "object", Offset: -1, Err: err}
}

// bucketError is what the bucket failed with, as opposed to what is wrong with
// an object that it gave.
type bucketError struct{ err error }

func (e *bucketError) Error() string { return e.err.Error() }
func (e *bucketError) Unwrap() error { return e.err }

func isBucket(err error) bool { return errors.As(err, new(*bucketError)) }

func isDamage(err error) bool { return !isBucket(err) && errors.As(err, new(*codec.CorruptError)) }

// objectReader reads ranges of one object, all of the same version. It lives
// no longer than the call whose context it keeps, which io.ReaderAt cannot pass.
type objectReader struct {
	ctx context.Context
	rd  *reading
	key string

	// sha256, unless empty, is what the content must have: that of an object whose ETag
	// is not the one that it was written with is read once to see.
	sha256    string
	verifying sync.Mutex
	verified  bool // or its ETag is; guarded by verifying

	mu   sync.Mutex
	etag string
}

var errOverwritten = errors.New("it is not what this host archived: somebody has overwritten it")

func (r *objectReader) overwritten() error {
	return &codec.CorruptError{What: r.key, Offset: -1, Err: errOverwritten}
}

func (r *objectReader) ReadAt(p []byte, off int64) (n int, err error) {
	if r.sha256 == "" {
		return r.readAt(p, off)
	}
	r.mu.Lock()
	pinned := r.etag != ""
	r.mu.Unlock()
	if pinned {
		if n, err = r.readAt(p, off); !errors.Is(err, bucket.ErrChanged) {
			return n, err
		}
	}
	if err := r.verify(); err != nil {
		return 0, err
	}
	return r.readAt(p, off)
}

// verify reads the object once, to see whether its content is what was archived,
// and pins its ETag.
func (r *objectReader) verify() error {
	r.verifying.Lock()
	defer r.verifying.Unlock()
	if r.verified {
		return nil
	}
	ctx, w := watch(r.ctx, r.rd.r.cfg.Timeout)
	defer w.stop()
	b, err := r.rd.r.bucket.Get(ctx, r.key, bucket.GetOptions{})
	if err != nil {
		return &bucketError{w.explain(err)}
	}
	defer b.Close()
	sum, buf := sha256.New(), make([]byte, 64<<10)
	for {
		n, err := b.Read(buf)
		sum.Write(buf[:n])
		w.progress()
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			return &bucketError{w.explain(err)}
		}
	}
	if hex.EncodeToString(sum.Sum(nil)) != r.sha256 {
		return r.overwritten()
	}
	r.mu.Lock()
	r.etag = b.Object.ETag
	r.mu.Unlock()
	r.verified = true
	return nil
}

func (r *objectReader) readAt(p []byte, off int64) (n int, err error) {
	ctx, w := watch(r.ctx, r.rd.r.cfg.Timeout)
	defer w.stop()
	r.mu.Lock()
	etag := r.etag
	r.mu.Unlock()
	b, err := r.rd.r.bucket.Get(ctx, r.key, bucket.GetOptions{Offset: off, Length: int64(len(p)), ETag: etag})
	if err != nil {
		return 0, &bucketError{w.explain(err)}
	}
	defer b.Close()
	r.mu.Lock()
	r.etag = b.Object.ETag
	r.mu.Unlock()
	for n < len(p) {
		m, err := b.Read(p[n:])
		n += m
		w.progress()
		switch {
		case n == len(p):
		case errors.Is(err, io.EOF):
			return n, io.ErrUnexpectedEOF
		case err != nil:
			return n, &bucketError{w.explain(err)}
		}
	}
	return n, nil
}
