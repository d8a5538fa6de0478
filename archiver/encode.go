package archiver

import (
	"bufio"
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"hash/crc64"
	"io"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"time"

	"golang.org/x/sys/unix"

	"github.com/coldtail/coldtail/archiver/chunk"
	"github.com/coldtail/coldtail/archiver/durable"
	"github.com/coldtail/coldtail/archiver/spool"
	"github.com/coldtail/coldtail/codec"
)

// errMismatch tells that a chunk does not hold what its segment holds.
var errMismatch = errors.New("the encoded chunk differs from its segment")

// encoded is a chunk in a temporary file, checked, ready to be put.
type encoded struct {
	meta      chunk.Meta
	file      *os.File // has no name any more
	sizeBytes int64
	gaps      int64 // rows that stand for dropped entries
}

// hours sums up a segment's entries by the hour that they are filed under. A
// record that cannot be read is passed over and returned in corrupt.
func hours(v *spool.View) (byHour map[time.Time]*summary, corrupt []error, err error) {
	byHour = map[time.Time]*summary{}
	var last time.Time
	var sum *summary
	corrupt, err = each(v, func(e *codec.Entry) error {
		// Neighbours are nearly always of one hour.
		if h := chunk.Hour(e.TimeNano, e.ArrivalNano); sum == nil || !h.Equal(last) {
			last = h
			if sum = byHour[h]; sum == nil {
				sum = &summary{}
				byHour[h] = sum
			}
		}
		sum.add(e)
		return nil
	})
	return byHour, corrupt, err
}

// summary is what a chunk's decoded entries must agree with.
type summary struct {
	codec.Stats
	hash uint64
	buf  []byte
}

var crcTable = crc64.MakeTable(crc64.ECMA)

// add hashes all that docker logs depends on.
func (s *summary) add(e *codec.Entry) {
	s.Stats.Add(e)
	b := binary.LittleEndian.AppendUint64(s.buf[:0], uint64(e.Seq))
	b = binary.LittleEndian.AppendUint64(b, uint64(e.TimeNano))
	b = append(b, e.Source...)
	b = append(b, 0)
	if e.Newline() {
		b = append(b, '\n')
	}
	s.buf = append(b, e.Line...)
	s.hash = crc64.Update(s.hash, crcTable, s.buf)
}

func (s *summary) equal(o *summary) bool {
	a, b := s.Stats, o.Stats
	a.Rows, b.Rows = 0, 0
	return a == b && s.hash == o.hash
}

// each calls f for every entry of the segment.
func each(v *spool.View, f func(*codec.Entry) error) (corrupt []error, err error) {
	c := v.Cursor()
	defer c.Close()
	var e codec.Entry
	for {
		b, err := c.Next(context.Background(), false, nil)
		var bad *codec.CorruptError
		switch {
		case errors.Is(err, io.EOF):
			return corrupt, nil
		case errors.As(err, &bad):
			corrupt = append(corrupt, err) // the cursor goes on behind it
			continue
		case err != nil:
			return corrupt, err
		}
		seq := b.FirstSeq
		for rest := b.Frames; len(rest) > 0; seq++ {
			n, err := codec.ParseFrame(rest, &e)
			if err != nil {
				return corrupt, &codec.CorruptError{What: "spooled frame", Offset: -1, Err: err}
			}
			e.Seq, e.ArrivalNano = seq, b.ArrivalNano
			if err := f(&e); err != nil {
				return corrupt, err
			}
			rest = rest[n:]
		}
	}
}

// encode makes a segment's chunks, one an hour, and calls put with each, in the
// order of their hours. What is damaged is passed over; with retry, what the
// disk does not give now is an error instead.
func (a *Archiver) encode(ctx context.Context, v *spool.View, retry bool, put func(*encoded) error) (corrupt []error, err error) {
	if ctx.Err() != nil { // not only put takes time
		return nil, context.Cause(ctx)
	}
	byHour, corrupt, err := hours(v)
	if err == nil && retry {
		err = notRead(corrupt)
	}
	if err != nil {
		return corrupt, err
	}
	for _, h := range slices.SortedFunc(maps.Keys(byHour), time.Time.Compare) {
		err := func() error {
			enc, err := a.encodeHour(ctx, v, h, retry, byHour[h])
			if err != nil {
				return err
			}
			defer enc.file.Close()
			return put(enc)
		}()
		if err != nil {
			return corrupt, err
		}
	}
	return corrupt, nil
}

