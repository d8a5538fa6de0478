package spool

import (
	"errors"
	"slices"

	"golang.org/x/sys/unix"

	"github.com/coldtail/coldtail/archiver/spool/archivedlog"
	"github.com/coldtail/coldtail/archiver/spool/quarantine"
)

// Damage is never made worse and never hidden:
//
//   - A damaged record costs nothing, as frames tell where they end: the data is
//     parsed again, and must give as many entries as the numbers around it say.
//   - Damaged data costs the batch that it is in, whose checksum shows it. The
//     record stays, so that reading reports the loss in its place.
//   - A segment with a damaged header is put aside. If it was the last, the
//     numbers of its entries are not given again.
//   - The same holds while the process runs: whoever reads a segment whose sidecar
//     is damaged or gone gets the records that its data gives, and memory knows
//     how many entries there were.
//   - A damaged segment that is archived is put aside with the cached ones before
//     it: the bucket has them whole.

// damage is what Open found.
type damage struct {
	files    int // put aside
	stream   bool
	segments []lostSegment
}

// setAside moves files to the quarantine that could not be read because of
// cause, and names them in the log. It returns cause if that is not damage:
// the next attempt may be able to read them.
func (l *Log) setAside(d *damage, cause error, names ...string) error {
	for _, temporary := range []error{unix.EMFILE, unix.ENFILE, unix.ENOMEM, ErrFull} {
		if errors.Is(cause, temporary) {
			return cause
		}
	}
	d.files++
	l.cfg.Logger.Error("quarantined an unreadable file of a container's log", "container", l.cfg.ContainerID, "file", names[0], "err", cause)
	for _, name := range names {
		if err := l.quarantine(name); err != nil {
			return err
		}
	}
	return quarantine.Sync(l.cfg.Dir)
}

// settle makes the log go on after what was lost.
func (l *Log) settle(d damage) error {
	if !d.stream && len(d.segments) == 0 {
		return nil
	}
	last, cached := int64(0), int64(0)
	if n := len(l.segments); n > 0 {
		last = l.segments[n-1].header.SegmentSeq
	}
	jump := d.stream && l.active == nil
	for _, s := range d.segments {
		l.stream.LastSegment = max(l.stream.LastSegment, s.seq)
		jump = jump || s.seq > last
		if s.phase == archived {
			cached = max(cached, s.seq)
		}
	}
	if d.stream {
		if err := l.findLastSegment(); err != nil {
			return err
		}
	}
	if s := l.active; jump && s != nil { // what was lost came after it
		if s.torn() {
			s.skip(s.written - s.end)
		}
		l.enter(s, rolled)
		l.stream.LastSeq, l.active = s.lastSeq, nil
	}
	if jump {
		// Numbers start at the clock and grow more slowly than it: no entry that
		// was lost has a higher one.
		l.stream.NextSeq = max(l.stream.LastSeq+1, l.stream.NextSeq, l.cfg.Now().UnixMicro())
	}
	if err := l.committedState(nil).write(l.cfg.Dir); err != nil {
		return err
	}
	l.leaveGaps(d.segments)
	// What is local has to be in one piece, as reading goes to the bucket for
	// what is older.
	for _, s := range slices.Clone(l.segments) {
		if s.phase == archived && s.header.SegmentSeq < cached {
			if err := l.remove(s); err != nil {
				return err
			}
		}
	}
	return nil
}

// findLastSegment makes up for a lost stream.json: the number of the last
// segment is in the list of archived objects, or in the name of a file.
func (l *Log) findLastSegment() error {
	objs, _, err := archivedlog.Objects(l.cfg.Dir)
	if err != nil {
		return err
	}
	for _, o := range objs {
		l.stream.LastSegment = max(l.stream.LastSegment, o.Segment)
	}
	files, err := quarantine.Files(l.cfg.Dir)
	if err != nil {
		return err
	}
	for _, f := range files {
		if seq, _, _, ok := parseSegmentName(f.Name); ok {
			l.stream.LastSegment = max(l.stream.LastSegment, seq)
		}
	}
	return nil
}
