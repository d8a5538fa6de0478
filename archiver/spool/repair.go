package spool

import (
	"errors"
	"fmt"
	"hash/crc32"
	"io"
	"math"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"golang.org/x/sys/unix"

	"github.com/coldtail/coldtail/archiver/durable"
)

// Damage is never made worse and never hidden:
//
//   - A damaged record costs nothing, as frames tell where they end: the data is
//     parsed again, and must give as many entries as the numbers around it say.
//   - Damaged data costs the batch that it is in, whose checksum tells. The
//     record stays, so that reading reports the loss in its place.
//   - A segment with a damaged header is put aside. If it was the last, the
//     numbers of its entries are not given again.
//   - A damaged segment that is archived is put aside with the cached ones before
//     it: the bucket has them whole.

// damage is what Open found.
type damage struct {
	files    int // put aside
	stream   bool
	segments []lostSegment
}

// lostSegment is one that was put aside.
type lostSegment struct {
	seq   int64
	state State
}

// setAside moves files to the quarantine that could not be read because of
// cause, and names them in the log. It returns cause where that is no damage:
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
	return l.syncQuarantine()
}

// settle makes the log go on behind what was lost.
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
		if s.state == Archived {
			cached = max(cached, s.seq)
		}
	}
	if d.stream {
		if err := l.findLastSegment(); err != nil {
			return err
		}
	}
	if s := l.active; jump && s != nil { // what was lost came behind it
		if s.torn() {
			s.skip(s.written - s.end)
		}
		s.rolled = true
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
	// What is local has to be in one piece, as reading goes to the bucket for
	// what is older.
	for _, s := range slices.Clone(l.segments) {
		if s.state == Archived && s.header.SegmentSeq < cached {
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
	objs, _, err := readObjects(l.cfg.Dir)
	if err != nil {
		return err
	}
	for _, o := range objs {
		l.stream.LastSegment = max(l.stream.LastSegment, o.Segment)
	}
	names, err := os.ReadDir(filepath.Join(l.cfg.Dir, quarantineDir))
	if err != nil && !errors.Is(err, os.ErrNotExist) {
		return err
	}
	for _, de := range names {
		_, name, _ := strings.Cut(de.Name(), "-")
		if seq, _, _, ok := parseSegmentName(name); ok {
			l.stream.LastSegment = max(l.stream.LastSegment, seq)
		}
	}
	return nil
}

var errHole = errors.New("segment's records are damaged beyond repair")

// mend replaces the holes in sc by what the data says, and with all adds what
// follows the last record. It returns how many bytes there were no frames.
func (s *segment) mend(sc *sidecar, data io.ReaderAt, sizeBytes int64, all bool) (lost int64, err error) {
	m := &segment{header: sc.header, lastSeq: sc.header.FirstSeq - 1}
	arrival := sc.header.CreatedNano // a chunk is a function of its segment
	for _, r := range sc.records {
		if r.kind == kindHole {
			n, err := m.refill(data, sizeBytes, r, arrival)
			if err != nil {
				return 0, err
			}
			lost += n
			continue
		}
		m.records = append(m.records, r)
		m.open, m.end = false, r.end()
		if r.kind == kindBatch {
			m.lastSeq, arrival = r.LastSeq(), r.ArrivalNano
		}
	}
	if all && m.end < sizeBytes {
		n, err := m.parse(data, sizeBytes, arrival)
		if err != nil {
			return 0, err
		}
		lost += n
		if n := sizeBytes - m.end; n > 0 {
			m.skip(n)
			lost += n
		}
	}
	sc.records = m.records
	return lost, nil
}

// refill puts records in the place of a hole. Where the data does not give the
// entries that belong there, they get a record that says so: its checksum does
// not hold.
func (s *segment) refill(data io.ReaderAt, sizeBytes int64, hole Record, arrivalNano int64) (lost int64, err error) {
	if hole.Length > math.MaxUint32 || hole.Entries > math.MaxUint32 {
		return 0, errHole
	}
	n, end, last := len(s.records), s.end, s.lastSeq
	s.open = false
	defer func() { s.open = false }()
	if hole.end() <= sizeBytes {
		if lost, err = s.parse(data, hole.end(), arrivalNano); err != nil {
			return 0, err
		}
	}
	if s.lastSeq == hole.LastSeq() {
		if n := hole.end() - s.end; n > 0 {
			s.skip(n)
			lost += n
		}
		return lost, nil
	}
	s.records, s.end, s.lastSeq = s.records[:n], end, last
	sum, err := sumOf(data, hole)
	if err != nil {
		return 0, err
	}
	bad := hole
	bad.kind, bad.CRC, bad.ArrivalNano = kindBatch, ^sum, arrivalNano
	s.records = append(s.records, bad)
	s.end, s.lastSeq = bad.end(), bad.LastSeq()
	return 0, nil
}

// sumOf is the checksum of the data under a record, as far as there is any.
func sumOf(data io.ReaderAt, r Record) (uint32, error) {
	h := crc32.New(castagnoli)
	if _, err := io.Copy(h, io.NewSectionReader(data, r.Offset, r.Length)); err != nil {
		return 0, fmt.Errorf("repair segment: %w", err)
	}
	return h.Sum32(), nil
}

// repair mends a segment's sidecar on the disk. What it was stays in the quarantine.
func (s *segment) repair(sc *sidecar, sizeBytes int64, all bool) (lost int64, err error) {
	data, err := os.Open(s.name(s.state))
	if err != nil {
		return 0, fmt.Errorf("repair segment: %w", err)
	}
	defer data.Close()
	if lost, err = s.mend(sc, data, sizeBytes, all); err != nil {
		return 0, err
	}
	b, err := appendHeader(nil, &sc.header)
	if err != nil {
		return 0, err
	}
	sc.start = int64(len(b))
	for _, r := range sc.records {
		b = r.append(b)
	}
	sc.sources = nil
	if sc.source != 0 {
		last := Record{kind: kindSource, CRC: sc.source, Offset: sc.dataEnd()}
		sc.sources = []placed{{int64(len(b)), last}}
		b = last.append(b)
	}
	dir := filepath.Join(s.dir, quarantineDir)
	if err := durable.MkdirAll(dir, 0o700); err != nil {
		return 0, fmt.Errorf("repair segment: %w", err)
	}
	path := s.path(extIndex)
	if err := os.Link(path, filepath.Join(dir, filepath.Base(path)+".damaged")); err != nil && !errors.Is(err, os.ErrExist) {
		return 0, fmt.Errorf("repair segment: %w", err)
	}
	if err := durable.WriteFile(path, b, 0o600); err != nil {
		return 0, fmt.Errorf("repair segment: %w", full(err))
	}
	sc.end, sc.damaged, sc.restored, sc.rest = int64(len(b)), false, false, false
	return lost, nil
}
