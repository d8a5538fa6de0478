package ndjson

import (
	"bytes"
	"cmp"
	"encoding/binary"
	"errors"
	"io"

	"github.com/klauspost/compress/gzip"

	"github.com/coldtail/coldtail/codec"
	"github.com/coldtail/coldtail/codec/join"
	"github.com/coldtail/coldtail/codec/ranged"
)

const (
	windowBytes    = 4 << 20
	memberMaxRatio = 1100 // deflate's own limit is 1032
	memberMaxSize  = 128 << 20
)

var (
	errMember = errors.New("not a member of a coldtail chunk")
	errCount  = errors.New("row count does not match")
)

// A member is one gzip member of a chunk.
type member struct {
	ranged.Span
	firstSeq, rows int64
}

// A Decoder steps over members by the sizes in their headers and
// inflates those that the range needs.
type Decoder struct {
	src   ranged.Source
	win   ranged.Region
	split join.Splitter

	list []member // known, from the first that is read
	next int      // index in list
	off  int64    // where the members that are not in list begin
	rows int64    // left in the current member
	z    *gzip.Reader
	in   bytes.Reader
	scan jsonScanner
	row  jsonRow
	lim  codec.Limits
}

// NewDecoder returns a decoder of the chunk of sizeBytes in r. It reads no more of
// r than the range needs. After an error nothing of the range's memory is held.
func NewDecoder(r io.ReaderAt, sizeBytes int64, rg codec.Range) (_ codec.Decoder, err error) {
	defer func() {
		if err != nil {
			rg.Limits.Memory.Release()
		}
	}()
	d := &Decoder{src: ranged.Source{R: r, Size: sizeBytes}, lim: rg.Limits}
	d.scan.lim = &d.lim
	d.split = join.NewSplitter(d, join.FromSeq(rg), &d.lim)
	if rg.Tail <= 0 {
		d.off = d.src.Size
		return d, nil
	}
	if rg.Tail == codec.All && rg.FromSeq <= 0 {
		return d, nil // headers are met on the way
	}
	all, err := d.lastMembers(rg)
	if err != nil {
		return nil, err
	}
	if rg.Tail == codec.All {
		d.begin(all, join.FromSeq(rg))
		return d, nil
	}
	if err := d.tail(all, rg); err != nil {
		return nil, err
	}
	return d, nil
}

// Next implements [codec.Decoder].
func (d *Decoder) Next(e *codec.Entry) error { return d.split.Next(e) }

// Close implements [codec.Decoder].
func (d *Decoder) Close() error {
	d.list, d.next, d.rows, d.off = nil, 0, 0, d.src.Size
	d.win, d.row, d.z, d.scan = ranged.Region{}, jsonRow{}, nil, jsonScanner{}
	d.lim.Memory.Release()
	return nil
}

// begin makes the decoder read the entries from a sequence number on.
func (d *Decoder) begin(all []member, from int64) {
	if len(all) == 0 {
		return
	}
	d.list, d.next, d.rows = all[firstMember(all, from):], 0, 0
	d.split = join.NewSplitter(d, from, &d.lim)
}

// firstMember returns the index of the first member that may have a part of seq
// or later: rows start less than JoinMaxSeqs before their last part.
func firstMember(all []member, seq int64) int {
	limit := seq - codec.JoinMaxSeqs
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
func (d *Decoder) tail(all []member, rg codec.Range) error {
	i, rows := len(all), int64(0)
	for i > 0 && rows < rg.Tail {
		i--
		rows += all[i].rows
	}
	if i == len(all) {
		return nil
	}
	from := max(join.FromSeq(rg), all[i].firstSeq)
	d.begin(all, from)
	entries := int64(0)
	for {
		var r join.Row
		err := d.NextRow(&r)
		if err == io.EOF {
			break
		}
		if err != nil {
			return err
		}
		entries += r.EntriesFrom(from)
	}
	d.begin(all, from)
	d.split.Skip = max(0, entries-rg.Tail)
	return nil
}

// readHeader adds the member at d.off to the list.
func (d *Decoder) readHeader() error {
	corrupt := &codec.CorruptError{What: "gzip member", Offset: d.off, Err: errMember}
	if d.src.Size-d.off < memberHeadBytes {
		corrupt.Err = io.ErrUnexpectedEOF
		return corrupt
	}
	h, err := d.window(ranged.Span{Off: d.off, End: d.off + memberHeadBytes})
	if err != nil {
		return err
	}
	m, ok := parseMember(h, d.off, d.src.Size)
	if n := len(d.list); !ok || n > 0 && m.firstSeq <= d.list[n-1].firstSeq {
		return corrupt
	}
	d.list = append(d.list, m)
	d.off = m.End
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
	m.Span = ranged.Span{Off: off, End: off + n}
	return m, true
}

// window returns a range through a read-ahead that goes to the file's end.
func (d *Decoder) window(s ranged.Span) ([]byte, error) {
	if b := d.src.Find(s); b != nil {
		return b, nil
	}
	if b := d.win.Slice(s); b != nil {
		return b, nil
	}
	n := max(s.Size(), min(windowBytes, d.src.Size-s.Off))
	if int64(cap(d.win.B)) < n {
		d.win.B = make([]byte, n)
	}
	d.win.Off, d.win.B = s.Off, d.win.B[:n]
	if err := d.src.Read(d.win.B, s.Off); err != nil {
		d.win.B = d.win.B[:0]
		return nil, err
	}
	return d.win.Slice(s), nil
}

// NextRow fills r with the next row, as a [join.Source].
func (d *Decoder) NextRow(r *join.Row) error {
	for d.rows == 0 {
		if d.next > 0 && d.next <= len(d.list) {
			if err := d.endMember(); err != nil {
				return err
			}
		}
		if d.next == len(d.list) {
			if d.off >= d.src.Size {
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
	if r.Seq < m.firstSeq {
		return d.corrupt(join.ErrOrder)
	}
	return nil
}

func (d *Decoder) openMember() error {
	m := d.list[d.next]
	d.next++
	b, err := d.window(m.Span)
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
func (d *Decoder) endMember() error {
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
func (d *Decoder) corrupt(err error) error {
	if stopped := d.lim.Err(); stopped != nil || err == codec.ErrMemory {
		return cmp.Or(stopped, err)
	}
	return &codec.CorruptError{What: "ndjson member", Offset: d.list[d.next-1].Off, Err: err}
}
