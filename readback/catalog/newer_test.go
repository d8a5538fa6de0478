package catalog

import (
	"errors"
	"os"
	"strings"
	"testing"

	"github.com/coldtail/coldtail/archiver/bucket"
	"github.com/coldtail/coldtail/codec"
)

// keysIn reads lines of a description, a tab and a key from codec/key's test data.
func keysIn(t *testing.T, file string) map[string]string {
	t.Helper()
	raw, err := os.ReadFile("../../codec/key/testdata/" + file)
	if err != nil {
		t.Fatal(err)
	}
	keys := map[string]string{}
	for line := range strings.Lines(string(raw)) {
		what, key, _ := strings.Cut(strings.TrimSuffix(line, "\n"), "\t")
		keys[what] = key
	}
	return keys
}

// TestListingsNoticeLaterVersions has one later name of each kind in a bucket.
func TestListingsNoticeLaterVersions(t *testing.T) {
	for name, key := range keysIn(t, "later.txt") {
		b := openFolder(t)
		put(t, b, key, "")
		for _, k := range keysIn(t, "foreign.txt") {
			if k != "" && !strings.HasPrefix(key, k) {
				put(t, b, k, "")
			}
		}
		var n Newer
		watch := n.Watch(b, func(id string) bool { return id == logID })
		var other Newer
		unwanted := other.Watch(b, func(id string) bool { return id != logID })
		if n.Err() != nil {
			t.Error("noticed before listing")
		}
		for _, b := range []bucket.Bucket{watch, unwanted} {
			for _, err := range b.List(t.Context(), "", bucket.ListOptions{}) {
				if err != nil {
					t.Fatal(err)
				}
			}
		}
		if err := n.Err(); !errors.Is(err, codec.ErrNewer) || !strings.Contains(err.Error(), key) || other.Err() != nil {
			t.Errorf("%s: %v, %v", name, err, other.Err())
		}
	}
}
