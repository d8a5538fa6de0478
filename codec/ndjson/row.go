package ndjson

import (
	"github.com/coldtail/coldtail/codec"
	"github.com/coldtail/coldtail/codec/join"
)

// Bounds of what is read of a row, for rows that another version wrote.
const (
	readSourceBytes = 64 << 10
	bodyReadBytes   = codec.MaxFrameBytes // a longer one stands beside the bytes that it is of
)

// A jsonRow is what of a line makes entries. Its memory is used again.
type jsonRow struct {
	seq, timeNano      int64
	hasSeq, hasTime    bool
	stream, body, raw  []byte
	hasStream, hasBody bool
	hasRaw, longBody   bool
	partial            bool
	parts              []join.Part
	streamName         string // of the last row, nearly always the same
}

func (j *jsonRow) reset() {
	*j = jsonRow{
		stream: j.stream[:0], body: j.body[:0], raw: j.raw[:0], parts: j.parts[:0],
		streamName: j.streamName,
	}
}

// read reads a line, its end included.
func (j *jsonRow) read(s *jsonScanner) error {
	j.reset()
	if err := s.expect('{'); err != nil {
		return err
	}
	for first := true; ; first = false {
		more, err := s.more(first, '}')
		if err != nil {
			return err
		}
		if !more {
			break
		}
		name, err := s.name()
		if err != nil {
			return err
		}
		if err := j.member(s, name); err != nil {
			return err
		}
	}
	if err := s.expect('\n'); err != nil {
		return err
	}
	if !j.hasTime || !j.hasSeq || !j.hasStream || !j.hasBody && !j.hasRaw || j.longBody && !j.hasRaw {
		return errJSON
	}
	return nil
}

func (j *jsonRow) member(s *jsonScanner, name []byte) (err error) {
	switch string(name) {
	case codec.TimeNanoName, codec.SeqName, codec.StreamName, codec.BodyName, codec.BodyRawName, codec.PartialName, codec.PartsName:
		if null, err := s.null(); null || err != nil {
			return err
		}
	}
	switch string(name) {
	case codec.TimeNanoName:
		j.timeNano, err = s.number()
		j.hasTime = true
	case codec.SeqName:
		j.seq, err = s.number()
		j.hasSeq = true
	case codec.StreamName:
		j.stream, err = s.appendText(j.stream[:0], readSourceBytes)
		j.hasStream = true
	case codec.BodyName:
		// If a long line is not text, body is three times as long as body_raw.
		j.body, err = s.appendText(j.body[:0], bodyReadBytes)
		if j.longBody = err == errText; j.longBody {
			err = nil
		}
		j.hasBody = true
	case codec.BodyRawName:
		j.raw, err = s.appendBase64(j.raw[:0], codec.MaxFrameBytes)
		j.hasRaw = true
	case codec.PartialName:
		j.partial, err = s.boolean()
	case codec.PartsName:
		err = j.readParts(s)
	default:
		err = s.skip(0)
	}
	return err
}

func (j *jsonRow) readParts(s *jsonScanner) error {
	j.parts = j.parts[:0]
	if err := s.expect('['); err != nil {
		return err
	}
	for first := true; ; first = false {
		more, err := s.more(first, ']')
		if err != nil || !more {
			return err
		}
		if len(j.parts) == codec.JoinMaxSeqs {
			return join.ErrParts
		}
		p, err := readPart(s)
		if err != nil {
			return err
		}
		j.parts = append(j.parts, p)
	}
}

func readPart(s *jsonScanner) (p join.Part, err error) {
	if err := s.expect('{'); err != nil {
		return p, err
	}
	for first := true; ; first = false {
		more, err := s.more(first, '}')
		if err != nil || !more {
			return p, err
		}
		name, err := s.name()
		if err != nil {
			return p, err
		}
		switch string(name) {
		case codec.PartSeqName:
			p.Seq, err = s.number()
		case codec.PartBytesName:
			var n int64
			if n, err = s.number(); int64(int32(n)) != n {
				return p, errJSON
			}
			p.Bytes = int32(n)
		default:
			err = s.skip(0)
		}
		if err != nil {
			return p, err
		}
	}
}

// to fills r. What it points to is valid until the next row.
func (j *jsonRow) to(r *join.Row) {
	if string(j.stream) != j.streamName {
		j.streamName = codec.SourceName(j.stream)
	}
	*r = join.Row{Seq: j.seq, TimeNano: j.timeNano, Source: j.streamName, Line: j.body, Partial: j.partial, Parts: j.parts}
	if j.hasRaw {
		r.Line = j.raw
	}
}

// trim lets go of what a huge row needed, when a smaller one has come.
func (j *jsonRow) trim(a *codec.Allowance) {
	for _, b := range []*[]byte{&j.body, &j.raw} {
		if cap(*b) > memberMaxBytes && len(*b) < cap(*b)/4 {
			a.Shrink(int64(cap(*b)))
			*b = nil
		}
	}
}
