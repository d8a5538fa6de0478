package filebucket

import (
	"context"
	"errors"
	"io"
	"io/fs"
	"iter"
	"os"
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
			w := walker{ctx: ctx, folder: b.cfg.Dir, prefix: prefix, after: opts.StartAfter, delimited: opts.Delimited, yield: yield}
			err = w.start(root, dir)
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
	folder string // its name, for errors
	prefix string
	after  string
	yield  func(bucket.Object, error) bool
	// passLinks passes over links. Otherwise they are errors, as what is behind
	// one would be missing without a word.
	passLinks bool
	delimited bool
}

// start walks the directory of a prefix.
func (w *walker) start(root *os.Root, dir string) error {
	d, err := openDir(root, strings.TrimSuffix(dir, "/"))
	if absent(err) {
		return nil
	}
	if err != nil {
		return err
	}
	defer d.Close()
	return w.walk(d, dir)
}

// walk yields the objects in d, whose keys start with dir, which is empty or ends
// with a slash.
func (w *walker) walk(d *os.Root, dir string) error {
	if err := w.ctx.Err(); err != nil {
		return err
	}
	entries, err := readDir(d, dir == "")
	if err != nil {
		return named(w.folder, dir, err)
	}
	for _, e := range entries {
		key := dir + e.sortName
		switch {
		case e.IsDir() && w.delimited:
			err = w.visitPrefix(d, e.Name(), key)
		case e.IsDir():
			err = w.walkBelow(d, e.Name(), key)
		case e.Type()&fs.ModeSymlink == 0:
			err = w.visit(d, e.Name(), key)
		case !w.passLinks && strings.HasPrefix(key, w.prefix) && key > w.after:
			err = linkError(w.folder, key)
		}
		if err != nil {
			return err
		}
	}
	return nil
}

// walkBelow walks a directory unless no key in it can be wanted.
func (w *walker) walkBelow(parent *os.Root, name, dir string) error {
	if len(dir) >= keyMaxBytes || !strings.HasPrefix(dir, w.prefix) && !strings.HasPrefix(w.prefix, dir) {
		return nil
	}
	if w.after > dir && !strings.HasPrefix(w.after, dir) {
		return nil // all of it comes before
	}
	d, err := parent.OpenRoot(name)
	if absent(err) { // deleted meanwhile
		return nil
	}
	if err != nil {
		return named(w.folder, dir, err)
	}
	defer d.Close()
	return w.walk(d, dir)
}

// visitPrefix yields a directory as the common prefix of what is in it. A crash
// or somebody else may have left it empty: then there is no such prefix.
func (w *walker) visitPrefix(parent *os.Root, name, dir string) error {
	if !strings.HasPrefix(dir, w.prefix) || dir <= w.after {
		return nil
	}
	some, err := w.holds(parent, name, dir)
	if err != nil || !some {
		return err
	}
	if !w.yield(bucket.Object{Key: dir, CommonPrefix: true}, nil) {
		return errStop
	}
	return nil
}

// holdsBatch is how many names holds reads at once.
const holdsBatch = 64

// holds reports whether a directory has an object in it, at any depth. It looks
// no further than the first one. A link counts, so that a listing of what is
// below names it.
func (w *walker) holds(parent *os.Root, name, dir string) (bool, error) {
	if err := w.ctx.Err(); err != nil || len(dir) >= keyMaxBytes {
		return false, err
	}
	root, err := parent.OpenRoot(name)
	if err == nil {
		defer root.Close()
		var some bool
		if some, err = w.holdsAny(root, dir); err == nil {
			return some, nil
		}
	}
	if absent(err) { // deleted meanwhile
		return false, nil
	}
	return false, named(w.folder, dir, err)
}

func (w *walker) holdsAny(root *os.Root, dir string) (bool, error) {
	d, err := root.Open(".")
	if err != nil {
		return false, err
	}
	defer d.Close()
	for {
		entries, err := d.ReadDir(holdsBatch)
		for _, e := range entries {
			if e.Type().IsRegular() || e.Type()&fs.ModeSymlink != 0 {
				return true, nil
			}
			if !e.IsDir() {
				continue
			}
			if some, err := w.holds(root, e.Name(), dir+e.Name()+"/"); some || err != nil {
				return some, err
			}
		}
		if errors.Is(err, io.EOF) {
			return false, nil
		}
		if err != nil {
			return false, err
		}
	}
}

func (w *walker) visit(d *os.Root, name, key string) error {
	if !strings.HasPrefix(key, w.prefix) || key <= w.after {
		return nil
	}
	info, err := d.Lstat(name)
	if absent(err) { // deleted meanwhile
		return nil
	}
	if err != nil {
		return named(w.folder, key, err)
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
// keys. top is the folder itself.
func readDir(dir *os.Root, top bool) ([]entry, error) {
	d, err := dir.Open(".")
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
		case top && e.Name() == tmpDir:
		case e.IsDir():
			entries = append(entries, entry{e, e.Name() + "/"})
		case e.Type().IsRegular(), e.Type()&fs.ModeSymlink != 0:
			entries = append(entries, entry{e, e.Name()})
		}
	}
	slices.SortFunc(entries, func(a, b entry) int { return strings.Compare(a.sortName, b.sortName) })
	return entries, nil
}
