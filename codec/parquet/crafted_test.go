package parquet // changes what an Encoder has gathered before it writes it

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"math"
	"strings"
	"testing"

	"github.com/parquet-go/parquet-go/encoding/thrift"
	"github.com/parquet-go/parquet-go/format"

	"github.com/coldtail/coldtail/codec"
	"github.com/coldtail/coldtail/codec/codectest"
	"github.com/coldtail/coldtail/codec/ranged"
)

// Objects that no encoder makes: each asks a reader for more than it is worth.

// craftParquet is a file of n plain entries that change has had its way with
// before it is written: columns are gathered, the footer is not.
func craftParquet(t testing.TB, n int, change func(p *Encoder)) []byte {
	t.Helper()
	var out bytes.Buffer
	p, err := NewEncoder(&out, codec.Meta{ContainerID: "c", Labels: map[string]string{"a": "1", "b": "2"}}, codec.ChunkInfo{})
	if err != nil {
		t.Fatal(err)
	}
	for _, e := range codectest.PlainEntries(n) {
		if err := p.Encode(&e); err != nil {
			t.Fatal(err)
		}
	}
	write := p.w
	p.w = new(bytes.Buffer)
	if err := p.finish(); err != nil {
		t.Fatal(err)
	}
	// Offsets were made those of the file: start again.
	for i := range p.chunks {
		c := &p.chunks[i]
		first := c.pages[0].Offset
		for k := range c.pages {
			c.pages[k].Offset -= first
		}
	}
	p.w = write
	change(p)
	if err := p.writeFile(); err != nil {
		t.Fatal(err)
	}
	return out.Bytes()
}

// fresh empties column i.
func fresh(p *Encoder, i int) *columnChunk {
	p.chunks[i] = columnChunk{leaf: p.chunks[i].leaf, z: p.z}
	return &p.chunks[i]
}

// refooter changes a file's footer; extra comes before it, at the offset that
// change is told.
func refooter(t testing.TB, b, extra []byte, change func(m *format.FileMetaData, off int64)) []byte {
	t.Helper()
	f := &file{Source: ranged.Source{R: ranged.Bytes(b), Size: int64(len(b))}}
	raw, off, err := f.footer()
	if err != nil {
		t.Fatal(err)
	}
	var m format.FileMetaData
	if _, err := unmarshalThrift(raw, footerMaxList, &m); err != nil {
		t.Fatal(err)
	}
	change(&m, off)
	out := append(bytes.Clone(b[:off]), extra...)
	foot, err := marshalThrift(&m)
	if err != nil {
		t.Fatal(err)
	}
	out = append(out, foot...)
	out = binary.LittleEndian.AppendUint32(out, uint32(len(foot)))
	return append(out, magic...)
}

// thriftList is a struct whose field 1 is a list of n empty elements of a type.
func thriftList(typ thrift.Type, n int) []byte {
	b := []byte{1<<4 | byte(thrift.LIST), 0xf0 | byte(typ)}
	b = binary.AppendUvarint(b, uint64(n))
	return append(append(b, make([]byte, n)...), 0)
}

