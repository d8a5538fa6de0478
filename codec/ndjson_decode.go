package codec

import (
	"bytes"
	"cmp"
	"encoding/binary"
	"errors"
	"io"

	"github.com/klauspost/compress/gzip"
)

const (
	ndjsonWindowBytes = 4 << 20
	memberMaxRatio    = 1100 // deflate's own limit is 1032
	memberMaxSize     = 128 << 20
)

var (
	errMember = errors.New("not a member of a coldtail chunk")
	errCount  = errors.New("row count does not match")
)

// A member is one gzip member of a chunk.
type member struct {
	span
	firstSeq, rows int64
}

// An ndjsonDecoder steps over members by the sizes in their headers and
// inflates those that the range needs.
type ndjsonDecoder struct {
	src   source
	win   region
	split splitter

	list []member // known, from the first that is read
	next int      // index in list
	off  int64    // where the members that are not in list begin
	rows int64    // left in the current member
	z    *gzip.Reader
	in   bytes.Reader
	scan jsonScanner
	row  jsonRow
	lim  Limits
}

func newNDJSONDecoder(r io.ReaderAt, sizeBytes int64, rg Range) (*ndjsonDecoder, error) {
	d := &ndjsonDecoder{src: source{r: r, size: sizeBytes}, lim: rg.Limits}
	d.scan.lim = &d.lim
	d.split = newSplitter(d, fromSeq(rg), &d.lim)
	if rg.Tail <= 0 {
		d.off = d.src.size
		return d, nil
	}
	if rg.Tail == All && rg.FromSeq <= 0 {
		return d, nil // headers are met on the way
	}
	all, err := d.lastMembers(rg)
	if err != nil {
		return nil, err
	}
	if rg.Tail == All {
		d.begin(all, fromSeq(rg))
		return d, nil
	}
	return d, d.tail(all, rg)
}

func (d *ndjsonDecoder) Next(e *Entry) error { return d.split.next(e) }

func (d *ndjsonDecoder) Close() error {
	d.list, d.next, d.rows, d.off = nil, 0, 0, d.src.size
	d.win, d.row, d.z, d.scan = region{}, jsonRow{}, nil, jsonScanner{}
	d.lim.Memory.Release()
	return nil
}

// begin makes the decoder read the entries from a sequence number on.
func (d *ndjsonDecoder) begin(all []member, from int64) {
	if len(all) == 0 {
		return
	}
	d.list, d.next, d.rows = all[firstMember(all, from):], 0, 0
	d.split = newSplitter(d, from, &d.lim)
}

// firstMember returns the index of the first member that may have a part of seq
// or later: rows start less than JoinMaxSeqs before their last part.
func firstMember(all []member, seq int64) int {
	limit := seq - JoinMaxSeqs
	if limit > seq {
		return 0
	}
	i := 0
	for i+1 < len(all) && all[i+1].firstSeq <= limit {
		i++
	}
	return i
}

// tail makes the decoder read the last entries. The last members with so many
// rows hold so many entries or more, none before the first one's first row: the
// tail is among the entries from there on. They are inflated once to count those,
// and once more when they are read.
func (d *ndjsonDecoder) tail(all []member, rg Range) error {
	i, rows := len(all), int64(0)
	for i > 0 && rows < rg.Tail {
		i--
		rows += all[i].rows
	}
	if i == len(all) {
		return nil
	}
	from := max(fromSeq(rg), all[i].firstSeq)
	d.begin(all, from)
	entries := int64(0)
	for {
		var r row
		err := d.nextRow(&r)
		if err == io.EOF {
			break
		}
		if err != nil {
			return err
		}
		entries += r.entriesFrom(from)
	}
	d.begin(all, from)
	d.split.skip = max(0, entries-rg.Tail)
	return nil
}

// readHeader adds the member at d.off to the list.
func (d *ndjsonDecoder) readHeader() error {
	corrupt := &CorruptError{What: "gzip member", Offset: d.off, Err: errMember}
	if d.src.size-d.off < memberHeadBytes {
		corrupt.Err = io.ErrUnexpectedEOF
		return corrupt
	}
	h, err := d.window(span{d.off, d.off + memberHeadBytes})
	if err != nil {
		return err
	}
	m, ok := parseMember(h, d.off, d.src.size)
	if n := len(d.list); !ok || n > 0 && m.firstSeq <= d.list[n-1].firstSeq {
		return corrupt
	}
	d.list = append(d.list, m)
	d.off = m.end
	return nil
}

