// Package bucket is an object store in four verbs, and the decorators that
// every store needs. The stores are in its subpackages; buckettest is their
// contract.
package bucket

import (
	"context"
	"errors"
	"fmt"
	"io"
	"iter"
	"time"
)

// ErrNotFound tells that there is no such object. Test with errors.Is.
var ErrNotFound = errors.New("no such object")

// ErrChanged tells that an object is no longer the one whose ETag was pinned.
var ErrChanged = errors.New("object has changed")

// Object describes a stored object. A zero ModTime or ETag is unknown.
type Object struct {
	Key       string
	SizeBytes int64
	ModTime   time.Time
	ETag      string
	// CommonPrefix reports that this is no object: Key ends with a slash, and
	// objects have keys that start with it. Only a delimited listing has such.
	CommonPrefix bool
}

// Body is an object's content, or the part asked for; Object describes the
// whole object.
type Body struct {
	io.ReadCloser
	Object Object
}

// PutOptions change what Put does. The zero value overwrites.
type PutOptions struct {
	// IfAbsent asks the store to leave an existing object as it is; Put then
	// succeeds without writing. Stores that cannot do so overwrite: callers may
	// rely on it only to save work, never for correctness.
	IfAbsent bool
	// ContentType is the object's media type; empty leaves it to the store.
	ContentType string
	// Result, unless nil, is what Put tells of its success.
	Result *PutResult
}

// PutResult is what a store tells of a Put.
type PutResult struct {
	Existed bool   // there was an object, which is left as it was
	ETag    string // of what was written; empty where it is not known
}

// Tell sets o.Result, if the caller wants it.
func (o PutOptions) Tell(r PutResult) {
	if o.Result != nil {
		*o.Result = r
	}
}

// GetOptions select a part of an object. The zero value is the whole object.
type GetOptions struct {
	// Offset of the first byte. A negative offset counts from the end: the last
	// -Offset bytes, or all of a shorter object. One at or beyond the end gives
	// an empty body.
	Offset int64
	// Length in bytes; zero means up to the end. More than there is gives what
	// there is. Negative is an error.
	Length int64
	// ETag, if not empty, must still be the object's, or Get fails with ErrChanged.
	ETag string
}

// Validate reports what no store could do, for an object called key.
func (o GetOptions) Validate(key string) error {
	if o.Length < 0 {
		return &Error{Op: OpGet, Key: key, Permanent: true, Err: fmt.Errorf("length %d is negative", o.Length)}
	}
	return nil
}

// Span resolves the options for an object of sizeBytes: the first byte, at most
// sizeBytes, and how many from there.
func (o GetOptions) Span(sizeBytes int64) (start, length int64) {
	start = min(o.Offset, sizeBytes)
	if start < 0 {
		start = max(0, sizeBytes+start)
	}
	length = sizeBytes - start
	if o.Length > 0 {
		length = min(length, o.Length)
	}
	return start, length
}

// ListOptions narrow a listing.
type ListOptions struct {
	// StartAfter skips keys, and common prefixes, up to and including this one.
	// A listing after "a/b" therefore has no common prefix "a/".
	StartAfter string
	// Delimited lists one level: keys with a slash after the listing's prefix
	// are not yielded. In their place comes what they share up to that slash,
	// once, as a common prefix in the order of keys. Its cost does not grow
	// with what lies below. The delimiter is no option: MinIO and folders are
	// fast with the slash alone.
	Delimited bool
}

// Bucket is an object store, or a prefix of one. Keys are slash-separated,
// without a leading slash. All methods may be called concurrently. Errors are
// *Error, except where the context ended them.
type Bucket interface {
	// Put stores sizeBytes from r under key, wholly or not at all. It is
	// idempotent. It may read r several times and from several goroutines.
	Put(ctx context.Context, key string, r io.ReaderAt, sizeBytes int64, opts PutOptions) error
	// Get opens an object; the caller closes the body. ErrNotFound where there
	// is none. Reading the body may fail later than Get.
	Get(ctx context.Context, key string, opts GetOptions) (Body, error)
	// List yields the objects whose key starts with prefix, in lexical order of
	// their keys; if it is delimited, those of one level. It stops after the
	// first error.
	List(ctx context.Context, prefix string, opts ListOptions) iter.Seq2[Object, error]
	// Delete removes an object; it is no error if there is none.
	Delete(ctx context.Context, key string) error
}
