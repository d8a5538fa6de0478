package parquet

import (
	"bytes"

	"github.com/parquet-go/parquet-go/format"

	"github.com/coldtail/coldtail/codec"
	"github.com/coldtail/coldtail/codec/ranged"
)

// A dictionary has a column's distinct values.
type dictionary struct {
	b  []byte
	at []uint32 // where each value's length is
}

func (d *dictionary) len() int { return len(d.at) }

func (d *dictionary) text(i int) []byte {
	v, _, _ := takePlain(d.b[d.at[i]:])
	return v
}

// bounds returns the smallest and the largest value.
func (d *dictionary) bounds() (lo, hi []byte) {
	lo, hi = d.text(0), d.text(0)
	for i := range d.at {
		v := d.text(i)
		if bytes.Compare(v, lo) < 0 {
			lo = v
		}
		if bytes.Compare(v, hi) > 0 {
			hi = v
		}
	}
	return lo, hi
}

// dictionary reads the dictionary page.
func (c *pageReader) dictionary(where ranged.Span) (*dictionary, error) {
	if where.Size() <= 0 || where.Size() > pageMaxReadBytes {
		return nil, c.corrupt(where.Off, errPage)
	}
	b, err := c.fetch(where)
	if err != nil {
		return nil, err
	}
	h, err := c.open(b, where.Off)
	if err != nil {
		return nil, err
	}
	head := h.DictionaryPageHeader
	if h.Type != format.DictionaryPage || !head.Valid || head.V.Encoding != format.Plain || h.UncompressedPageSize > codec.MetaTextMaxBytes {
		return nil, c.corrupt(where.Off, errPage)
	}
	if err := c.inflate(&h, where.Off); err != nil {
		return nil, err
	}
	n := int(head.V.NumValues)
	if n < 0 || n > len(c.buf)/4 {
		return nil, c.corrupt(where.Off, errPage)
	}
	if err := c.f.Limits.Memory.Grow(int64(len(c.buf) + 4*n)); err != nil {
		return nil, err
	}
	d := &dictionary{bytes.Clone(c.buf), make([]uint32, n)}
	off := uint32(0)
	for i := range d.at {
		v, _, ok := takePlain(d.b[off:])
		if !ok {
			return nil, c.corrupt(where.Off, errPage)
		}
		d.at[i] = off
		off += 4 + uint32(len(v))
	}
	return d, nil
}
