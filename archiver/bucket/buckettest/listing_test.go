package buckettest_test

import (
	"fmt"
	"slices"
	"testing"

	"github.com/coldtail/coldtail/archiver/bucket"
	"github.com/coldtail/coldtail/archiver/bucket/buckettest"
)

// TestListingOfALevel has prefixes that several sections share.
func TestListingOfALevel(t *testing.T) {
	l := &buckettest.Listing{
		Sections: []buckettest.Section{
			{N: 100_000, Key: func(i int) string { return fmt.Sprintf("a/%02d/%06d", i/10_000, i) }},
			buckettest.Keys("a/05", "a/05/x", "a/05/zzz", "b"),
		},
		Content: map[string][]byte{"a/00/0": []byte("x"), "a/11": []byte("xyz")},
	}
	for _, c := range []struct {
		prefix, after string
		want          []string
	}{
		{"", "", []string{"a/", "b"}},
		{"", "a/", []string{"b"}},
		{"a/0", "", []string{"a/00/", "a/01/", "a/02/", "a/03/", "a/04/", "a/05", "a/05/", "a/06/", "a/07/", "a/08/", "a/09/"}},
		{"a/", "a/05/1", []string{"a/06/", "a/07/", "a/08/", "a/09/", "a/11"}},
		{"c", "", nil},
	} {
		l.Lists.Store(0)
		var got []string
		for o, err := range l.List(t.Context(), c.prefix, bucket.ListOptions{Delimited: true, StartAfter: c.after}) {
			if err != nil {
				t.Fatal(err)
			}
			got = append(got, o.Key)
		}
		if !slices.Equal(got, c.want) || l.Lists.Load() != 1 {
			t.Errorf("level %q after %q: %q in %d requests, want %q", c.prefix, c.after, got, l.Lists.Load(), c.want)
		}
	}
}
