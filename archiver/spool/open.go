package spool

import (
	"cmp"
	"errors"
	"fmt"
	"os"
	"reflect"
	"slices"

	"github.com/coldtail/coldtail/archiver/durable"
	"github.com/coldtail/coldtail/codec"
)

// Open recovers the log in cfg.Dir, which need not exist. Files that cannot be
// read are moved to the quarantine; quarantined counts them.
func Open(cfg Config) (l *Log, quarantined int, err error) {
	l = &Log{cfg: cfg}
	names, err := os.ReadDir(cfg.Dir)
	if errors.Is(err, os.ErrNotExist) {
		l.cfg.SpoolID = cmp.Or(cfg.FreshID, cfg.SpoolID)
		l.stream.SpoolID = l.cfg.SpoolID
		return l, 0, nil
	}
	if err != nil {
		return nil, 0, fmt.Errorf("open spool: %w", err)
	}
	l.made = true
	var d damage
	if err := l.loadAll(names, &d); err != nil {
		for _, s := range l.segments {
			err = errors.Join(err, s.closeFiles())
		}
		return nil, 0, fmt.Errorf("open spool: %w", err)
	}
	stream := l.stream // as it is on the disk
	l.arrange()
	l.adoptReserved(stream)
	err = l.settle(d)
	if err == nil {
		err = l.renew(stream)
	}
	if err == nil {
		err = l.adoptDropping(&d)
	}
	if err != nil {
		return nil, 0, errors.Join(fmt.Errorf("open spool: %w", err), l.Close())
	}
	return l, d.files, nil
}

// loadAll loads what the directory holds and puts aside what cannot be read.
func (l *Log) loadAll(names []os.DirEntry, d *damage) (err error) {
	if l.stream, err = readStream(l.cfg.Dir); errors.Is(err, codec.ErrNewer) {
		return err
	} else if err != nil {
		if d.stream, err = true, l.setAside(d, err, streamFile); err != nil {
			return err
		}
	}
	files := filesOf(names)
	for _, de := range names {
		seq, found, gap, ok := parseSegmentName(de.Name())
		if !ok || files[seq].gap && !gap {
			continue // a gap replaces the segment of its number
		}
		if files[seq].phase != found {
			err := &codec.CorruptError{What: "segment " + de.Name(), Offset: -1, Err: errTwice}
			if err := l.setAside(d, err, de.Name()); err != nil {
				return err
			}
			continue
		}
		s, lost, err := load(l.cfg, seq, found, gap)
		if err == nil && s.header.ContainerID != l.cfg.ContainerID {
			err = &codec.CorruptError{What: "segment " + de.Name(), Err: errors.New("it is another container's")}
		}
		if errors.Is(err, codec.ErrNewer) {
			l.leave(d, newerSegment{seq, found}, de.Name(), err)
			continue
		}
		if found == filling && !l.cfg.Trust && (err != nil || s.committed == 0) {
			// A power loss may leave half of a segment that was being made, or the
			// header of one whose predecessors are gone.
			if dropped, derr := l.dropUncommitted(s); derr != nil {
				return derr
			} else if dropped {
				l.lost += lost
				continue
			}
		}
		if err != nil {
			d.segments = append(d.segments, salvage(l.cfg.Dir, seq, found))
			aside := []string{de.Name(), segmentName(seq, extIndex)}
			if gap {
				aside = aside[:1]
			}
			if err := errors.Join(s.closeFiles(), l.setAside(d, err, aside...)); err != nil {
				return err
			}
			continue
		}
		if s.trouble&mended != 0 {
			d.files++
			l.cfg.Logger.Error("repaired the damaged sidecar of a segment", "container", l.cfg.ContainerID, "segment", seq, "lost_bytes", lost)
		}
		l.lost += lost
		l.segments = append(l.segments, s)
	}
	return nil
}

// errTwice says that a directory was put back from a copy without removing what was
// in it.
var errTwice = errors.New("there is another one of its number, which is used")

// segmentFile is the file that counts of those with a segment's number.
type segmentFile struct {
	phase phase
	gap   bool
}

// filesOf returns the file that counts for each segment's number: a gap, else what
// waits to be archived and takes no more entries, else the archived one.
func filesOf(names []os.DirEntry) map[int64]segmentFile {
	files := map[int64]segmentFile{}
	for _, de := range names {
		seq, found, gap, ok := parseSegmentName(de.Name())
		if !ok {
			continue
		}
		f := segmentFile{found, gap}
		if was, ok := files[seq]; !ok || f.rank() > was.rank() {
			files[seq] = f
		}
	}
	return files
}

func (f segmentFile) rank() (n int) {
	if f.gap {
		n = 10
	}
	switch f.phase {
	case sealed:
		n += 2
	case archived:
		n++
	}
	return n
}

// dropUncommitted removes an active segment to which no record was ever written:
// none of its entries was committed, and their numbers are free, as are those of
// the gaps that it reserves.
func (l *Log) dropUncommitted(s *segment) (dropped bool, err error) {
	if has, err := hasRecords(s.path(extIndex)); err != nil || has {
		return false, err
	}
	if fi, err := os.Stat(s.path(extActive)); err == nil {
		l.lost += fi.Size()
	}
	err = errors.Join(s.closeFiles(), os.Remove(s.path(extActive)))
	if rerr := os.Remove(s.path(extIndex)); !errors.Is(rerr, os.ErrNotExist) {
		err = errors.Join(err, rerr)
	}
	if err != nil {
		return false, fmt.Errorf("remove an uncommitted segment: %w", err)
	}
	return true, durable.SyncDir(l.cfg.Dir)
}

func load(cfg Config, seq int64, found phase, gap bool) (s *segment, lost int64, err error) {
	if gap {
		s, err = loadGap(cfg.Dir, seq, found)
		return s, 0, err
	}
	return loadSegment(cfg.Dir, seq, found, cfg.Trust)
}

// arrange orders the segments found and picks the one that takes more entries:
// the last, if it is still active.
func (l *Log) arrange() {
	slices.SortFunc(l.segments, func(a, b *segment) int { return cmp.Compare(a.header.SegmentSeq, b.header.SegmentSeq) })
	for i, s := range l.segments {
		if i > 0 && reflect.DeepEqual(s.header.Frozen, l.segments[i-1].header.Frozen) {
			s.header.Frozen = l.segments[i-1].header.Frozen // one copy for hundreds of segments
		}
		l.stream.LastSeq = max(l.stream.LastSeq, s.lastSeq)
		l.stream.LastSegment = max(l.stream.LastSegment, s.header.SegmentSeq)
		switch {
		case s.phase != filling:
		case i < len(l.segments)-1:
			l.enter(s, rolled) // a crash came between rolling and sealing
		default:
			l.active = s
			l.frozen = s.header.Frozen
		}
	}
}
