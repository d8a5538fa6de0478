package codec

import (
	"encoding/binary"
	"errors"
	"fmt"
	"hash/crc32"
	"io"

	"github.com/klauspost/compress/zstd"
	"github.com/parquet-go/parquet-go/format"
)

var (
	errPage = errors.New("implausible page")
	errCRC  = errors.New("checksum does not match")
)

// A pageReader reads the pages of one column, in order.
type pageReader struct {
	leaf
	f      *parquetFile
	z      *zstd.Decoder
	pages  []pageLoc
	next   int
	win    region // what was read ahead
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
	return &CorruptError{What: "parquet page of " + c.path, Offset: off, Err: err}
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
func (c *pageReader) spanFrom(row int64) span {
	if len(c.pages) == 0 {
		return span{}
	}
	return span{c.pages[c.pageOf(row)].off, c.pages[len(c.pages)-1].end}
}

// read returns the next page, or io.EOF.
func (c *pageReader) read() (dataPage, error) {
	if c.next >= len(c.pages) {
		return dataPage{}, io.EOF
	}
	loc := c.pages[c.next]
	c.next++
	b, err := c.fetch(loc.span)
	if err != nil {
		return dataPage{}, err
	}
	h, err := c.open(b, loc.off)
	if err != nil {
		return dataPage{}, err
	}
	d := h.DataPageHeader
	flat := c.maxRep == 0
	if h.Type != format.DataPage || !d.Valid || d.V.Encoding != c.encoding ||
		d.V.NumValues < 0 || d.V.NumValues > 2*pageMaxRows || flat && int64(d.V.NumValues) != loc.rows {
		return dataPage{}, c.corrupt(loc.off, errPage)
	}
	return dataPage{data: c.buf, values: int(d.V.NumValues), loc: loc}, nil
}

// fetch returns a page's bytes, reading ahead up to the column's end.
func (c *pageReader) fetch(s span) ([]byte, error) {
	if b := c.f.find(s); b != nil {
		return b, nil
	}
	if b := c.win.slice(s); b != nil {
		return b, nil
	}
	end := c.pages[len(c.pages)-1].end
	n := min(max(s.size(), c.window), max(end-s.off, s.size()))
	if int64(cap(c.win.b)) < n {
		c.win.b = make([]byte, n)
	}
	c.win.off, c.win.b = s.off, c.win.b[:n]
	if err := c.f.read(c.win.b, s.off); err != nil {
		return nil, err
	}
	return c.win.slice(s), nil
}

// open checks and uncompresses the page b, which is at off, into buf.
func (c *pageReader) open(b []byte, off int64) (*format.PageHeader, error) {
	h := new(format.PageHeader)
	n, err := unmarshalThrift(b, 0, h)
	if err != nil {
		return nil, c.corrupt(off, err)
	}
	body := b[n:]
	size := int(h.UncompressedPageSize)
	if int(h.CompressedPageSize) != len(body) || size < 0 || size > pageMaxReadBytes {
		return nil, c.corrupt(off, errPage)
	}
	if crc32.ChecksumIEEE(body) != uint32(h.CRC) {
		return nil, c.corrupt(off, errCRC)
	}
	if cap(c.buf) < size {
		c.buf = make([]byte, 0, max(size, min(2*cap(c.buf), pageMaxBytes)))
	}
	// The decoder keeps to the buffer's capacity.
	if c.buf, err = c.z.DecodeAll(body, c.buf[:0]); err != nil {
		return nil, c.corrupt(off, err)
	}
	if len(c.buf) != size {
		return nil, c.corrupt(off, errPage)
	}
	return h, nil
}

// dictionarySpan returns where the dictionary page is in a column's bytes.
func (c *pageReader) dictionarySpan(where span) span {
	return span{where.off, c.pages[0].off}
}

// dictionary reads the dictionary page.
func (c *pageReader) dictionary(where span) ([]string, error) {
	if where.size() <= 0 || where.size() > pageMaxReadBytes {
		return nil, c.corrupt(where.off, errPage)
	}
	b, err := c.fetch(where)
	if err != nil {
		return nil, err
	}
	h, err := c.open(b, where.off)
	if err != nil {
		return nil, err
	}
	d := h.DictionaryPageHeader
	if h.Type != format.DictionaryPage || !d.Valid || d.V.Encoding != format.Plain ||
		d.V.NumValues < 0 || int(d.V.NumValues) > len(c.buf)/4 {
		return nil, c.corrupt(where.off, errPage)
	}
	var values []string
	rest := c.buf
	for range d.V.NumValues {
		v, more, ok := takePlain(rest)
		if !ok {
			return nil, c.corrupt(where.off, errPage)
		}
		values = append(values, sourceName(v))
		rest = more
	}
	return values, nil
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
		zstd.WithDecoderMaxMemory(pageMaxReadBytes),
		zstd.WithDecodeAllCapLimit(true))
	if err != nil {
		return nil, fmt.Errorf("create zstd decoder: %w", err)
	}
	return z, nil
}
