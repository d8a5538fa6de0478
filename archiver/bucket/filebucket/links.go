package filebucket

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"syscall"
)

// path returns the file of a key, relative to the folder. It refuses keys that
// would leave the folder, in which there is no link to follow.
func path(root *os.Root, key string) (string, error) {
	if err := checkKey(key); err != nil {
		return "", err
	}
	return filepath.FromSlash(key), checkLinks(root, key)
}

// checkLinks refuses a path of which any part is a link. One that led out of the
// folder would be refused anyway, by os.Root; one that stays inside gives an
// object two keys, of which listings have one.
func checkLinks(root *os.Root, key string) error {
	dir, name := cutLast(key)
	d, err := openDir(root, strings.TrimSuffix(dir, "/"))
	if err == nil {
		defer d.Close()
		_, err = lstat(root, d, name, key)
	}
	if errors.Is(err, errLink) {
		return err
	}
	return nil // what is not there is no link, and the caller sees other errors
}

// openDir opens a directory in the folder, "" for the folder itself. It follows
// no link.
func openDir(root *os.Root, dir string) (*os.Root, error) {
	d, err := root.OpenRoot(".")
	for at, rest := 0, dir; err == nil && rest != ""; {
		name, more, _ := strings.Cut(rest, "/")
		at, rest = at+len(name)+1, more
		parent := d
		var info fs.FileInfo
		info, err = lstat(root, parent, name, dir[:at-1])
		switch {
		case err != nil:
		case !info.IsDir():
			err = syscall.ENOTDIR
		default:
			d, err = parent.OpenRoot(name)
			err = named(root.Name(), dir[:at-1], err)
		}
		_ = parent.Close()
	}
	if err != nil {
		return nil, err
	}
	return d, nil
}

// lstat looks at a name in a directory, and refuses a link; key is its whole path.
func lstat(root, dir *os.Root, name, key string) (fs.FileInfo, error) {
	info, err := dir.Lstat(name)
	if err == nil && info.Mode()&fs.ModeSymlink != 0 {
		return nil, linkError(root.Name(), key)
	}
	return info, err
}

// named is err with the whole path of what it is about: directories are opened one
// in the other, whose errors have a name alone.
func named(folder, key string, err error) error {
	if of := (*fs.PathError)(nil); errors.As(err, &of) {
		return &fs.PathError{Op: of.Op, Path: filepath.Join(folder, filepath.FromSlash(key)), Err: of.Err}
	}
	return err
}

func linkError(folder, key string) error {
	return fmt.Errorf("%w: %s", errLink, filepath.Join(folder, filepath.FromSlash(key)))
}
