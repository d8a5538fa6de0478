package parquet

import (
	"encoding/binary"
	"errors"
	"fmt"
	"math"
	"slices"
	"strconv"
	"strings"

	"github.com/parquet-go/parquet-go/format"

	"github.com/coldtail/coldtail/codec"
	"github.com/coldtail/coldtail/codec/ranged"
)

// Bounds of what a footer may ask for.
const (
	footerMaxBytes   = 16 << 20
	footerMaxList    = 1 << 11 // elements of all lists; ours have some 250
	indexMaxBytes    = 32 << 20
	elementBytes     = 32                            // what an element of an index takes at most, beside its bytes
	pageMaxReadBytes = 3*codec.MaxFrameBytes + 1<<20 // compressed: a body of invalid bytes grows threefold
)

var (
	errMagic   = errors.New("not a Parquet file")
	errFooter  = errors.New("implausible footer")
	errVersion = errors.New("not of coldtail's format 1")
	errColumns = errors.New("columns are not those of format 1")
	errIndex   = errors.New("implausible page index")
)

// A file is what is known of a file before its pages are read.
type file struct {
	ranged.Source
	rows    int64
	entries int64
	chunks  []format.ColumnChunk // of each leaf
}

func newFile(src ranged.Source) *file {
	return &file{Source: src, chunks: make([]format.ColumnChunk, len(leaves))}
}

// open reads the footer.
func open(src ranged.Source) (*file, error) {
	f := newFile(src)
	raw, off, err := f.footer()
	if err != nil {
		return nil, err
	}
	var m format.FileMetaData
	if _, err := unmarshalThrift(raw, footerMaxList, &m); err != nil {
		return nil, &codec.CorruptError{What: "parquet footer", Offset: off, Err: err}
	}
	if err := f.check(&m); err != nil {
		return nil, &codec.CorruptError{What: "parquet footer", Offset: off, Err: err}
	}
	return f, nil
}

// footer returns the bytes of the footer and their offset.
func (f *file) footer() ([]byte, int64, error) {
	const trailer = 4 + len(magic)
	if f.Size < int64(len(magic)+trailer) {
		return nil, 0, &codec.CorruptError{What: "parquet file", Offset: 0, Err: errMagic}
	}
	tail := ranged.Span{Off: max(0, f.Size-ranged.FooterReadBytes), End: f.Size}
	if f.Find(tail) == nil {
		if err := f.Hold(tail); err != nil {
			return nil, 0, err
		}
	}
	b := f.Find(ranged.Span{Off: f.Size - int64(trailer), End: f.Size})
	if string(b[4:]) != magic {
		return nil, 0, &codec.CorruptError{What: "parquet file", Offset: f.Size - 4, Err: errMagic}
	}
	n := int64(binary.LittleEndian.Uint32(b))
	off := f.Size - int64(trailer) - n
	if n > footerMaxBytes || off < int64(len(magic)) {
		return nil, 0, &codec.CorruptError{What: "parquet footer", Offset: f.Size - int64(trailer), Err: errFooter}
	}
	raw, err := f.Get(ranged.Span{Off: off, End: off + n})
	return raw, off, err
}

// check accepts a footer as our encoder writes it, of any version of it.
func (f *file) check(m *format.FileMetaData) error {
	version, entries := "", ""
	for _, kv := range m.KeyValueMetadata {
		switch kv.Key {
		case "coldtail.format":
			version = kv.Value
		case "coldtail.entries":
			entries = kv.Value
		}
	}
	if version != "1" {
		return fmt.Errorf("%w: %q", errVersion, version)
	}
	var err error
	if f.entries, err = strconv.ParseInt(entries, 10, 64); err != nil || f.entries < m.NumRows {
		return errFooter
	}
	f.rows = m.NumRows
	if m.NumRows == 0 && len(m.RowGroups) == 0 {
		return nil
	}
	if len(m.RowGroups) != 1 || m.NumRows <= 0 || m.RowGroups[0].NumRows != m.NumRows {
		return errFooter
	}
	for i, l := range leaves {
		c := chunkOf(m.RowGroups[0].Columns, l.path)
		if c == nil {
			if needed[i] {
				return fmt.Errorf("%w: no %s", errColumns, l.path)
			}
			continue
		}
		if c.MetaData.Type != l.typ || c.MetaData.Codec != format.Zstd {
			return fmt.Errorf("%w: %s", errColumns, l.path)
		}
		f.chunks[i] = *c
	}
	return nil
}

// chunkOf returns the last chunk of a path, or nil.
func chunkOf(chunks []format.ColumnChunk, path string) *format.ColumnChunk {
	for i := range slices.Backward(chunks) {
		if isPath(chunks[i].MetaData.PathInSchema, path) {
			return &chunks[i]
		}
	}
	return nil
}

