package s3http_test

import (
	"errors"
	"fmt"
	"iter"
	"slices"
	"testing"

	"github.com/coldtail/coldtail/archiver/bucket"
	"github.com/coldtail/coldtail/archiver/bucket/s3http"
	"github.com/coldtail/coldtail/codec/randtest"
)

// pages yields entries as clients do: of each page the objects, then the prefixes.
func pages(entries []bucket.Object, size func() int, end error) iter.Seq2[bucket.Object, error] {
	return func(yield func(bucket.Object, error) bool) {
		for rest := entries; len(rest) > 0; {
			n := min(size(), len(rest))
			for _, prefixes := range []bool{false, true} {
				for _, o := range rest[:n] {
					if o.CommonPrefix == prefixes && !yield(o, nil) {
						return
					}
				}
			}
			rest = rest[n:]
		}
		if end != nil {
			yield(bucket.Object{}, end)
		}
	}
}

// TestLevelIsInOrder has pages of all sizes, with stretches of either kind.
func TestLevelIsInOrder(t *testing.T) {
	rnd := randtest.New(t)
	errEnd := errors.New("connection reset")
	for range 200 {
		var entries []bucket.Object
		for prefix := false; len(entries) < rnd.IntN(8000); prefix = !prefix {
			for range 1 + rnd.IntN([]int{2, 20, 3000}[rnd.IntN(3)]) {
				entries = append(entries, bucket.Object{Key: fmt.Sprintf("%06d", len(entries)), CommonPrefix: prefix})
			}
		}
		maxPage := 1 + rnd.IntN(s3http.PageKeys)
		size := func() int { return 1 + rnd.IntN(maxPage) }
		from, stop := rnd.IntN(len(entries)+1), rnd.IntN(2*len(entries)+1)
		end := []error{nil, errEnd}[rnd.IntN(2)]
		startAfter, want := "", entries[from:]
		if from > 0 {
			startAfter = entries[from-1].Key
		}
		var got []bucket.Object
		var failed error
		for o, err := range s3http.Level(pages(entries, size, end), startAfter) {
			if failed = err; err != nil {
				break
			}
			if got = append(got, o); len(got) == stop {
				break
			}
		}
		if stop > 0 && stop <= len(want) {
			want, end = want[:stop], nil
		}
		if !slices.Equal(got, want) || !errors.Is(failed, end) {
			t.Fatalf("%d entries in pages up to %d after %q: got %d, want %d; %v", len(entries), maxPage, startAfter, len(got), len(want), failed)
		}
	}
}

// TestLevelHoldsFewPages counts what has been listed and not yet yielded.
func TestLevelHoldsFewPages(t *testing.T) {
	for _, prefixes := range []bool{false, true} {
		var entries []bucket.Object
		for i := range 20_000 {
			entries = append(entries, bucket.Object{Key: fmt.Sprintf("%06d", i), CommonPrefix: prefixes})
		}
		listed, yielded := 0, 0
		counted := func(yield func(bucket.Object, error) bool) {
			for o := range pages(entries, func() int { return s3http.PageKeys }, nil) {
				if listed++; listed-yielded > s3http.PageKeys+1 {
					t.Fatalf("%d are listed when %d are yielded", listed, yielded)
				}
				if !yield(o, nil) {
					return
				}
			}
		}
		for range s3http.Level(counted, "") {
			yielded++
		}
		if yielded != len(entries) {
			t.Errorf("%d of %d", yielded, len(entries))
		}
	}
}
