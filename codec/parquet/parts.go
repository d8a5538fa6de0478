package parquet

import (
	"encoding/binary"
	"math"

	"github.com/coldtail/coldtail/codec/join"
)

// partialColumn writes partial, a bit a row.
type partialColumn struct {
	chunk *columnChunk
	bits  []byte
	rows  int
	trues int
}

func (c *partialColumn) add(v bool) error {
	if c.rows%8 == 0 {
		if c.rows == smallPageRows {
			if err := c.flush(); err != nil {
				return err
			}
		}
		c.bits = append(c.bits, 0)
	}
	if v {
		c.bits[len(c.bits)-1] |= 1 << (c.rows % 8)
		c.trues++
	}
	c.rows++
	return nil
}

func (c *partialColumn) flush() error {
	if c.rows == 0 {
		return nil
	}
	p := page{data: c.bits, rows: c.rows, values: c.rows, min: []byte{0}, max: []byte{0}}
	if c.trues == c.rows {
		p.min[0] = 1
	}
	if c.trues > 0 {
		p.max[0] = 1
	}
	err := c.chunk.addPage(&p)
	c.bits, c.rows, c.trues = c.bits[:0], 0, 0
	return err
}

// partsColumns writes the two leaves of parts. Their pages hold the same rows,
// on which the decoder relies.
type partsColumns struct {
	seq, bytes     *columnChunk
	rep, def       runWriter
	seqs           []byte
	sizes          []byte
	levels         []byte
	rows           int
	values, nulls  int
	minSeq, maxSeq int64
	minLen, maxLen int32
}

func (c *partsColumns) add(parts []join.Part) error {
	if c.rows == smallPageRows || len(c.seqs) > 0 && len(c.seqs)+8*len(parts) > pageMaxBytes {
		if err := c.flush(); err != nil {
			return err
		}
	}
	if c.rows == 0 {
		c.minSeq, c.maxSeq = math.MaxInt64, math.MinInt64
		c.minLen, c.maxLen = math.MaxInt32, math.MinInt32
	}
	c.rows++
	c.rep.add(0, 1)
	if len(parts) == 0 {
		c.def.add(0, 1)
		c.values++
		c.nulls++
		return nil
	}
	c.rep.add(1, len(parts)-1)
	c.def.add(2, len(parts))
	c.values += len(parts)
	for _, p := range parts {
		c.seqs = binary.LittleEndian.AppendUint64(c.seqs, uint64(p.Seq))
		c.sizes = binary.LittleEndian.AppendUint32(c.sizes, uint32(p.Bytes))
		c.minSeq, c.maxSeq = min(c.minSeq, p.Seq), max(c.maxSeq, p.Seq)
		c.minLen, c.maxLen = min(c.minLen, p.Bytes), max(c.maxLen, p.Bytes)
	}
	return nil
}

func (c *partsColumns) flush() error {
	if c.rows == 0 {
		return nil
	}
	c.rep.flush()
	c.def.flush()
	c.levels = appendLevels(c.levels[:0], c.rep.buf)
	c.levels = appendLevels(c.levels, c.def.buf)
	n := len(c.levels)

	p := page{rows: c.rows, values: c.values, nulls: c.nulls}
	p.data = append(c.levels, c.seqs...)
	if c.nulls < c.values {
		p.min, p.max = plainInt64(c.minSeq), plainInt64(c.maxSeq)
	}
	if err := c.seq.addPage(&p); err != nil {
		return err
	}
	p.data = append(p.data[:n], c.sizes...)
	if c.nulls < c.values {
		p.min = binary.LittleEndian.AppendUint32(nil, uint32(c.minLen))
		p.max = binary.LittleEndian.AppendUint32(nil, uint32(c.maxLen))
	}
	c.levels = p.data
	c.rep.reset(1)
	c.def.reset(2)
	c.seqs, c.sizes = c.seqs[:0], c.sizes[:0]
	c.rows, c.values, c.nulls = 0, 0, 0
	return c.bytes.addPage(&p)
}