// isPath reports whether the names, with dots between them, are the path.
func isPath(names []string, path string) bool {
	for i, name := range names {
		if i > 0 {
			if !strings.HasPrefix(path, ".") {
				return false
			}
			path = path[1:]
		}
		if !strings.HasPrefix(path, name) {
			return false
		}
		path = path[len(name):]
	}
	return path == ""
}

// chunkSpan returns where column i's pages are, the dictionary included.
func (f *file) chunkSpan(i int) (ranged.Span, error) {
	m := &f.chunks[i].MetaData
	s := ranged.Span{Off: m.DataPageOffset}
	if m.DictionaryPageOffset > 0 {
		s.Off = min(s.Off, m.DictionaryPageOffset)
	}
	if s.Off < int64(len(magic)) || m.TotalCompressedSize < 0 || m.TotalCompressedSize > f.Size-s.Off {
		return ranged.Span{}, &codec.CorruptError{What: "parquet footer", Offset: -1, Err: errFooter}
	}
	s.End = s.Off + m.TotalCompressedSize
	return s, nil
}

// A pageLoc is a data page's place and rows.
type pageLoc struct {
	ranged.Span
	row, rows int64
}

const pageLocBytes = 32

// pages reads column i's offset index.
func (f *file) pages(i int) ([]pageLoc, error) {
	c := &f.chunks[i]
	where, err := f.chunkSpan(i)
	if err != nil {
		return nil, err
	}
	var x format.OffsetIndex
	if err := f.index(c.OffsetIndexOffset, c.OffsetIndexLength, &x); err != nil {
		return nil, err
	}
	if err := f.Limits.Memory.Grow(int64(len(x.PageLocations)) * pageLocBytes); err != nil {
		return nil, err
	}
	pages := make([]pageLoc, len(x.PageLocations))
	corrupt := &codec.CorruptError{What: "parquet offset index", Offset: c.OffsetIndexOffset, Err: errIndex}
	for k := range pages {
		l := &x.PageLocations[k]
		p := &pages[k]
		if l.Offset < where.Off || l.CompressedPageSize <= 0 ||
			l.CompressedPageSize > pageMaxReadBytes || int64(l.CompressedPageSize) > where.End-l.Offset {
			return nil, corrupt
		}
		where.Off = l.Offset + int64(l.CompressedPageSize)
		p.Span = ranged.Span{Off: l.Offset, End: where.Off}
		p.row, p.rows = l.FirstRowIndex, f.rows-l.FirstRowIndex
		if k > 0 {
			pages[k-1].rows = p.row - pages[k-1].row
		}
	}
	most := leaves[i].pageRows()
	for k, p := range pages {
		if p.rows <= 0 || p.rows > most || k == 0 && p.row != 0 {
			return nil, corrupt
		}
	}
	if len(pages) == 0 && f.rows > 0 {
		return nil, corrupt
	}
	return pages, nil
}

// firstSeqs returns the smallest sequence number of each of n pages of seq.
func (f *file) firstSeqs(n int) ([]int64, error) {
	c := &f.chunks[colSeq]
	var x format.ColumnIndex
	if err := f.index(c.ColumnIndexOffset, c.ColumnIndexLength, &x); err != nil {
		return nil, err
	}
	seqs := make([]int64, 0, n)
	last := int64(math.MinInt64)
	for _, v := range x.MinValues {
		if len(v) != 8 || len(x.MinValues) != n || int64(binary.LittleEndian.Uint64(v)) < last {
			return nil, &codec.CorruptError{What: "parquet column index", Offset: c.ColumnIndexOffset, Err: errIndex}
		}
		last = int64(binary.LittleEndian.Uint64(v))
		seqs = append(seqs, last)
	}
	if len(seqs) != n {
		return nil, &codec.CorruptError{What: "parquet column index", Offset: c.ColumnIndexOffset, Err: errIndex}
	}
	return seqs, nil
}

// index reads an index structure into v.
func (f *file) index(off int64, size int32, v any) error {
	if off < int64(len(magic)) || size <= 0 || size > indexMaxBytes || off > f.Size-int64(size) {
		return &codec.CorruptError{What: "parquet footer", Offset: -1, Err: errFooter}
	}
	b, err := f.Get(ranged.Span{Off: off, End: off + int64(size)})
	if err != nil {
		return err
	}
	w := thriftWalk{b: b, list: len(b)}
	if err := w.structure(0); err != nil {
		return &codec.CorruptError{What: "parquet index", Offset: off, Err: err}
	}
	need := int64(len(b)-w.list)*elementBytes + int64(len(b))
	if err := f.Limits.Memory.Grow(need); err != nil {
		return err
	}
	defer f.Limits.Memory.Shrink(need) // what is kept of it is counted where it is kept
	if _, err := unmarshalThrift(b, len(b), v); err != nil {
		return &codec.CorruptError{What: "parquet index", Offset: off, Err: err}
	}
	return nil
}
