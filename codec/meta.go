package codec

import (
	"encoding/json"
	"fmt"
	"io"

	"github.com/klauspost/compress/zstd"
)

// ReadMeta returns what all rows of the chunk of sizeBytes in r have in common;
// one without rows tells nothing. Errors are *CorruptError where the chunk is at
// fault.
func ReadMeta(f Format, r io.ReaderAt, sizeBytes int64) (Meta, error) {
	src := source{r: r, size: sizeBytes}
	switch f {
	case Parquet:
		return parquetMeta(src)
	case NDJSON:
		return ndjsonMeta(src)
	}
	return Meta{}, fmt.Errorf("format %q: must be parquet or ndjson", f)
}

// ndjsonMeta reads the first row, whose members are called as Meta's.
func ndjsonMeta(src source) (m Meta, err error) {
	line, err := firstLine(src)
	if err != nil {
		return m, err
	}
	if err := json.Unmarshal(line, &m); err != nil {
		return m, &CorruptError{What: "ndjson member", Offset: 0, Err: errJSON}
	}
	return m, nil
}

func parquetMeta(src source) (m Meta, err error) {
	f, err := openParquet(src)
	if err != nil || f.rows == 0 {
		return m, err
	}
	z, err := newZstdDecoder()
	if err != nil {
		return m, err
	}
	defer z.Close()
	for i, to := range []*string{
		&m.ServiceName, &m.ContainerID, &m.ContainerName, &m.ImageName, &m.ImageID, &m.HostName, &m.Tag,
	} {
		texts, err := f.firstTexts(z, colServiceName+i)
		if err != nil {
			return m, err
		}
		if len(texts) > 0 {
			*to = texts[0]
		}
	}
	if m.Labels, err = f.firstMap(z, colLabelsKey); err != nil {
		return m, err
	}
	m.Attributes, err = f.firstMap(z, colAttributesKey)
	return m, err
}

// firstMap returns the map in the first row of the column of keys i, which that
// of the values follows.
func (f *parquetFile) firstMap(z *zstd.Decoder, i int) (map[string]string, error) {
	keys, err := f.firstTexts(z, i)
	if err != nil || len(keys) == 0 {
		return nil, err
	}
	values, err := f.firstTexts(z, i+1)
	if err != nil {
		return nil, err
	}
	if len(values) != len(keys) {
		return nil, f.columnError(i, errValueCount)
	}
	m := make(map[string]string, len(keys))
	for k, key := range keys {
		m[key] = values[k]
	}
	return m, nil
}

// firstTexts returns the texts in the first row of column i: one, a list's, or
// none for null.
func (f *parquetFile) firstTexts(z *zstd.Decoder, i int) ([]string, error) {
	if f.chunks[i].MetaData.NumValues == 0 || f.chunks[i].MetaData.DictionaryPageOffset == 0 {
		return nil, nil // a file without the column, or one of nulls
	}
	c, err := f.reader(z, i)
	if err != nil {
		return nil, err
	}
	where, err := f.chunkSpan(i)
	if err != nil {
		return nil, err
	}
	dict, err := c.dictionary(c.dictionarySpan(where))
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
		return nil, c.corrupt(p.loc.off, errValues)
	}
	index.reset(data[1:], int(data[0]))
	var texts []string
	for n := range p.values {
		if c.maxRep > 0 {
			if r, err := rep.next(); err != nil {
				return nil, c.corrupt(p.loc.off, err)
			} else if n > 0 && r == 0 {
				break // the next row
			}
		} else if n > 0 {
			break
		}
		k, err := index.next()
		if err != nil || int(k) >= len(dict) {
			return nil, c.corrupt(p.loc.off, errValues)
		}
		texts = append(texts, dict[k])
	}
	return texts, nil
}
