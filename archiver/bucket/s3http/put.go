package s3http

import (
	"context"
	"io"
	"net/http"
	"sync/atomic"
	"time"

	"golang.org/x/sync/errgroup"

	"github.com/coldtail/coldtail/archiver/bucket"
)

const (
	// MultipartBytes is the size above which an object is sent in parts by
	// default: one PUT is cheaper, atomic with its condition, and fast enough below.
	MultipartBytes = 64 << 20
	// PartBytes is the size of parts.
	PartBytes = 16 << 20
	// Concurrency is how many parts of one object are sent at once by default.
	Concurrency = 4

	maxParts     = 10_000 // S3's
	abortTimeout = 10 * time.Second
)

// PartSize returns the size of the parts of an object, at least PartBytes.
func PartSize(sizeBytes int64) int64 {
	return max(PartBytes, (sizeBytes+maxParts-1)/maxParts)
}

// Upload is an object to be put.
type Upload struct {
	Key         string
	SizeBytes   int64
	ContentType string
	// RetainUntil is zero without retention.
	RetainUntil time.Time
}

// Requests are the requests of one client that a Put consists of. P is what the
// client has to know of a part that was sent.
type Requests[P any] interface {
	// PutObject sends the content in one request; conditional, only if there is
	// no such object.
	PutObject(ctx context.Context, u *Upload, content *io.SectionReader, sum Sum, conditional bool) (etag string, err error)
	// Exists reports an object that is certainly there.
	Exists(ctx context.Context, key string) bool
	CreateUpload(ctx context.Context, u *Upload, kind SumKind) (id string, err error)
	UploadPart(ctx context.Context, u *Upload, id string, number int, content *io.SectionReader, sum Sum) (P, error)
	CompleteUpload(ctx context.Context, u *Upload, id string, parts []P, conditional bool) (etag string, err error)
	AbortUpload(ctx context.Context, u *Upload, id string) error
	// Answer is the store's error code and HTTP status; both are empty where
	// there was no answer.
	Answer(err error) (code string, status int)
	// Classify is for bucket.WrapError.
	Classify(err error) (permanent bool, hint string)
}

// Putter makes one client's requests a bucket.Bucket's Put.
type Putter[P any] struct {
	requests Requests[P]
	opts     Options
	sums     SumKind
	// unconditional tells that the store is known to refuse If-None-Match.
	unconditional atomic.Bool
}

// NewPutter returns a Putter that sends checksums of the given kind.
func NewPutter[P any](r Requests[P], opts Options, sums SumKind) *Putter[P] {
	if opts.MultipartBytes <= 0 {
		opts.MultipartBytes = MultipartBytes
	}
	if opts.Concurrency <= 0 {
		opts.Concurrency = Concurrency
	}
	return &Putter[P]{requests: r, opts: opts, sums: sums}
}

// Put sends the object in one request, or in parts above Options.MultipartBytes.
func (p *Putter[P]) Put(ctx context.Context, key string, r io.ReaderAt, sizeBytes int64, opts bucket.PutOptions) error {
	src := bucket.NewSource(r, sizeBytes)
	u := &Upload{Key: key, SizeBytes: sizeBytes, ContentType: opts.ContentType}
	if p.opts.Retention.Mode != "" {
		u.RetainUntil = p.opts.Retention.Until(time.Now())
		opts.IfAbsent = true
	}
	put := p.once
	if sizeBytes > p.opts.MultipartBytes {
		put = p.inParts
	}
	result, err := put(ctx, u, src, opts.IfAbsent)
	opts.Tell(result)
	return src.Wrap(ctx, key, err, p.requests.Classify)
}

func (p *Putter[P]) once(ctx context.Context, u *Upload, src *bucket.Source, ifAbsent bool) (bucket.PutResult, error) {
	sum, err := p.sums.sum(src.Reader())
	if err != nil {
		return bucket.PutResult{}, err
	}
	return p.conditionally(ctx, u, ifAbsent, func(conditional bool) (string, error) {
		return p.requests.PutObject(ctx, u, src.Reader(), sum, conditional)
	})
}

// conditionally sends a request with the condition that there is no such object,
// if that is wanted. An object that is there already is success; a conflict with
// another request for it (409) is an error that bucket.Retry repeats. A store
// that does not know the condition gets the request without it, which is sound
// as callers rely on it for nothing, except with a retention: each repetition
// would then make one more version that cannot be deleted.
func (p *Putter[P]) conditionally(ctx context.Context, u *Upload, ifAbsent bool, send func(conditional bool) (etag string, err error)) (res bucket.PutResult, err error) {
	retained := p.opts.Retention.Mode != ""
	conditional := ifAbsent && (retained || !p.unconditional.Load())
	res.ETag, err = send(conditional)
	if err == nil || !conditional {
		return res, err
	}
	code, status := p.requests.Answer(err)
	switch {
	case status == http.StatusPreconditionFailed, code == CodePreconditionFailed:
		return bucket.PutResult{Existed: true}, nil
	case code == "" && status == 0 && ctx.Err() == nil && p.requests.Exists(ctx, u.Key):
		// Some stores refuse before they have read the content, and reset the
		// connection, which takes their answer along: so would each repetition.
		return bucket.PutResult{Existed: true}, nil
	case RejectsCondition(code, status) && !retained:
		if res.ETag, err = send(false); err == nil {
			p.unconditional.Store(true) // it was the condition
		}
	}
	return res, err
}

// inParts asks for the object first, as the condition is only tested when all
// parts are there. It is written by hand because the SDKs' own transfers send
// trailers that other stores refuse (aws-sdk-go-v2#3469), or forget the condition
// (minio-go).
func (p *Putter[P]) inParts(ctx context.Context, u *Upload, src *bucket.Source, ifAbsent bool) (res bucket.PutResult, err error) {
	if ifAbsent && p.requests.Exists(ctx, u.Key) {
		return bucket.PutResult{Existed: true}, nil
	}
	id, err := p.requests.CreateUpload(ctx, u, p.sums)
	if err != nil {
		return res, err
	}
	completed := false
	parts, err := p.sendParts(ctx, u, id, src)
	if err == nil {
		res, err = p.conditionally(ctx, u, ifAbsent, func(conditional bool) (string, error) {
			etag, err := p.requests.CompleteUpload(ctx, u, id, parts, conditional)
			completed = err == nil
			return etag, err
		})
	}
	if !completed {
		// Parts cost as much as objects. Also when ctx has ended; and if this
		// fails, the bucket's rule for incomplete uploads is there.
		ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), abortTimeout)
		defer cancel()
		_ = p.requests.AbortUpload(ctx, u, id)
	}
	return res, err
}

func (p *Putter[P]) sendParts(ctx context.Context, u *Upload, id string, src *bucket.Source) ([]P, error) {
	partSize := PartSize(u.SizeBytes)
	parts := make([]P, (u.SizeBytes+partSize-1)/partSize)
	g, ctx := errgroup.WithContext(ctx)
	g.SetLimit(p.opts.Concurrency)
	for i := range parts {
		offset := int64(i) * partSize
		content := io.NewSectionReader(src, offset, min(partSize, u.SizeBytes-offset))
		g.Go(func() error {
			if err := ctx.Err(); err != nil {
				return err // another part has failed
			}
			sum, err := p.sums.sum(content)
			if err != nil {
				return err
			}
			parts[i], err = p.requests.UploadPart(ctx, u, id, i+1, content, sum)
			return err
		})
	}
	return parts, g.Wait()
}
