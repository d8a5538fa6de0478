package filebucket

import (
	"context"
	"errors"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"time"

	"github.com/coldtail/coldtail/archiver/bucket"
	"github.com/coldtail/coldtail/archiver/durable"
)

// Put writes the object beside the others and renames it into its place.
func (b *Bucket) Put(ctx context.Context, key string, r io.ReaderAt, sizeBytes int64, opts bucket.PutOptions) error {
	src := bucket.NewSource(r, sizeBytes)
	return src.Wrap(ctx, key, b.put(ctx, key, src.Reader(), opts), classify)
}

func (b *Bucket) put(ctx context.Context, key string, r *io.SectionReader, opts bucket.PutOptions) error {
	if err := checkKey(key); err != nil {
		return err
	}
	if err := ctx.Err(); err != nil {
		return err
	}
	if err := durable.MkdirAll(b.cfg.Dir, dirPerm); err != nil {
		return err
	}
	root, err := b.openRoot()
	if err != nil {
		return err
	}
	defer root.Close()
	path, err := path(root, key)
	if err != nil {
		return err
	}
	if opts.IfAbsent {
		if info, err := root.Lstat(path); err == nil && info.Mode().IsRegular() {
			touchMarker(root, path, info)
			opts.Tell(bucket.PutResult{Existed: true})
			return nil
		}
	}
	if err := b.checkSize(r.Size()); err != nil {
		return err
	}
	if err := b.write(ctx, root, path, r); err != nil {
		return err
	}
	res := bucket.PutResult{}
	if info, err := root.Lstat(path); err == nil {
		res.ETag = object(key, info).ETag
	}
	opts.Tell(res)
	return nil
}

// write writes a file in the folder and moves it into its place.
func (b *Bucket) write(ctx context.Context, root *os.Root, path string, r *io.SectionReader) error {
	if err := checkLinks(root, tmpDir); err != nil {
		return err
	}
	b.stale.Do(func() { b.removeStale(root) })
	files := durable.In(root)
	if err := files.MkdirAll(tmpDir, dirPerm); err != nil {
		return err
	}
	name, err := files.WriteTemp(tmpDir, filePerm, func(w io.Writer) error {
		_, err := io.Copy(w, &ctxReader{ctx, r})
		return err
	})
	if err != nil {
		return err
	}
	if err := b.commit(ctx, root, name, path, r.Size()); err != nil {
		_ = root.Remove(name)
		return err
	}
	return nil
}

// commit moves a written file into its place.
func (b *Bucket) commit(ctx context.Context, root *os.Root, tmp, path string, sizeBytes int64) error {
	if err := b.makeRoom(ctx, root, sizeBytes); err != nil {
		return err
	}
	b.mu.RLock()
	defer b.mu.RUnlock()
	files := durable.In(root)
	var err error
	// A Delete may remove the directory that was just made, once in a while.
	for range 10 {
		if err = files.MkdirAll(filepath.Dir(path), dirPerm); err != nil && !errors.Is(err, fs.ErrNotExist) {
			return err
		}
		replaced := int64(0)
		if info, err := root.Lstat(path); err == nil {
			replaced = cost(info.Size())
		}
		if err = files.Rename(tmp, path); err == nil {
			b.limit.total.Add(cost(sizeBytes) - replaced)
			return nil
		}
		if !errors.Is(err, fs.ErrNotExist) {
			return err
		}
	}
	return err
}

// removeStale removes unfinished files that crashes left, at the first Put.
// Errors are ignored: they are somebody else's files, perhaps.
func (b *Bucket) removeStale(root *os.Root) {
	d, err := openDir(root, tmpDir)
	if err != nil {
		return
	}
	defer d.Close()
	entries, _ := readDir(d, false)
	for _, e := range entries {
		info, err := d.Lstat(e.Name())
		if err == nil && info.Mode().IsRegular() && durable.IsTemp(e.Name()) && time.Since(info.ModTime()) > staleAfter {
			_ = d.Remove(e.Name())
		}
	}
}
