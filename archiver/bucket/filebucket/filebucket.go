package filebucket

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"time"

	"github.com/coldtail/coldtail/archiver/bucket"
	"github.com/coldtail/coldtail/archiver/durable"
)

const (
	dirPerm  = 0o700
	filePerm = 0o600
	// tmpDir is in the folder, since a rename does not leave its file system.
	tmpDir = ".tmp"
	// staleAfter is far longer than an object takes to write; younger temporary
	// files may be another process's.
	staleAfter = time.Hour
)

// Config of a folder.
type Config struct {
	// Dir is the folder; it is created by the first Put.
	Dir string
	// MaxSizeBytes bounds the folder; zero does not.
	MaxSizeBytes int64
}

// Bucket is a folder. It implements bucket.Bucket.
type Bucket struct {
	cfg   Config
	log   *slog.Logger
	limit limit
	// mu is held shared while an object appears or goes, and exclusively while
	// the folder is measured or emptied.
	mu sync.RWMutex
}

// Open returns the folder's bucket and removes what crashes left in it.
func Open(cfg Config, log *slog.Logger) (*Bucket, error) {
	dir, err := filepath.Abs(cfg.Dir)
	if err != nil {
		return nil, fmt.Errorf("open folder bucket: %w", err)
	}
	cfg.Dir = dir
	switch info, err := os.Stat(dir); {
	case errors.Is(err, fs.ErrNotExist):
	case err != nil:
		return nil, fmt.Errorf("open folder bucket: %w", err)
	case !info.IsDir():
		return nil, fmt.Errorf("open folder bucket: %s is not a folder", dir)
	}
	b := &Bucket{cfg: cfg, log: log}
	b.removeStale()
	return b, nil
}

// removeStale ignores errors: a reader may lack the right to remove.
func (b *Bucket) removeStale() {
	tmp := filepath.Join(b.cfg.Dir, tmpDir)
	entries, _ := os.ReadDir(tmp)
	for _, e := range entries {
		info, err := e.Info()
		if err == nil && durable.IsTemp(e.Name()) && time.Since(info.ModTime()) > staleAfter {
			_ = os.Remove(filepath.Join(tmp, e.Name()))
		}
	}
}

// path returns the file of a key, refusing keys that would leave the folder.
func (b *Bucket) path(key string) (string, error) {
	if err := checkKey(key); err != nil {
		return "", err
	}
	return filepath.Join(b.cfg.Dir, filepath.FromSlash(key)), nil
}

var errKey = errors.New("not a key")

func checkKey(key string) error {
	if strings.ContainsRune(key, 0) {
		return fmt.Errorf("%w: contains a NUL byte", errKey)
	}
	for i, part := range strings.Split(key, "/") {
		switch {
		case part == "":
			return fmt.Errorf("%w: an empty part", errKey)
		case part == "." || part == "..":
			return fmt.Errorf("%w: part %q", errKey, part)
		case i == 0 && part == tmpDir:
			return fmt.Errorf("%w: %s is reserved", errKey, tmpDir)
		case len(part) > 255:
			return fmt.Errorf("%w: a part is longer than 255 bytes", errKey)
		}
	}
	return nil
}

// classify knows which of the operating system's errors stay.
func classify(err error) (permanent bool, hint string) {
	switch {
	case errors.Is(err, errKey), errors.Is(err, errTooLarge), errors.Is(err, errNoRoom):
		return true, ""
	case errors.Is(err, fs.ErrPermission):
		return true, "give the folder to the user that coldtail runs as"
	case errors.Is(err, syscall.EROFS):
		return true, "the folder's file system is read-only"
	case errors.Is(err, syscall.ENOTDIR), errors.Is(err, syscall.EISDIR), errors.Is(err, fs.ErrExist):
		return true, "a file and a folder of one name stand in each other's way"
	case errors.Is(err, syscall.ENOSPC), errors.Is(err, syscall.EDQUOT):
		return false, "the folder's file system is full"
	}
	return false, ""
}

func wrap(ctx context.Context, op bucket.Op, key string, err error) error {
	return bucket.WrapError(ctx, op, key, err, classify)
}

// Put writes the object beside the others and renames it into its place.
func (b *Bucket) Put(ctx context.Context, key string, r io.ReaderAt, sizeBytes int64, opts bucket.PutOptions) error {
	src := bucket.NewSource(r, sizeBytes)
	return src.Wrap(ctx, key, b.put(ctx, key, src.Reader(), opts), classify)
}

func (b *Bucket) put(ctx context.Context, key string, r *io.SectionReader, opts bucket.PutOptions) error {
	path, err := b.path(key)
	if err != nil {
		return err
	}
	if err := ctx.Err(); err != nil {
		return err
	}
	if opts.IfAbsent {
		if info, err := os.Lstat(path); err == nil && info.Mode().IsRegular() {
			return nil
		}
	}
	if err := b.checkSize(r.Size()); err != nil {
		return err
	}
	tmp := filepath.Join(b.cfg.Dir, tmpDir)
	if err := durable.MkdirAll(tmp, dirPerm); err != nil {
		return err
	}
	name, err := durable.WriteTemp(tmp, filePerm, func(w io.Writer) error {
		_, err := io.Copy(w, &ctxReader{ctx, r})
		return err
	})
	if err != nil {
		return err
	}
	if err := b.commit(ctx, name, path, r.Size()); err != nil {
		_ = os.Remove(name)
		return err
	}
	return nil
}

