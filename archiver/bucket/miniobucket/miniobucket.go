package miniobucket

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"iter"
	"net/http"
	"strings"

	"github.com/minio/minio-go/v7"
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
	// HostStyle puts the bucket's name into the host's instead of the path.
	HostStyle bool
	// AccessKey, SecretKey and SessionToken are credentials that count before
	// those of the SDK's chain; the token is empty for lasting ones.
	AccessKey, SecretKey, SessionToken string
	s3http.Options
}

// Bucket is a bucket in MinIO. It implements bucket.Bucket.
type Bucket struct {
	core      *minio.Core
	transport http.RoundTripper // of core, for what it does not do
	name      string
	putter    *s3http.Putter[minio.CompletePart]
}

// defaultRegion is MinIO's.
const defaultRegion = "us-east-1"

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
	cfg.Region = cmp.Or(cfg.Region, defaultRegion)
	creds, err := cfg.credentials()
	if err != nil {
		return nil, fmt.Errorf("open minio bucket: %w", err)
	}
	options := &minio.Options{
		Creds:        creds,
		Secure:       cfg.TLS,
		Transport:    transport,
		Region:       cfg.Region,
		BucketLookup: minio.BucketLookupPath,
		MaxRetries:   1,
	}
	if cfg.HostStyle {
		options.BucketLookup = minio.BucketLookupDNS
	}
	core, err := minio.NewCore(cfg.Endpoint, options)
	if err != nil {
		return nil, fmt.Errorf("open minio bucket: %w", err)
	}
	sums := s3http.SumMD5
	if cfg.Checksums == s3http.WhenSupported {
		sums = s3http.SumCRC32C
	}
	r := &requests{core: core, name: cfg.Bucket, opts: cfg.Options}
	return &Bucket{core: core, transport: transport, name: cfg.Bucket, putter: s3http.NewPutter(r, cfg.Options, sums)}, nil
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
		if b.absent(ctx, key, err) {
			err = fmt.Errorf("%w: %w", bucket.ErrNotFound, err)
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
	if opts.Delimited {
		return s3http.Level(b.list(ctx, prefix, opts), opts.StartAfter)
	}
	return b.list(ctx, prefix, opts)
}

// list yields of each page the objects, then the common prefixes.
func (b *Bucket) list(ctx context.Context, prefix string, opts bucket.ListOptions) iter.Seq2[bucket.Object, error] {
	return func(yield func(bucket.Object, error) bool) {
		noOwner := false
		objects := b.core.ListObjectsIter(ctx, b.name, minio.ListObjectsOptions{
			Prefix: prefix, Recursive: !opts.Delimited, StartAfter: opts.StartAfter, FetchOwner: &noOwner, MaxKeys: s3http.PageKeys,
		})
		for info := range objects {
			if info.Err != nil {
				yield(bucket.Object{}, wrap(ctx, bucket.OpList, prefix, info.Err))
				return
			}
			o := describe(info)
			// minio-go's common prefixes are objects of which nothing is known.
			o.CommonPrefix = opts.Delimited && o.ModTime.IsZero() && strings.HasSuffix(o.Key, "/")
			if !yield(o, nil) {
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
