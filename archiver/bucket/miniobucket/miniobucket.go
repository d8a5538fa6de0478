package miniobucket

import (
	"context"
	"errors"
	"fmt"
	"io"
	"iter"
	"net/http"
	"strconv"
	"strings"
	"sync/atomic"

	"github.com/minio/minio-go/v7"
	"github.com/minio/minio-go/v7/pkg/credentials"
	"github.com/minio/minio-go/v7/pkg/s3utils"

	"github.com/coldtail/coldtail/archiver/bucket"
	"github.com/coldtail/coldtail/archiver/bucket/s3http"
)

// Config of a bucket in MinIO.
type Config struct {
	// Endpoint is the server's host and port.
	Endpoint string
	// Bucket is the bucket's name.
	Bucket string
	// TLS tells to speak HTTPS.
	TLS bool
	// Region of the server; empty is us-east-1, MinIO's default.
	Region string
	// CAFile has certificates to trust beside the system's.
	CAFile string
	// AccessKey and SecretKey are the credentials.
	AccessKey, SecretKey string
}

// Bucket is a bucket in MinIO. It implements bucket.Bucket.
type Bucket struct {
	core      *minio.Core
	transport http.RoundTripper // of core, for what it does not do
	name      string
	// plainPut tells that the store is known to refuse If-None-Match.
	plainPut atomic.Bool
}

// Open prepares a client; it does not touch the network.
func Open(cfg Config) (*Bucket, error) {
	// Every request would fail with this, before it is sent.
	if err := s3utils.CheckValidBucketName(cfg.Bucket); err != nil {
		return nil, fmt.Errorf("open minio bucket %q: %w", cfg.Bucket, err)
	}
	transport, err := s3http.Transport(cfg.CAFile)
	if err != nil {
		return nil, fmt.Errorf("open minio bucket: %w", err)
	}
	if cfg.Region == "" {
		cfg.Region = "us-east-1"
	}
	core, err := minio.NewCore(cfg.Endpoint, &minio.Options{
		Creds:        credentials.NewStaticV4(cfg.AccessKey, cfg.SecretKey, ""),
		Secure:       cfg.TLS,
		Transport:    transport,
		Region:       cfg.Region,
		BucketLookup: minio.BucketLookupPath,
		MaxRetries:   1,
	})
	if err != nil {
		return nil, fmt.Errorf("open minio bucket: %w", err)
	}
	return &Bucket{core: core, transport: transport, name: cfg.Bucket}, nil
}

// Put sends the object in one request, or in parts above s3http.MultipartBytes.
func (b *Bucket) Put(ctx context.Context, key string, r io.ReaderAt, sizeBytes int64, opts bucket.PutOptions) error {
	src := bucket.NewSource(r, sizeBytes)
	if sizeBytes > s3http.MultipartBytes && opts.IfAbsent {
		if _, err := b.core.StatObject(ctx, b.name, key, minio.StatObjectOptions{}); err == nil {
			return nil
		}
		opts.IfAbsent = false
	}
	conditional := opts.IfAbsent && !b.plainPut.Load()
	err := b.put(ctx, key, src, sizeBytes, opts, conditional)
	if conditional && err != nil {
		code, status := answer(err)
		switch {
		case status == http.StatusPreconditionFailed:
			return nil // it is there already
		case s3http.RejectsCondition(code, status):
			if err = b.put(ctx, key, src, sizeBytes, opts, false); err == nil {
				b.plainPut.Store(true) // it was the condition
			}
		}
	}
	return src.Wrap(ctx, key, spell(err), classify)
}

func (b *Bucket) put(ctx context.Context, key string, src *bucket.Source, sizeBytes int64, opts bucket.PutOptions, conditional bool) error {
	in := minio.PutObjectOptions{
		ContentType:          opts.ContentType,
		DisableContentSha256: true,
		SendContentMd5:       true,
		DisableMultipart:     sizeBytes <= s3http.MultipartBytes,
		PartSize:             uint64(s3http.PartSize(sizeBytes)),
	}
	if conditional {
		in.SetMatchETagExcept("*")
	}
	// The client's own, not Core's, which would send one request of any size.
	_, err := b.core.Client.PutObject(ctx, b.name, key, src.Reader(), sizeBytes, in)
	return err
}

// Get opens the object. A range that has nothing in it is an error in S3: then
// a second request finds out how large the object is.
func (b *Bucket) Get(ctx context.Context, key string, opts bucket.GetOptions) (bucket.Body, error) {
	if err := opts.Validate(key); err != nil {
		return bucket.Body{}, err
	}
	in, err := conditions(opts)
	if err != nil {
		return bucket.Body{}, wrap(ctx, bucket.OpGet, key, err)
	}
	if h := s3http.RangeHeader(opts); h != "" {
		in.Set("Range", h)
	}
	r, info, header, err := b.core.GetObject(ctx, b.name, key, in)
	if err != nil {
		if _, status := answer(err); status == http.StatusRequestedRangeNotSatisfiable {
			return b.emptyRange(ctx, key, opts, err)
		}
		return bucket.Body{}, wrap(ctx, bucket.OpGet, key, sentinel(err))
	}
	o := describe(info)
	o.Key = key
	total, partial := s3http.Total(header.Get("Content-Range"))
	if partial {
		o.SizeBytes = total
	}
	body, err := s3http.NewBody(r, o, opts, partial)
	return body, wrap(ctx, bucket.OpGet, key, err)
}

