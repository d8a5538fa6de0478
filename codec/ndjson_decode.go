package codec

import (
	"bufio"
	"bytes"
	"encoding/binary"
	"encoding/json"
	"errors"
	"io"

	"github.com/klauspost/compress/gzip"
)

const (
	ndjsonWindowBytes = 4 << 20
	// A line of MaxFrameBytes control characters, each six bytes in JSON.
	lineMaxBytes   = 7 * MaxFrameBytes
	memberMaxRatio = 1100 // deflate's own limit is 1032
	memberMaxSize  = 128 << 20
)

var (
	errMember = errors.New("not a member of a coldtail chunk")
	errJSON   = errors.New("not a row")
	errLine   = errors.New("implausibly long line")
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
	buf  *bufio.Reader
	long []byte
	row  jsonRow
}

// A jsonRow is what of a line makes entries.
type jsonRow struct {
	TimeNano *int64     `json:"time_unix_nano"`
	Seq      *int64     `json:"seq"`
	Stream   *string    `json:"stream"`
	Body     *string    `json:"body"`
	BodyRaw  []byte     `json:"body_raw"`
	Partial  bool       `json:"partial"`
	Parts    []jsonPart `json:"parts"`
}

type jsonPart struct {
	Seq   int64 `json:"seq"`
	Bytes int32 `json:"bytes"`
}

func newNDJSONDecoder(r io.ReaderAt, sizeBytes int64, rg Range) (*ndjsonDecoder, error) {
	d := &ndjsonDecoder{src: source{r: r, size: sizeBytes}}
	d.split = newSplitter(d, fromSeq(rg))
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
	from := fromSeq(rg)
	if rg.Tail < All {
		last, err := d.nthLast(all, rg.Tail)
		if err != nil {
			return nil, err
		}
		from = max(from, last)
	}
	d.begin(all, from)
	return d, nil
}

func (d *ndjsonDecoder) Next(e *Entry) error { return d.split.next(e) }

func (d *ndjsonDecoder) Close() error {
	d.list, d.next, d.rows, d.off = nil, 0, 0, d.src.size
	d.win, d.long, d.z, d.buf = region{}, nil, nil, nil
	return nil
}

// begin makes the decoder read the entries from a sequence number on.
func (d *ndjsonDecoder) begin(all []member, from int64) {
	if len(all) == 0 {
		return
	}
	d.list, d.next, d.rows = all[firstMember(all, from):], 0, 0
	d.split = newSplitter(d, from)
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

// nthLast returns the n-th largest sequence number. The last members with n
// rows hold n entries or more, none before the first one's first row: the tail
// is among the entries from there on. They are inflated once more when they are
// read; a line's entries cannot be known without.
func (d *ndjsonDecoder) nthLast(all []member, n int64) (int64, error) {
	i, rows := len(all), int64(0)
	for i > 0 && rows < n {
		i--
		rows += all[i].rows
	}
	if i == len(all) {
		return fromSeq(Range{}), nil
	}
	l := largest{n: int(n), from: all[i].firstSeq}
	d.begin(all, l.from)
	var r row
	for {
		switch err := d.nextRow(&r); err {
		case nil:
			l.addRow(r.seq, r.parts)
		case io.EOF:
			return l.smallest(), nil
		default:
			return 0, err
		}
	}
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
	line, err := d.readLine()
	if err != nil {
		return d.corrupt(err)
	}
	d.rows--
	if err := d.parse(line, r); err != nil {
		return d.corrupt(err)
	}
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
		d.buf = bufio.NewReaderSize(d.z, 64<<10)
	}
	if err := d.z.Reset(&d.in); err != nil {
		return d.corrupt(err)
	}
	d.z.Multistream(false)
	d.buf.Reset(d.z)
	d.rows = m.rows
	return nil
}

// endMember sees that the member ends where its rows do; this checks its CRC.
func (d *ndjsonDecoder) endMember() error {
	switch _, err := d.buf.ReadByte(); {
	case err == nil:
		return d.corrupt(errCount)
	case err != io.EOF:
		return d.corrupt(err)
	}
	if d.in.Len() > 0 {
		return d.corrupt(errCount)
	}
	return nil
}

// readLine returns the next line without its newline.
func (d *ndjsonDecoder) readLine() ([]byte, error) {
	d.long = d.long[:0]
	for {
		b, err := d.buf.ReadSlice('\n')
		if err == nil && len(d.long) == 0 {
			return b[:len(b)-1], nil
		}
		d.long = append(d.long, b...)
		switch {
		case err == nil:
			return d.long[:len(d.long)-1], nil
		case err == io.EOF:
			return nil, io.ErrUnexpectedEOF
		case err != bufio.ErrBufferFull:
			return nil, err
		case len(d.long) > lineMaxBytes:
			return nil, errLine
		}
	}
}

func (d *ndjsonDecoder) parse(line []byte, r *row) error {
	j := &d.row
	*j = jsonRow{}
	if err := json.Unmarshal(line, j); err != nil {
		return err
	}
	if j.TimeNano == nil || j.Seq == nil || j.Stream == nil || j.Body == nil {
		return errJSON
	}
	*r = row{seq: *j.Seq, timeNano: *j.TimeNano, source: *j.Stream, line: j.BodyRaw, partial: j.Partial}
	if j.BodyRaw == nil {
		r.line = []byte(*j.Body)
	}
	for _, p := range j.Parts {
		r.parts = append(r.parts, part{p.Seq, p.Bytes})
	}
	return nil
}

// corrupt wraps what the current member's bytes did.
func (d *ndjsonDecoder) corrupt(err error) error {
	return &CorruptError{What: "ndjson member", Offset: d.list[d.next-1].off, Err: err}
}
