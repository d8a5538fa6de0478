package filebucket

// Not an external test: it shares the helpers of those beside it.

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"testing"

	"golang.org/x/sys/unix"

	"github.com/coldtail/coldtail/archiver/bucket"
)

func level(b bucket.Bucket, t *testing.T, prefix string) (keys []string, failed error) {
	t.Helper()
	for o, err := range b.List(t.Context(), prefix, bucket.ListOptions{Delimited: true}) {
		if err != nil {
			return keys, err
		}
		keys = append(keys, o.Key)
	}
	return keys, nil
}

// TestLevelHasNoEmptyFolders: what a crash, or somebody else, has left is not the
// prefix of any object.
func TestLevelHasNoEmptyFolders(t *testing.T) {
	dir := t.TempDir()
	b := open(t, Config{Dir: dir})
	put(t, b, "some/deep/er/x", "x")
	put(t, b, "some/x", "x")
	for _, d := range []string{"empty", "nested/a/b/c", "nested/d", "pipe", "some/empty"} {
		if err := os.MkdirAll(filepath.Join(dir, d), 0o700); err != nil {
			t.Fatal(err)
		}
	}
	if err := unix.Mkfifo(filepath.Join(dir, "pipe", "p"), 0o600); err != nil {
		t.Fatal(err)
	}
	for prefix, want := range map[string][]string{"": {"some/"}, "some/": {"some/deep/", "some/x"}, "nested/": nil, "n": nil} {
		if got, err := level(b, t, prefix); err != nil || !slices.Equal(got, want) {
			t.Errorf("%q: %q, %v", prefix, got, err)
		}
	}
}

// TestLevelAndLinks: a link in the level is named, as in every listing, and one
// below hides nothing.
func TestLevelAndLinks(t *testing.T) {
	b, _ := folderWithLink(t, "below/l", "OUTSIDE")
	if got, err := level(b, t, ""); err != nil || !slices.Equal(got, []string{"below/", "real/"}) {
		t.Errorf("above: %q, %v", got, err)
	}
	if _, err := level(b, t, "below/"); !errors.Is(err, errLink) {
		t.Errorf("beside: %v", err)
	}
}

// TestLevelDoesNotWalk holds that the cost of a level does not grow with what is
// below it.
func TestLevelDoesNotWalk(t *testing.T) {
	dir := t.TempDir()
	b := open(t, Config{Dir: dir})
	put(t, b, "few/h/x", "x")
	put(t, b, "many/h/x", "x")
	for i := range 5000 {
		if err := os.WriteFile(filepath.Join(dir, "many", "h", fmt.Sprint(i)), nil, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	cost := func(prefix, want string) float64 {
		return testing.AllocsPerRun(5, func() {
			if got, err := level(b, t, prefix); err != nil || !slices.Equal(got, []string{want}) {
				t.Fatalf("%q, %v", got, err)
			}
		})
	}
	few, many := cost("few", "few/"), cost("many", "many/")
	if many > few+10*holdsBatch {
		t.Errorf("%v allocations for 5,000 objects, %v for one", many, few)
	}
}
