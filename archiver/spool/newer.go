package spool

import (
	"fmt"

	"github.com/coldtail/coldtail/codec"
)

// What a newer version made stays where it is, under its name, until that version
// runs again. The log goes on beside it, as a container has to start: with
// numbers that nothing in there can have, as after a segment that was lost. A
// newer stream.json is different: this version could not keep what is in it, and
// would give numbers again. Such a log is not opened.

// newerSegment is a segment or gap of a newer version.
type newerSegment struct {
	seq   int64
	phase phase
}

// leave takes note of a newer version's segment.
func (l *Log) leave(d *damage, n newerSegment, file string, err error) {
	d.segments = append(d.segments, lostSegment{seq: n.seq, phase: n.phase, newer: true})
	l.newer = append(l.newer, n)
	l.cfg.Logger.Error("left a segment as it is that this version cannot read, and so does not archive", "container", l.cfg.ContainerID, "file", file, "err", err)
}

// newerError stands for a newer version's segment where that is read.
func (l *Log) newerError(segmentSeq int64) error {
	return &codec.CorruptError{What: fmt.Sprintf("segment %d of container %s", segmentSeq, l.cfg.ContainerID), Offset: -1, Err: codec.ErrNewer}
}

// Newer returns an error that wraps codec.ErrNewer where the log has segments
// that wait to be archived and only a newer version can read.
func (l *Log) Newer() error {
	l.mu.Lock()
	defer l.mu.Unlock()
	n := l.newerPending()
	if n == 0 {
		return nil
	}
	return fmt.Errorf("%d segments of container %s are not archived: %w", n, l.cfg.ContainerID, codec.ErrNewer)
}

// newerPending counts the newer version's segments that wait to be archived.
// Called with mu held.
func (l *Log) newerPending() (n int) {
	for _, s := range l.newer {
		if s.phase != archived {
			n++
		}
	}
	return n
}

// passNewer reports the first of the newer segments that the cursor passes before
// it enters the next view, if there is any.
func (c *Cursor) passNewer() error {
	if len(c.newer) == 0 || c.i < len(c.sn.Segments) && c.sn.Segments[c.i].Header.SegmentSeq < c.newer[0] {
		return nil
	}
	return c.tellNewer()
}

// tellNewer reports the first of the newer segments that are not passed yet.
func (c *Cursor) tellNewer() error {
	seq := c.newer[0]
	c.newer = c.newer[1:]
	return c.sn.log.newerError(seq)
}
