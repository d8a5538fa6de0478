package main

import (
	"hash/maphash"
	"slices"
	"time"

	"github.com/coldtail/coldtail/codec"
)

// seen is what a follower knows of one spool of a container: its numbers are its
// own.
type seen struct {
	numbers seqSet // that were printed
	sums    []*sumBlock
	newest  time.Time // the hour of the object with the largest number
	lastSeq int64     // that number
	holds   int       // polls that have waited for a missing object
}

// maxSums is how many entries a follower can tell from others with their
// numbers, of all containers together: 8 bytes each.
const maxSums = 1 << 20

// sums keep what the last entries were that a follower printed.
type sums struct {
	hash  maphash.Hash
	queue []*sumBlock // the oldest first
	total int
}

// sumBlock is of entries with numbers that follow each other.
type sumBlock struct {
	of    *seen
	first int64
	sums  []uint64
}

const maxBlock = 4096

// of is a hash of what the entry says.
func (k *sums) of(e *codec.Entry) uint64 {
	k.hash.Reset()
	maphash.WriteComparable(&k.hash, [2]int64{e.TimeNano, int64(len(e.Source))})
	_, _ = k.hash.WriteString(e.Source)
	_, _ = k.hash.Write(e.Line)
	if !e.Newline() {
		_ = k.hash.WriteByte(0)
	}
	return k.hash.Sum64()
}

// add notes a printed entry.
func (k *sums) add(s *seen, e *codec.Entry) {
	s.numbers.add(e.Seq)
	n := len(s.sums)
	if n == 0 || len(s.sums[n-1].sums) == maxBlock || s.sums[n-1].first+int64(len(s.sums[n-1].sums)) != e.Seq {
		b := &sumBlock{of: s, first: e.Seq}
		s.sums = append(s.sums, b)
		k.queue = append(k.queue, b)
		n++
	}
	b := s.sums[n-1]
	b.sums = append(b.sums, k.of(e))
	for k.total++; k.total > maxSums; {
		old := k.queue[0]
		k.queue[0], k.queue = nil, k.queue[1:]
		k.total -= len(old.sums)
		old.of.sums = slices.DeleteFunc(old.of.sums, func(o *sumBlock) bool { return o == old })
	}
}

// match reports whether the entry was printed, and whether it is remembered what
// was, with its number.
func (k *sums) match(s *seen, e *codec.Entry) (same, known bool) {
	sum := k.of(e)
	for _, b := range slices.Backward(s.sums) {
		if i := e.Seq - b.first; 0 <= i && i < int64(len(b.sums)) {
			if b.sums[i] == sum {
				return true, true
			}
			known = true
		}
	}
	return false, known
}
