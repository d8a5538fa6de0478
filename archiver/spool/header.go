package spool

import (
	"encoding/binary"
	"encoding/json"
	"errors"
	"fmt"
	"hash/crc32"
	"io"
	"os"
	"reflect"
	"slices"

	"github.com/coldtail/coldtail/codec"
)

// Header is what a segment is born with and never changes: all that is needed
// to encode it without the daemon.
type Header struct {
	ContainerID string `json:"container_id"`
	SpoolID     string `json:"spool_id"`
	SegmentSeq  int64  `json:"segment_seq"`
	FirstSeq    int64  `json:"first_seq"`
	// Origin marks the first segment of a container's history in this spool.
	Origin      bool  `json:"origin"`
	CreatedNano int64 `json:"created_unix_nano"`
	Frozen
	// Gap is set where the segment stands for entries that were dropped.
	Gap *Gap `json:"gap,omitempty"`
	// Reserved are the gaps before this segment that had no file of their own
	// when it was made.
	Reserved []reservation `json:"reserved,omitempty"`
}

// reservation is a gap that has its numbers, but no file yet.
type reservation struct {
	SegmentSeq  int64 `json:"segment_seq"`
	FirstSeq    int64 `json:"first_seq"`
	Origin      bool  `json:"origin"`
	CreatedNano int64 `json:"created_unix_nano"`
	Gap         Gap   `json:"gap"`
}

// Frozen is the part of a header that comes from the container's configuration.
type Frozen struct {
	Format codec.Format `json:"format"`
	Meta   codec.Meta   `json:"meta"`
	// Limits is nil in headers from before there were any.
	Limits *Limits `json:"limits,omitempty"`
}

// Limits say how much of a container's log is kept, and what happens to the rest.
// The spool does not act on them: it keeps them for the process that finds what
// was not archived, when nobody else knows the container any more.
type Limits struct {
	SpoolBytes  int64  `json:"spool_bytes"`
	Overflow    string `json:"overflow"`
	RollBytes   int64  `json:"roll_bytes"`
	RollAgeNano int64  `json:"roll_age_nano"`
	CacheBytes  int64  `json:"cache_bytes"`
}

// asWritten is f as a header gives it back: comparing it with another one is
// comparing what is on the disk.
func (f Frozen) asWritten() Frozen {
	js, err := json.Marshal(f)
	if err != nil {
		return f
	}
	var back Frozen
	if err := json.Unmarshal(js, &back); err != nil {
		return f
	}
	return back
}

// appendHeader appends the header, and once more in records: whatever byte is
// damaged, one of the two is whole. It fails for a header that would not be read
// back as it is.
func appendHeader(dst []byte, h *Header) ([]byte, error) {
	js, err := json.Marshal(h)
	if err != nil {
		return nil, fmt.Errorf("encode segment header: %w", err)
	}
	start := len(dst)
	dst = appendJSON(dst, js)
	_, back, err := parseHeader(dst[start:])
	if err == nil && !reflect.DeepEqual(tidy(*h), back) {
		err = errors.New("it has text that is not valid UTF-8, or more metadata than its bounds allow")
	}
	if err != nil {
		return nil, fmt.Errorf("encode header of segment %d: it could not be read again: %w", h.SegmentSeq, err)
	}
	return appendCopy(dst, slices.Clone(dst[start:])), nil
}

// appendJSON puts magic, version, length and checksum around a header's JSON.
func appendJSON(dst, js []byte) []byte {
	start := len(dst)
	dst = append(dst, sidecarMagic...)
	dst = binary.LittleEndian.AppendUint32(dst, sidecarVersion)
	dst = binary.LittleEndian.AppendUint32(dst, uint32(len(js)))
	dst = append(dst, js...)
	return binary.LittleEndian.AppendUint32(dst, crc32.Checksum(dst[start:], castagnoli))
}

// tidy is h with nil for what is empty, as JSON leaves both out.
func tidy(h Header) Header {
	for _, m := range []*map[string]string{&h.Meta.Labels, &h.Meta.Attributes} {
		if len(*m) == 0 {
			*m = nil
		}
	}
	if h.Gap != nil {
		gap := tidyGap(*h.Gap)
		h.Gap = &gap
	}
	var reserved []reservation
	for _, r := range h.Reserved {
		r.Gap = tidyGap(r.Gap)
		reserved = append(reserved, r)
	}
	h.Reserved = reserved
	return h
}

func tidyGap(g Gap) Gap {
	if len(g.Replaced) == 0 {
		g.Replaced = nil
	}
	return g
}

