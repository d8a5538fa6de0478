// Package buckettest is the contract of bucket.Bucket, as one test suite that
// every implementation runs.
package buckettest

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"

	"golang.org/x/sync/errgroup"

	"github.com/coldtail/coldtail/archiver/bucket"
)

// Options adapt the suite to a store.
type Options struct {
	// LargeSizeBytes of the large object; zero is 16 MiB.
	LargeSizeBytes int64
}

// Test runs the suite. open returns an empty bucket, a new one for each call.
func Test(t *testing.T, opts Options, open func(t *testing.T) bucket.Bucket) {
	if opts.LargeSizeBytes == 0 {
		opts.LargeSizeBytes = 16 << 20
	}
	for _, c := range []struct {
		name string
		f    func(*testing.T, bucket.Bucket)
	}{
		{"PutGet", testPutGet},
		{"Ranges", testRanges},
		{"Empty", testEmpty},
		{"NotFound", testNotFound},
		{"Overwrite", testOverwrite},
		{"IfAbsent", testIfAbsent},
		{"ETag", testETag},
		{"Delete", testDelete},
		{"OddKeys", testOddKeys},
		{"ListOrder", testListOrder},
		{"ListPages", testListPages},
		{"ListLevel", testListLevel},
		{"ListLevelPages", testListLevelPages},
		{"Cancelled", testCancelled},
		{"CancelledMidway", testCancelledMidway},
		{"Concurrent", testConcurrent},
		{"Large", func(t *testing.T, b bucket.Bucket) { testLarge(t, b, opts.LargeSizeBytes) }},
	} {
		t.Run(c.name, func(t *testing.T) { c.f(t, open(t)) })
	}
}

func put(t *testing.T, b bucket.Bucket, key, content string, opts bucket.PutOptions) {
	t.Helper()
	if err := b.Put(t.Context(), key, strings.NewReader(content), int64(len(content)), opts); err != nil {
		t.Fatalf("put %q: %v", key, err)
	}
}

// get returns the content asked for and the object's description.
func get(t *testing.T, b bucket.Bucket, key string, opts bucket.GetOptions) (string, bucket.Object) {
	t.Helper()
	body, err := b.Get(t.Context(), key, opts)
	if err != nil {
		t.Fatalf("get %q %+v: %v", key, opts, err)
	}
	content, err := io.ReadAll(body)
	if err != nil {
		t.Fatalf("read %q %+v: %v", key, opts, err)
	}
	if err := body.Close(); err != nil {
		t.Fatalf("close %q: %v", key, err)
	}
	return string(content), body.Object
}

func list(t *testing.T, b bucket.Bucket, prefix, startAfter string) []string {
	t.Helper()
	keys := []string{}
	for o, err := range b.List(t.Context(), prefix, bucket.ListOptions{StartAfter: startAfter}) {
		if err != nil {
			t.Fatalf("list %q after %q: %v", prefix, startAfter, err)
		}
		keys = append(keys, o.Key)
	}
	return keys
}

func testPutGet(t *testing.T, b bucket.Bucket) {
	put(t, b, "a/b/c.txt", "hello", bucket.PutOptions{ContentType: "text/plain"})
	content, o := get(t, b, "a/b/c.txt", bucket.GetOptions{})
	if content != "hello" {
		t.Errorf("content %q", content)
	}
	if o.Key != "a/b/c.txt" || o.SizeBytes != 5 || o.ETag == "" || o.ModTime.IsZero() {
		t.Errorf("described as %+v", o)
	}
	for listed, err := range b.List(t.Context(), "", bucket.ListOptions{}) {
		if err != nil {
			t.Fatal(err)
		}
		if listed.Key != o.Key || listed.SizeBytes != 5 || listed.ModTime.IsZero() {
			t.Errorf("listed as %+v", listed)
		}
		if listed.ETag != o.ETag {
			t.Errorf("listed with ETag %q, got %q", listed.ETag, o.ETag)
		}
	}
}