func craftedParquet(t testing.TB, large int) map[string][]byte {
	labelKeys := leafAt("labels" + keyPath)
	plain := craftParquet(t, 100, func(*Encoder) {})
	onePage := func(col int, data []byte, values int) []byte {
		return craftParquet(t, 100, func(p *Encoder) {
			c := fresh(p, col)
			if err := c.addPage(&page{data: data, rows: 100, values: values, min: plainInt64(1), max: plainInt64(1)}); err != nil {
				t.Fatal(err)
			}
		})
	}
	zeros := func(n int) []byte { return make([]byte, n) }
	dict := func(col int, values []string) []byte {
		return craftParquet(t, 100, func(p *Encoder) {
			if err := p.chunks[col].addDictionary(values); err != nil {
				t.Fatal(err)
			}
		})
	}
	foot := func(extra []byte, change func(m *format.FileMetaData, off int64)) []byte {
		return refooter(t, plain, extra, change)
	}
	column := func(m *format.FileMetaData, i int) *format.ColumnChunk { return &m.RowGroups[0].Columns[i] }
	out := map[string][]byte{
		"a page of each column": craftParquet(t, 100, func(p *Encoder) {
			for i := range p.chunks {
				if err := fresh(p, i).addPage(&page{data: zeros(large), rows: 100, values: 100}); err != nil {
					t.Fatal(err)
				}
			}
		}),
		"bodies of 48 MB":           onePage(colBody, zeros(large), 100),
		"dictionary of 12.8 M":      dict(colStream, make([]string, large/4)),
		"dictionary of 1 M":         dict(colStream, make([]string, 1<<20)),
		"dictionary of labels":      dict(labelKeys, make([]string, 1<<20)),
		"dictionary of long labels": dict(labelKeys, []string{strings.Repeat("x", large)}),
		"1 M labels in a row": onePage(labelKeys, appendRun(append(appendLevels(appendLevels(nil, appendRun(nil, 1, 1<<20, 1)),
			appendRun(nil, 2, 1<<20, 2)), 1), 0, 1<<20, 1), 1<<20),
		"runs of 2^31":      onePage(colStream, append([]byte{1}, binary.AppendUvarint(nil, 1<<32)...), 100),
		"indexes of no bit": onePage(colStream, append([]byte{0}, binary.AppendUvarint(nil, 1<<30|1)...), 100),
		"many values":       onePage(colSeq, zeros(8), math.MaxInt32),
		"pages of 2^20 rows": craftParquet(t, 100, func(p *Encoder) {
			for i := range p.chunks {
				if err := fresh(p, i).addPage(&page{data: zeros(1 << 20), rows: 1 << 20, values: 1 << 20}); err != nil {
					t.Fatal(err)
				}
			}
			p.asm.Stats.Rows, p.asm.Stats.Entries = 1<<20, 1<<20
		}),
		"lists of 2^20 parts": onePage(colPartsSeq, append(appendLevels(appendLevels(nil, appendRun(appendRun(nil, 0, 1, 1), 1, 1<<20-1, 1)),
			appendRun(nil, 2, 1<<20, 2)), zeros(8<<20)...), 1<<20),
		"rows that are not there": foot(nil, func(m *format.FileMetaData, _ int64) {
			m.NumRows, m.RowGroups[0].NumRows = math.MaxInt64, math.MaxInt64
			m.KeyValueMetadata = append(m.KeyValueMetadata, format.KeyValue{Key: "coldtail.entries", Value: fmt.Sprint(math.MaxInt64)})
		}),
		"negative sizes": foot(nil, func(m *format.FileMetaData, _ int64) {
			column(m, colBody).MetaData.TotalCompressedSize = math.MinInt64
		}),
		"offset beyond all": foot(nil, func(m *format.FileMetaData, _ int64) {
			column(m, colSeq).OffsetIndexOffset = math.MaxInt64
		}),
		"columns in one place": foot(nil, func(m *format.FileMetaData, _ int64) {
			for i := range m.RowGroups[0].Columns {
				at, c := &m.RowGroups[0].Columns[colBody], &m.RowGroups[0].Columns[i]
				c.MetaData.DataPageOffset, c.MetaData.TotalCompressedSize = at.MetaData.DataPageOffset, at.MetaData.TotalCompressedSize
				c.OffsetIndexOffset, c.OffsetIndexLength = at.OffsetIndexOffset, at.OffsetIndexLength
			}
		}),
		"footer of 16,000 columns": foot(nil, func(m *format.FileMetaData, _ int64) {
			m.RowGroups[0].Columns = append(m.RowGroups[0].Columns, make([]format.ColumnChunk, 16_000)...)
		}),
	}
	for name, typ := range map[string]thrift.Type{"structs": thrift.STRUCT, "texts": thrift.BINARY, "flags": thrift.TRUE} {
		x := thriftList(typ, large/6)
		out["index of 8 M "+name] = foot(x, func(m *format.FileMetaData, off int64) {
			for i := range m.RowGroups[0].Columns {
				c := column(m, i)
				c.OffsetIndexOffset, c.OffsetIndexLength = off, int32(len(x))
				c.ColumnIndexOffset, c.ColumnIndexLength = off, int32(len(x))
			}
		})
	}
	for name, b := range map[string][]byte{"window": {0x28, 0xb5, 0x2f, 0xfd, 0x00, 0xf8}, "content size": {0x28, 0xb5, 0x2f, 0xfd, 0xe0, 0, 0, 0, 0, 0, 1, 0, 0}} {
		out["zstd "+name] = craftParquet(t, 100, func(p *Encoder) {
			c := fresh(p, colBody)
			if err := c.addCompressed(&page{data: zeros(codec.MaxFrameBytes), rows: 100, values: 100}, append(b, 1, 0, 0)); err != nil {
				t.Fatal(err)
			}
		})
	}
	return out
}