// appendCopy appends the records that hold a header: kind, where in the header
// the piece belongs, the piece, checksum.
func appendCopy(dst, header []byte) []byte {
	for at := 0; at < len(header); at += pieceBytes {
		start := len(dst)
		dst = binary.LittleEndian.AppendUint32(dst, kindHeader)
		dst = binary.LittleEndian.AppendUint32(dst, uint32(at))
		var piece [pieceBytes]byte
		copy(piece[:], header[at:])
		dst = append(dst, piece[:]...)
		dst = binary.LittleEndian.AppendUint32(dst, crc32.Checksum(dst[start:], castagnoli))
	}
	return dst
}

// parseHeader reads the header that b begins with, and returns where it ends. An
// error that wraps codec.ErrNewer and errHeader may be damage as well.
func parseHeader(b []byte) (int, Header, error) {
	var h Header
	if len(b) < prefixLen+4 || string(b[:4]) != sidecarMagic {
		return 0, h, errHeader
	}
	js, err := headerJSON(b)
	switch v := binary.LittleEndian.Uint32(b[4:]); {
	case v == sidecarVersion && err != nil:
		return 0, h, err
	case v == sidecarVersion:
	case v > sidecarVersion && err == nil:
		return 0, h, fmt.Errorf("version %d: %w", v, codec.ErrNewer)
	case v > sidecarVersion && v < maxVersion:
		return 0, h, fmt.Errorf("version %d: %w: %w", v, codec.ErrNewer, err)
	default:
		return 0, h, fmt.Errorf("%w: version %d", errHeader, v)
	}
	if err := json.Unmarshal(js, &h); err != nil {
		return 0, h, fmt.Errorf("%w: %w", errHeader, err)
	}
	if err := h.check(); err != nil {
		return 0, h, err
	}
	h.Meta, _ = h.Meta.Bound(h.Format) // release one wrote what it was given
	return prefixLen + len(js) + 4, h, nil
}

// maxVersion is beyond what a version may ever be.
const maxVersion = 1000

// headerJSON returns a header's JSON if its checksum holds.
func headerJSON(b []byte) ([]byte, error) {
	n := int(binary.LittleEndian.Uint32(b[8:]))
	if n > maxHeaderBytes || n > len(b)-prefixLen-4 {
		return nil, errHeader
	}
	end := prefixLen + n
	if crc32.Checksum(b[:end], castagnoli) != binary.LittleEndian.Uint32(b[end:]) {
		return nil, fmt.Errorf("%w: checksum mismatch", errHeader)
	}
	return b[prefixLen:end], nil
}

// check reports what no version writes, and what only a newer one does.
func (h *Header) check() error {
	if !plausible(h.FirstSeq) || !plausible(h.SegmentSeq) || h.Gap != nil && !plausible(h.Gap.Entries) {
		return errHeader
	}
	for _, r := range h.Reserved {
		if !plausible(r.FirstSeq) || !plausible(r.SegmentSeq) || !plausible(r.Gap.Entries) {
			return errHeader
		}
	}
	if h.Format != "" && !slices.Contains(codec.Formats(), h.Format) {
		return fmt.Errorf("format %q: %w", h.Format, codec.ErrNewer)
	}
	return nil
}

// plausible bounds numbers, so that sums of them do not overflow.
func plausible(n int64) bool { return n > 0 && n < 1<<61 }

// findCopy looks for the header's second copy, wherever it starts. It returns
// where it ends.
func findCopy(b []byte) (end int, h Header, err error) {
	for start := 0; start+recordLen <= len(b); start++ {
		if binary.LittleEndian.Uint64(b[start:]) != kindHeader { // and at 0
			continue
		}
		var block []byte
		at := start
		for ; at+recordLen <= len(b); at += recordLen {
			r, ok := parseRecord(b[at:])
			if !ok || r.kind != kindHeader || int(r.CRC) != len(block) {
				break
			}
			block = append(block, b[at+8:at+8+pieceBytes]...)
		}
		if _, h, err := parseHeader(block); err == nil {
			return at, h, nil
		}
	}
	return 0, h, errHeader
}

// readBounded is os.ReadFile for the first maxBytes of a file.
func readBounded(path string, maxBytes int64) ([]byte, error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	return io.ReadAll(io.LimitReader(f, maxBytes))
}

// hasRecords reports whether any batch was ever written to a sidecar whose header
// cannot be read.
func hasRecords(path string) (bool, error) {
	b, err := readBounded(path, maxSidecarBytes)
	if errors.Is(err, os.ErrNotExist) {
		return false, nil
	}
	if err != nil {
		return false, fmt.Errorf("read sidecar: %w", err)
	}
	for at := range max(0, len(b)-recordLen+1) {
		if k := binary.LittleEndian.Uint32(b[at:]); k != kindBatch && k != kindSkip {
			continue
		}
		if _, ok := parseRecord(b[at:]); ok {
			return true, nil
		}
	}
	return false, nil
}
