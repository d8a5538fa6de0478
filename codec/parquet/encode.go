package parquet

import (
	"encoding/binary"
	"fmt"
	"io"
	"strconv"

	"github.com/klauspost/compress/zstd"
	"github.com/parquet-go/parquet-go/format"

	"github.com/coldtail/coldtail/codec"
	"github.com/coldtail/coldtail/codec/join"
)

// magic starts and ends a file.
const magic = "PAR1"

// zstdWindowBytes is the window that pages are compressed with: larger than
// any page but those of single huge lines.
const zstdWindowBytes = 512 << 10

// An Encoder writes Parquet page by page: the values of a page gather in
// the form that they have in the file, are compressed when the page is full,
// and wait in memory for Close, which puts one column after the other.
type Encoder struct {
	asm    join.Assembler
	w      io.Writer
	meta   codec.Meta
	info   codec.ChunkInfo
	z      *zstd.Encoder
	chunks []columnChunk // of each leaf

	times   timeColumns
	seqs    seqColumn
	stream  streamColumn
	bodies  bodyColumns
	partial partialColumn
	parts   partsColumns
	err     error
}

// NewEncoder returns an encoder that writes to w.
func NewEncoder(w io.Writer, meta codec.Meta, info codec.ChunkInfo) (*Encoder, error) {
	z, err := zstd.NewWriter(nil,
		zstd.WithEncoderLevel(zstd.SpeedFastest),
		zstd.WithEncoderConcurrency(1),
		zstd.WithWindowSize(zstdWindowBytes),
		zstd.WithEncoderCRC(false), // pages have their own
		zstd.WithZeroFrames(true))
	if err != nil {
		return nil, fmt.Errorf("create zstd encoder: %w", err)
	}
	p := &Encoder{w: w, meta: meta, info: info, z: z, chunks: make([]columnChunk, len(leaves))}
	p.asm.Sink = p
	for i, l := range leaves {
		p.chunks[i].leaf, p.chunks[i].z = l, z
	}
	at := func(i int) *columnChunk { return &p.chunks[i] }
	p.times = timeColumns{micros: at(colTime), nanos: at(colTimeNano), vals: make([]int64, 0, deltaPageRows)}
	p.seqs = seqColumn{chunk: at(colSeq), vals: make([]int64, 0, deltaPageRows)}
	p.stream.chunk = at(colStream)
	p.bodies = bodyColumns{body: at(colBody), raw: at(colBodyRaw), buf: make([]byte, 0, bodyPageBytes)}
	p.bodies.rawRuns.reset(1)
	p.partial.chunk = at(colPartial)
	p.parts = partsColumns{seq: at(colPartsSeq), bytes: at(colPartsBytes)}
	p.parts.rep.reset(1)
	p.parts.def.reset(2)
	return p, nil
}

// Encode implements [codec.Encoder].
func (p *Encoder) Encode(e *codec.Entry) error {
	if p.err != nil {
		return p.err
	}
	err := p.asm.Add(e)
	p.err = join.Lasting(err)
	return err
}

// WriteRow implements [join.Sink].
func (p *Encoder) WriteRow(r *join.Row) error {
	if err := p.times.add(r.TimeNano); err != nil {
		return err
	}
	if err := p.seqs.add(r.Seq); err != nil {
		return err
	}
	if err := p.stream.add(r.Source); err != nil {
		return err
	}
	if err := p.bodies.add(r.Line); err != nil {
		return err
	}
	if err := p.partial.add(r.Partial); err != nil {
		return err
	}
	return p.parts.add(r.Parts)
}

// Close implements [codec.Encoder].
func (p *Encoder) Close() (codec.Stats, error) {
	if p.err != nil {
		return codec.Stats{}, p.err
	}
	p.err = p.finish()
	stats := p.asm.Stats
	if p.err == nil {
		p.err = join.ErrClosed
		return stats, nil
	}
	return codec.Stats{}, p.err
}

func (p *Encoder) finish() error {
	if err := p.asm.Finish(); err != nil {
		return err
	}
	for _, flush := range []func() error{
		p.times.flush, p.seqs.flush, p.stream.flush, p.bodies.flush, p.partial.flush, p.parts.flush,
		func() error { return p.chunks[colStream].addDictionary(p.stream.names) },
		p.writeConstants,
	} {
		if err := flush(); err != nil {
			return err
		}
	}
	return p.writeFile()
}

