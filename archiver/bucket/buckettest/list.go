package buckettest

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"

	"github.com/coldtail/coldtail/archiver/bucket"
)

func testOddKeys(t *testing.T, b bucket.Bucket) {
	keys := []string{
		"dt=2026-01-02/hour=03/x.parquet",
		"odd/with space", "odd/plus+plus", "odd/percent%20twenty", "odd/100%", "odd/~tilde~2f",
		"odd/amp&amp=eq;semi", "odd/quote'double\"", "odd/parens(1)[2]{3}", "odd/comma,colon:at@",
		"odd/hash#question?a=b", "odd/ümläut/日本語", "odd/dollar$bang!star*", "odd/..dots..", "odd/" + strings.Repeat("n", 200),
	}
	for _, k := range keys {
		put(t, b, k, k, bucket.PutOptions{})
	}
	for _, k := range keys {
		got, o := get(t, b, k, bucket.GetOptions{})
		if got != k || o.Key != k {
			t.Errorf("%q: %q, %q", k, got, o.Key)
		}
	}
	slices.Sort(keys)
	if got := list(t, b, "", ""); !slices.Equal(got, keys) {
		t.Errorf("listed %q, want %q", got, keys)
	}
	for i, k := range keys {
		if got := list(t, b, "", k); !slices.Equal(got, keys[i+1:]) {
			t.Errorf("listed %q after %q, want %q", got, k, keys[i+1:])
		}
		if err := b.Delete(t.Context(), k); err != nil {
			t.Errorf("delete %q: %v", k, err)
		}
	}
}

// testListOrder has names that sort differently as paths and as keys.
func testListOrder(t *testing.T, b bucket.Bucket) {
	keys := []string{"a-b", "a.b", "a/b", "a/b-c", "a/b.c/d", "a/b0", "a/c/d/e", "a0", "ab/c", "b", "b!", "c/1", "c/10", "c/2"}
	for _, i := range rand.New(rand.NewPCG(1, 1)).Perm(len(keys)) {
		put(t, b, keys[i], "x", bucket.PutOptions{})
	}
	slices.Sort(keys)
	prefixes := []string{"", "a", "a/", "a/b", "a/b.", "a/c/d", "a/c/d/", "a-", "b", "c", "c/1", "d", "a/b0", "a/b0/"}
	afters := append([]string{"", "a", "a/", "a/b.c", "a/b.c/", "a/c/z", "a/zzz", "aa", "~", "c/1/x", "!"}, keys...)
	for _, prefix := range prefixes {
		for _, after := range afters {
			want := []string{}
			for _, k := range keys {
				if strings.HasPrefix(k, prefix) && k > after {
					want = append(want, k)
				}
			}
			if got := list(t, b, prefix, after); !slices.Equal(got, want) {
				t.Errorf("prefix %q after %q: %q, want %q", prefix, after, got, want)
			}
		}
	}
}

// testListPages needs more than one page of S3's 1,000 keys.
func testListPages(t *testing.T, b bucket.Bucket) {
	const n = 1103
	want := make([]string, n)
	for i := range n {
		want[i] = fmt.Sprintf("p/%02d/%06d", i/100, i)
	}
	putAll(t, b, want)
	if got := list(t, b, "p/", ""); !slices.Equal(got, want) {
		t.Errorf("listed %d keys, want %d in order", len(got), n)
	}
	if got := list(t, b, "p/", want[49]); !slices.Equal(got, want[50:]) {
		t.Errorf("listed %d keys after the fiftieth, want %d in order", len(got), n-50)
	}
	seen := 0
	for _, err := range b.List(t.Context(), "", bucket.ListOptions{}) {
		if err != nil {
			t.Fatal(err)
		}
		if seen++; seen == 3 {
			break
		}
	}
}
