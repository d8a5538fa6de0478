package disk

import (
	"context"
	"fmt"
	"os"
	"syscall"
	"time"

	"github.com/hanwen/go-fuse/v2/fs"
	"github.com/hanwen/go-fuse/v2/fuse"
	"golang.org/x/sys/unix"
)

// Mount mounts the file system on dir; call the returned function to end that.
// It needs /dev/fuse, and root or fusermount3.
func (s *Store) Mount(dir string) (unmount func() error, err error) {
	if _, err := os.Stat("/dev/fuse"); err != nil {
		return nil, fmt.Errorf("mount: %w", err)
	}
	none := time.Duration(0) // nothing is cached: every call gets here
	srv, err := fs.Mount(dir, &node{s: s, o: s.root}, &fs.Options{
		EntryTimeout: &none, AttrTimeout: &none, NegativeTimeout: &none,
		MountOptions: fuse.MountOptions{FsName: "coldtail-test", DirectMount: os.Getuid() == 0, MaxWrite: 1 << 20, DisableXAttrs: true},
	})
	if err != nil {
		return nil, fmt.Errorf("mount: %w", err)
	}
	return func() error {
		// By force: a call that still waits for an answer would outlive the process
		// that is to give it.
		err := unix.Unmount(dir, unix.MNT_FORCE|unix.MNT_DETACH)
		if err == nil {
			srv.Wait()
			return nil
		}
		return srv.Unmount()
	}, nil
}

// node is an object as the kernel knows it.
type node struct {
	fs.Inode
	s    *Store
	o    *object
	name string // the first it had
}

// What the kernel asks for: a method that did not match would be ignored.
var (
	_ fs.NodeLookuper  = (*node)(nil)
	_ fs.NodeGetattrer = (*node)(nil)
	_ fs.NodeSetattrer = (*node)(nil)
	_ fs.NodeCreater   = (*node)(nil)
	_ fs.NodeMkdirer   = (*node)(nil)
	_ fs.NodeUnlinker  = (*node)(nil)
	_ fs.NodeRmdirer   = (*node)(nil)
	_ fs.NodeRenamer   = (*node)(nil)
	_ fs.NodeLinker    = (*node)(nil)
	_ fs.NodeOpener    = (*node)(nil)
	_ fs.NodeReader    = (*node)(nil)
	_ fs.NodeWriter    = (*node)(nil)
	_ fs.NodeFsyncer   = (*node)(nil)
	_ fs.NodeReaddirer = (*node)(nil)
)

func (n *node) child(ctx context.Context, o *object, name string, out *fuse.EntryOut) *fs.Inode {
	o.attr(&out.Attr)
	return n.NewInode(ctx, &node{s: n.s, o: o, name: name}, fs.StableAttr{Ino: o.ino, Mode: o.mode})
}

func (o *object) attr(out *fuse.Attr) {
	out.Ino, out.Mode, out.Nlink = o.ino, o.mode, o.links
	out.Size = uint64(len(o.data))
	out.Blocks = (out.Size + 511) / 512
	out.SetTimes(&o.modified, &o.modified, &o.modified)
}

// Lookup implements fs.NodeLookuper.
func (n *node) Lookup(ctx context.Context, name string, out *fuse.EntryOut) (*fs.Inode, syscall.Errno) {
	n.s.mu.Lock()
	defer n.s.mu.Unlock()
	o := n.o.names[name]
	if o == nil {
		return nil, syscall.ENOENT
	}
	return n.child(ctx, o, name, out), 0
}

// Getattr implements fs.NodeGetattrer.
func (n *node) Getattr(_ context.Context, _ fs.FileHandle, out *fuse.AttrOut) syscall.Errno {
	n.s.mu.Lock()
	defer n.s.mu.Unlock()
	n.o.attr(&out.Attr)
	return 0
}

// Setattr implements fs.NodeSetattrer.
func (n *node) Setattr(_ context.Context, _ fs.FileHandle, in *fuse.SetAttrIn, out *fuse.AttrOut) syscall.Errno {
	n.s.mu.Lock()
	defer n.s.mu.Unlock()
	if m, ok := in.GetMode(); ok {
		n.o.mode = n.o.mode&syscall.S_IFMT | m&0o7777
	}
	if size, ok := in.GetSize(); ok && size != uint64(len(n.o.data)) {
		if errno := n.s.fails(Truncate, n.name); errno != 0 {
			return errno
		}
		n.o.change(change{off: int64(size)})
	}
	n.o.attr(&out.Attr)
	return 0
}

