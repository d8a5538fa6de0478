// Package disk is a file system in memory that fails and forgets, for tests of
// what coldtail promises about broken disks and power losses. It is mounted
// through FUSE, so that the system calls under test are real ones, splice(2)
// among them.
//
// It is as forgetful as POSIX allows: what was not fsynced may be there after a
// power loss, or not, or in part, a name no less than a file's bytes. After an
// fsync that failed, the bytes that it was for are clean pages: they are read
// as they were written, and no later fsync makes them durable.
package disk

import (
	"maps"
	"math/rand/v2"
	"os"
	"path/filepath"
	"sync"
	"syscall"
	"time"
)

// Op is a kind of operation that can fail.
type Op string

// The operations, by the system call that a program makes.
const (
	Create   Op = "create"
	Mkdir    Op = "mkdir"
	Link     Op = "link"
	Rename   Op = "rename"
	Unlink   Op = "unlink"
	Read     Op = "read"
	Write    Op = "write"
	Truncate Op = "truncate"
	Sync     Op = "fsync"
	SyncDir  Op = "fsync of a directory"
)

// Store is the file system's content: as programs see it, and as it would be
// after a power loss.
type Store struct {
	mu    sync.Mutex
	root  *object
	inode uint64
	fail  func(op Op, name string) syscall.Errno
	// drops tells that bytes whose fsync failed are not in the page cache either.
	drops bool
	done  map[Op]int // operations that failed
}

// NewStore makes an empty file system.
func NewStore() *Store {
	s := &Store{done: map[Op]int{}}
	s.root = s.object(true, 0o700)
	return s
}

// Fail sets what decides which operations fail; nil is that none does. name is
// the file's, without its directory.
func (s *Store) Fail(f func(op Op, name string) syscall.Errno) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.fail = f
}

// DropPages makes a failed fsync forget the bytes at once, as file systems do
// that read a page again which they could not write.
func (s *Store) DropPages() { s.drops = true }

// Failed returns how many operations of each kind have failed.
func (s *Store) Failed() map[Op]int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return maps.Clone(s.done)
}

// fails is asked before each operation. Called with mu held.
func (s *Store) fails(op Op, name string) syscall.Errno {
	if s.fail == nil {
		return 0
	}
	errno := s.fail(op, name)
	if errno != 0 {
		s.done[op]++
	}
	return errno
}

// object is a file or a directory.
type object struct {
	ino      uint64
	mode     uint32
	modified time.Time
	links    uint32

	data   []byte // a file's bytes as they are read
	synced []byte // what is durable of them
	bytes  []change

	names   map[string]*object // a directory's, as they are listed
	durable map[string]*object
	moves   []move
}

// change is a write that is not durable; where b is nil, a truncation to off.
type change struct {
	off int64
	b   []byte
}

func (c change) apply(data []byte) []byte {
	end := c.off + int64(len(c.b))
	if end > int64(len(data)) {
		data = append(data, make([]byte, end-int64(len(data)))...)
	}
	if c.b == nil {
		return data[:c.off]
	}
	copy(data[c.off:], c.b)
	return data
}

// move is a change of a directory's names that is not durable: one name less,
// one more, or both at once.
type move struct {
	less, more string
	o          *object
}

func (m move) apply(names map[string]*object) {
	if m.less != "" {
		if m.more != "" && names[m.less] == nil {
			return // what was renamed is not there
		}
		delete(names, m.less)
	}
	if m.more != "" {
		names[m.more] = m.o
	}
}

func (s *Store) object(dir bool, mode uint32) *object {
	s.inode++
	o := &object{ino: s.inode, mode: mode & 0o7777, modified: time.Now(), links: 1}
	if dir {
		o.mode |= syscall.S_IFDIR
		o.names, o.durable = map[string]*object{}, map[string]*object{}
	} else {
		o.mode |= syscall.S_IFREG
	}
	return o
}

// change applies a change to what is read, and notes it. Called with mu held.
func (o *object) change(c change) {
	o.data = c.apply(o.data)
	o.bytes = append(o.bytes, c)
	o.modified = time.Now()
}

// move is change for a directory's names.
func (o *object) move(m move) {
	m.apply(o.names)
	o.moves = append(o.moves, m)
}

// sync makes a file's bytes durable, or fails.
func (s *Store) sync(o *object, name string) syscall.Errno {
	if errno := s.fails(Sync, name); errno != 0 {
		o.bytes = nil
		if s.drops {
			o.data = append([]byte(nil), o.synced...)
		}
		return errno
	}
	for _, c := range o.bytes {
		o.synced = c.apply(o.synced)
	}
	o.bytes = nil
	return 0
}

// syncDir makes a directory's names durable, or fails: then they stay undecided.
func (s *Store) syncDir(o *object) syscall.Errno {
	if errno := s.fails(SyncDir, ""); errno != 0 {
		return errno
	}
	o.durable, o.moves = maps.Clone(o.names), nil
	return 0
}

// PowerLoss writes to dir, a folder of another file system, what a power loss at
// this moment may leave. r decides about what was not synced.
func (s *Store) PowerLoss(dir string, r *rand.Rand) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.root.after(dir, r)
}

func (o *object) after(path string, r *rand.Rand) error {
	if o.names == nil {
		return os.WriteFile(path, o.remains(r), 0o600)
	}
	if err := os.MkdirAll(path, 0o700); err != nil {
		return err
	}
	names := maps.Clone(o.durable)
	keep := r.IntN(len(o.moves) + 1)
	mixed := r.IntN(3) == 0
	for i, m := range o.moves {
		if mixed && r.IntN(2) == 0 || !mixed && i < keep {
			m.apply(names)
		}
	}
	for name, child := range names {
		if err := child.after(filepath.Join(path, name), r); err != nil {
			return err
		}
	}
	return nil
}

// remains is a file's content after a power loss: what was synced, and of the
// changes since none, the first few, all, or any, also in part.
func (o *object) remains(r *rand.Rand) []byte {
	data := append([]byte(nil), o.synced...)
	const sector = 512
	kind, keep := r.IntN(4), r.IntN(len(o.bytes)+1)
	for i, c := range o.bytes {
		switch {
		case kind == 0, kind == 1 && i > keep, kind == 2 && r.IntN(2) == 0:
			continue
		case kind == 3 || kind == 1 && i == keep: // in part, by sectors
			size := c.off + int64(len(c.b))
			if size > int64(len(data)) {
				data = append(data, make([]byte, size-int64(len(data)))...)
			}
			for at := 0; at < len(c.b); at += sector {
				if r.IntN(2) == 0 {
					copy(data[c.off+int64(at):], c.b[at:min(at+sector, len(c.b))])
				}
			}
		default:
			data = c.apply(data)
		}
	}
	return data
}