func parseMember(h []byte, off, size int64) (member, bool) {
	var head = [...]byte{0x1f, 0x8b, 8, 4}
	if !bytes.Equal(h[:4], head[:]) || binary.LittleEndian.Uint16(h[10:]) != memberExtraBytes ||
		h[12] != 'C' || h[13] != 'T' || binary.LittleEndian.Uint16(h[14:]) != 24 {
		return member{}, false
	}
	n := int64(binary.LittleEndian.Uint64(h[memberSizeAt:]))
	m := member{
		firstSeq: int64(binary.LittleEndian.Uint64(h[memberSeqAt:])),
		rows:     int64(binary.LittleEndian.Uint64(h[memberRowsAt:])),
	}
	if n < memberHeadBytes || n > size-off || n > memberMaxSize || m.rows <= 0 || m.rows > n*memberMaxRatio {
		return member{}, false
	}
	m.span = span{off, off + n}
	return m, true
}

// window returns a range through a read-ahead that goes to the file's end.
func (d *ndjsonDecoder) window(s span) ([]byte, error) {
	if b := d.src.find(s); b != nil {
		return b, nil
	}
	if b := d.win.slice(s); b != nil {
		return b, nil
	}
	n := max(s.size(), min(ndjsonWindowBytes, d.src.size-s.off))
	if int64(cap(d.win.b)) < n {
		d.win.b = make([]byte, n)
	}
	d.win.off, d.win.b = s.off, d.win.b[:n]
	if err := d.src.read(d.win.b, s.off); err != nil {
		d.win.b = d.win.b[:0]
		return nil, err
	}
	return d.win.slice(s), nil
}

// nextRow fills r with the next row; it is the splitter's rowSource.
func (d *ndjsonDecoder) nextRow(r *row) error {
	for d.rows == 0 {
		if d.next > 0 && d.next <= len(d.list) {
			if err := d.endMember(); err != nil {
				return err
			}
		}
		if d.next == len(d.list) {
			if d.off >= d.src.size {
				return io.EOF
			}
			if err := d.readHeader(); err != nil {
				return err
			}
		}
		if err := d.openMember(); err != nil {
			return err
		}
	}
	m := d.list[d.next-1]
	d.row.trim(d.lim.Memory)
	if more, err := d.scan.begin(); err != nil || !more {
		return d.corrupt(cmp.Or(err, io.ErrUnexpectedEOF))
	}
	if err := d.row.read(&d.scan); err != nil {
		return d.corrupt(err)
	}
	d.rows--
	d.row.to(r)
	if r.seq < m.firstSeq {
		return d.corrupt(errOrder)
	}
	return nil
}

func (d *ndjsonDecoder) openMember() error {
	m := d.list[d.next]
	d.next++
	b, err := d.window(m.span)
	if err != nil {
		return err
	}
	d.in.Reset(b)
	if d.z == nil {
		d.z = new(gzip.Reader)
	}
	if err := d.z.Reset(&d.in); err != nil {
		return d.corrupt(err)
	}
	d.z.Multistream(false)
	d.scan.reset(d.z)
	d.rows = m.rows
	return nil
}

// endMember sees that the member ends where its rows do; this checks its CRC.
func (d *ndjsonDecoder) endMember() error {
	switch more, err := d.scan.begin(); {
	case more:
		return d.corrupt(errCount)
	case err != nil:
		return d.corrupt(err)
	}
	if d.in.Len() > 0 {
		return d.corrupt(errCount)
	}
	return nil
}

// corrupt wraps what the current member's bytes did. What the limits say is no
// fault of theirs.
func (d *ndjsonDecoder) corrupt(err error) error {
	if stopped := d.lim.stop(); stopped != nil || err == ErrMemory {
		return cmp.Or(stopped, err)
	}
	return &CorruptError{What: "ndjson member", Offset: d.list[d.next-1].off, Err: err}
}
