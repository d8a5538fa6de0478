package spool

import (
	"errors"
	"fmt"
	"hash/crc32"
	"io"
	"math"
	"os"
	"path/filepath"

	"github.com/coldtail/coldtail/archiver/durable"
	"github.com/coldtail/coldtail/archiver/spool/quarantine"
)

var errHole = errors.New("segment's records are damaged beyond repair")

// mend replaces the holes in sc by what the data says, and with all adds what
// follows the last record. It returns how many bytes there were no frames.
func (s *segment) mend(sc *sidecar, data io.ReaderAt, sizeBytes int64, all bool) (lost int64, err error) {
	m := &segment{header: sc.header, lastSeq: sc.header.FirstSeq - 1}
	arrival := sc.header.CreatedNano // a chunk is a function of its segment
	for _, r := range sc.records {
		if r.kind == kindHole {
			n, err := m.refill(data, sizeBytes, r, sc.sources, arrival)
			if err != nil {
				return 0, err
			}
			lost += n
			continue
		}
		m.records = append(m.records, r)
		m.handed, m.end = len(m.records), r.end()
		if r.kind == kindBatch {
			m.lastSeq, arrival = r.LastSeq(), r.ArrivalNano
		}
	}
	if all && m.end < sizeBytes {
		n, err := m.parseWhole(data, sizeBytes, sc.sources, arrival)
		if err != nil {
			return 0, err
		}
		lost += n
	}
	sc.records = m.records
	return lost, nil
}

// refill puts records in the place of a hole. If the data does not give the
// entries that belong there, they get a record that says so: its checksum does
// not hold.
func (s *segment) refill(data io.ReaderAt, sizeBytes int64, hole Record, sources []placed, arrivalNano int64) (lost int64, err error) {
	if hole.Length > math.MaxUint32 || hole.Entries > math.MaxUint32 {
		return 0, errHole
	}
	n, end, last := len(s.records), s.end, s.lastSeq
	s.handed = n
	defer func() { s.handed = len(s.records) }()
	if hole.end() <= sizeBytes {
		if lost, err = s.parseWhole(data, hole.end(), sources, arrivalNano); err != nil {
			return 0, err
		}
	}
	if s.lastSeq == hole.LastSeq() {
		n := hole.end() - s.end // beyond the file's end
		s.skip(n)
		return lost + n, nil
	}
	s.records, s.end, s.lastSeq = s.records[:n], end, last
	if hole.Entries == 0 { // a batch has some
		s.skip(hole.Length)
		return hole.Length, nil
	}
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

// parseWhole is parse for data after which no frame goes on: one that is not
// whole was given up, and there may be others in it. Nor does one go on where a
// source record says that a FIFO's bytes begin.
func (s *segment) parseWhole(data io.ReaderAt, to int64, sources []placed, arrivalNano int64) (lost int64, err error) {
	for s.end < to {
		next := to
		for _, src := range sources {
			if src.Offset > s.end {
				next = min(next, src.Offset)
			}
		}
		n, err := s.parse(data, next, arrivalNano)
		lost += n
		if err != nil {
			return lost, err
		}
		if s.end == next {
			continue
		}
		n, err = tornBytes(data, s.end, next)
		if err != nil {
			return lost, err
		}
		s.skip(n)
		lost += n
	}
	return lost, nil
}

// tornBytes returns how many bytes to pass over from a frame at offset from that
// is not whole to one that is, or to offset to.
func tornBytes(data io.ReaderAt, from, to int64) (int64, error) {
	b := make([]byte, to-from) // no more than a frame claims
	if _, err := data.ReadAt(b, from); err != nil {
		return 0, fmt.Errorf("repair segment: %w", err)
	}
	for p := 1; p+startBytes <= len(b); p++ {
		if frameStart(b[p:]) {
			if n, _ := wholeFrames(b[p:]); n > 0 {
				return int64(p), nil
			}
		}
	}
	return to - from, nil
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
	data, err := os.Open(s.name())
	if err != nil {
		return 0, fmt.Errorf("repair segment: %w", err)
	}
	defer data.Close()
	if lost, err = s.mend(sc, data, sizeBytes, all); err != nil {
		return 0, err
	}
	return lost, s.rewrite(sc)
}

// rewrite replaces a segment's sidecar by sc, and keeps what it was.
func (s *segment) rewrite(sc *sidecar) error {
	b, err := sc.encode()
	if err != nil {
		return err
	}
	return s.replaceSidecar(b)
}

// encode returns sc as a file, and makes it what reading that gives.
func (sc *sidecar) encode() ([]byte, error) {
	b, err := appendHeader(nil, &sc.header)
	if err != nil {
		return nil, err
	}
	sc.start = int64(len(b))
	for _, r := range sc.records {
		b = r.append(b)
	}
	var sources []placed
	for _, src := range sc.sources {
		if src.kind == kindSource { // and no other bound
			sources = append(sources, placed{int64(len(b)), src.Record})
			b = src.append(b)
		}
	}
	sc.sources = sources
	sc.end, sc.damaged, sc.restored, sc.rest, sc.foreign = int64(len(b)), false, false, false, false
	return b, nil
}

// largeHeaderBytes is more than a header and its copy have whose metadata is
// within its bounds.
const largeHeaderBytes = 4 << 20

// shrink writes a sidecar again whose header is as large as release one let it
// become, and is cut when it is read: readers would hold all of it. If the disk
// takes nothing it stays as it is.
func (s *segment) shrink(sc *sidecar) {
	if sc.start <= largeHeaderBytes {
		return
	}
	small := *sc
	b, err := small.encode()
	if err == nil && s.writeSidecar(b) == nil {
		*sc = small
	}
}

// replaceSidecar makes b the sidecar. What was there stays in the quarantine.
func (s *segment) replaceSidecar(b []byte) error {
	path := s.path(extIndex)
	err := quarantine.Keep(s.dir, path, filepath.Base(path)+".damaged", s.header.CreatedNano)
	if err != nil && !errors.Is(err, os.ErrNotExist) {
		return fmt.Errorf("repair segment: %w", full(err))
	}
	return s.writeSidecar(b)
}

// writeSidecar makes b the sidecar. If a power loss may take that back, it
// leaves one of which the same can be made again.
func (s *segment) writeSidecar(b []byte) error {
	err := durable.WriteFile(s.path(extIndex), b, 0o600)
	if err != nil && !errors.Is(err, durable.ErrUnsynced) {
		return fmt.Errorf("repair segment: %w", full(err))
	}
	return nil
}
