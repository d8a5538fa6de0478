package buckettest

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"

	"golang.org/x/sync/errgroup"

	"github.com/coldtail/coldtail/archiver/bucket"
)

// listLevel returns what a delimited listing yields, and checks that of a common
// prefix nothing but its key is set.
func listLevel(t *testing.T, b bucket.Bucket, prefix, startAfter string) []string {
	t.Helper()
	keys := []string{}
	for o, err := range b.List(t.Context(), prefix, bucket.ListOptions{StartAfter: startAfter, Delimited: true}) {
		if err != nil {
			t.Fatalf("list level %q after %q: %v", prefix, startAfter, err)
		}
		if o.CommonPrefix && o != (bucket.Object{Key: o.Key, CommonPrefix: true}) {
			t.Errorf("common prefix is described as %+v", o)
		}
		if !o.CommonPrefix && o.ModTime.IsZero() {
			t.Errorf("object is described as %+v", o)
		}
		if o.CommonPrefix != strings.HasSuffix(o.Key, "/") {
			t.Errorf("common prefix: %v, of %q", o.CommonPrefix, o.Key)
		}
		keys = append(keys, o.Key)
	}
	return keys
}

// level is what a delimited listing of sorted keys has to yield.
func level(keys []string, prefix, startAfter string) []string {
	entries := []string{}
	for _, k := range keys {
		rest, ok := strings.CutPrefix(k, prefix)
		if !ok {
			continue
		}
		if i := strings.IndexByte(rest, '/'); i >= 0 {
			k = prefix + rest[:i+1]
		}
		if k > startAfter {
			entries = append(entries, k)
		}
	}
	slices.Sort(entries)
	return slices.Compact(entries)
}

// testListLevel has names that sort differently as paths and as keys, and names
// that clients and stores have to escape.
func testListLevel(t *testing.T, b bucket.Bucket) {
	if got := listLevel(t, b, "", ""); len(got) > 0 {
		t.Errorf("an empty bucket has %q", got)
	}
	keys := []string{
		"a-b", "a.b", "a/b", "a/b-c", "a/b.c/d", "a/b.c/e", "a/b0", "a/c/d/e", "a0", "ab/c", "b", "b!/x", "c/1", "c/10/x", "c/2",
		"with space/plus+plus/x", "percent%2Fslash/x", "100%/x", "<amp&amp>;'\"/<x>", "hash#question?a=b/x", "ümläut/日本語/x", "~/*", "..dots../x",
	}
	for _, i := range rand.New(rand.NewPCG(1, 1)).Perm(len(keys)) {
		put(t, b, keys[i], "x", bucket.PutOptions{})
	}
	slices.Sort(keys)
	prefixes := []string{"", "a", "a/", "a/b", "a/b.c", "a/b.c/", "a/c/", "a/c/d/", "a/c/d/e", "a/c/d/e/", "c/1", "d", "none/", "ü", "ümläut/", "with space/", "with space/p", "percent", "percent%2Fslash/", "<amp&amp>;'\"/", "hash#question?a=b/"}
	for _, prefix := range prefixes {
		all := level(keys, prefix, "")
		afters := append([]string{"", "!", "a", "a/", "a/b.", "a/b.c/d", "a/zzz", "~", "\U0010ffff"}, all...)
		for _, after := range afters {
			if got, want := listLevel(t, b, prefix, after), level(keys, prefix, after); !slices.Equal(got, want) {
				t.Errorf("level %q after %q: %q, want %q", prefix, after, got, want)
			}
		}
	}
}

// testListLevelPages mixes keys and common prefixes in more than one page of S3's
// 1,000.
func testListLevelPages(t *testing.T, b bucket.Bucket) {
	const n = 1103
	var keys []string
	for i := range n {
		switch {
		case i < 500, i >= 900 && i%2 == 0:
			keys = append(keys, fmt.Sprintf("p/%06d", i))
		case i%8 == 0:
			keys = append(keys, fmt.Sprintf("p/%06d/x/y", i), fmt.Sprintf("p/%06d/z", i))
		default:
			keys = append(keys, fmt.Sprintf("p/%06d/x", i))
		}
	}
	putAll(t, b, keys)
	slices.Sort(keys)
	for _, after := range []string{"", keys[49], keys[499], "p/000500/", "p/000901/", "p/001101/", "p/001102"} {
		got, want := listLevel(t, b, "p/", after), level(keys, "p/", after)
		if !slices.Equal(got, want) || after == "" && len(want) != n {
			t.Errorf("%d entries after %q, want %d in order", len(got), after, len(want))
		}
	}
	// A caller that wants the first one only.
	for o, err := range b.List(t.Context(), "", bucket.ListOptions{Delimited: true}) {
		if err != nil || o.Key != "p/" || !o.CommonPrefix {
			t.Errorf("first: %+v, %v", o, err)
		}
		break
	}
}

// putAll puts empty objects, several at a time.
func putAll(t *testing.T, b bucket.Bucket, keys []string) {
	t.Helper()
	g, ctx := errgroup.WithContext(t.Context())
	g.SetLimit(16)
	for _, k := range keys {
		g.Go(func() error { return b.Put(ctx, k, strings.NewReader(""), 0, bucket.PutOptions{}) })
	}
	if err := g.Wait(); err != nil {
		t.Fatal(err)
	}
}
