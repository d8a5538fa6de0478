package parquet

import (
	"encoding/binary"

	"github.com/coldtail/coldtail/codec"
	"github.com/coldtail/coldtail/codec/join"
)

// A partsCursor reads both leaves of parts, whose pages hold the same rows.
type partsCursor struct {
	seqs, sizes   pageReader
	rep, def      runReader
	seqVals, lens []byte
	left          int // rows
	mem           []join.Part
}

func (c *partsCursor) seek(row int64) error {
	if len(c.seqs.pages) != len(c.sizes.pages) {
		return c.seqs.corrupt(-1, errIndex)
	}
	c.seqs.seek(row)
	c.sizes.seek(row)
	loc, err := c.load()
	if err != nil {
		return err
	}
	for range row - loc.row {
		if _, err := c.next(); err != nil {
			return err
		}
	}
	return nil
}

func (c *partsCursor) load() (pageLoc, error) {
	p, err := c.seqs.read()
	if err != nil {
		return p.loc, err
	}
	q, err := c.sizes.read()
	if err != nil {
		return p.loc, err
	}
	rep, rest, ok1 := takeLevels(p.data)
	def, vals, ok2 := takeLevels(rest)
	_, rest, ok3 := takeLevels(q.data)
	_, lens, ok4 := takeLevels(rest)
	if !ok1 || !ok2 || !ok3 || !ok4 || p.loc.row != q.loc.row || p.loc.rows != q.loc.rows {
		return p.loc, c.seqs.corrupt(p.loc.Off, errLevels)
	}
	c.rep.reset(rep, 1)
	c.def.reset(def, 2)
	c.seqVals, c.lens = vals, lens
	c.left = int(p.loc.rows)
	return p.loc, nil
}

// next returns a row's parts, none for an ordinary row. They are valid until
// the next call.
func (c *partsCursor) next() ([]join.Part, error) {
	if c.left == 0 {
		if _, err := c.load(); err != nil {
			return nil, err
		}
	}
	c.left--
	rep, err1 := c.rep.next()
	def, err2 := c.def.next()
	if err1 != nil || err2 != nil || rep != 0 {
		return nil, c.seqs.corrupt(-1, errLevels)
	}
	if def != 2 {
		return nil, nil
	}
	return c.list()
}

// list reads the elements of a list whose first levels have been read.
func (c *partsCursor) list() ([]join.Part, error) {
	c.mem = c.mem[:0]
	for {
		if len(c.seqVals) < 8 || len(c.lens) < 4 || len(c.mem) == codec.JoinMaxSeqs {
			return nil, c.seqs.corrupt(-1, errValues)
		}
		c.mem = append(c.mem, join.Part{
			Seq:   int64(binary.LittleEndian.Uint64(c.seqVals)),
			Bytes: int32(binary.LittleEndian.Uint32(c.lens)),
		})
		c.seqVals, c.lens = c.seqVals[8:], c.lens[4:]
		rep, more, err := c.rep.peekMore()
		switch {
		case err != nil:
			return nil, c.seqs.corrupt(-1, err)
		case more && rep == 0 || !more && c.left == 0:
			return c.mem, nil
		case !more:
			return nil, c.seqs.corrupt(-1, errLevels)
		}
		_, err = c.rep.next()
		if def, err2 := c.def.next(); err != nil || err2 != nil || def != 2 {
			return nil, c.seqs.corrupt(-1, errLevels)
		}
	}
}
