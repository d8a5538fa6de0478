package codec

import (
	"encoding/binary"
	"errors"
	"fmt"
	"slices"
	"strings"

	"google.golang.org/protobuf/encoding/protowire"
)

// MaxFrameBytes bounds a frame's length prefix. The daemon's frames are at most
// 16 KiB of line and some 200 bytes; the rest is room for other writers of
// frames. A larger prefix is taken for corruption.
const MaxFrameBytes = 16 << 20

const prefixBytes = 4

// ErrShort means that the bytes end within a frame.
var ErrShort = errors.New("unfinished frame")

var (
	errLength = errors.New("implausible frame length")
	errSource = errors.New("frame does not start with a source")
	errWire   = errors.New("not a log entry")
)

// ParseFrame decodes the frame at the start of b into e, whose slices then
// point into b, and returns its size in bytes. It returns ErrShort if b ends
// before the frame does, and another error if b does not start with a frame;
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
	if len(body) > 0 && uint64(body[0]) != tagSource {
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
// b says: up to the end of its length prefix, or to its own end.
func FrameMissing(b []byte) int {
	if len(b) < prefixBytes {
		return prefixBytes - len(b)
	}
	return max(0, prefixBytes+int(binary.BigEndian.Uint32(b))-len(b))
}

// The tags of LogEntry: field number << 3 | wire type.
const (
	tagSource  = 1<<3 | uint64(protowire.BytesType)
	tagTime    = 2<<3 | uint64(protowire.VarintType)
	tagLine    = 3<<3 | uint64(protowire.BytesType)
	tagPartial = 4<<3 | uint64(protowire.VarintType)
	tagPartMD  = 5<<3 | uint64(protowire.BytesType)

	tagLast    = 1<<3 | uint64(protowire.VarintType)
	tagID      = 2<<3 | uint64(protowire.BytesType)
	tagOrdinal = 3<<3 | uint64(protowire.VarintType)
)

// parseEntry decodes a LogEntry. It exists beside the generated Unmarshal
// because that allocates for every entry.
//
// Fields come in any order, and the last of several counts. A field that this
// version does not know, by its number or its wire type, is passed over, as
// protobuf demands: the next daemon may send one.
func parseEntry(b []byte, e *Entry) error {
	e.TimeNano, e.Source, e.Line = 0, "", nil
	e.Partial, e.Last, e.PartID, e.Ordinal = false, false, nil, 0
	for len(b) > 0 {
		tag, n := uint64(b[0]), 1
		if tag >= 0x80 {
			if tag, n = protowire.ConsumeVarint(b); n < 0 {
				return errWire
			}
		}
		b = b[n:]
		switch tag {
		case tagTime, tagPartial:
			var v uint64
			if v, n = protowire.ConsumeVarint(b); n < 0 {
				return errWire
			}
			if tag == tagTime {
				e.TimeNano = int64(v)
			} else {
				e.Partial = v != 0
			}
		case tagSource, tagLine, tagPartMD:
			var v []byte
			if v, n = protowire.ConsumeBytes(b); n < 0 {
				return errWire
			}
			v = v[:len(v):len(v)]
			switch tag {
			case tagSource:
				e.Source = SourceName(v)
			case tagLine:
				e.Line = v
			default:
				if !parsePartMetadata(v, e) {
					return errWire
				}
			}
		default:
			if n = unknownField(tag, b); n < 0 {
				return fmt.Errorf("%w: malformed field %d", errWire, tag>>3)
			}
		}
		b = b[n:]
	}
	return nil
}

func parsePartMetadata(b []byte, e *Entry) bool {
	for len(b) > 0 {
		tag, n := protowire.ConsumeVarint(b)
		if n < 0 {
			return false
		}
		b = b[n:]
		var v uint64
		switch tag {
		case tagLast:
			v, n = protowire.ConsumeVarint(b)
			e.Last = v != 0
		case tagID:
			e.PartID, n = protowire.ConsumeBytes(b)
		case tagOrdinal:
			v, n = protowire.ConsumeVarint(b)
			e.Ordinal = int32(v)
		default:
			n = unknownField(tag, b)
		}
		if n < 0 {
			return false
		}
		b = b[n:]
	}
	return true
}

// unknownField returns the size of the value at the start of b, negative if tag
// is none or the value is malformed.
func unknownField(tag uint64, b []byte) int {
	num, typ := protowire.DecodeTag(tag)
	if !num.IsValid() {
		return -1
	}
	return protowire.ConsumeFieldValue(num, typ, b)
}

// SourceName gives the daemon's two names without allocating. A protobuf string
// is UTF-8, and so is a name in a chunk: what is not becomes U+FFFD here, where
// it enters, so that an entry is the same wherever it is read.
func SourceName(b []byte) string {
	switch string(b) {
	case Stdout:
		return Stdout
	case Stderr:
		return Stderr
	}
	return strings.ToValidUTF8(string(b), "\uFFFD")
}

// AppendFrame appends e's frame as the daemon would write it to a FIFO: the
// generated code writes it.
func AppendFrame(dst []byte, e *Entry) []byte {
	m := LogEntry{Source: e.Source, TimeNano: e.TimeNano, Line: e.Line, Partial: e.Partial}
	if e.Partial && (e.Last || len(e.PartID) > 0 || e.Ordinal != 0) {
		m.PartialLogMetadata = &PartialLogEntryMetadata{Last: e.Last, Id: e.PartID, Ordinal: e.Ordinal}
	}
	size := m.Size()
	dst = binary.BigEndian.AppendUint32(dst, uint32(size))
	body := len(dst)
	dst = slices.Grow(dst, size)[:body+size]
	if _, err := m.MarshalToSizedBuffer(dst[body:]); err != nil {
		panic(err) // the generated code has no error to return
	}
	return dst
}

// AppendReadFrame appends e's frame as ReadLogs must answer it: with a newline
// after the line if the container wrote one, and without partial metadata,
// which the daemon's adapter ignores. The generated code would need a copy of
// the line for the newline, and twice the time for a frame.
func AppendReadFrame(dst []byte, e *Entry) []byte {
	start := len(dst)
	dst = append(dst, 0, 0, 0, 0)
	if e.Source != "" {
		dst = append(dst, byte(tagSource))
		dst = protowire.AppendString(dst, e.Source)
	}
	if e.TimeNano != 0 {
		dst = append(dst, byte(tagTime))
		dst = protowire.AppendVarint(dst, uint64(e.TimeNano))
	}
	size := len(e.Line)
	if e.Newline() {
		size++
	}
	if size > 0 {
		dst = append(dst, byte(tagLine))
		dst = protowire.AppendVarint(dst, uint64(size))
		dst = append(dst, e.Line...)
	}
	if e.Newline() {
		dst = append(dst, '\n')
	}
	binary.BigEndian.PutUint32(dst[start:], uint32(len(dst)-start-prefixBytes))
	return dst
}
