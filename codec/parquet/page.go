package parquet

import (
	"bytes"
	"cmp"
	"encoding/binary"
	"fmt"
	"hash/crc32"
	"slices"

	"github.com/klauspost/compress/zstd"
	"github.com/parquet-go/parquet-go/encoding/thrift"
	"github.com/parquet-go/parquet-go/format"
)

// statMaxBytes bounds the minima and maxima that are kept: a column with a
// longer one (a label's value may be of any length) has none in the footer.
const statMaxBytes = 256

// A page is a data page before compression.
type page struct {
	data     []byte // levels and values
	rows     int
	values   int // nulls included
	nulls    int
	min, max []byte // as plain values, without a length; nil if all are null
}

// A columnChunk collects a column's compressed pages. They stay in memory
// until the file is written, because a column's pages must be contiguous.
type columnChunk struct {
	leaf
	z     *zstd.Encoder
	dict  []byte // the dictionary page with its header; nil for none
	data  pageStore
	tmp   []byte
	plain bool // written PLAIN whatever the leaf says: a column without values

	uncompressed int64 // of all pages, with headers
	rows         int64
	values       int64
	nulls        int64
	pages        []format.PageLocation // offsets from the start of data
	min, max     []byte
	index        format.ColumnIndex
	unbounded    bool // a minimum or maximum was too long to keep
}

func (c *columnChunk) valueEncoding() format.Encoding {
	if c.plain {
		return format.Plain
	}
	return c.encoding
}

// addPage compresses p and appends it. It keeps no reference to p's bytes.
func (c *columnChunk) addPage(p *page) error {
	c.tmp = c.z.EncodeAll(p.data, c.tmp[:0])
	return c.addCompressed(p, c.tmp)
}

// addCompressed appends p, which body is the compression of.
func (c *columnChunk) addCompressed(p *page, body []byte) error {
	offset := c.data.size
	head, err := c.header(format.PageHeader{
		Type:                 format.DataPage,
		UncompressedPageSize: int32(len(p.data)),
		DataPageHeader: thrift.New(format.DataPageHeader{
			NumValues:               int32(p.values),
			Encoding:                c.valueEncoding(),
			DefinitionLevelEncoding: format.RLE,
			RepetitionLevelEncoding: format.RLE,
		}),
	}, body)
	if err != nil {
		return err
	}
	c.data.add(head, body)
	c.pages = append(c.pages, format.PageLocation{
		Offset:             offset,
		CompressedPageSize: int32(c.data.size - offset),
		FirstRowIndex:      c.rows,
	})
	c.rows += int64(p.rows)
	c.values += int64(p.values)
	c.nulls += int64(p.nulls)
	c.addBounds(p)
	return nil
}

// addDictionary makes the dictionary page. The data pages may be there already.
func (c *columnChunk) addDictionary(values []string) error {
	var data []byte
	for _, v := range values {
		data = appendPlainBytes(data, v)
	}
	c.tmp = c.z.EncodeAll(data, c.tmp[:0])
	head, err := c.header(format.PageHeader{
		Type:                 format.DictionaryPage,
		UncompressedPageSize: int32(len(data)),
		DictionaryPageHeader: thrift.New(format.DictionaryPageHeader{
			NumValues: int32(len(values)),
			Encoding:  format.Plain,
		}),
	}, c.tmp)
	c.dict = slices.Concat(head, c.tmp)
	return err
}

// header completes and marshals the header of a page that compresses to body.
func (c *columnChunk) header(h format.PageHeader, body []byte) ([]byte, error) {
	h.CompressedPageSize = int32(len(body))
	h.CRC = int32(crc32.ChecksumIEEE(body))
	head, err := marshalThrift(&h)
	if err != nil {
		return nil, fmt.Errorf("encode page header of %s: %w", c.path, err)
	}
	c.uncompressed += int64(len(head)) + int64(h.UncompressedPageSize)
	return head, nil
}

// size is how many bytes the column takes in the file.
func (c *columnChunk) size() int64 { return int64(len(c.dict)) + c.data.size }

// writeTo writes the column and makes the pages' offsets those in the file.
func (c *columnChunk) writeTo(w *countingWriter) {
	w.write(c.dict)
	for i := range c.pages {
		c.pages[i].Offset += w.n
	}
	for _, b := range c.data.blocks {
		w.write(b)
	}
}

// A pageStore keeps bytes in blocks, so that growing copies nothing.
type pageStore struct {
	blocks [][]byte
	size   int64
}

const storeBlockBytes = 1 << 20

