package codec

import (
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"strconv"

	"github.com/klauspost/compress/zstd"
	"github.com/parquet-go/parquet-go/format"
)

// parquetMagic starts and ends a file.
const parquetMagic = "PAR1"

// zstdWindowBytes is the window that pages are compressed with: larger than
// any page but those of single huge lines.
const zstdWindowBytes = 512 << 10

var errClosed = errors.New("encoder is closed")

// A parquetEncoder writes Parquet page by page: the values of a page gather in
// the form that they have in the file, are compressed when the page is full,
// and wait in memory for Close, which puts one column after the other.
type parquetEncoder struct {
	asm    assembler
	w      io.Writer
	meta   Meta
	info   ChunkInfo
	z      *zstd.Encoder
	chunks [colCount]columnChunk

	times   timeColumns
	seqs    seqColumn
	stream  streamColumn
	bodies  bodyColumns
	partial partialColumn
	parts   partsColumns
	err     error
}

func newParquetEncoder(w io.Writer, meta Meta, info ChunkInfo) (*parquetEncoder, error) {
	z, err := zstd.NewWriter(nil,
		zstd.WithEncoderLevel(zstd.SpeedFastest),
		zstd.WithEncoderConcurrency(1),
		zstd.WithWindowSize(zstdWindowBytes),
		zstd.WithEncoderCRC(false), // pages have their own
		zstd.WithZeroFrames(true))
	if err != nil {
		return nil, fmt.Errorf("create zstd encoder: %w", err)
	}
	p := &parquetEncoder{w: w, meta: meta, info: info, z: z}
	p.asm.sink = p
	for i, l := range parquetLeaves() {
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

func (p *parquetEncoder) Encode(e *Entry) error {
	if p.err != nil {
		return p.err
	}
	err := p.asm.add(e)
	p.err = lasting(err)
	return err
}

func (p *parquetEncoder) writeRow(r *row) error {
	if err := p.times.add(r.timeNano); err != nil {
		return err
	}
	if err := p.seqs.add(r.seq); err != nil {
		return err
	}
	if err := p.stream.add(r.source); err != nil {
		return err
	}
	if err := p.bodies.add(r.line); err != nil {
		return err
	}
	if err := p.partial.add(r.partial); err != nil {
		return err
	}
	return p.parts.add(r.parts)
}

func (p *parquetEncoder) Close() (Stats, error) {
	if p.err != nil {
		return Stats{}, p.err
	}
	p.err = p.finish()
	stats := p.asm.stats
	if p.err == nil {
		p.err = errClosed
		return stats, nil
	}
	return Stats{}, p.err
}

func (p *parquetEncoder) finish() error {
	if err := p.asm.finish(); err != nil {
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

func (p *parquetEncoder) writeConstants() error {
	rows, m := p.asm.stats.Rows, &p.meta
	tag := &m.Tag
	if m.Tag == "" {
		tag = nil
	}
	for _, c := range []struct {
		col int
		v   *string
	}{
		{colServiceName, &m.ServiceName},
		{colContainerID, &m.ContainerID},
		{colContainerName, &m.ContainerName},
		{colImageName, &m.ImageName},
		{colImageID, &m.ImageID},
		{colHostName, &m.HostName},
		{colTag, tag},
	} {
		if err := writeConstant(&p.chunks[c.col], c.v, rows); err != nil {
			return err
		}
	}
	if err := writeConstantMap(&p.chunks[colLabelsKey], &p.chunks[colLabelsValue], m.Labels, rows); err != nil {
		return err
	}
	return writeConstantMap(&p.chunks[colAttributesKey], &p.chunks[colAttributesValue], m.Attributes, rows)
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
func (p *parquetEncoder) writeFile() error {
	w := &countingWriter{w: p.w}
	w.write([]byte(parquetMagic))
	rg := format.RowGroup{
		NumRows:        p.asm.stats.Rows,
		FileOffset:     w.n,
		SortingColumns: []format.SortingColumn{{ColumnIdx: colSeq}},
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
	w.write([]byte(parquetMagic))
	if w.err != nil {
		return fmt.Errorf("write parquet: %w", w.err)
	}
	return nil
}

func (p *parquetEncoder) fileMetaData(rg format.RowGroup) *format.FileMetaData {
	s := &p.asm.stats
	num := func(v int64) string { return strconv.FormatInt(v, 10) }
	m := &format.FileMetaData{
		Version: 2,
		Schema:  parquetSchema(),
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