// commit moves a written file into its place.
func (b *Bucket) commit(ctx context.Context, tmp, path string, sizeBytes int64) error {
	if err := b.makeRoom(ctx, sizeBytes); err != nil {
		return err
	}
	b.mu.RLock()
	defer b.mu.RUnlock()
	var err error
	// A Delete may remove the directory that was just made, once in a while.
	for range 10 {
		if err = durable.MkdirAll(filepath.Dir(path), dirPerm); err != nil && !errors.Is(err, fs.ErrNotExist) {
			return err
		}
		replaced := int64(0)
		if info, err := os.Lstat(path); err == nil {
			replaced = cost(info.Size())
		}
		if err = durable.Rename(tmp, path); err == nil {
			b.limit.total.Add(cost(sizeBytes) - replaced)
			return nil
		}
		if !errors.Is(err, fs.ErrNotExist) {
			return err
		}
	}
	return err
}

// ctxReader ends a copy with its context.
type ctxReader struct {
	ctx context.Context
	r   io.Reader
}

func (c *ctxReader) Read(p []byte) (int, error) {
	if err := c.ctx.Err(); err != nil {
		return 0, err
	}
	return c.r.Read(p)
}

// Get opens the object's file, which stays readable if it is replaced or removed.
func (b *Bucket) Get(ctx context.Context, key string, opts bucket.GetOptions) (bucket.Body, error) {
	body, err := b.get(ctx, key, opts)
	return body, wrap(ctx, bucket.OpGet, key, err)
}

func (b *Bucket) get(ctx context.Context, key string, opts bucket.GetOptions) (bucket.Body, error) {
	path, err := b.path(key)
	if err != nil {
		return bucket.Body{}, err
	}
	if err := ctx.Err(); err != nil {
		return bucket.Body{}, err
	}
	if err := opts.Validate(key); err != nil {
		return bucket.Body{}, err
	}
	// Looked at before it is opened: to open a FIFO would wait.
	if info, err := os.Stat(path); err == nil && !info.Mode().IsRegular() {
		return bucket.Body{}, bucket.ErrNotFound
	}
	f, err := os.Open(path)
	if errors.Is(err, fs.ErrNotExist) || errors.Is(err, syscall.ENOTDIR) {
		return bucket.Body{}, bucket.ErrNotFound
	}
	if err != nil {
		return bucket.Body{}, err
	}
	info, err := f.Stat()
	if err != nil {
		_ = f.Close()
		return bucket.Body{}, err
	}
	o := object(key, info)
	if opts.ETag != "" && opts.ETag != o.ETag {
		_ = f.Close()
		return bucket.Body{}, bucket.ErrChanged
	}
	start, length := opts.Span(o.SizeBytes)
	r := &ctxReader{ctx, io.NewSectionReader(f, start, length)}
	return bucket.Body{ReadCloser: &body{Reader: r, Closer: f}, Object: o}, nil
}

type body struct {
	io.Reader
	io.Closer
}

// object describes a file. Its ETag has the inode, since two versions may have
// the same size and, with a coarse clock, the same time.
func object(key string, info fs.FileInfo) bucket.Object {
	var inode uint64
	if st, ok := info.Sys().(*syscall.Stat_t); ok {
		inode = uint64(st.Ino)
	}
	return bucket.Object{
		Key:       key,
		SizeBytes: info.Size(),
		ModTime:   info.ModTime(),
		ETag:      fmt.Sprintf("%x-%x-%x", inode, info.ModTime().UnixNano(), info.Size()),
	}
}

// Delete removes the file and the directories that it leaves empty.
func (b *Bucket) Delete(ctx context.Context, key string) error {
	return wrap(ctx, bucket.OpDelete, key, b.delete(ctx, key))
}

func (b *Bucket) delete(ctx context.Context, key string) error {
	path, err := b.path(key)
	if err != nil {
		return err
	}
	if err := ctx.Err(); err != nil {
		return err
	}
	b.mu.RLock()
	defer b.mu.RUnlock()
	return b.remove(path)
}

// remove removes a file, if it is one, and keeps the account.
func (b *Bucket) remove(path string) error {
	info, err := os.Lstat(path)
	if errors.Is(err, fs.ErrNotExist) || errors.Is(err, syscall.ENOTDIR) {
		return nil
	}
	if err != nil || !info.Mode().IsRegular() {
		return err
	}
	if err := os.Remove(path); err != nil {
		if errors.Is(err, fs.ErrNotExist) { // somebody else was faster
			return nil
		}
		return err
	}
	b.limit.total.Add(-cost(info.Size()))
	for dir := filepath.Dir(path); dir != b.cfg.Dir; dir = filepath.Dir(dir) {
		if os.Remove(dir) != nil { // is not empty
			break
		}
	}
	return nil
}
