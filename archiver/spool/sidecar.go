package spool

import (
	"encoding/binary"
	"errors"
	"fmt"
	"hash/crc32"
	"io"
	"os"
	"slices"

	"github.com/coldtail/coldtail/codec"
)

const (
	sidecarMagic   = "CTSI"
	sidecarVersion = 1

	prefixLen = 12
	recordLen = 48
	// Metadata has bounds that are far below this (codec.Meta.Bound). Release one
	// had none but those of a request, 16 MiB, which may take six bytes for one here.
	maxHeaderBytes = 100 << 20
	// The header, its copy, and hundreds of thousands of records.
	maxSidecarBytes = 256 << 20
	// A record has at most maxRecordBytes, or one frame.
	maxBatchBytes = codec.MaxFrameBytes + 4
)

var castagnoli = crc32.MakeTable(crc32.Castagnoli)

// Kinds of records.
const (
	kindBatch  = 1
	kindSkip   = 2
	kindSource = 3
	// kindHole is never written: a stretch whose records are damaged.
	kindHole = 4
	// kindHeader holds a piece of the header's second copy.
	kindHeader = 5
)

// pieceBytes is how much of the header's copy a record has.
const pieceBytes = recordLen - 12

// Record describes a stretch of the data file (docs/format.md).
type Record struct {
	Offset      int64
	Length      int64
	FirstSeq    int64
	Entries     int64
	ArrivalNano int64
	CRC         uint32 // of the data; of the FIFO's name in a source record
	kind        uint32
}

func (r Record) end() int64 { return r.Offset + r.Length }

// LastSeq is the sequence number of the batch's last entry.
func (r Record) LastSeq() int64 { return r.FirstSeq + r.Entries - 1 }

func (r Record) append(dst []byte) []byte {
	start := len(dst)
	le := binary.LittleEndian
	dst = le.AppendUint32(dst, r.kind)
	dst = le.AppendUint32(dst, r.CRC)
	dst = le.AppendUint64(dst, uint64(r.Offset))
	dst = le.AppendUint32(dst, uint32(r.Length))
	dst = le.AppendUint32(dst, 0)
	dst = le.AppendUint64(dst, uint64(r.FirstSeq))
	dst = le.AppendUint32(dst, uint32(r.Entries))
	dst = le.AppendUint64(dst, uint64(r.ArrivalNano))
	return le.AppendUint32(dst, crc32.Checksum(dst[start:], castagnoli))
}

func parseRecord(b []byte) (Record, bool) {
	le := binary.LittleEndian
	if crc32.Checksum(b[:recordLen-4], castagnoli) != le.Uint32(b[recordLen-4:]) {
		return Record{}, false
	}
	r := Record{
		kind:        le.Uint32(b),
		CRC:         le.Uint32(b[4:]),
		Offset:      int64(le.Uint64(b[8:])),
		Length:      int64(le.Uint32(b[16:])),
		FirstSeq:    int64(le.Uint64(b[24:])),
		Entries:     int64(le.Uint32(b[32:])),
		ArrivalNano: int64(le.Uint64(b[36:])),
	}
	switch r.kind {
	case kindBatch:
		return r, r.Offset >= 0 && r.Length > 0 && r.Entries > 0
	case kindSkip, kindSource:
		return r, r.Offset >= 0
	}
	return r, r.kind != 0 // of kindHeader, or of a kind that a later version knows
}

// known reports whether this version writes records of the kind.
func (r Record) known() bool { return r.kind <= kindHeader && r.kind != kindHole }

// sidecar is a sidecar as read from the disk.
type sidecar struct {
	header Header
	// records are the batches and skips in the data file's order, without gap
	// or overlap from offset 0. If damaged, there are holes among them.
	records []Record
	damaged bool
	// restored reports that the header was damaged, and is its second copy.
	restored bool
	// foreign reports that there are records of a kind that this version does not know.
	foreign bool
	source  uint32 // of the last source record; 0 where there is none
	// sources are the source records, and where they are.
	sources []placed
	// start is where the records start, after the header and its copy.
	start int64
	// end is where the next record goes. What lies after it was not whole.
	end int64
	// rest reports that there is something after end, as a power loss leaves it.
	rest bool
}

// placed is a record and its offset in the sidecar.
type placed struct {
	at int64
	Record
}

// dataEnd is where the data that the records describe ends.
func (sc *sidecar) dataEnd() int64 {
	if n := len(sc.records); n > 0 {
		return sc.records[n-1].end()
	}
	return 0
}

