package parquet

import (
	"github.com/klauspost/compress/zstd"

	"github.com/coldtail/coldtail/codec"
	"github.com/coldtail/coldtail/codec/ranged"
)

// ReadMeta reads the constant columns of the first row.
func ReadMeta(src ranged.Source) (m codec.Meta, err error) {
	f, err := open(src)
	if err != nil || f.rows == 0 {
		return m, err
	}
	z, err := newZstdDecoder()
	if err != nil {
		return m, err
	}
	defer z.Close()
	budget := codec.NewMetaBudget(f.Limits.Memory)
	for i := range constants {
		c := &constants[i]
		if c.Pairs != nil {
			if *c.Pairs(&m), err = f.firstMap(z, budget, c); err != nil {
				return m, err
			}
			continue
		}
		texts, err := f.firstTexts(z, budget, c.leaf)
		if err != nil {
			return m, err
		}
		if len(texts) > 0 {
			*c.Text(&m) = texts[0]
		}
	}
	return m, nil
}

// firstMap returns the map in the first row.
func (f *file) firstMap(z *zstd.Decoder, budget *codec.MetaBudget, c *constant) (map[string]string, error) {
	keys, err := f.firstTexts(z, budget, c.leaf)
	if err != nil || len(keys) == 0 {
		return nil, err
	}
	values, err := f.firstTexts(z, budget, c.values)
	if err != nil {
		return nil, err
	}
	if len(values) != len(keys) {
		return nil, f.columnError(c.leaf, errValueCount)
	}
	m := make(map[string]string, len(keys))
	for k, key := range keys {
		m[key] = values[k]
	}
	return m, nil
}

// firstTexts returns the texts in the first row of column i: one, a list's, or
// none for null.
func (f *file) firstTexts(z *zstd.Decoder, budget *codec.MetaBudget, i int) ([]string, error) {
	if f.chunks[i].MetaData.NumValues == 0 || f.chunks[i].MetaData.DictionaryPageOffset == 0 {
		return nil, nil // a file without the column, or one of nulls
	}
	c, dict, err := f.textReader(z, i)
	if err != nil {
		return nil, err
	}
	p, err := c.read()
	if err != nil {
		return nil, endOfColumn(err)
	}
	var rep, index runReader
	data, ok1, ok2 := p.data, true, true
	if c.maxRep > 0 {
		var levels []byte
		levels, data, ok1 = takeLevels(data)
		rep.reset(levels, 1)
	}
	if c.maxDef > 0 {
		_, data, ok2 = takeLevels(data) // no row is null where one is not
	}
	if !ok1 || !ok2 || len(data) < 1 || data[0] > 32 {
		return nil, c.corrupt(p.loc.Off, errValues)
	}
	index.reset(data[1:], int(data[0]))
	var texts []string
	for n := range p.values {
		if c.maxRep > 0 {
			if r, err := rep.next(); err != nil {
				return nil, c.corrupt(p.loc.Off, err)
			} else if n > 0 && r == 0 {
				break // the next row
			}
		} else if n > 0 {
			break
		}
		k, err := index.next()
		if err != nil || int64(k) >= int64(dict.len()) {
			return nil, c.corrupt(p.loc.Off, errValues)
		}
		text := dict.text(int(k))
		if err := budget.Take(len(text) + codec.MetaPairBytes/2); err != nil {
			return nil, c.corrupt(p.loc.Off, err)
		}
		texts = append(texts, string(text))
	}
	return texts, nil
}
