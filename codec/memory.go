package codec

import (
	"errors"
	"sync/atomic"
)

// ErrMemory is what a decoder ends with that would hold more at once than its
// [Limits] allow.
var ErrMemory = errors.New("it needs more memory than readers take at once")

// Limits are what a decoder may take of the process. The zero value leaves it to
// the bounds of the format alone.
type Limits struct {
	// Stop, unless nil, is asked again and again while a decoder works. Its error
	// ends the work.
	Stop func() error
	// Memory, unless nil, is asked for all that is held beside the chunk's own
	// bytes.
	Memory *Allowance
}

// With returns the limits with another allowance.
func (l Limits) With(a *Allowance) Limits {
	l.Memory = a
	return l
}

// Err returns why to stop, or nil.
func (l *Limits) Err() error {
	if l.Stop == nil {
		return nil
	}
	return l.Stop()
}

// Memory is what decoders may hold together beyond what each is allowed by itself.
type Memory struct{ left atomic.Int64 }

// NewMemory returns a Memory of so many bytes.
func NewMemory(bytes int64) *Memory {
	m := new(Memory)
	m.left.Store(bytes)
	return m
}

// Left returns how many bytes are left.
func (m *Memory) Left() int64 { return m.left.Load() }

// take reports whether there are n bytes; n below zero gives bytes back. A nil
// Memory has none.
func (m *Memory) take(n int64) bool {
	if m == nil {
		return n <= 0
	}
	if m.left.Add(-n) >= 0 || n <= 0 {
		return true
	}
	m.left.Add(n)
	return false
}

// An Allowance is what one decoder may hold. It is used by one goroutine at a
// time. A nil one allows all.
type Allowance struct {
	m           *Memory
	free        int64
	held, taken int64
}

// Allow returns an allowance of free bytes, beyond which it takes from m, unless
// that is nil.
func Allow(free int64, m *Memory) *Allowance { return &Allowance{m: m, free: free} }

// Raise makes free bytes the decoder's own, and lets it take from m instead of what
// it took from so far, unless m has not got as much.
func (a *Allowance) Raise(free int64, m *Memory) {
	beyond := max(0, a.held-free)
	if !m.take(beyond) {
		return
	}
	a.m.take(-a.taken)
	a.free, a.m, a.taken = free, m, beyond
}

// Grow counts n more bytes, or with n below zero fewer. Its error is ErrMemory,
// and then nothing is counted.
func (a *Allowance) Grow(n int64) error {
	if a == nil {
		return nil
	}
	a.held += n
	if a.settle() {
		return nil
	}
	a.held -= n
	return ErrMemory
}

// Shrink counts n bytes fewer.
func (a *Allowance) Shrink(n int64) { _ = a.Grow(-n) } // which is always granted

// settle takes from the memory, or gives back, what goes beyond the free bytes.
func (a *Allowance) settle() bool {
	beyond := max(0, a.held-a.free)
	if !a.m.take(beyond - a.taken) {
		return false
	}
	a.taken = beyond
	return true
}

// Release gives back everything; the decoder is done with.
func (a *Allowance) Release() {
	if a != nil {
		a.m.take(-a.taken)
		a.held, a.taken = 0, 0
	}
}

// Grown returns b with room for n bytes in all, what it held included, and counts
// what that takes. Buffers at least double, up to most bytes.
func (a *Allowance) Grown(b []byte, n, most int) ([]byte, error) {
	if n <= cap(b) {
		return b, nil
	}
	size := max(n, min(2*cap(b), most))
	if err := a.Grow(int64(size - cap(b))); err != nil {
		return b, err
	}
	return append(make([]byte, 0, size), b...), nil
}