// lastSeq is the number of the last entry that the records know of.
func (sc *sidecar) lastSeq() int64 {
	for _, r := range slices.Backward(sc.records) {
		if r.kind == kindBatch {
			return r.LastSeq()
		}
	}
	return sc.header.FirstSeq - 1
}

var errHeader = errors.New("not a coldtail segment header")

// openSidecar is readSidecar for a path.
func openSidecar(path string) (*sidecar, error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, fmt.Errorf("open sidecar: %w", err)
	}
	defer f.Close()
	return readSidecar(f)
}

// readSidecar reads the header and the records that are whole and continue each
// other. If some between them are not, there is a hole instead. Without a
// readable header it returns a *codec.CorruptError, or one that wraps codec.ErrNewer.
func readSidecar(f *os.File) (*sidecar, error) {
	fi, err := f.Stat()
	if err != nil {
		return nil, fmt.Errorf("read sidecar: %w", err)
	}
	b := make([]byte, min(fi.Size(), maxSidecarBytes))
	if _, err := f.ReadAt(b, 0); err != nil && !errors.Is(err, io.EOF) {
		return nil, fmt.Errorf("read sidecar: %w", err)
	}
	n, h, err := parseHeader(b)
	restored := false
	if errors.Is(err, errHeader) {
		if end, copied, cerr := findCopy(b); cerr == nil {
			n, h, err, restored = end, copied, nil, true
		}
	}
	switch {
	case errors.Is(err, codec.ErrNewer):
		return nil, fmt.Errorf("sidecar %s: %w", f.Name(), err)
	case err != nil:
		return nil, &codec.CorruptError{What: "sidecar " + f.Name(), Offset: 0, Err: err}
	}
	sc := &sidecar{header: h, start: int64(n), end: int64(n), restored: restored}
	seq := h.FirstSeq
	hole := false // records were passed over since the last batch or skip
	bad := len(b) // where the first of them is
	for at := n; at+recordLen <= len(b); at += recordLen {
		r, ok := parseRecord(b[at:])
		if ok && (r.kind == kindBatch || r.kind == kindSkip) {
			ok = sc.add(r, &seq, hole)
			hole = hole && !ok
		}
		if !ok {
			hole, bad = true, min(bad, at)
			continue
		}
		sc.foreign = sc.foreign || !r.known()
		if r.kind == kindHeader {
			sc.start = int64(at) + recordLen
		}
		if r.kind == kindSource {
			sc.source = r.CRC
			sc.sources = append(sc.sources, placed{int64(at), r})
		}
		sc.end = int64(at) + recordLen
	}
	sc.damaged = sc.damaged || int64(bad) < sc.end
	sc.rest = sc.end < fi.Size()
	return sc, nil
}

// add takes a record over if it continues the others, or ends a hole. seq is
// the number of the next entry.
func (sc *sidecar) add(r Record, seq *int64, hole bool) bool {
	next := sc.dataEnd()
	switch {
	case r.Offset == next && (r.kind == kindSkip || r.FirstSeq == *seq):
	case hole && r.kind == kindBatch && r.Offset > next && r.FirstSeq >= *seq:
		sc.damaged = true
		sc.records = append(sc.records, Record{
			kind: kindHole, Offset: next, Length: r.Offset - next, FirstSeq: *seq, Entries: r.FirstSeq - *seq,
		})
	default:
		return false
	}
	sc.records = append(sc.records, r)
	if r.kind == kindBatch {
		*seq = r.FirstSeq + r.Entries
	}
	return true
}

// readRecord reads a batch from the data file, which is of sizeBytes, and checks
// it. buf is used where it is large enough.
func readRecord(f io.ReaderAt, sizeBytes int64, r Record, buf []byte) ([]byte, error) {
	buf, err := readPiece(f, sizeBytes, r, buf)
	if err != nil {
		return nil, err
	}
	if crc32.Checksum(buf, castagnoli) != r.CRC {
		return nil, errors.New("checksum mismatch")
	}
	return buf, nil
}

// readPiece is readRecord without the check. A length is believed only as far
// as the file has bytes.
func readPiece(f io.ReaderAt, sizeBytes int64, r Record, buf []byte) ([]byte, error) {
	switch {
	case r.end() > sizeBytes:
		return nil, io.ErrUnexpectedEOF
	case r.Length > maxBatchBytes:
		return nil, errors.New("longer than any batch")
	}
	if int64(cap(buf)) < r.Length {
		buf = make([]byte, r.Length)
	}
	buf = buf[:r.Length]
	if _, err := f.ReadAt(buf, r.Offset); err != nil {
		if errors.Is(err, io.EOF) {
			err = io.ErrUnexpectedEOF
		}
		return nil, err
	}
	return buf, nil
}