// Create implements fs.NodeCreater.
func (n *node) Create(ctx context.Context, name string, _, mode uint32, out *fuse.EntryOut) (*fs.Inode, fs.FileHandle, uint32, syscall.Errno) {
	n.s.mu.Lock()
	defer n.s.mu.Unlock()
	if errno := n.s.fails(Create, name); errno != 0 {
		return nil, nil, 0, errno
	}
	o := n.s.object(false, mode)
	n.o.move(move{more: name, o: o})
	return n.child(ctx, o, name, out), nil, fuse.FOPEN_DIRECT_IO, 0
}

// Mkdir implements fs.NodeMkdirer.
func (n *node) Mkdir(ctx context.Context, name string, mode uint32, out *fuse.EntryOut) (*fs.Inode, syscall.Errno) {
	n.s.mu.Lock()
	defer n.s.mu.Unlock()
	if errno := n.s.fails(Mkdir, name); errno != 0 {
		return nil, errno
	}
	o := n.s.object(true, mode)
	n.o.move(move{more: name, o: o})
	return n.child(ctx, o, name, out), 0
}

// Unlink implements fs.NodeUnlinker.
func (n *node) Unlink(_ context.Context, name string) syscall.Errno {
	n.s.mu.Lock()
	defer n.s.mu.Unlock()
	if errno := n.s.fails(Unlink, name); errno != 0 {
		return errno
	}
	n.o.names[name].links--
	n.o.move(move{less: name})
	return 0
}

// Rmdir implements fs.NodeRmdirer.
func (n *node) Rmdir(_ context.Context, name string) syscall.Errno {
	n.s.mu.Lock()
	defer n.s.mu.Unlock()
	if len(n.o.names[name].names) > 0 {
		return syscall.ENOTEMPTY
	}
	n.o.move(move{less: name})
	return 0
}

// Rename implements fs.NodeRenamer. Within a directory it is one change: the
// file has the one name or the other.
func (n *node) Rename(_ context.Context, name string, to fs.InodeEmbedder, newName string, _ uint32) syscall.Errno {
	n.s.mu.Lock()
	defer n.s.mu.Unlock()
	if errno := n.s.fails(Rename, newName); errno != 0 {
		return errno
	}
	o, dir := n.o.names[name], to.(*node).o
	if dir == n.o {
		dir.move(move{less: name, more: newName, o: o})
		return 0
	}
	dir.move(move{more: newName, o: o})
	n.o.move(move{less: name})
	return 0
}

// Link implements fs.NodeLinker.
func (n *node) Link(ctx context.Context, target fs.InodeEmbedder, name string, out *fuse.EntryOut) (*fs.Inode, syscall.Errno) {
	n.s.mu.Lock()
	defer n.s.mu.Unlock()
	if errno := n.s.fails(Link, name); errno != 0 {
		return nil, errno
	}
	o := target.(*node).o
	o.links++
	n.o.move(move{more: name, o: o})
	return n.child(ctx, o, name, out), 0
}

// Open implements fs.NodeOpener. Nothing goes through the kernel's page cache,
// so that every read and write gets here.
func (n *node) Open(context.Context, uint32) (fs.FileHandle, uint32, syscall.Errno) {
	return nil, fuse.FOPEN_DIRECT_IO, 0
}

// Read implements fs.NodeReader.
func (n *node) Read(_ context.Context, _ fs.FileHandle, dest []byte, off int64) (fuse.ReadResult, syscall.Errno) {
	n.s.mu.Lock()
	defer n.s.mu.Unlock()
	if errno := n.s.fails(Read, n.name); errno != 0 {
		return nil, errno
	}
	k := 0
	if off < int64(len(n.o.data)) {
		k = copy(dest, n.o.data[off:])
	}
	return fuse.ReadResultData(dest[:k]), 0
}

// Write implements fs.NodeWriter.
func (n *node) Write(_ context.Context, _ fs.FileHandle, data []byte, off int64) (uint32, syscall.Errno) {
	n.s.mu.Lock()
	defer n.s.mu.Unlock()
	if errno := n.s.fails(Write, n.name); errno != 0 {
		return 0, errno
	}
	n.o.change(change{off: off, b: append([]byte{}, data...)})
	return uint32(len(data)), 0
}

// Fsync implements fs.NodeFsyncer, for files and directories.
func (n *node) Fsync(context.Context, fs.FileHandle, uint32) syscall.Errno {
	n.s.mu.Lock()
	defer n.s.mu.Unlock()
	if n.o.names != nil {
		return n.s.syncDir(n.o)
	}
	return n.s.sync(n.o, n.name)
}

// Readdir implements fs.NodeReaddirer.
func (n *node) Readdir(context.Context) (fs.DirStream, syscall.Errno) {
	n.s.mu.Lock()
	defer n.s.mu.Unlock()
	var list []fuse.DirEntry
	for name, o := range n.o.names {
		list = append(list, fuse.DirEntry{Name: name, Mode: o.mode, Ino: o.ino})
	}
	return fs.NewListDirStream(list), 0
}
