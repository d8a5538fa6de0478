package buckettest

import (
	"bytes"
	"cmp"
	"context"
	"io"
	"iter"
	"slices"
	"sort"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/coldtail/coldtail/archiver/bucket"
)

// PageKeys is how many keys a store lists with one request.
const PageKeys = 1000

// Section is many keys that are made when they are listed.
type Section struct {
	N   int
	Key func(i int) string // grows with i
}

// Keys is a section of keys that are there.
func Keys(keys ...string) Section {
	keys = slices.Sorted(slices.Values(keys))
	keys = slices.Compact(keys)
	return Section{len(keys), func(i int) string { return keys[i] }}
}

// Listing is a bucket of more objects than fit into memory, which counts requests.
// Objects are empty, but those that have a content. It takes no others.
type Listing struct {
	Sections []Section
	Content  map[string][]byte // keys of it are listed, too
	Delay    time.Duration     // of each request
	Listed   func()            // called with some of the pages, unless nil

	Lists, Gets atomic.Int64 // requests

	once sync.Once
	own  Section // of the content
}

// Get is as bucket.Bucket has it.
func (l *Listing) Get(_ context.Context, key string, opts bucket.GetOptions) (bucket.Body, error) {
	l.Gets.Add(1)
	time.Sleep(l.Delay)
	content, ok := l.Content[key]
	if !ok {
		return bucket.Body{}, &bucket.Error{Op: bucket.OpGet, Key: key, Err: bucket.ErrNotFound}
	}
	start, n := opts.Span(int64(len(content)))
	part := bytes.NewReader(content[start : start+n])
	return bucket.Body{ReadCloser: io.NopCloser(part), Object: bucket.Object{Key: key, SizeBytes: int64(len(content))}}, nil
}

// Put is not supported.
func (l *Listing) Put(_ context.Context, key string, _ io.ReaderAt, _ int64, _ bucket.PutOptions) error {
	return &bucket.Error{Op: bucket.OpPut, Key: key, Permanent: true, Err: bucket.ErrNotFound}
}

// Delete is not supported.
func (l *Listing) Delete(_ context.Context, key string) error {
	return &bucket.Error{Op: bucket.OpDelete, Key: key, Permanent: true, Err: bucket.ErrNotFound}
}

// cursor is a place in a section.
type cursor struct {
	s    Section
	i    int
	head string
}

// seek goes to the first key that is one of those wanted, which all later keys
// are too; ok is false if there is none.
func (c *cursor) seek(wanted func(key string) bool) (ok bool) {
	c.i += sort.Search(c.s.N-c.i, func(i int) bool { return wanted(c.s.Key(c.i + i)) })
	if c.i >= c.s.N {
		return false
	}
	c.head = c.s.Key(c.i)
	return true
}

// seekAll does so with each, and drops those that come to their end.
func seekAll(cs []*cursor, wanted func(key string) bool) []*cursor {
	return slices.DeleteFunc(cs, func(c *cursor) bool { return !c.seek(wanted) })
}

// request is one that lists a page.
func (l *Listing) request() {
	l.Lists.Add(1)
	time.Sleep(l.Delay)
}

// List is as bucket.Bucket has it.
func (l *Listing) List(ctx context.Context, prefix string, opts bucket.ListOptions) iter.Seq2[bucket.Object, error] {
	return func(yield func(bucket.Object, error) bool) {
		var cs []*cursor
		for _, s := range append(slices.Clone(l.Sections), l.contents()) {
			cs = append(cs, &cursor{s: s})
		}
		cs = seekAll(cs, func(key string) bool { return key >= prefix && key > opts.StartAfter })
		l.request()
		for n := 0; len(cs) > 0; n++ {
			c := slices.MinFunc(cs, func(a, b *cursor) int { return cmp.Compare(a.head, b.head) })
			if ctx.Err() != nil {
				yield(bucket.Object{}, context.Cause(ctx))
				return
			}
			if !strings.HasPrefix(c.head, prefix) {
				return
			}
			if n > 0 && n%PageKeys == 0 {
				l.request()
				if l.Listed != nil && l.Lists.Load()%64 == 0 {
					l.Listed()
				}
			}
			o := bucket.Object{Key: c.head, SizeBytes: int64(len(l.Content[c.head]))}
			if i := strings.IndexByte(c.head[len(prefix):], '/') + 1; opts.Delimited && i > 0 {
				o = bucket.Object{Key: c.head[:len(prefix)+i], CommonPrefix: true}
			}
			if o.Key > opts.StartAfter && !yield(o, nil) {
				return
			}
			if o.CommonPrefix {
				cs = seekAll(cs, func(key string) bool { return key > o.Key && !strings.HasPrefix(key, o.Key) })
			} else if c.i++; !c.seek(func(string) bool { return true }) {
				cs = slices.DeleteFunc(cs, func(o *cursor) bool { return o == c })
			}
		}
	}
}

func (l *Listing) contents() Section {
	l.once.Do(func() {
		var keys []string
		for k := range l.Content {
			keys = append(keys, k)
		}
		l.own = Keys(keys...)
	})
	return l.own
}