func conditions(opts bucket.GetOptions) (minio.GetObjectOptions, error) {
	var in minio.GetObjectOptions
	if opts.ETag == "" {
		return in, nil
	}
	err := in.SetMatchETag(opts.ETag)
	return in, err
}

func (b *Bucket) emptyRange(ctx context.Context, key string, opts bucket.GetOptions, cause error) (bucket.Body, error) {
	in, err := conditions(opts)
	if err != nil {
		return bucket.Body{}, wrap(ctx, bucket.OpGet, key, err)
	}
	info, err := b.core.StatObject(ctx, b.name, key, in)
	if err != nil {
		return bucket.Body{}, wrap(ctx, bucket.OpGet, key, sentinel(err))
	}
	o := describe(info)
	o.Key = key
	if _, length := opts.Span(o.SizeBytes); length > 0 {
		// It has grown in between.
		return bucket.Body{}, &bucket.Error{Op: bucket.OpGet, Key: key, Err: cause}
	}
	return bucket.Body{ReadCloser: http.NoBody, Object: o}, nil
}

func describe(info minio.ObjectInfo) bucket.Object {
	return bucket.Object{Key: info.Key, SizeBytes: info.Size, ModTime: info.LastModified, ETag: info.ETag}
}

// List pages through the keys.
func (b *Bucket) List(ctx context.Context, prefix string, opts bucket.ListOptions) iter.Seq2[bucket.Object, error] {
	return func(yield func(bucket.Object, error) bool) {
		noOwner := false
		objects := b.core.ListObjectsIter(ctx, b.name, minio.ListObjectsOptions{
			Prefix: prefix, Recursive: true, StartAfter: opts.StartAfter, FetchOwner: &noOwner,
		})
		for info := range objects {
			if info.Err != nil {
				yield(bucket.Object{}, wrap(ctx, bucket.OpList, prefix, info.Err))
				return
			}
			if !yield(describe(info), nil) {
				return
			}
		}
		// When the context ends, minio-go's listing just ends: it would look complete.
		if err := ctx.Err(); err != nil {
			yield(bucket.Object{}, wrap(ctx, bucket.OpList, prefix, err))
		}
	}
}

// Delete removes the object.
func (b *Bucket) Delete(ctx context.Context, key string) error {
	err := sentinel(b.core.RemoveObject(ctx, b.name, key, minio.RemoveObjectOptions{}))
	if errors.Is(err, bucket.ErrNotFound) {
		return nil
	}
	return wrap(ctx, bucket.OpDelete, key, err)
}

func wrap(ctx context.Context, op bucket.Op, key string, err error) error {
	return bucket.WrapError(ctx, op, key, spell(err), classify)
}

// answered is a server's answer that says what minio-go leaves out: its error
// is the message alone, which may be a proxy's HTML.
type answered struct{ minio.ErrorResponse }

// messageMax bounds what a proxy's page takes of a log line.
const messageMax = 200

func (e answered) Error() string {
	msg := e.ErrorResponse.Error()
	if strings.HasPrefix(strings.TrimSpace(msg), "<") { // no S3 message
		msg = "not an answer of S3"
	}
	if len(msg) > messageMax {
		msg = strings.ToValidUTF8(msg[:messageMax], "") + "..."
	}
	code := e.Code
	if status := strconv.Itoa(e.StatusCode); e.StatusCode != 0 && !strings.HasPrefix(code, status) {
		code = status + " " + code
	}
	return code + ": " + msg
}

func (e answered) Unwrap() error { return e.ErrorResponse }

// spell makes a server's answer an answered, unless a sentinel wraps it.
func spell(err error) error {
	if response, ok := err.(minio.ErrorResponse); ok { //nolint:errorlint // as minio-go returns it
		return answered{response}
	}
	return err
}

// answer is the server's error code and HTTP status; both are empty where there
// was no answer.
func answer(err error) (code string, status int) {
	var response minio.ErrorResponse
	if errors.As(err, &response) {
		return response.Code, response.StatusCode
	}
	return "", 0
}

func classify(err error) (permanent bool, hint string) {
	code, status := answer(err)
	return s3http.Classify(code, status, err)
}

// sentinel finds the two errors that are part of the contract.
func sentinel(err error) error {
	if err == nil {
		return nil
	}
	code, status := answer(err)
	switch {
	case code == s3http.CodeNoSuchKey,
		status == http.StatusNotFound && code != "NoSuchBucket":
		return fmt.Errorf("%w: %w", bucket.ErrNotFound, err)
	case status == http.StatusPreconditionFailed:
		return fmt.Errorf("%w: %w", bucket.ErrChanged, err)
	}
	return err
}
