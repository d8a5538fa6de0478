package s3bucket

import (
	"context"
	"errors"
	"fmt"
	"io"
	"iter"
	"net/http"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/s3"
	"github.com/aws/aws-sdk-go-v2/service/s3/types"

	"github.com/coldtail/coldtail/archiver/bucket"
	"github.com/coldtail/coldtail/archiver/bucket/s3http"
)

// Bucket is an S3 bucket. It implements bucket.Bucket.
type Bucket struct {
	client *s3.Client
	name   string
	putter *s3http.Putter[types.CompletedPart]
}

// Put sends the object in one request, or in parts.
func (b *Bucket) Put(ctx context.Context, key string, r io.ReaderAt, sizeBytes int64, opts bucket.PutOptions) error {
	return b.putter.Put(ctx, key, r, sizeBytes, opts)
}

// Get opens the object. A range that has nothing in it is an error in S3: then
// a second request finds out how large the object is.
func (b *Bucket) Get(ctx context.Context, key string, opts bucket.GetOptions) (bucket.Body, error) {
	if err := opts.Validate(key); err != nil {
		return bucket.Body{}, err
	}
	out, err := b.client.GetObject(ctx, &s3.GetObjectInput{
		Bucket:  &b.name,
		Key:     &key,
		Range:   optional(s3http.RangeHeader(opts)),
		IfMatch: optional(opts.ETag),
	})
	if err != nil {
		if _, status := answer(err); status == http.StatusRequestedRangeNotSatisfiable {
			return b.emptyRange(ctx, key, opts, err)
		}
		if b.absent(ctx, key, err) {
			err = fmt.Errorf("%w: %w", bucket.ErrNotFound, err)
		}
		return bucket.Body{}, wrap(ctx, bucket.OpGet, key, sentinel(err))
	}
	o := bucket.Object{Key: key, SizeBytes: aws.ToInt64(out.ContentLength), ModTime: aws.ToTime(out.LastModified), ETag: aws.ToString(out.ETag)}
	total, partial := s3http.Total(aws.ToString(out.ContentRange))
	if partial {
		o.SizeBytes = total
	}
	body, err := s3http.NewBody(out.Body, o, opts, partial)
	return body, wrap(ctx, bucket.OpGet, key, err)
}

func (b *Bucket) emptyRange(ctx context.Context, key string, opts bucket.GetOptions, cause error) (bucket.Body, error) {
	out, err := b.client.HeadObject(ctx, &s3.HeadObjectInput{Bucket: &b.name, Key: &key, IfMatch: optional(opts.ETag)})
	if err != nil {
		return bucket.Body{}, wrap(ctx, bucket.OpGet, key, sentinel(err))
	}
	o := bucket.Object{Key: key, SizeBytes: aws.ToInt64(out.ContentLength), ModTime: aws.ToTime(out.LastModified), ETag: aws.ToString(out.ETag)}
	if _, length := opts.Span(o.SizeBytes); length > 0 {
		// It has grown in between.
		return bucket.Body{}, &bucket.Error{Op: bucket.OpGet, Key: key, Err: cause}
	}
	return bucket.Body{ReadCloser: http.NoBody, Object: o}, nil
}

// List pages through the keys.
func (b *Bucket) List(ctx context.Context, prefix string, opts bucket.ListOptions) iter.Seq2[bucket.Object, error] {
	if opts.Delimited {
		return s3http.Level(b.list(ctx, prefix, opts), opts.StartAfter)
	}
	return b.list(ctx, prefix, opts)
}

// list yields of each page the objects, then the common prefixes.
func (b *Bucket) list(ctx context.Context, prefix string, opts bucket.ListOptions) iter.Seq2[bucket.Object, error] {
	in := &s3.ListObjectsV2Input{Bucket: &b.name, Prefix: optional(prefix), StartAfter: optional(opts.StartAfter)}
	if opts.Delimited {
		in.Delimiter, in.MaxKeys = aws.String("/"), aws.Int32(s3http.PageKeys)
	}
	return func(yield func(bucket.Object, error) bool) {
		pages := s3.NewListObjectsV2Paginator(b.client, in)
		for pages.HasMorePages() {
			page, err := pages.NextPage(ctx)
			if err != nil {
				yield(bucket.Object{}, wrap(ctx, bucket.OpList, prefix, err))
				return
			}
			for _, c := range page.Contents {
				o := bucket.Object{Key: aws.ToString(c.Key), SizeBytes: aws.ToInt64(c.Size), ModTime: aws.ToTime(c.LastModified), ETag: aws.ToString(c.ETag)}
				if !yield(o, nil) {
					return
				}
			}
			for _, p := range page.CommonPrefixes {
				if !yield(bucket.Object{Key: aws.ToString(p.Prefix), CommonPrefix: true}, nil) {
					return
				}
			}
		}
	}
}

// Delete removes the object; S3 does not tell whether there was one.
func (b *Bucket) Delete(ctx context.Context, key string) error {
	_, err := b.client.DeleteObject(ctx, &s3.DeleteObjectInput{Bucket: &b.name, Key: &key})
	if err = sentinel(err); errors.Is(err, bucket.ErrNotFound) {
		return nil // but others do
	}
	return wrap(ctx, bucket.OpDelete, key, err)
}

// optional is nil for the empty string, which S3 would take for a value.
func optional(s string) *string {
	if s == "" {
		return nil
	}
	return &s
}

// sentinel finds the two errors that are part of the contract.
func sentinel(err error) error {
	code, status := answer(err)
	switch {
	case code == s3http.CodeNoSuchKey, code == "NotFound",
		status == http.StatusNotFound && code != "NoSuchBucket":
		return fmt.Errorf("%w: %w", bucket.ErrNotFound, err)
	case status == http.StatusPreconditionFailed:
		return fmt.Errorf("%w: %w", bucket.ErrChanged, err)
	}
	return err
}
