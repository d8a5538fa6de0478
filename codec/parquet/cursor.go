package parquet

import (
	"errors"
	"io"

	"github.com/coldtail/coldtail/codec"
	"github.com/coldtail/coldtail/codec/ranged"
)

var errValues = errors.New("page ends early")

// A cursor gives a column's values row by row. Each type below has
//
//	seek(row)   which makes row the next one; row is within the file
//	next()      which gives the next row's value
//
// and reads a page when the one before is used up. Values point into the page.

// An int64Cursor reads time_unix_nano or seq.
type int64Cursor struct {
	pageReader
	vals []int64
	pos  int
	mem  []int64
}

func (c *int64Cursor) seek(row int64) error {
	c.pageReader.seek(row)
	loc, err := c.load()
	c.pos = int(row - loc.row)
	return err
}

func (c *int64Cursor) load() (pageLoc, error) {
	p, err := c.read()
	if err != nil {
		return p.loc, err
	}
	if n := int64(p.values - cap(c.mem)); n > 0 {
		if err := c.f.Limits.Memory.Grow(8 * n); err != nil {
			return p.loc, err
		}
	}
	c.mem, err = decodeDelta(c.mem, p.data, p.values)
	if err != nil {
		return p.loc, c.corrupt(p.loc.Off, err)
	}
	c.vals, c.pos = c.mem, 0
	return p.loc, nil
}

func (c *int64Cursor) next() (int64, error) {
	if c.pos >= len(c.vals) {
		if _, err := c.load(); err != nil {
			return 0, err
		}
	}
	v := c.vals[c.pos]
	c.pos++
	return v, nil
}

// A streamCursor reads stream.
type streamCursor struct {
	pageReader
	dict  *dictionary
	runs  runReader
	left  int
	index uint32 // of name
	name  string
}

func (c *streamCursor) open(where ranged.Span) (err error) {
	c.dict, err = c.dictionary(where)
	return err
}

func (c *streamCursor) seek(row int64) error {
	c.pageReader.seek(row)
	loc, err := c.load()
	if err != nil {
		return err
	}
	skip := int(row - loc.row)
	c.left -= skip
	if _, err := c.runs.skip(skip); err != nil {
		return c.corrupt(loc.Off, err)
	}
	return nil
}

func (c *streamCursor) load() (pageLoc, error) {
	p, err := c.read()
	if err != nil {
		return p.loc, err
	}
	if len(p.data) < 1 || p.data[0] > 32 {
		return p.loc, c.corrupt(p.loc.Off, errValues)
	}
	c.runs.reset(p.data[1:], int(p.data[0]))
	c.left = p.values
	return p.loc, nil
}

func (c *streamCursor) next() (string, error) {
	if c.left == 0 {
		if _, err := c.load(); err != nil {
			return "", err
		}
	}
	c.left--
	i, err := c.runs.next()
	if err != nil || int64(i) >= int64(c.dict.len()) {
		return "", c.corrupt(-1, errValues)
	}
	if c.name == "" || i != c.index {
		c.index, c.name = i, codec.SourceName(c.dict.text(int(i)))
	}
	return c.name, nil
}

// A bytesCursor reads body or body_raw.
type bytesCursor struct {
	pageReader
	data []byte
	defs runReader // of body_raw
	left int       // rows
	skip int       // rows of the next page before the first that is wanted
}

// seek reads nothing yet: a page of one huge value may not be needed.
func (c *bytesCursor) seek(row int64) error {
	c.pageReader.seek(row)
	c.left, c.skip = 0, int(row-c.pages[c.pageReader.next].row)
	return nil
}

func (c *bytesCursor) load() error {
	p, err := c.read()
	if err != nil {
		return err
	}
	c.data, c.left = p.data, p.values
	if c.maxDef > 0 {
		levels, rest, ok := takeLevels(p.data)
		if !ok {
			return c.corrupt(p.loc.Off, errLevels)
		}
		c.defs.reset(levels, 1)
		c.data = rest
	}
	skip := c.skip
	c.left, c.skip = c.left-skip, 0
	if c.maxDef > 0 {
		if skip, err = c.defs.skip(skip); err != nil {
			return c.corrupt(p.loc.Off, err)
		}
	}
	for range skip {
		if _, err := c.value(); err != nil {
			return err
		}
	}
	return nil
}

// pass passes over a value. It does not inflate a page that has no other.
func (c *bytesCursor) pass() error {
	if at := c.pageReader.next; c.left == 0 && at < len(c.pages) && c.pages[at].rows == 1 {
		_, err := c.pageReader.pass()
		return err
	}
	_, err := c.next()
	return err
}

func (c *bytesCursor) value() ([]byte, error) {
	v, rest, ok := takePlain(c.data)
	if !ok {
		return nil, c.corrupt(-1, errValues)
	}
	c.data = rest
	return v, nil
}

// next returns a value that is not nil, or nil for null.
func (c *bytesCursor) next() ([]byte, error) {
	if c.left == 0 {
		if err := c.load(); err != nil {
			return nil, err
		}
	}
	c.left--
	if c.maxDef > 0 {
		def, err := c.defs.next()
		if err != nil {
			return nil, c.corrupt(-1, err)
		}
		if def == 0 {
			return nil, nil
		}
	}
	return c.value()
}

// A boolCursor reads partial.
type boolCursor struct {
	pageReader
	bits      []byte
	pos, rows int
}

func (c *boolCursor) seek(row int64) error {
	c.pageReader.seek(row)
	loc, err := c.load()
	c.pos = int(row - loc.row)
	return err
}

func (c *boolCursor) load() (pageLoc, error) {
	p, err := c.read()
	if err != nil {
		return p.loc, err
	}
	if len(p.data) < (p.values+7)/8 {
		return p.loc, c.corrupt(p.loc.Off, errValues)
	}
	c.bits, c.pos, c.rows = p.data, 0, p.values
	return p.loc, nil
}

func (c *boolCursor) next() (bool, error) {
	if c.pos >= c.rows {
		if _, err := c.load(); err != nil {
			return false, err
		}
	}
	v := c.bits[c.pos/8]>>(c.pos%8)&1 == 1
	c.pos++
	return v, nil
}

// endOfColumn turns the end of one column before the others into corruption.
func endOfColumn(err error) error {
	if err == io.EOF {
		return &codec.CorruptError{What: "parquet column", Offset: -1, Err: io.ErrUnexpectedEOF}
	}
	return err
}
