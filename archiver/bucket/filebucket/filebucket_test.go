package filebucket

import (
	"errors"
	"flag"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"golang.org/x/sync/errgroup"

	"github.com/coldtail/coldtail/archiver/bucket"
	"github.com/coldtail/coldtail/archiver/bucket/buckettest"
)

var long = flag.Bool("long", false, "run the acceptance suite with an object of 100 MB")

func open(t *testing.T, cfg Config) *Bucket {
	t.Helper()
	b, err := Open(cfg, slog.New(slog.DiscardHandler))
	if err != nil {
		t.Fatal(err)
	}
	return b
}

func TestAcceptance(t *testing.T) {
	var opts buckettest.Options
	if *long {
		opts.LargeSizeBytes = 100_000_000
	}
	buckettest.Test(t, opts, func(t *testing.T) bucket.Bucket {
		return open(t, Config{Dir: filepath.Join(t.TempDir(), "not", "yet")})
	})
}

func TestAcceptanceBounded(t *testing.T) {
	buckettest.Test(t, buckettest.Options{}, func(t *testing.T) bucket.Bucket {
		return open(t, Config{Dir: t.TempDir(), MaxSizeBytes: 1 << 30})
	})
}

func TestAcceptanceOfPrefix(t *testing.T) {
	buckettest.Test(t, buckettest.Options{}, func(t *testing.T) bucket.Bucket {
		return bucket.Prefix(open(t, Config{Dir: t.TempDir()}), "/team/logs/")
	})
}

func put(t *testing.T, b bucket.Bucket, key, content string) {
	t.Helper()
	if err := b.Put(t.Context(), key, strings.NewReader(content), int64(len(content)), bucket.PutOptions{}); err != nil {
		t.Fatal(err)
	}
}

func keys(t *testing.T, b bucket.Bucket) []string {
	t.Helper()
	all := []string{}
	for o, err := range b.List(t.Context(), "", bucket.ListOptions{}) {
		if err != nil {
			t.Fatal(err)
		}
		all = append(all, o.Key)
	}
	return all
}

func TestHostileKeys(t *testing.T) {
	outside := t.TempDir()
	dir := filepath.Join(outside, "folder")
	if err := os.WriteFile(filepath.Join(outside, "secret"), []byte("x"), 0o600); err != nil {
		t.Fatal(err)
	}
	b := open(t, Config{Dir: dir})
	put(t, b, "a/b", "x")
	for _, key := range []string{
		"", "/", "/etc/passwd", "..", "../secret", "a/../../secret", "a/..", "a/.", "./a", "a//b", "a/b/", "//",
		"a\x00b", ".tmp", ".tmp/x", strings.Repeat("x", 256), strings.Repeat("a/", keyMaxBytes/2) + "b",
	} {
		err := b.Put(t.Context(), key, strings.NewReader("y"), 1, bucket.PutOptions{})
		if !bucket.Permanent(err) {
			t.Errorf("put %q: %v", key, err)
		}
		if _, err := b.Get(t.Context(), key, bucket.GetOptions{}); !bucket.Permanent(err) {
			t.Errorf("get %q: %v", key, err)
		}
		if err := b.Delete(t.Context(), key); !bucket.Permanent(err) {
			t.Errorf("delete %q: %v", key, err)
		}
	}
	for _, prefix := range []string{"../", "a/../../", "/", ".tmp/"} {
		for o, err := range b.List(t.Context(), prefix, bucket.ListOptions{}) {
			t.Errorf("list %q: %v, %v", prefix, o, err)
		}
	}
	if got := keys(t, b); !slices.Equal(got, []string{"a/b"}) {
		t.Errorf("left: %q", got)
	}
	if _, err := os.Stat(filepath.Join(outside, "secret")); err != nil {
		t.Error(err)
	}
}