// notRead returns the first of the errors that is the disk's: the data may be whole.
func notRead(errs []error) error {
	for _, err := range errs {
		if local(err) {
			return err
		}
	}
	return nil
}

// encodeHour makes a chunk. As many are in memory at once as there are uploaders,
// also while a flush serves more containers.
func (a *Archiver) encodeHour(ctx context.Context, v *spool.View, hour time.Time, retry bool, want *summary) (*encoded, error) {
	select {
	case a.encodes <- struct{}{}:
		defer func() { <-a.encodes }()
	case <-ctx.Done():
		return nil, context.Cause(ctx)
	}
	f, err := a.tempFile()
	if err != nil {
		return nil, err
	}
	sizeBytes, err := writeChunk(f, v, hour, retry)
	if err == nil {
		err = compare(f, sizeBytes, v.Header.Format, want)
	}
	if err != nil {
		return nil, errors.Join(fmt.Errorf("encode segment %d: %w", v.Header.SegmentSeq, err), f.Close())
	}
	return &encoded{file: f, sizeBytes: sizeBytes, gaps: want.Gaps, meta: chunkMeta(v.Header, hour, want)}, nil
}

// tempFile makes a file that is gone when it is closed.
func (a *Archiver) tempFile() (*os.File, error) {
	dir := filepath.Join(a.cfg.StateDir, encodeDir)
	if err := durable.MkdirAll(dir, 0o700); err != nil {
		return nil, fmt.Errorf("make room for a chunk: %w", err)
	}
	f, err := os.CreateTemp(dir, "chunk-")
	if err != nil {
		return nil, fmt.Errorf("make room for a chunk: %w", err)
	}
	if err := unix.Unlink(f.Name()); err != nil {
		return nil, errors.Join(fmt.Errorf("make room for a chunk: %w", err), f.Close())
	}
	return f, nil
}

func writeChunk(f *os.File, v *spool.View, hour time.Time, retry bool) (sizeBytes int64, err error) {
	h := v.Header
	w := bufio.NewWriterSize(f, 1<<20)
	enc, err := codec.NewEncoder(h.Format, w, h.Meta, codec.ChunkInfo{SpoolID: h.SpoolID, SegmentSeq: h.SegmentSeq, Origin: h.Origin})
	if err != nil {
		return 0, err
	}
	corrupt, err := each(v, func(e *codec.Entry) error {
		if !chunk.Hour(e.TimeNano, e.ArrivalNano).Equal(hour) {
			return nil
		}
		return enc.Encode(e)
	})
	if err == nil && retry {
		err = notRead(corrupt)
	}
	_, cerr := enc.Close()
	if err := errors.Join(err, cerr); err != nil {
		return 0, err
	}
	if err := w.Flush(); err != nil {
		return 0, err
	}
	return f.Seek(0, io.SeekCurrent)
}

// compare decodes the chunk: only what reads back is put in the bucket.
func compare(f *os.File, sizeBytes int64, format codec.Format, want *summary) error {
	d, err := codec.NewDecoder(format, f, sizeBytes, codec.Range{Tail: codec.All})
	if err != nil {
		return fmt.Errorf("%w: %w", errMismatch, err)
	}
	defer d.Close()
	var got summary
	var e codec.Entry
	for {
		err := d.Next(&e)
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			return fmt.Errorf("%w: %w", errMismatch, err)
		}
		got.add(&e)
	}
	if !got.equal(want) {
		return fmt.Errorf("%w: %d entries of %d", errMismatch, got.Entries, want.Entries)
	}
	return nil
}
