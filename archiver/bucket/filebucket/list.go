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
		root, err := b.openRoot()
		if absent(err) {
			return
		}
		if err == nil {
			defer root.Close()
			w := walker{ctx: ctx, root: root, prefix: prefix, after: opts.StartAfter, yield: yield}
			err = w.start(dir)
		}
		if err != nil && !errors.Is(err, errStop) {
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
	root   *os.Root
	prefix string
	after  string
	yield  func(bucket.Object, error) bool
	// passLinks passes over links. Otherwise they are errors, as what is behind
	// one would be missing without a word.
	passLinks bool
}

// start walks the directory of a prefix.
func (w *walker) start(dir string) error {
	if dir != "" {
		if err := checkLinks(w.root, filepath.FromSlash(strings.TrimSuffix(dir, "/"))); err != nil {
			return err
		}
	}
	return w.walk(dir)
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
		switch {
		case e.IsDir():
			err = w.walkBelow(key)
		case e.Type()&fs.ModeSymlink == 0:
			err = w.visit(key)
		case !w.passLinks && strings.HasPrefix(key, w.prefix) && key > w.after:
			err = checkLinks(w.root, filepath.FromSlash(key))
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

func (w *walker) visit(key string) error {
	if !strings.HasPrefix(key, w.prefix) || key <= w.after {
		return nil
	}
	info, err := w.root.Lstat(filepath.FromSlash(key))
	if absent(err) { // deleted meanwhile
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

// readDir returns a directory's files, directories and links in the order of
// keys, and nothing where there is no directory. dir is empty or ends with a slash.
func readDir(root *os.Root, dir string) ([]entry, error) {
	d, err := root.Open(filepath.FromSlash(dir + "."))
	if absent(err) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	defer d.Close()
	raw, err := d.ReadDir(-1)
	if err != nil && !absent(err) { // removed while it is read
		return nil, err
	}
	entries := make([]entry, 0, len(raw))
	for _, e := range raw {
		switch {
		case dir == "" && e.Name() == tmpDir:
		case e.IsDir():
			entries = append(entries, entry{e, e.Name() + "/"})
		case e.Type().IsRegular(), e.Type()&fs.ModeSymlink != 0:
			entries = append(entries, entry{e, e.Name()})
		}
	}
	slices.SortFunc(entries, func(a, b entry) int { return strings.Compare(a.sortName, b.sortName) })
	return entries, nil
}
