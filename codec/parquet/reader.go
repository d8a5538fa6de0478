package parquet

import (
	"encoding/binary"
	"errors"
	"fmt"
	"hash/crc32"
	"io"

	"github.com/klauspost/compress/zstd"
	"github.com/parquet-go/parquet-go/format"

	"github.com/coldtail/coldtail/codec"
	"github.com/coldtail/coldtail/codec/ranged"
)

var (
	errPage = errors.New("implausible page")
	errCRC  = errors.New("checksum does not match")
)

// A pageReader reads the pages of one column, in order.
type pageReader struct {
	leaf
	f      *file
	z      *zstd.Decoder
	pages  []pageLoc
	next   int
	win    ranged.Region // what was read ahead
	window int64
	buf    []byte // the page
}

// A dataPage is an uncompressed page; data is valid until the next one.
type dataPage struct {
	data   []byte
	values int
	loc    pageLoc
}

func (c *pageReader) corrupt(off int64, err error) error {
	return &codec.CorruptError{What: "parquet page of " + c.path, Offset: off, Err: err}
}

// seek makes the page that holds the row the next one.
func (c *pageReader) seek(row int64) {
	c.next = c.pageOf(row)
}

// pageOf returns the index of the page that holds the row.
func (c *pageReader) pageOf(row int64) int {
	lo, hi := 0, len(c.pages)
	for hi-lo > 1 {
		if mid := (lo + hi) / 2; c.pages[mid].row <= row {
			lo = mid
		} else {
			hi = mid
		}
	}
	return lo
}

// spanFrom returns the bytes of the pages from the one that holds the row.
func (c *pageReader) spanFrom(row int64) ranged.Span {
	if len(c.pages) == 0 {
		return ranged.Span{}
	}
	return ranged.Span{Off: c.pages[c.pageOf(row)].Off, End: c.pages[len(c.pages)-1].End}
}

// read returns the next page, or io.EOF.
func (c *pageReader) read() (dataPage, error) {
	if c.next >= len(c.pages) {
		return dataPage{}, io.EOF
	}
	loc := c.pages[c.next]
	h, err := c.pass()
	if err != nil {
		return dataPage{}, err
	}
	if err := c.inflate(&h, loc.Off); err != nil {
		return dataPage{}, err
	}
	d := h.DataPageHeader
	flat := c.maxRep == 0
	if h.Type != format.DataPage || !d.Valid || d.V.Encoding != c.encoding ||
		d.V.NumValues < 0 || d.V.NumValues > 4*constantPageValues || flat && int64(d.V.NumValues) != loc.rows {
		return dataPage{}, c.corrupt(loc.Off, errPage)
	}
	return dataPage{data: c.buf, values: int(d.V.NumValues), loc: loc}, nil
}

// pass reads the next page's bytes and checks them, without inflating them.
func (c *pageReader) pass() (compressed, error) {
	if err := c.f.Limits.Err(); err != nil {
		return compressed{}, err
	}
	loc := c.pages[c.next]
	c.next++
	b, err := c.fetch(loc.Span)
	if err != nil {
		return compressed{}, err
	}
	return c.open(b, loc.Off)
}

// fetch returns a page's bytes, reading ahead up to the column's end.
func (c *pageReader) fetch(s ranged.Span) ([]byte, error) {
	if b := c.f.Find(s); b != nil {
		return b, nil
	}
	if b := c.win.Slice(s); b != nil {
		return b, nil
	}
	end := c.pages[len(c.pages)-1].End
	n := min(max(s.Size(), c.window), max(end-s.Off, s.Size()))
	if int64(cap(c.win.B)) < n {
		c.win.B = make([]byte, n)
	}
	c.win.Off, c.win.B = s.Off, c.win.B[:n]
	if err := c.f.Read(c.win.B, s.Off); err != nil {
		return nil, err
	}
	return c.win.Slice(s), nil
}

// A compressed page has been read and has its checksum.
type compressed struct {
	format.PageHeader
	body []byte
}

// open takes the page b, which is at off, apart.
func (c *pageReader) open(b []byte, off int64) (p compressed, err error) {
	n, err := unmarshalThrift(b, 0, &p.PageHeader)
	if err != nil {
		return p, c.corrupt(off, err)
	}
	p.body = b[n:]
	if int(p.CompressedPageSize) != len(p.body) || p.UncompressedPageSize < 0 {
		return p, c.corrupt(off, errPage)
	}
	if crc32.ChecksumIEEE(p.body) != uint32(p.CRC) {
		return p, c.corrupt(off, errCRC)
	}
	return p, nil
}

// inflate uncompresses the page, which is at off, into buf.
func (c *pageReader) inflate(p *compressed, off int64) (err error) {
	size := int(p.UncompressedPageSize)
	if size > c.pageBytes {
		return c.corrupt(off, errPage)
	}
	if cap(c.buf) > pageReadBytes && size <= pageReadBytes { // one huge page was before
		c.f.Limits.Memory.Shrink(int64(cap(c.buf)))
		c.buf = nil
	}
	if c.buf, err = c.f.Limits.Memory.Grown(c.buf[:0], size, pageMaxBytes); err != nil {
		return err
	}
	// The decoder keeps to the buffer's capacity.
	if c.buf, err = c.z.DecodeAll(p.body, c.buf[:0]); err != nil {
		return c.corrupt(off, err)
	}
	if len(c.buf) != size {
		return c.corrupt(off, errPage)
	}
	return nil
}

// dictionarySpan returns where the dictionary page is in a column's bytes.
func (c *pageReader) dictionarySpan(where ranged.Span) ranged.Span {
	return ranged.Span{Off: where.Off, End: c.pages[0].Off}
}

// takePlain takes a PLAIN byte array from b.
func takePlain(b []byte) (v, rest []byte, ok bool) {
	if len(b) < 4 {
		return nil, nil, false
	}
	n := uint64(binary.LittleEndian.Uint32(b))
	if n > uint64(len(b)-4) {
		return nil, nil, false
	}
	end := 4 + int(n)
	return b[4:end:end], b[end:], true
}

// takeLevels takes levels with their length from b.
func takeLevels(b []byte) (levels, rest []byte, ok bool) { return takePlain(b) }

func newZstdDecoder() (*zstd.Decoder, error) {
	z, err := zstd.NewReader(nil,
		zstd.WithDecoderConcurrency(1),
		zstd.WithDecoderLowmem(true),
		zstd.WithDecoderMaxMemory(2*codec.MaxFrameBytes),
		zstd.WithDecodeAllCapLimit(true))
	if err != nil {
		return nil, fmt.Errorf("create zstd decoder: %w", err)
	}
	return z, nil
}
