package parquet

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"math"
	"slices"

	"github.com/klauspost/compress/zstd"
	"github.com/parquet-go/parquet-go/format"

	"github.com/coldtail/coldtail/codec"
	"github.com/coldtail/coldtail/codec/ranged"
)

var (
	errStatistics = errors.New("statistics do not match the values")
	errMicros     = errors.New("time differs from time_unix_nano")
	errConstant   = errors.New("not one value in all rows")
	errContainer  = errors.New("container_id differs from the footer's")
	errValueCount = errors.New("value count does not match")
)

// inspectColumns checks the pages of the columns that a Decoder does not read,
// and the statistics by which engines pass over pages and files.
func (f *file) inspectColumns(containerID string) error {
	z, err := newZstdDecoder()
	if err != nil {
		return err
	}
	defer z.Close()
	if err := f.inspectNumbers(z); err != nil {
		return err
	}
	for i, l := range leaves {
		if !l.constant || f.chunks[i].MetaData.NumValues == 0 {
			continue // or a file without the column
		}
		dict, err := f.inspectConstant(z, i)
		if err != nil {
			return err
		}
		if l.maxRep == 0 && dict.len() > 1 || l.maxDef == 0 && dict.len() != 1 {
			return f.columnError(i, errConstant)
		}
		if err := f.inspectTexts(i, dict); err != nil {
			return err
		}
		if i == colContainerID && string(dict.text(0)) != codec.ValidText(containerID) {
			return f.columnError(i, errContainer)
		}
	}
	return nil
}

func (f *file) columnError(i int, err error) error {
	return &codec.CorruptError{What: "parquet column " + leaves[i].path, Offset: f.chunks[i].MetaData.DataPageOffset, Err: err}
}

func (f *file) reader(z *zstd.Decoder, i int) (pageReader, error) {
	pages, err := f.pages(i)
	return pageReader{leaf: leaves[i], f: f, z: z, pages: pages, window: ranged.WindowBytes}, err
}

// inspectNumbers checks time, time_unix_nano and seq.
func (f *file) inspectNumbers(z *zstd.Decoder) error {
	for _, i := range []int{colTime, colTimeNano, colSeq} {
		if f.chunks[i].MetaData.NumValues == 0 && !needed[i] {
			return nil // a file without time
		}
		if err := f.inspectBounds(z, i); err != nil {
			return err
		}
	}
	var micros, nanos int64Cursor
	var err error
	if micros.pageReader, err = f.reader(z, colTime); err != nil {
		return err
	}
	if nanos.pageReader, err = f.reader(z, colTimeNano); err != nil {
		return err
	}
	for range f.rows {
		m, err := micros.next()
		if err != nil {
			return endOfColumn(err)
		}
		n, err := nanos.next()
		if err != nil {
			return endOfColumn(err)
		}
		if m != codec.FloorMicros(n) {
			return f.columnError(colTime, errMicros)
		}
	}
	return nil
}

// inspectBounds compares a column's values with its column index and its
// statistics, which may be missing.
func (f *file) inspectBounds(z *zstd.Decoder, i int) error {
	meta := &f.chunks[i].MetaData
	var c int64Cursor
	var err error
	if c.pageReader, err = f.reader(z, i); err != nil {
		return err
	}
	x, err := f.columnIndex(i, len(c.pages))
	if err != nil {
		return err
	}
	lo, hi, values := int64(math.MaxInt64), int64(math.MinInt64), int64(0)
	for k := range c.pages {
		if _, err := c.load(); err != nil {
			return endOfColumn(err)
		}
		values += int64(len(c.vals))
		least, most := slices.Min(c.vals), slices.Max(c.vals) // no page is empty
		if x != nil && (x.NullPages[k] || !isInt64(x.MinValues[k], least) || !isInt64(x.MaxValues[k], most)) {
			return f.columnError(i, errStatistics)
		}
		lo, hi = min(lo, least), max(hi, most)
	}
	if values != meta.NumValues {
		return f.columnError(i, errValueCount)
	}
	s := &meta.Statistics
	if len(s.MinValue) > 0 && !isInt64(s.MinValue, lo) || len(s.MaxValue) > 0 && !isInt64(s.MaxValue, hi) || s.NullCount != 0 {
		return f.columnError(i, errStatistics)
	}
	return nil
}

// columnIndex reads column i's column index, or nil if there is none.
func (f *file) columnIndex(i, pages int) (*format.ColumnIndex, error) {
	c := &f.chunks[i]
	if c.ColumnIndexOffset == 0 {
		return nil, nil
	}
	x := new(format.ColumnIndex)
	if err := f.index(c.ColumnIndexOffset, c.ColumnIndexLength, x); err != nil {
		return nil, err
	}
	if len(x.MinValues) != pages || len(x.MaxValues) != pages || len(x.NullPages) != pages {
		return nil, &codec.CorruptError{What: "parquet column index", Offset: c.ColumnIndexOffset, Err: errIndex}
	}
	return x, nil
}

func isInt64(plain []byte, v int64) bool {
	return len(plain) == 8 && int64(binary.LittleEndian.Uint64(plain)) == v
}

// inspectTexts compares the statistics of a column whose every page has all
// values of its dictionary with that. Long and empty ones are left out by the
// encoder.
func (f *file) inspectTexts(i int, dict *dictionary) error {
	if dict.len() == 0 {
		return nil
	}
	lo, hi := dict.bounds()
	differ := func(b, want []byte) bool { return len(b) > 0 && !bytes.Equal(b, want) }
	s := &f.chunks[i].MetaData.Statistics
	if differ(s.MinValue, lo) || differ(s.MaxValue, hi) {
		return f.columnError(i, errStatistics)
	}
	pages, err := f.pages(i)
	if err != nil {
		return err
	}
	x, err := f.columnIndex(i, len(pages))
	if err != nil || x == nil {
		return err
	}
	for k := range pages {
		if x.NullPages[k] || differ(x.MinValues[k], lo) || differ(x.MaxValues[k], hi) {
			return f.columnError(i, errStatistics)
		}
	}
	return nil
}

// textReader returns a reader of column i's pages and its dictionary, which is
// empty if all values are null.
func (f *file) textReader(z *zstd.Decoder, i int) (c pageReader, dict *dictionary, err error) {
	if c, err = f.reader(z, i); err != nil {
		return c, nil, err
	}
	where, err := f.chunkSpan(i)
	if err != nil {
		return c, nil, err
	}
	if f.chunks[i].MetaData.DictionaryPageOffset <= 0 {
		c.encoding = format.Plain // what a column of nulls is written as
		return c, new(dictionary), nil
	}
	dict, err = c.dictionary(c.dictionarySpan(where))
	return c, dict, err
}

// inspectConstant reads all pages of a column and returns its dictionary, which
// is empty if all values are null.
func (f *file) inspectConstant(z *zstd.Decoder, i int) (*dictionary, error) {
	c, dict, err := f.textReader(z, i)
	if err != nil {
		return nil, err
	}
	values := int64(0)
	for {
		p, err := c.read()
		if err == io.EOF {
			break
		}
		if err != nil {
			return nil, err
		}
		values += int64(p.values)
	}
	if values != f.chunks[i].MetaData.NumValues {
		return nil, f.columnError(i, fmt.Errorf("%w: %d in pages, %d in the footer", errValueCount, values, f.chunks[i].MetaData.NumValues))
	}
	return dict, nil
}