func (p *Encoder) writeConstants() error {
	rows := p.asm.Stats.Rows
	for i := range constants {
		c := &constants[i]
		var err error
		if c.Pairs != nil {
			err = writeConstantMap(&p.chunks[c.leaf], &p.chunks[c.values], *c.Pairs(&p.meta), rows)
		} else {
			text := c.Text(&p.meta)
			if c.Nullable && *text == "" {
				text = nil
			}
			err = writeConstant(&p.chunks[c.leaf], text, rows)
		}
		if err != nil {
			return err
		}
	}
	return nil
}

// A countingWriter knows its offset, and keeps the first error.
type countingWriter struct {
	w   io.Writer
	n   int64
	err error
}

func (c *countingWriter) write(b []byte) {
	if c.err == nil {
		var n int
		n, c.err = c.w.Write(b)
		c.n += int64(n)
	}
}

func (c *countingWriter) writeThrift(v any) {
	b, err := marshalThrift(v)
	if c.err == nil && err != nil {
		c.err = err
	}
	c.write(b)
}

// writeFile writes magic, columns, column indexes, offset indexes and footer,
// so that what a reader of a tail needs first lies at the end.
func (p *Encoder) writeFile() error {
	w := &countingWriter{w: p.w}
	w.write([]byte(magic))
	rg := format.RowGroup{
		NumRows:        p.asm.Stats.Rows,
		FileOffset:     w.n,
		SortingColumns: []format.SortingColumn{{ColumnIdx: int32(colSeq)}},
	}
	for i := range p.chunks {
		c := &p.chunks[i]
		rg.Columns = append(rg.Columns, format.ColumnChunk{FileOffset: w.n, MetaData: c.metadata(w.n)})
		c.writeTo(w)
		rg.TotalByteSize += c.uncompressed
		rg.TotalCompressedSize += c.size()
	}
	for i := range p.chunks {
		if x := p.chunks[i].columnIndex(); x != nil {
			rg.Columns[i].ColumnIndexOffset = w.n
			w.writeThrift(x)
			rg.Columns[i].ColumnIndexLength = int32(w.n - rg.Columns[i].ColumnIndexOffset)
		}
	}
	for i := range p.chunks {
		rg.Columns[i].OffsetIndexOffset = w.n
		w.writeThrift(&format.OffsetIndex{PageLocations: p.chunks[i].pages})
		rg.Columns[i].OffsetIndexLength = int32(w.n - rg.Columns[i].OffsetIndexOffset)
	}
	footer := w.n
	w.writeThrift(p.fileMetaData(rg))
	w.write(binary.LittleEndian.AppendUint32(nil, uint32(w.n-footer)))
	w.write([]byte(magic))
	if w.err != nil {
		return fmt.Errorf("write parquet: %w", w.err)
	}
	return nil
}

func (p *Encoder) fileMetaData(rg format.RowGroup) *format.FileMetaData {
	s := &p.asm.Stats
	num := func(v int64) string { return strconv.FormatInt(v, 10) }
	m := &format.FileMetaData{
		Version: 2,
		Schema:  schema(),
		NumRows: s.Rows,
		KeyValueMetadata: []format.KeyValue{
			{Key: "coldtail.format", Value: "1"},
			{Key: "coldtail.container_id", Value: p.meta.ContainerID},
			{Key: "coldtail.spool_id", Value: p.info.SpoolID},
			{Key: "coldtail.segment_seq", Value: num(p.info.SegmentSeq)},
			{Key: "coldtail.first_seq", Value: num(s.FirstSeq)},
			{Key: "coldtail.last_seq", Value: num(s.LastSeq)},
			{Key: "coldtail.min_time_unix_nano", Value: num(s.MinNano)},
			{Key: "coldtail.max_time_unix_nano", Value: num(s.MaxNano)},
			{Key: "coldtail.entries", Value: num(s.Entries)},
			{Key: "coldtail.gaps", Value: num(s.Gaps)},
			{Key: "coldtail.origin", Value: strconv.FormatBool(p.info.Origin)},
		},
		CreatedBy: "coldtail",
	}
	if s.Rows > 0 {
		m.RowGroups = []format.RowGroup{rg}
	}
	for range p.chunks {
		m.ColumnOrders = append(m.ColumnOrders, format.ColumnOrder{Value: new(format.TypeDefinedOrder)})
	}
	return m
}
