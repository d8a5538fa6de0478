package bucket

import (
	"context"
	"io"
	"iter"
	"strings"
)

// Prefix returns the part of b whose keys start with prefix and a slash, under
// keys without them. Slashes around prefix do not matter; an empty prefix is b
// itself. Errors name the whole key.
func Prefix(b Bucket, prefix string) Bucket {
	prefix = strings.Trim(prefix, "/")
	if prefix == "" {
		return b
	}
	return &prefixed{b: b, prefix: prefix + "/"}
}

type prefixed struct {
	b      Bucket
	prefix string
}

func (p *prefixed) Put(ctx context.Context, key string, r io.ReaderAt, sizeBytes int64, opts PutOptions) error {
	return p.b.Put(ctx, p.prefix+key, r, sizeBytes, opts)
}

func (p *prefixed) Get(ctx context.Context, key string, opts GetOptions) (Body, error) {
	body, err := p.b.Get(ctx, p.prefix+key, opts)
	body.Object.Key = strings.TrimPrefix(body.Object.Key, p.prefix)
	return body, err
}

func (p *prefixed) List(ctx context.Context, prefix string, opts ListOptions) iter.Seq2[Object, error] {
	if opts.StartAfter != "" {
		opts.StartAfter = p.prefix + opts.StartAfter
	}
	return func(yield func(Object, error) bool) {
		for o, err := range p.b.List(ctx, p.prefix+prefix, opts) {
			o.Key = strings.TrimPrefix(o.Key, p.prefix)
			if !yield(o, err) {
				return
			}
		}
	}
}

func (p *prefixed) Delete(ctx context.Context, key string) error {
	return p.b.Delete(ctx, p.prefix+key)
}