func testRanges(t *testing.T, b bucket.Bucket) {
	const all = "0123456789"
	put(t, b, "k", all, bucket.PutOptions{})
	for _, c := range []struct {
		offset, length int64
		want           string
	}{
		{0, 0, all},
		{0, 1, "0"},
		{0, 10, all},
		{0, 11, all},
		{4, 0, "456789"},
		{4, 3, "456"},
		{9, 1, "9"},
		{8, 100, "89"},
		{10, 0, ""},
		{10, 5, ""},
		{11, 0, ""},
		{1 << 40, 1, ""},
		{-1, 0, "9"},
		{-4, 0, "6789"},
		{-4, 2, "67"},
		{-4, 9, "6789"},
		{-10, 0, all},
		{-11, 0, all},
		{-1000, 3, "012"},
	} {
		content, o := get(t, b, "k", bucket.GetOptions{Offset: c.offset, Length: c.length})
		if content != c.want {
			t.Errorf("offset %d, length %d: %q, want %q", c.offset, c.length, content, c.want)
		}
		if o.SizeBytes != 10 || o.ETag == "" || o.Key != "k" {
			t.Errorf("offset %d, length %d: described as %+v", c.offset, c.length, o)
		}
	}
	if body, err := b.Get(t.Context(), "k", bucket.GetOptions{Length: -1}); err == nil {
		_ = body.Close()
		t.Error("negative length accepted")
	}
}

func testEmpty(t *testing.T, b bucket.Bucket) {
	put(t, b, "marker", "", bucket.PutOptions{})
	for _, opts := range []bucket.GetOptions{{}, {Length: 10}, {Offset: 5}, {Offset: -10}, {Offset: -10, Length: 3}} {
		content, o := get(t, b, "marker", opts)
		if content != "" || o.SizeBytes != 0 || o.Key != "marker" {
			t.Errorf("%+v: %q, described as %+v", opts, content, o)
		}
	}
	if got := list(t, b, "", ""); !slices.Equal(got, []string{"marker"}) {
		t.Errorf("listed %q", got)
	}
}

func testNotFound(t *testing.T, b bucket.Bucket) {
	put(t, b, "dir/file", "x", bucket.PutOptions{})
	for _, key := range []string{"none", "dir", "dir/none", "dir/file/below", "dir/fil"} {
		for _, opts := range []bucket.GetOptions{{}, {Offset: 3, Length: 4}, {Offset: -8}, {ETag: "abc"}} {
			body, err := b.Get(t.Context(), key, opts)
			if err == nil {
				_ = body.Close()
			}
			if !errors.Is(err, bucket.ErrNotFound) {
				t.Errorf("get %q %+v: %v, want ErrNotFound", key, opts, err)
			}
			if bucket.Transient(err) {
				t.Errorf("get %q: would be retried", key)
			}
		}
	}
	if got := list(t, b, "none/", ""); len(got) != 0 {
		t.Errorf("listed %q", got)
	}
}

func testOverwrite(t *testing.T, b bucket.Bucket) {
	for _, content := range []string{"first, longer", "second", "second"} {
		put(t, b, "a/k", content, bucket.PutOptions{})
		if got, _ := get(t, b, "a/k", bucket.GetOptions{}); got != content {
			t.Errorf("got %q, want %q", got, content)
		}
	}
	if got := list(t, b, "", ""); !slices.Equal(got, []string{"a/k"}) {
		t.Errorf("listed %q", got)
	}
}

func testIfAbsent(t *testing.T, b bucket.Bucket) {
	var res bucket.PutResult
	put(t, b, "k", "same", bucket.PutOptions{IfAbsent: true, Result: &res})
	got, o := get(t, b, "k", bucket.GetOptions{})
	if got != "same" || res.Existed || res.ETag != o.ETag {
		t.Fatalf("not written: %q, %+v, ETag %q", got, res, o.ETag)
	}
	// Stores may overwrite, but none may fail.
	put(t, b, "k", "same", bucket.PutOptions{IfAbsent: true, Result: &res})
	if _, now := get(t, b, "k", bucket.GetOptions{}); now.ETag == o.ETag && !res.Existed && res.ETag != o.ETag {
		t.Errorf("neither written nor left: %+v", res)
	}
	if got, _ := get(t, b, "k", bucket.GetOptions{}); got != "same" {
		t.Errorf("got %q", got)
	}
}

