package encode

import (
	"encoding/binary"
	"hash/crc64"
	"time"

	"github.com/coldtail/coldtail/archiver/spool"
	"github.com/coldtail/coldtail/codec"
	"github.com/coldtail/coldtail/codec/key"
)

// summary is what a chunk's decoded entries must agree with.
type summary struct {
	codec.Stats
	hash   uint64
	buf    []byte
	behind int64 // entries that gap rows stand for, less one for each row
}

// numbers is how many sequence numbers the entries have, with those that gap
// rows stand for.
func (s *summary) numbers() int64 { return s.Entries + s.behind }

var crcTable = crc64.MakeTable(crc64.ECMA)

// add hashes all that docker logs depends on.
func (s *summary) add(e *codec.Entry) {
	s.Stats.Add(e)
	if e.Source == codec.GapSource {
		if g, err := codec.ParseGap(e.Line); err == nil {
			s.behind += g.Entries - 1
		}
	}
	b := binary.LittleEndian.AppendUint64(s.buf[:0], uint64(e.Seq))
	b = binary.LittleEndian.AppendUint64(b, uint64(e.TimeNano))
	b = append(b, e.Source...)
	b = append(b, 0)
	if e.Newline() {
		b = append(b, '\n')
	}
	s.buf = append(b, e.Line...)
	s.hash = crc64.Update(s.hash, crcTable, s.buf)
}

func (s *summary) equal(o *summary) bool {
	a, b := s.Stats, o.Stats
	a.Rows, b.Rows = 0, 0
	return a == b && s.hash == o.hash
}

// hours sums up the content by the hour that it is filed under. A record that
// cannot be read is returned in corrupt.
func (c *content) hours() (byHour map[time.Time]*summary, corrupt []error, err error) {
	byHour = map[time.Time]*summary{}
	var last time.Time
	var sum *summary
	corrupt, err = c.each(func(e *codec.Entry) error {
		// Neighbours are nearly always of one hour.
		if h := key.Hour(e.TimeNano, e.ArrivalNano); sum == nil || !h.Equal(last) {
			last = h
			if sum = byHour[h]; sum == nil {
				sum = &summary{}
				byHour[h] = sum
			}
		}
		sum.add(e)
		return nil
	})
	c.lost = 0
	for _, sum := range byHour {
		if c.v.Header.Gap == nil {
			c.lost += sum.Gaps + sum.behind
		}
	}
	return byHour, corrupt, err
}

// chunkMeta names the chunk of one hour of a segment.
func chunkMeta(h spool.Header, hour time.Time, sum *summary) key.Meta {
	return key.Meta{
		Format: h.Format, Hour: hour,
		ContainerID: h.ContainerID, SpoolID: h.SpoolID, SegmentSeq: h.SegmentSeq,
		FirstSeq: sum.FirstSeq, LastSeq: sum.LastSeq, Entries: sum.Entries,
		MinNano: sum.MinNano, MaxNano: sum.MaxNano,
	}
}
