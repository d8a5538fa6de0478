package spool

import (
	"fmt"
	"io"
)

// tail is the newest stretch of the active segment in memory, from which
// followers read what they would otherwise each read from the page cache. It
// only grows; where it is full, a new one takes its place, or it is used again
// if nobody reads it.
//
// All fields are guarded by the Log's mu, but the bytes below len(b) never
// change while refs is not zero, so a reader that holds a reference may read
// its slice without the lock.
type tail struct {
	off  int64 // of b[0] in the data file
	b    []byte
	refs int
	read bool // somebody did: followers may still want what they have not seen
}

const (
	tailMinBytes = 64 << 10
	tailMaxBytes = 1 << 20
)

// room returns a tail that keeps t's bytes from file offset from on, and where
// there are followers up to half its size of those before, and has space up to
// file offset to. It reuses t where nobody reads it.
func (t *tail) room(from, to int64) *tail {
	if t == nil || from < t.off || from > t.off+int64(len(t.b)) {
		return &tail{off: from, b: make([]byte, 0, max(int(to-from), tailMinBytes))}
	}
	if to-t.off <= int64(cap(t.b)) {
		return t
	}
	keep, need := from, int(to-from)
	if t.read {
		keep = max(t.off, from-int64(cap(t.b)/2))
	}
	rest := t.b[keep-t.off:]
	// A quiet container keeps its small tail; only large steps make it grow.
	if t.refs == 0 && need <= cap(t.b)/2 {
		t.b = t.b[:copy(t.b[:cap(t.b)], rest)]
		t.off, t.read = keep, false
		return t
	}
	size := max(int(to-keep), 2*len(t.b[from-t.off:]), min(2*cap(t.b), tailMaxBytes))
	return &tail{off: keep, b: append(make([]byte, 0, size), rest...)}
}

// holds reports whether the bytes at file offsets [from, to) are in memory.
func (t *tail) holds(from, to int64) bool {
	return t != nil && from >= t.off && to <= t.off+int64(len(t.b))
}

// load reads the bytes up to file offset to.
func (t *tail) load(f io.ReaderAt, to int64) error {
	have := len(t.b)
	b := t.b[have : to-t.off]
	if _, err := f.ReadAt(b, t.off+int64(have)); err != nil {
		return fmt.Errorf("read segment back: %w", err)
	}
	t.b = t.b[:have+len(b)]
	return nil
}
