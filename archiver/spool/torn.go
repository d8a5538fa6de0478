package spool

import (
	"hash/crc32"
)

// DropTorn gives up an unfinished frame, whose rest will not come, and returns
// how many bytes of it there were.
func (l *Log) DropTorn() int64 {
	l.mu.Lock()
	defer l.mu.Unlock()
	s := l.active
	if s == nil || !s.torn() {
		return 0
	}
	n := s.written - s.end
	s.skip(n)
	s.idx.last = 0 // the next source record tells a restart that the frame ends here
	l.lost += n
	l.intake.unread = 0
	l.rollIfDue()
	return n
}

// TakeTorn gives up an unfinished frame as DropTorn does, and returns its bytes:
// the caller finishes it elsewhere. It returns nil where they cannot be read;
// then they count as lost.
func (l *Log) TakeTorn() []byte {
	l.mu.Lock()
	defer l.mu.Unlock()
	copied := l.intake.copied
	l.intake.copied, l.intake.unread = nil, 0
	s := l.active
	if s == nil || !s.torn() {
		return copied
	}
	b, err := l.bytes(s, s.end, s.written)
	if err != nil {
		b, copied = nil, nil
		l.lost += s.written - s.end
	}
	s.skip(s.written - s.end)
	s.idx.last = 0
	l.rollIfDue()
	return append(b, copied...)
}

// bytes copies a stretch of a segment's data, from memory where that has it.
// Called with mu held.
func (l *Log) bytes(s *segment, from, to int64) ([]byte, error) {
	b := make([]byte, to-from)
	if s == l.active && l.tail.holds(from, to) {
		copy(b, l.tail.b[from-l.tail.off:])
		return b, nil
	}
	_, err := s.data.ReadAt(b, from)
	return b, err
}

// lockedBytes is bytes for callers that do not hold mu.
func (l *Log) lockedBytes(s *segment, from, to int64) ([]byte, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.bytes(s, from, to)
}

// Torn reports whether the log ends in an unfinished frame that came from the
// FIFO called source, so that its rest may follow from there.
func (l *Log) Torn(source string) bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.active != nil && l.active.torn() && l.active.idx.last == sourceSum(source)
}

// sourceSum is a FIFO's name as source records keep it; never 0.
func sourceSum(name string) uint32 { return max(1, crc32.Checksum([]byte(name), castagnoli)) }