func TestFileAndFolderOfOneName(t *testing.T) {
	b := open(t, Config{Dir: t.TempDir()})
	put(t, b, "a/b", "x")
	for _, key := range []string{"a", "a/b/c"} {
		if err := b.Put(t.Context(), key, strings.NewReader(""), 0, bucket.PutOptions{}); !bucket.Permanent(err) || bucket.Hint(err) == "" {
			t.Errorf("put %q: %v", key, err)
		}
	}
	if entries, err := os.ReadDir(filepath.Join(b.cfg.Dir, tmpDir)); err != nil || len(entries) != 0 {
		t.Errorf("temporary files left: %v, %v", entries, err)
	}
}

// TestStaleTempFilesGo: who puts removes what crashes left, who reads does not.
func TestStaleTempFilesGo(t *testing.T) {
	dir := t.TempDir()
	put(t, open(t, Config{Dir: dir}), "a", "x")
	old, young := filepath.Join(dir, tmpDir, ".tmp-1"), filepath.Join(dir, tmpDir, ".tmp-2")
	other := filepath.Join(dir, tmpDir, "other")
	for _, f := range []string{old, young, other} {
		if err := os.WriteFile(f, nil, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	makeStale(t, old, other)
	b := open(t, Config{Dir: dir})
	if got := keys(t, b); !slices.Equal(got, []string{"a"}) {
		t.Errorf("listed %q", got)
	}
	wantFiles(t, old, young, other)
	put(t, b, "b", "x")
	if _, err := os.Stat(old); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("stale file: %v", err)
	}
	wantFiles(t, young, other)
}

func makeStale(t *testing.T, files ...string) {
	t.Helper()
	ago := time.Now().Add(-2 * staleAfter)
	for _, f := range files {
		if err := os.Chtimes(f, ago, ago); err != nil {
			t.Fatal(err)
		}
	}
}

func wantFiles(t *testing.T, files ...string) {
	t.Helper()
	for _, f := range files {
		if _, err := os.Lstat(f); err != nil {
			t.Error(err)
		}
	}
}

func TestOpenRefusesFile(t *testing.T) {
	f := filepath.Join(t.TempDir(), "f")
	if err := os.WriteFile(f, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := Open(Config{Dir: f}, slog.New(slog.DiscardHandler)); err == nil {
		t.Fatal("opened a file")
	}
}

func TestDeletePrunesFolders(t *testing.T) {
	b := open(t, Config{Dir: t.TempDir()})
	put(t, b, "a/b/c/d", "x")
	put(t, b, "a/e", "x")
	if err := b.Delete(t.Context(), "a/b/c/d"); err != nil {
		t.Fatal(err)
	}
	if _, err := os.Stat(filepath.Join(b.cfg.Dir, "a", "b")); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("empty folder: %v", err)
	}
	if _, err := os.Stat(filepath.Join(b.cfg.Dir, "a")); err != nil {
		t.Error(err)
	}
}

// TestFoldersComeAndGo: the deletion of a folder's last object takes the folder
// away while others put into it.
func TestFoldersComeAndGo(t *testing.T) {
	b := open(t, Config{Dir: t.TempDir()})
	g, ctx := errgroup.WithContext(t.Context())
	for i := range 16 {
		g.Go(func() error {
			key := fmt.Sprintf("all/%d/key", i)
			for range 30 {
				if err := errors.Join(b.Put(ctx, key, strings.NewReader("x"), 1, bucket.PutOptions{}), b.Delete(ctx, key)); err != nil {
					return err
				}
			}
			return nil
		})
	}
	if err := g.Wait(); err != nil {
		t.Fatal(err)
	}
	if _, err := os.Stat(filepath.Join(b.cfg.Dir, "all")); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("empty folder: %v", err)
	}
}

func TestModes(t *testing.T) {
	b := open(t, Config{Dir: filepath.Join(t.TempDir(), "new")})
	put(t, b, "a/b", "x")
	for path, want := range map[string]os.FileMode{"": 0o700, "a": 0o700, "a/b": 0o600, tmpDir: 0o700} {
		info, err := os.Stat(filepath.Join(b.cfg.Dir, path))
		if err != nil || info.Mode().Perm() != want {
			t.Errorf("%q: %v, %v; want %v", path, info.Mode(), err, want)
		}
	}
}
