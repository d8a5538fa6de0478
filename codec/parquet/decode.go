package parquet

import (
	"io"

	"github.com/klauspost/compress/zstd"

	"github.com/coldtail/coldtail/codec"
	"github.com/coldtail/coldtail/codec/join"
	"github.com/coldtail/coldtail/codec/ranged"
)

// A Decoder reads the columns that make entries, side by side.
type Decoder struct {
	f     *file
	z     *zstd.Decoder
	split join.Splitter
	row   int64 // the next

	streamSpan ranged.Span
	times      int64Cursor
	seqs       int64Cursor
	streams    streamCursor
	bodies     bytesCursor
	raws       bytesCursor
	partial    boolCursor
	parts      partsCursor
}

// NewDecoder returns a decoder of the chunk of sizeBytes in r. It reads no more of
// r than the range needs. After an error nothing of the range's memory is held.
func NewDecoder(r io.ReaderAt, sizeBytes int64, rg codec.Range) (_ codec.Decoder, err error) {
	defer func() {
		if err != nil {
			rg.Limits.Memory.Release()
		}
	}()
	f, err := open(ranged.Source{R: r, Size: sizeBytes, Limits: rg.Limits})
	if err != nil {
		return nil, err
	}
	d := &Decoder{f: f, row: f.rows}
	if f.rows == 0 || rg.Tail <= 0 {
		d.split = join.NewSplitter(d, 0, &f.Limits)
		d.row = f.rows
		return d, nil
	}
	if d.z, err = newZstdDecoder(); err != nil {
		return nil, err
	}
	if err := d.openColumns(); err != nil {
		d.z.Close()
		return nil, err
	}
	if err := d.start(rg); err != nil {
		d.z.Close()
		return nil, err
	}
	return d, nil
}

// Next implements [codec.Decoder].
func (d *Decoder) Next(e *codec.Entry) error { return d.split.Next(e) }

// Close implements [codec.Decoder].
func (d *Decoder) Close() error {
	if d.z != nil {
		d.z.Close()
		d.z = nil
	}
	// Nothing is left to read: Next answers io.EOF.
	d.row = d.f.rows
	d.f.Limits.Memory.Release()
	return nil
}

// A leafReader reads a leaf that makes entries.
type leafReader struct {
	*pageReader
	leaf   int
	window int64 // how much is read ahead
}

func (d *Decoder) readers() [8]leafReader {
	return [8]leafReader{
		{&d.times.pageReader, colTimeNano, ranged.WindowBytes},
		{&d.seqs.pageReader, colSeq, ranged.WindowBytes},
		{&d.streams.pageReader, colStream, ranged.WindowBytes},
		{&d.bodies.pageReader, colBody, ranged.BodyWindowBytes},
		{&d.raws.pageReader, colBodyRaw, ranged.WindowBytes},
		{&d.partial.pageReader, colPartial, ranged.WindowBytes},
		{&d.parts.seqs, colPartsSeq, ranged.WindowBytes},
		{&d.parts.sizes, colPartsBytes, ranged.WindowBytes},
	}
}

// needed has the leaves that make entries. Others may be missing: another version
// may not have them.
var needed = neededLeaves()

func neededLeaves() []bool {
	needed := make([]bool, len(leaves))
	for _, c := range new(Decoder).readers() {
		needed[c.leaf] = true
	}
	return needed
}

// openColumns reads the offset indexes.
func (d *Decoder) openColumns() error {
	var err error
	if d.streamSpan, err = d.f.chunkSpan(colStream); err != nil {
		return err
	}
	for _, c := range d.readers() {
		pages, err := d.f.pages(c.leaf)
		if err != nil {
			return err
		}
		*c.pageReader = pageReader{leaf: leaves[c.leaf], f: d.f, z: d.z, pages: pages, window: c.window}
	}
	return nil
}

// start makes the decoder begin with the first row that the range needs.
func (d *Decoder) start(rg codec.Range) error {
	row, from, skip := int64(0), join.FromSeq(rg), int64(0)
	if rg.Tail < d.f.entries || rg.FromSeq > 0 {
		var err error
		if row, from, skip, err = d.locate(rg); err != nil {
			return err
		}
	}
	d.split = join.NewSplitter(d, from, &d.f.Limits)
	d.split.Skip = skip
	d.row = row
	if row == d.f.rows {
		return nil
	}
	return d.seek(row)
}

// seek prepares all columns from the row on.
func (d *Decoder) seek(row int64) error {
	dict := d.streams.dictionarySpan(d.streamSpan)
	ranges := []ranged.Span{dict}
	for _, c := range d.readers() {
		ranges = append(ranges, c.spanFrom(row))
	}
	if err := d.f.Prefetch(ranges); err != nil {
		return err
	}
	if err := d.streams.open(dict); err != nil {
		return err
	}
	for _, seek := range []func(int64) error{
		d.times.seek, d.seqs.seek, d.streams.seek, d.bodies.seek, d.raws.seek, d.partial.seek, d.parts.seek,
	} {
		if err := seek(row); err != nil {
			return endOfColumn(err)
		}
	}
	return nil
}

// NextRow fills r with the next row, as a [join.Source].
func (d *Decoder) NextRow(r *join.Row) error {
	if d.row >= d.f.rows {
		return io.EOF
	}
	d.row++
	return endOfColumn(d.read(r))
}

func (d *Decoder) read(r *join.Row) (err error) {
	if r.TimeNano, err = d.times.next(); err != nil {
		return err
	}
	if r.Seq, err = d.seqs.next(); err != nil {
		return err
	}
	if r.Source, err = d.streams.next(); err != nil {
		return err
	}
	if r.Line, err = d.raws.next(); err != nil {
		return err
	}
	if r.Line == nil {
		r.Line, err = d.bodies.next()
	} else {
		err = d.bodies.pass()
	}
	if err != nil {
		return err
	}
	if r.Partial, err = d.partial.next(); err != nil {
		return err
	}
	r.Parts, err = d.parts.next()
	return err
}
