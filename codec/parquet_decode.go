package codec

import (
	"io"

	"github.com/klauspost/compress/zstd"
)

// A parquetDecoder reads the columns that make entries, side by side.
type parquetDecoder struct {
	f     *parquetFile
	z     *zstd.Decoder
	split splitter
	row   int64 // the next

	streamSpan span
	times      int64Cursor
	seqs       int64Cursor
	streams    streamCursor
	bodies     bytesCursor
	raws       bytesCursor
	partial    boolCursor
	parts      partsCursor
}

func newParquetDecoder(r io.ReaderAt, sizeBytes int64, rg Range) (*parquetDecoder, error) {
	f, err := openParquet(source{r: r, size: sizeBytes, lim: rg.Limits})
	if err != nil {
		return nil, err
	}
	d := &parquetDecoder{f: f, row: f.rows}
	if f.rows == 0 || rg.Tail <= 0 {
		d.split = newSplitter(d, 0, &f.lim)
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

func (d *parquetDecoder) Next(e *Entry) error { return d.split.next(e) }

func (d *parquetDecoder) Close() error {
	if d.z != nil {
		d.z.Close()
		d.z = nil
	}
	// Nothing is left to read: Next answers io.EOF.
	d.row = d.f.rows
	d.f.lim.Memory.Release()
	return nil
}

func (d *parquetDecoder) readers() [8]*pageReader {
	return [8]*pageReader{
		&d.times.pageReader, &d.seqs.pageReader, &d.streams.pageReader, &d.bodies.pageReader,
		&d.raws.pageReader, &d.partial.pageReader, &d.parts.seqs, &d.parts.sizes,
	}
}

// openColumns reads the offset indexes.
func (d *parquetDecoder) openColumns() error {
	leaves := parquetLeaves()
	var err error
	if d.streamSpan, err = d.f.chunkSpan(colStream); err != nil {
		return err
	}
	for i, c := range d.readers() {
		col := colTimeNano + i
		pages, err := d.f.pages(col)
		if err != nil {
			return err
		}
		*c = pageReader{leaf: leaves[col], f: d.f, z: d.z, pages: pages, window: windowBytes}
		if col == colBody {
			c.window = bodyWindowBytes
		}
	}
	return nil
}

// start makes the decoder begin with the first row that the range needs.
func (d *parquetDecoder) start(rg Range) error {
	row, from, skip := int64(0), fromSeq(rg), int64(0)
	if rg.Tail < d.f.entries || rg.FromSeq > 0 {
		var err error
		if row, from, skip, err = d.locate(rg); err != nil {
			return err
		}
	}
	d.split = newSplitter(d, from, &d.f.lim)
	d.split.skip = skip
	d.row = row
	if row == d.f.rows {
		return nil
	}
	return d.seek(row)
}

// seek prepares all columns from the row on.
func (d *parquetDecoder) seek(row int64) error {
	dict := d.streams.dictionarySpan(d.streamSpan)
	ranges := []span{dict}
	for _, c := range d.readers() {
		ranges = append(ranges, c.spanFrom(row))
	}
	if err := d.f.prefetch(ranges); err != nil {
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

// nextRow fills r with the next row; it is the splitter's rowSource.
func (d *parquetDecoder) nextRow(r *row) error {
	if d.row >= d.f.rows {
		return io.EOF
	}
	d.row++
	return endOfColumn(d.read(r))
}

func (d *parquetDecoder) read(r *row) (err error) {
	if r.timeNano, err = d.times.next(); err != nil {
		return err
	}
	if r.seq, err = d.seqs.next(); err != nil {
		return err
	}
	if r.source, err = d.streams.next(); err != nil {
		return err
	}
	if r.line, err = d.raws.next(); err != nil {
		return err
	}
	if r.line == nil {
		r.line, err = d.bodies.next()
	} else {
		err = d.bodies.pass()
	}
	if err != nil {
		return err
	}
	if r.partial, err = d.partial.next(); err != nil {
		return err
	}
	r.parts, err = d.parts.next()
	return err
}