func (s *pageStore) add(head, body []byte) {
	n := len(head) + len(body)
	last := len(s.blocks) - 1
	if last < 0 || len(s.blocks[last])+n > cap(s.blocks[last]) {
		// Small columns stay small: a block is as large as all before it.
		s.blocks = append(s.blocks, make([]byte, 0, max(n, int(min(s.size, storeBlockBytes)))))
		last++
	}
	s.blocks[last] = append(append(s.blocks[last], head...), body...)
	s.size += int64(n)
}

func (c *columnChunk) addBounds(p *page) {
	if c.noIndex || c.unbounded {
		return
	}
	if len(p.min) > statMaxBytes || len(p.max) > statMaxBytes {
		c.unbounded, c.min, c.max = true, nil, nil
		return
	}
	x := &c.index
	null := p.nulls == p.values
	x.NullPages = append(x.NullPages, null)
	x.NullCounts = append(x.NullCounts, int64(p.nulls))
	pmin, pmax := bytes.Clone(p.min), bytes.Clone(p.max)
	x.MinValues = append(x.MinValues, pmin)
	x.MaxValues = append(x.MaxValues, pmax)
	if null {
		return
	}
	if c.min == nil || c.compare(pmin, c.min) < 0 {
		c.min = pmin
	}
	if c.max == nil || c.compare(pmax, c.max) > 0 {
		c.max = pmax
	}
}

// compare orders two values of the column.
func (c *columnChunk) compare(a, b []byte) int {
	switch c.typ {
	case format.Int64:
		return cmp.Compare(int64(binary.LittleEndian.Uint64(a)), int64(binary.LittleEndian.Uint64(b)))
	case format.Int32:
		return cmp.Compare(int32(binary.LittleEndian.Uint32(a)), int32(binary.LittleEndian.Uint32(b)))
	}
	return bytes.Compare(a, b)
}

// columnIndex returns the column index, or nil if the column has none.
func (c *columnChunk) columnIndex() *format.ColumnIndex {
	if c.noIndex || c.unbounded || len(c.pages) == 0 {
		return nil
	}
	x := &c.index
	x.BoundaryOrder = format.Ascending
	last := -1
	for i, null := range x.NullPages {
		if null {
			continue
		}
		if last >= 0 && (c.compare(x.MinValues[last], x.MinValues[i]) > 0 || c.compare(x.MaxValues[last], x.MaxValues[i]) > 0) {
			x.BoundaryOrder = format.Unordered
			break
		}
		last = i
	}
	return x
}

// metadata describes the column for the footer, where its pages start at offset.
func (c *columnChunk) metadata(offset int64) format.ColumnMetaData {
	m := format.ColumnMetaData{
		Type:                  c.typ,
		Encoding:              []format.Encoding{c.valueEncoding()},
		PathInSchema:          c.pathInSchema(),
		Codec:                 format.Zstd,
		NumValues:             c.values,
		TotalUncompressedSize: c.uncompressed,
		TotalCompressedSize:   c.size(),
		DataPageOffset:        offset + int64(len(c.dict)),
		Statistics:            format.Statistics{NullCount: c.nulls},
	}
	if len(c.dict) > 0 {
		m.DictionaryPageOffset = offset
		m.Encoding = append(m.Encoding, format.Plain)
		m.EncodingStats = append(m.EncodingStats, format.PageEncodingStats{
			PageType: format.DictionaryPage, Encoding: format.Plain, Count: 1,
		})
	}
	if c.maxDef > 0 || c.encoding == format.RLEDictionary {
		m.Encoding = append(m.Encoding, format.RLE)
	}
	m.EncodingStats = append(m.EncodingStats, format.PageEncodingStats{
		PageType: format.DataPage, Encoding: c.valueEncoding(), Count: int32(len(c.pages)),
	})
	// An empty minimum would look like none beside a maximum.
	if !c.noIndex && !c.unbounded && len(c.min) > 0 && len(c.max) > 0 {
		m.Statistics.MinValue, m.Statistics.MaxValue = c.min, c.max
	}
	return m
}

// appendLevels appends the levels in w with their length before them, as
// version 1 data pages have them.
func appendLevels(dst []byte, levels []byte) []byte {
	dst = binary.LittleEndian.AppendUint32(dst, uint32(len(levels)))
	return append(dst, levels...)
}

func appendPlainBytes[T string | []byte](dst []byte, v T) []byte {
	dst = binary.LittleEndian.AppendUint32(dst, uint32(len(v)))
	return append(dst, v...)
}
