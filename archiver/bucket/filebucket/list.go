package filebucket

import (
	"context"
	"errors"
	"io/fs"
	"iter"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"syscall"

	"github.com/coldtail/coldtail/archiver/bucket"
)

// List walks the folder in the order of whole keys, which is not that of
// names: "a-b" comes before "a/b", and "a/b" before "a0".
func (b *Bucket) List(ctx context.Context, prefix string, opts bucket.ListOptions) iter.Seq2[bucket.Object, error] {
	return func(yield func(bucket.Object, error) bool) {
		dir, _ := cutLast(prefix)
		if dir != "" && checkKey(strings.TrimSuffix(dir, "/")) != nil {
			return // there can be no such key
		}
		w := walker{ctx: ctx, root: b.cfg.Dir, prefix: prefix, after: opts.StartAfter, yield: yield}
		if err := w.walk(dir); err != nil && !errors.Is(err, errStop) {
			yield(bucket.Object{}, wrap(ctx, bucket.OpList, prefix, err))
		}
	}
}

// cutLast splits a prefix behind its last slash.
func cutLast(prefix string) (dir, rest string) {
	i := strings.LastIndexByte(prefix, '/') + 1
	return prefix[:i], prefix[i:]
}

var errStop = errors.New("stopped by the caller")

type walker struct {
	ctx    context.Context
	root   string
	prefix string
	after  string
	yield  func(bucket.Object, error) bool
}

// walk yields the objects whose keys start with dir, which is empty or ends
// with a slash.
func (w *walker) walk(dir string) error {
	if err := w.ctx.Err(); err != nil {
		return err
	}
	entries, err := readDir(w.root, dir)
	if err != nil {
		return err
	}
	for _, e := range entries {
		key := dir + e.sortName
		if e.IsDir() {
			err = w.walkBelow(key)
		} else {
			err = w.visit(key, e)
		}
		if err != nil {
			return err
		}
	}
	return nil
}

// walkBelow walks a directory unless no key in it can be wanted.
func (w *walker) walkBelow(dir string) error {
	if !strings.HasPrefix(dir, w.prefix) && !strings.HasPrefix(w.prefix, dir) {
		return nil
	}
	if w.after > dir && !strings.HasPrefix(w.after, dir) {
		return nil // all of it comes before
	}
	return w.walk(dir)
}

func (w *walker) visit(key string, e entry) error {
	if !strings.HasPrefix(key, w.prefix) || key <= w.after {
		return nil
	}
	info, err := e.Info()
	if errors.Is(err, fs.ErrNotExist) { // deleted meanwhile
		return nil
	}
	if err != nil {
		return err
	}
	if err := w.ctx.Err(); err != nil {
		return err
	}
	if !w.yield(object(key, info), nil) {
		return errStop
	}
	return nil
}

// entry is a directory entry with the name that it sorts by among keys.
type entry struct {
	fs.DirEntry
	sortName string // a directory's ends with a slash
}

// readDir returns a directory's files and directories in the order of keys,
// and nothing where there is no directory.
func readDir(root, dir string) ([]entry, error) {
	raw, err := os.ReadDir(filepath.Join(root, filepath.FromSlash(dir)))
	if errors.Is(err, fs.ErrNotExist) || errors.Is(err, syscall.ENOTDIR) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	entries := make([]entry, 0, len(raw))
	for _, e := range raw {
		switch {
		case dir == "" && e.Name() == tmpDir:
		case e.IsDir():
			entries = append(entries, entry{e, e.Name() + "/"})
		case e.Type().IsRegular():
			entries = append(entries, entry{e, e.Name()})
		}
	}
	slices.SortFunc(entries, func(a, b entry) int { return strings.Compare(a.sortName, b.sortName) })
	return entries, nil
}
