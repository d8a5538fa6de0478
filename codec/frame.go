package codec

import (
	"encoding/binary"
	"errors"
	"fmt"
)

// MaxFrameBytes bounds a frame's length prefix. The daemon's frames are at most
// 16 KiB of line and some 200 bytes; the rest is room for other writers of
// frames. A larger prefix is taken for corruption.
const MaxFrameBytes = 16 << 20

const prefixBytes = 4

// ErrShort tells that the bytes end within a frame.
var ErrShort = errors.New("unfinished frame")

var (
	errLength = errors.New("implausible frame length")
	errSource = errors.New("frame does not start with a source")
	errWire   = errors.New("not a log entry")
)

// ParseFrame decodes the frame at the start of b into e, whose slices then
// point into b, and returns its size in bytes. It returns ErrShort where b ends
// before the frame does, and another error where b does not start with a frame;
// this is known from the frame's first bytes, without waiting for the rest.
// ParseFrame sets neither Seq nor ArrivalNano.
func ParseFrame(b []byte, e *Entry) (int, error) {
	if len(b) < prefixBytes {
		return 0, ErrShort
	}
	n := int(binary.BigEndian.Uint32(b))
	if n == 0 || n > MaxFrameBytes {
		return 0, errLength
	}
	body := b[prefixBytes:]
	// Every frame of the daemon starts with the source field; a frame without
	// is taken for bytes from a frame's middle.
	if len(body) > 0 && body[0] != tagSource {
		return 0, errSource
	}
	if len(body) < n {
		return 0, ErrShort
	}
	if err := parseEntry(body[:n], e); err != nil {
		return 0, err
	}
	return prefixBytes + n, nil
}

// FrameMissing returns how many bytes the unfinished frame b lacks, as far as
// b tells: up to the end of its length prefix, or to its own end.
func FrameMissing(b []byte) int {
	if len(b) < prefixBytes {
		return prefixBytes - len(b)
	}
	return max(0, prefixBytes+int(binary.BigEndian.Uint32(b))-len(b))
}

// The wire tags of LogEntry: field number << 3 | wire type.
const (
	tagSource  = 1<<3 | 2
	tagTime    = 2<<3 | 0
	tagLine    = 3<<3 | 2
	tagPartial = 4<<3 | 0
	tagPartMD  = 5<<3 | 2

	tagLast    = 1<<3 | 0
	tagID      = 2<<3 | 2
	tagOrdinal = 3<<3 | 0
)

// parseEntry decodes a LogEntry. It exists beside the generated Unmarshal
// because that allocates for every entry.
func parseEntry(b []byte, e *Entry) error {
	e.TimeNano, e.Source, e.Line = 0, "", nil
	e.Partial, e.Last, e.PartID, e.Ordinal = false, false, nil, 0
	for len(b) > 0 {
		tag := b[0]
		b = b[1:]
		switch tag {
		case tagSource:
			v, rest, ok := takeBytes(b)
			if !ok {
				return errWire
			}
			e.Source, b = sourceName(v), rest
		case tagTime:
			v, rest, ok := takeVarint(b)
			if !ok {
				return errWire
			}
			e.TimeNano, b = int64(v), rest
		case tagLine:
			v, rest, ok := takeBytes(b)
			if !ok {
				return errWire
			}
			e.Line, b = v, rest
		case tagPartial:
			v, rest, ok := takeVarint(b)
			if !ok {
				return errWire
			}
			e.Partial, b = v != 0, rest
		case tagPartMD:
			v, rest, ok := takeBytes(b)
			if !ok || !parsePartMetadata(v, e) {
				return errWire
			}
			b = rest
		default:
			return fmt.Errorf("%w: unknown field %d", errWire, tag>>3)
		}
	}
	return nil
}

func parsePartMetadata(b []byte, e *Entry) bool {
	for len(b) > 0 {
		tag := b[0]
		b = b[1:]
		var v uint64
		var ok bool
		switch tag {
		case tagLast:
			v, b, ok = takeVarint(b)
			e.Last = v != 0
		case tagID:
			e.PartID, b, ok = takeBytes(b)
		case tagOrdinal:
			v, b, ok = takeVarint(b)
			e.Ordinal = int32(v)
		}
		if !ok {
			return false
		}
	}
	return true
}

