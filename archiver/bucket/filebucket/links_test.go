package filebucket

import (
	"errors"
	"net"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"golang.org/x/sys/unix"

	"github.com/coldtail/coldtail/archiver/bucket"
)

// folderWithLink returns a folder with an object, and what is outside of it.
func folderWithLink(t *testing.T, name, target string) (b *Bucket, outside string) {
	t.Helper()
	top := t.TempDir()
	outside = filepath.Join(top, "outside")
	dir := filepath.Join(top, "folder")
	if err := os.MkdirAll(filepath.Join(outside, "sub"), 0o700); err != nil {
		t.Fatal(err)
	}
	for _, f := range []string{"x", "sub/x", ".tmp-precious"} {
		if err := os.WriteFile(filepath.Join(outside, f), []byte("precious"), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	makeStale(t, filepath.Join(outside, ".tmp-precious"))
	put(t, open(t, Config{Dir: dir}), "real/x", "x")
	link := filepath.Join(dir, name)
	_ = os.Remove(link) // the folder of temporary files
	if err := os.MkdirAll(filepath.Dir(link), 0o700); err != nil {
		t.Fatal(err)
	}
	if err := os.Symlink(strings.ReplaceAll(target, "OUTSIDE", outside), link); err != nil {
		t.Fatal(err)
	}
	return open(t, Config{Dir: dir, MaxSizeBytes: 1 << 20}), outside
}

// TestLinksAreRefused: no link in a folder is followed, wherever it leads, and
// the error says which one is in the way.
func TestLinksAreRefused(t *testing.T) {
	for name, tc := range map[string]struct{ link, target, key string }{
		"folder outside":          {"l", "OUTSIDE", "l/x"},
		"deeper":                  {"l", "OUTSIDE", "l/sub/x"},
		"relative":                {"l", "../outside", "l/x"},
		"in a folder":             {"real/l", "../../outside", "real/l/x"},
		"file outside":            {"l", "OUTSIDE/x", "l"},
		"folder inside":           {"l", "real", "l/x"},
		"file inside":             {"l", "real/x", "l"},
		"itself":                  {"l", "l", "l/x"},
		"nothing":                 {"l", "OUTSIDE/none", "l"},
		"nothing, as a folder":    {"l", "OUTSIDE/none", "l/x"},
		"the root, and back":      {"l", "/", "l/etc/passwd"},
		"the folder, from itself": {"l", ".", "l/real/x"},
	} {
		t.Run(name, func(t *testing.T) {
			b, outside := folderWithLink(t, tc.link, tc.target)
			refused := func(op string, err error) {
				t.Helper()
				if !bucket.Permanent(err) || bucket.Hint(err) == "" || !strings.Contains(err.Error(), filepath.Join(b.cfg.Dir, tc.link)) {
					t.Errorf("%s: %v", op, err)
				}
			}
			for _, opts := range []bucket.PutOptions{{}, {IfAbsent: true}} {
				refused("put", b.Put(t.Context(), tc.key, strings.NewReader("y"), 1, opts))
			}
			body, err := b.Get(t.Context(), tc.key, bucket.GetOptions{})
			if refused("get", err); err == nil {
				body.Close()
			}
			refused("delete", b.Delete(t.Context(), tc.key))
			for _, prefix := range []string{"", tc.link, tc.link + "/"} {
				var err error
				for _, err = range b.List(t.Context(), prefix, bucket.ListOptions{}) {
				}
				refused("list "+prefix, err)
			}
			for _, after := range []string{tc.link, tc.link + "~"} { // passed already
				for o, err := range b.List(t.Context(), "", bucket.ListOptions{StartAfter: after}) {
					if err != nil || !strings.HasPrefix(o.Key, "real/") {
						t.Errorf("list after %s: %v, %v", after, o.Key, err)
					}
				}
			}
			// What is not behind the link is as ever, also where the folder is measured.
			put(t, b, "real/y", "y")
			var got []string
			for o, err := range b.List(t.Context(), "real/x", bucket.ListOptions{}) {
				if err != nil {
					t.Fatal(err)
				}
				got = append(got, o.Key)
			}
			if !slices.Equal(got, []string{"real/x"}) {
				t.Errorf("listed %q", got)
			}
			wantFiles(t, filepath.Join(outside, "x"), filepath.Join(outside, "sub", "x"), filepath.Join(outside, ".tmp-precious"))
			if content, err := os.ReadFile(filepath.Join(outside, "x")); err != nil || string(content) != "precious" {
				t.Errorf("outside: %q, %v", content, err)
			}
		})
	}
}

// TestTempFolderIsNoLink: nothing is removed or written through it.
func TestTempFolderIsNoLink(t *testing.T) {
	b, outside := folderWithLink(t, tmpDir, "OUTSIDE")
	keys(t, b)
	err := b.Put(t.Context(), "real/y", strings.NewReader("y"), 1, bucket.PutOptions{})
	if !bucket.Permanent(err) || !strings.Contains(err.Error(), filepath.Join(b.cfg.Dir, tmpDir)) {
		t.Errorf("put: %v", err)
	}
	wantFiles(t, filepath.Join(outside, ".tmp-precious"))
	if entries, err := os.ReadDir(outside); err != nil || len(entries) != 3 {
		t.Errorf("outside: %v, %v", entries, err)
	}
}

// TestFolderMayBeALink: which folder it is, is its owner's choice; where it leads
// may change while it is used.
func TestFolderMayBeALink(t *testing.T) {
	top := t.TempDir()
	for _, dir := range []string{"one", "two"} {
		if err := os.Mkdir(filepath.Join(top, dir), 0o700); err != nil {
			t.Fatal(err)
		}
	}
	link := filepath.Join(top, "link")
	b := open(t, Config{Dir: filepath.Join(link, "archive"), MaxSizeBytes: 1 << 20})
	for _, dir := range []string{"one", "two"} {
		_ = os.Remove(link)
		if err := os.Symlink(dir, link); err != nil {
			t.Fatal(err)
		}
		put(t, b, "a/"+dir, "x")
		put(t, b, "a/other", "x")
		if err := b.Delete(t.Context(), "a/other"); err != nil {
			t.Error(err)
		}
		body, err := b.Get(t.Context(), "a/"+dir, bucket.GetOptions{})
		if err != nil {
			t.Fatal(err)
		}
		body.Close()
		if got := keys(t, b); !slices.Equal(got, []string{"a/" + dir}) {
			t.Errorf("listed %q", got)
		}
		wantFiles(t, filepath.Join(top, dir, "archive", "a", dir))
	}
}

// TestGetOfOddFiles: what is no file is no object, and opening it waits for nobody.
func TestGetOfOddFiles(t *testing.T) {
	b := open(t, Config{Dir: t.TempDir()})
	put(t, b, "a/file", "x")
	if err := unix.Mkfifo(filepath.Join(b.cfg.Dir, "a", "fifo"), 0o600); err != nil {
		t.Fatal(err)
	}
	l, err := net.Listen("unix", filepath.Join(b.cfg.Dir, "a", "s"))
	if err != nil {
		t.Skipf("the folder's name is too long for a socket: %v", err)
	}
	defer l.Close()
	for _, key := range []string{"a", "a/fifo", "a/s", "a/none", "a/file/none"} {
		if _, err := b.Get(t.Context(), key, bucket.GetOptions{}); !errors.Is(err, bucket.ErrNotFound) {
			t.Errorf("get %s: %v", key, err)
		}
		if err := b.Delete(t.Context(), key); err != nil {
			t.Errorf("delete %s: %v", key, err)
		}
	}
	if got := keys(t, b); !slices.Equal(got, []string{"a/file"}) {
		t.Errorf("listed %q", got)
	}
}

// TestDeepFolders: a walk goes no deeper than keys do, as it holds a descriptor
// for each level.
func TestDeepFolders(t *testing.T) {
	b := open(t, Config{Dir: t.TempDir(), MaxSizeBytes: 1 << 20})
	longest := strings.Repeat("d/", keyMaxBytes/2-1) + "xy"
	put(t, b, "a", "x")
	deeper := filepath.Join(filepath.Dir(longest), "d", "d", "d")
	if err := os.MkdirAll(filepath.Join(b.cfg.Dir, deeper), 0o700); err != nil {
		t.Fatal(err)
	}
	for _, key := range []string{longest, filepath.Join(deeper, "x")} {
		if err := os.WriteFile(filepath.Join(b.cfg.Dir, key), nil, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	if got := keys(t, b); !slices.Equal(got, []string{"a", longest}) {
		t.Errorf("listed %q", got)
	}
}

// TestMountInTheFolder: a part of the folder on a file system of its own is named
// as what is in the way.
func TestMountInTheFolder(t *testing.T) {
	if permanent, hint := classify(unix.EXDEV); !permanent || hint != hintMount {
		t.Errorf("permanent %v, hint %q", permanent, hint)
	}
	b := open(t, Config{Dir: t.TempDir()})
	dir := filepath.Join(b.cfg.Dir, "parquet")
	if err := os.Mkdir(dir, 0o700); err != nil {
		t.Fatal(err)
	}
	if err := unix.Mount("tmpfs", dir, "tmpfs", 0, "size=1m"); err != nil {
		t.Skipf("cannot mount: %v", err)
	}
	t.Cleanup(func() { _ = unix.Unmount(dir, 0) })
	err := b.Put(t.Context(), "parquet/x", strings.NewReader("y"), 1, bucket.PutOptions{})
	if !bucket.Permanent(err) || bucket.Hint(err) != hintMount {
		t.Errorf("put: %v", err)
	}
	put(t, b, "beside", "x")
	if got := keys(t, b); !slices.Equal(got, []string{"beside"}) {
		t.Errorf("listed %q", got)
	}
}

// TestErrorsNameTheFolder: who may not open a folder is told which.
func TestErrorsNameTheFolder(t *testing.T) {
	_, err := os.Open(filepath.Join(t.TempDir(), "none"))
	if got := named("/folder", "a/b/", err).Error(); got != "open /folder/a/b: no such file or directory" {
		t.Errorf("got %s", got)
	}
	if os.Geteuid() == 0 {
		t.Skip("root may open everything")
	}
	b := open(t, Config{Dir: t.TempDir()})
	put(t, b, "parquet/dt=2026-01-01/hour=07/x", "x")
	closed := filepath.Join(b.cfg.Dir, "parquet", "dt=2026-01-01", "hour=07")
	if err := os.Chmod(closed, 0); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = os.Chmod(closed, 0o700) })
	var failed error
	for _, err := range b.List(t.Context(), "", bucket.ListOptions{}) {
		failed = err
	}
	_, err = b.Get(t.Context(), "parquet/dt=2026-01-01/hour=07/x", bucket.GetOptions{})
	for _, err := range []error{failed, err} {
		if !errors.Is(err, os.ErrPermission) || !strings.Contains(err.Error(), closed) || bucket.Hint(err) == "" {
			t.Errorf("got %v, want one that names %s", err, closed)
		}
	}
}
