package parquet

import (
	"encoding/binary"
	"math"
	"strings"
	"unicode/utf8"

	"github.com/parquet-go/parquet-go/encoding/delta"

	"github.com/coldtail/coldtail/codec"
)

// Rows of a page at most, chosen so that a tail need not read much: the times
// hardly compress, the columns of small values are nearly nothing.
const (
	deltaPageRows = 8192
	smallPageRows = 32768
)

// bodyPageBytes is the size of body's pages. klauspost's encoder is faster by a
// sixth with 64 KiB than with 256 KiB and compresses as well, and a tail reads less.
const bodyPageBytes = 64 << 10

// timeColumns writes time and time_unix_nano, and seqColumn seq. Each encodes a
// page when deltaPageRows values are there.
type timeColumns struct {
	micros, nanos *columnChunk
	vals, tmp     []int64
	enc           []byte
}

func (c *timeColumns) add(nano int64) error {
	c.vals = append(c.vals, nano)
	if len(c.vals) < deltaPageRows {
		return nil
	}
	return c.flush()
}

func (c *timeColumns) flush() error {
	c.tmp = c.tmp[:0]
	for _, v := range c.vals {
		c.tmp = append(c.tmp, codec.FloorMicros(v))
	}
	var err error
	if c.enc, err = addDelta(c.micros, c.tmp, c.enc); err != nil {
		return err
	}
	c.enc, err = addDelta(c.nanos, c.vals, c.enc)
	c.vals = c.vals[:0]
	return err
}

type seqColumn struct {
	chunk *columnChunk
	vals  []int64
	enc   []byte
}

func (c *seqColumn) add(v int64) error {
	c.vals = append(c.vals, v)
	if len(c.vals) < deltaPageRows {
		return nil
	}
	return c.flush()
}

func (c *seqColumn) flush() (err error) {
	c.enc, err = addDelta(c.chunk, c.vals, c.enc)
	c.vals = c.vals[:0]
	return err
}

// addDelta adds a page of vals, and returns enc for the next.
func addDelta(c *columnChunk, vals []int64, enc []byte) ([]byte, error) {
	if len(vals) == 0 {
		return enc, nil
	}
	var e delta.BinaryPackedEncoding
	enc, err := e.EncodeInt64(enc[:0], vals)
	if err != nil {
		return enc, err
	}
	lo, hi := int64(math.MaxInt64), int64(math.MinInt64)
	for _, v := range vals {
		lo, hi = min(lo, v), max(hi, v)
	}
	return enc, c.addPage(&page{
		data: enc, rows: len(vals), values: len(vals), min: plainInt64(lo), max: plainInt64(hi),
	})
}

func plainInt64(v int64) []byte { return binary.LittleEndian.AppendUint64(nil, uint64(v)) }

// streamColumn writes stream: its dictionary is the sources in order of
// appearance.
type streamColumn struct {
	chunk    *columnChunk
	names    []string
	indexes  map[string]uint32
	runs     runWriter
	rows     int
	source   string // of the last row
	index    uint32
	min, max string
}

func (c *streamColumn) add(source string) error {
	if c.rows == smallPageRows {
		if err := c.flush(); err != nil {
			return err
		}
	}
	if c.rows == 0 || source != c.source {
		if err := c.change(source); err != nil {
			return err
		}
	}
	c.rows++
	c.runs.add(c.index, 1)
	return nil
}

// change makes source the current one.
func (c *streamColumn) change(source string) error {
	i, ok := c.indexes[source]
	if !ok {
		i = uint32(len(c.names))
		// The page's indexes have had fewer bytes so far.
		if n := len(c.names); n == 1<<8 || n == 1<<16 {
			if err := c.flush(); err != nil {
				return err
			}
		}
		if c.indexes == nil {
			c.indexes = make(map[string]uint32)
		}
		source = strings.Clone(source)
		c.indexes[source] = i
		c.names = append(c.names, source)
	}
	c.source, c.index = c.names[i], i
	if c.rows == 0 {
		c.runs.reset(indexWidth(len(c.names)))
		c.min, c.max = c.names[i], c.names[i]
	}
	c.min, c.max = min(c.min, c.names[i]), max(c.max, c.names[i])
	return nil
}

func (c *streamColumn) flush() error {
	if c.rows == 0 {
		return nil
	}
	c.runs.flush()
	data := append([]byte{byte(indexWidth(len(c.names)))}, c.runs.buf...)
	p := page{data: data, rows: c.rows, values: c.rows, min: []byte(c.min), max: []byte(c.max)}
	c.rows = 0
	return c.chunk.addPage(&p)
}

// bodyColumns writes body, and body_raw if the two differ.
type bodyColumns struct {
	body, raw         *columnChunk
	buf               []byte // body's page
	rows              int
	fixed             []byte
	rawBuf, rawPage   []byte
	rawRuns           runWriter
	rawRows, rawNulls int
}

func (c *bodyColumns) add(line []byte) error {
	if utf8.Valid(line) {
		if err := c.addRaw(nil); err != nil {
			return err
		}
		return c.addBody(line)
	}
	if err := c.addRaw(line); err != nil {
		return err
	}
	c.fixed = codec.AppendValidUTF8(c.fixed[:0], line)
	return c.addBody(c.fixed)
}

func (c *bodyColumns) addBody(v []byte) error {
	if c.rows > 0 && len(c.buf)+4+len(v) > bodyPageBytes {
		if err := c.flushBody(); err != nil {
			return err
		}
	}
	c.rows++
	c.buf = appendPlainBytes(c.buf, v)
	return nil
}

// addRaw adds a value of body_raw; nil is null.
func (c *bodyColumns) addRaw(v []byte) error {
	if c.rawRows == smallPageRows || len(c.rawBuf) > 0 && len(c.rawBuf)+4+len(v) > bodyPageBytes {
		if err := c.flushRaw(); err != nil {
			return err
		}
	}
	c.rawRows++
	if v == nil {
		c.rawRuns.add(0, 1)
		c.rawNulls++
		return nil
	}
	c.rawRuns.add(1, 1)
	c.rawBuf = appendPlainBytes(c.rawBuf, v)
	return nil
}

func (c *bodyColumns) flush() error {
	if err := c.flushBody(); err != nil {
		return err
	}
	return c.flushRaw()
}

func (c *bodyColumns) flushBody() error {
	if c.rows == 0 {
		return nil
	}
	p := page{data: c.buf, rows: c.rows, values: c.rows}
	err := c.body.addPage(&p)
	c.buf, c.rows = c.buf[:0], 0
	return err
}

func (c *bodyColumns) flushRaw() error {
	if c.rawRows == 0 {
		return nil
	}
	c.rawRuns.flush()
	c.rawPage = append(appendLevels(c.rawPage[:0], c.rawRuns.buf), c.rawBuf...)
	err := c.raw.addPage(&page{data: c.rawPage, rows: c.rawRows, values: c.rawRows, nulls: c.rawNulls})
	c.rawRuns.reset(1)
	c.rawBuf, c.rawRows, c.rawNulls = c.rawBuf[:0], 0, 0
	return err
}