func testETag(t *testing.T, b bucket.Bucket) {
	put(t, b, "k", "version one", bucket.PutOptions{})
	_, one := get(t, b, "k", bucket.GetOptions{})
	content, _ := get(t, b, "k", bucket.GetOptions{Offset: 8, ETag: one.ETag})
	if content != "one" {
		t.Errorf("pinned: %q", content)
	}
	put(t, b, "k", "version two", bucket.PutOptions{})
	for _, opts := range []bucket.GetOptions{
		{ETag: one.ETag},
		{ETag: one.ETag, Offset: 3, Length: 2},
		{ETag: one.ETag, Offset: -2},
		{ETag: one.ETag, Offset: 100},
	} {
		body, err := b.Get(t.Context(), "k", opts)
		if err == nil {
			_ = body.Close()
		}
		if !errors.Is(err, bucket.ErrChanged) {
			t.Errorf("%+v of a changed object: %v, want ErrChanged", opts, err)
		}
	}
}

func testDelete(t *testing.T, b bucket.Bucket) {
	put(t, b, "a/b/c", "x", bucket.PutOptions{})
	put(t, b, "a/d", "x", bucket.PutOptions{})
	for _, key := range []string{"a/b/c", "a/b/c", "a/b", "a", "never/was"} {
		if err := b.Delete(t.Context(), key); err != nil {
			t.Errorf("delete %q: %v", key, err)
		}
	}
	if got := list(t, b, "", ""); !slices.Equal(got, []string{"a/d"}) {
		t.Errorf("listed %q", got)
	}
	// A key may come back, also where its parent went away.
	put(t, b, "a/b/c", "y", bucket.PutOptions{})
	if got, _ := get(t, b, "a/b/c", bucket.GetOptions{}); got != "y" {
		t.Errorf("got %q", got)
	}
}

// testConcurrent keeps the folder of the own keys, so that their deletion does not
// take it away under those who put: VersityGW refuses that (409), and what is
// refused is Retry's business. A Bucket that keeps folders tests that itself.
func testConcurrent(t *testing.T, b bucket.Bucket) {
	put(t, b, "own/stays", "x", bucket.PutOptions{})
	g, ctx := errgroup.WithContext(t.Context())
	versions := []string{strings.Repeat("a", 70_000), strings.Repeat("b", 70_000)}
	for i := range 16 {
		g.Go(func() error {
			v := versions[i%2]
			if err := b.Put(ctx, "same/key", strings.NewReader(v), int64(len(v)), bucket.PutOptions{}); err != nil {
				return err
			}
			key := fmt.Sprintf("own/%d/key", i)
			if err := b.Put(ctx, key, strings.NewReader(v), int64(len(v)), bucket.PutOptions{}); err != nil {
				return err
			}
			return b.Delete(ctx, key)
		})
		g.Go(func() error {
			body, err := b.Get(ctx, "same/key", bucket.GetOptions{})
			if errors.Is(err, bucket.ErrNotFound) {
				return nil
			}
			if err != nil {
				return err
			}
			content, err := io.ReadAll(body)
			if err == nil && !slices.Contains(versions, string(content)) {
				err = fmt.Errorf("read a mixture of %d bytes", len(content))
			}
			return errors.Join(err, body.Close())
		})
	}
	if err := g.Wait(); err != nil {
		t.Fatal(err)
	}
	if got := list(t, b, "", ""); !slices.Equal(got, []string{"own/stays", "same/key"}) {
		t.Errorf("listed %q", got)
	}
}

func testLarge(t *testing.T, b bucket.Bucket, sizeBytes int64) {
	content := make([]byte, sizeBytes)
	chacha := rand.NewChaCha8([32]byte{1})
	_, _ = chacha.Read(content)
	for range 2 {
		if err := b.Put(t.Context(), "large", bytes.NewReader(content), sizeBytes, bucket.PutOptions{IfAbsent: true}); err != nil {
			t.Fatal(err)
		}
	}
	// A reader that has less than it said makes no object.
	if err := b.Put(t.Context(), "short", bytes.NewReader(content[:1000]), 2000, bucket.PutOptions{}); err == nil {
		t.Error("put of a short reader succeeded")
	}
	got, o := get(t, b, "large", bucket.GetOptions{})
	if !bytes.Equal([]byte(got), content) || o.SizeBytes != sizeBytes {
		t.Errorf("got %d bytes, size %d, want %d", len(got), o.SizeBytes, sizeBytes)
	}
	middle := sizeBytes/2 - 5000
	if got, _ := get(t, b, "large", bucket.GetOptions{Offset: middle, Length: 10_000, ETag: o.ETag}); got != string(content[middle:middle+10_000]) {
		t.Error("a range from the middle differs")
	}
	if got := list(t, b, "", ""); !slices.Equal(got, []string{"large"}) {
		t.Errorf("listed %q", got)
	}
}
