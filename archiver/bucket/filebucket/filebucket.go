package filebucket

import (
	"cmp"
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
)

const (
	dirPerm  = 0o700
	filePerm = 0o600
	// tmpDir is in the folder, since a rename does not leave its file system.
	tmpDir = ".tmp"
	// staleAfter is far longer than an object takes to write; younger temporary
	// files may be another process's.
	staleAfter = time.Hour
	// keyMaxBytes is S3's bound of a key. It also bounds how deep a walk goes, which
	// holds a descriptor for each level.
	keyMaxBytes = 1024
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
	stale sync.Once // removes what crashes left
	// mu is held shared while an object appears or goes, and exclusively while
	// the folder is measured or emptied.
	mu sync.RWMutex
}

// Open returns the folder's bucket. It changes nothing in it.
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
	return &Bucket{cfg: cfg, log: log}, nil
}

// openRoot opens the folder for one operation: it may be made, mounted or
// replaced between two. The folder itself may be a link, which its owner chose.
func (b *Bucket) openRoot() (*os.Root, error) { return os.OpenRoot(b.cfg.Dir) }

var (
	errKey  = errors.New("not a key")
	errLink = errors.New("symbolic links in a folder bucket are not followed")
)

const (
	hintLink  = "put a folder in the link's place; the bucket's folder itself may be a link"
	hintMount = "the bucket's folder must be on one file system: mount the whole of it there, and nothing in it"
)

func checkKey(key string) error {
	if strings.ContainsRune(key, 0) {
		return fmt.Errorf("%w: contains a NUL byte", errKey)
	}
	if len(key) > keyMaxBytes {
		return fmt.Errorf("%w: longer than %d bytes", errKey, keyMaxBytes)
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
	case errors.Is(err, errLink):
		return true, hintLink
	case errors.Is(err, fs.ErrPermission):
		return true, "give the folder to the user that coldtail runs as"
	case errors.Is(err, syscall.EXDEV):
		return true, hintMount
	case errors.Is(err, syscall.ENAMETOOLONG):
		return true, "the folder's file system must take names of 255 bytes"
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
	if err := checkKey(key); err != nil {
		return bucket.Body{}, err
	}
	if err := ctx.Err(); err != nil {
		return bucket.Body{}, err
	}
	if err := opts.Validate(key); err != nil {
		return bucket.Body{}, err
	}
	f, err := b.openFile(key)
	if absent(err) {
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

// openFile opens a key's file, which stays readable without its folder.
func (b *Bucket) openFile(key string) (*os.File, error) {
	root, err := b.openRoot()
	if err != nil {
		return nil, err
	}
	defer root.Close()
	dir, name := cutLast(key)
	d, err := openDir(root, strings.TrimSuffix(dir, "/"))
	if err != nil {
		return nil, err
	}
	defer d.Close()
	if _, err := lstat(root, d, name, key); err != nil {
		return nil, err
	}
	// To open a FIFO would wait otherwise.
	f, err := d.OpenFile(name, os.O_RDONLY|syscall.O_NONBLOCK, 0)
	if errors.Is(err, syscall.ENXIO) { // a socket
		return nil, fs.ErrNotExist
	}
	if err != nil {
		return nil, err
	}
	if info, err := f.Stat(); err != nil || !info.Mode().IsRegular() {
		_ = f.Close()
		return nil, cmp.Or(err, fs.ErrNotExist)
	}
	return f, nil
}

// absent reports whether err says that there is no such file.
func absent(err error) bool {
	return errors.Is(err, fs.ErrNotExist) || errors.Is(err, syscall.ENOTDIR)
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
	if err := checkKey(key); err != nil {
		return err
	}
	if err := ctx.Err(); err != nil {
		return err
	}
	root, err := b.openRoot()
	if absent(err) {
		return nil
	}
	if err != nil {
		return err
	}
	defer root.Close()
	path, err := path(root, key)
	if err != nil {
		return err
	}
	b.mu.RLock()
	defer b.mu.RUnlock()
	return b.remove(root, path)
}

// remove removes a file, if it is one, and keeps the account.
func (b *Bucket) remove(root *os.Root, path string) error {
	info, err := root.Lstat(path)
	if absent(err) {
		return nil
	}
	if err != nil || !info.Mode().IsRegular() {
		return err
	}
	if err := root.Remove(path); err != nil {
		if absent(err) { // somebody else was faster
			return nil
		}
		return err
	}
	b.limit.total.Add(-cost(info.Size()))
	for dir := filepath.Dir(path); dir != "."; dir = filepath.Dir(dir) {
		if root.Remove(dir) != nil { // is not empty
			break
		}
	}
	return nil
}