func takeVarint(b []byte) (uint64, []byte, bool) {
	v, n := binary.Uvarint(b)
	if n <= 0 {
		return 0, nil, false
	}
	return v, b[n:], true
}

func takeBytes(b []byte) (v, rest []byte, ok bool) {
	// One-byte lengths are the common case.
	if len(b) > 0 && b[0] < 0x80 {
		n := int(b[0])
		if n > len(b)-1 {
			return nil, nil, false
		}
		return b[1 : 1+n : 1+n], b[1+n:], true
	}
	n, k := binary.Uvarint(b)
	if k <= 0 || n > uint64(len(b)-k) {
		return nil, nil, false
	}
	end := k + int(n)
	return b[k:end:end], b[end:], true
}

// sourceName gives the daemon's two names without allocating.
func sourceName(b []byte) string {
	switch string(b) {
	case Stdout:
		return Stdout
	case Stderr:
		return Stderr
	}
	return string(b)
}

// AppendFrame appends e's frame as the daemon would write it to a FIFO.
func AppendFrame(dst []byte, e *Entry) []byte {
	return appendFrame(dst, e, false)
}

// AppendReadFrame appends e's frame as ReadLogs must answer it: with a newline
// after the line where the container wrote one, and without partial metadata,
// which the daemon's adapter ignores.
func AppendReadFrame(dst []byte, e *Entry) []byte {
	out := Entry{TimeNano: e.TimeNano, Source: e.Source, Line: e.Line}
	return appendFrame(dst, &out, e.Newline())
}

func appendFrame(dst []byte, e *Entry, newline bool) []byte {
	start := len(dst)
	dst = append(dst, 0, 0, 0, 0)
	if e.Source != "" {
		dst = append(dst, tagSource)
		dst = binary.AppendUvarint(dst, uint64(len(e.Source)))
		dst = append(dst, e.Source...)
	}
	if e.TimeNano != 0 {
		dst = append(dst, tagTime)
		dst = binary.AppendUvarint(dst, uint64(e.TimeNano))
	}
	lineLen := len(e.Line)
	if newline {
		lineLen++
	}
	if lineLen > 0 {
		dst = append(dst, tagLine)
		dst = binary.AppendUvarint(dst, uint64(lineLen))
		dst = append(dst, e.Line...)
		if newline {
			dst = append(dst, '\n')
		}
	}
	if e.Partial {
		dst = append(dst, tagPartial, 1)
		dst = appendPartMetadata(dst, e)
	}
	binary.BigEndian.PutUint32(dst[start:], uint32(len(dst)-start-prefixBytes))
	return dst
}

func appendPartMetadata(dst []byte, e *Entry) []byte {
	if !e.Last && len(e.PartID) == 0 && e.Ordinal == 0 {
		return dst
	}
	size := 0
	if e.Last {
		size += 2
	}
	if n := len(e.PartID); n > 0 {
		size += 1 + uvarintLen(uint64(n)) + n
	}
	if e.Ordinal != 0 {
		size += 1 + uvarintLen(uint64(e.Ordinal))
	}
	dst = append(dst, tagPartMD)
	dst = binary.AppendUvarint(dst, uint64(size))
	if e.Last {
		dst = append(dst, tagLast, 1)
	}
	if len(e.PartID) > 0 {
		dst = append(dst, tagID)
		dst = binary.AppendUvarint(dst, uint64(len(e.PartID)))
		dst = append(dst, e.PartID...)
	}
	if e.Ordinal != 0 {
		dst = append(dst, tagOrdinal)
		dst = binary.AppendUvarint(dst, uint64(e.Ordinal))
	}
	return dst
}

func uvarintLen(v uint64) int {
	n := 1
	for v >= 0x80 {
		v >>= 7
		n++
	}
	return n
}
