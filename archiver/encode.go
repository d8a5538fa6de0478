package archiver

import (
	"bufio"
	"bytes"
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"hash/crc64"
	"io"
	"maps"
	"os"
	"slices"
	"sync"
	"time"

	"golang.org/x/sys/unix"

	"github.com/coldtail/coldtail/archiver/chunk"
	"github.com/coldtail/coldtail/archiver/durable"
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

// hours sums up the content by the hour that it is filed under. A record that
// cannot be read is returned in corrupt.
func (c *content) hours() (byHour map[time.Time]*summary, corrupt []error, err error) {
	byHour = map[time.Time]*summary{}
	var last time.Time
	var sum *summary
	corrupt, err = c.each(func(e *codec.Entry) error {
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
	c.lost = 0
	for _, sum := range byHour {
		if c.v.Header.Gap == nil {
			c.lost += sum.Gaps + sum.behind
		}
	}
	return byHour, corrupt, err
}

// summary is what a chunk's decoded entries must agree with.
type summary struct {
	codec.Stats
	hash   uint64
	buf    []byte
	behind int64 // entries that gap rows stand for, but one for each row
}

// numbers is how many sequence numbers the entries have, with those that gap
// rows stand for.
func (s *summary) numbers() int64 { return s.Entries + s.behind }

var crcTable = crc64.MakeTable(crc64.ECMA)

// add hashes all that docker logs depends on.
func (s *summary) add(e *codec.Entry) {
	s.Stats.Add(e)
	if e.Source == codec.GapSource {
		if g, err := codec.ParseGap(e.Line); err == nil {
			s.behind += g.Entries - 1
		}
	}
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

// encode makes a segment's chunks, one an hour, and calls put with each, in the
// order of their hours. What is damaged becomes gap rows; with retry, what the
// disk does not give now is an error instead.
func (a *Archiver) encode(ctx context.Context, c *content, retry bool, put func(*encoded) error) (corrupt []error, err error) {
	if ctx.Err() != nil { // not only put takes time
		return nil, context.Cause(ctx)
	}
	end, err := a.begin(c)
	if err != nil {
		return nil, err
	}
	defer func() {
		if eerr := end(); eerr != nil {
			err = errors.Join(err, eerr)
		}
	}()
	byHour, corrupt, err := c.hours()
	if err == nil && retry {
		err = notRead(corrupt)
	}
	if err != nil {
		return corrupt, err
	}
	for i, h := range slices.SortedFunc(maps.Keys(byHour), time.Time.Compare) {
		if i > 0 {
			if end, err = a.begin(c); err != nil {
				return corrupt, err
			}
		}
		err := func() error {
			enc, err := a.encodeHour(ctx, c, h, retry, byHour[h])
			if err != nil {
				return err
			}
			defer enc.file.Close()
			if err := end(); err != nil { // the store may take its time
				return err
			}
			return put(enc)
		}()
		if err != nil {
			return corrupt, err
		}
	}
	return corrupt, nil
}

// begin takes note that the content is about to be encoded. The function that it
// returns ends that; repeated calls of it do nothing. A gap row is no danger.
func (a *Archiver) begin(c *content) (end func() error, err error) {
	h := &c.v.Header
	if h.Gap != nil {
		return func() error { return nil }, nil
	}
	end, err = a.attempts.begin(h)
	if err != nil {
		return func() error { return nil }, err
	}
	a.cfg.Hook("encoding", h.ContainerID)
	return sync.OnceValue(end), nil
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
func (a *Archiver) encodeHour(ctx context.Context, c *content, hour time.Time, retry bool, want *summary) (*encoded, error) {
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
	h := c.v.Header
	var sizeBytes int64
	if a.contain("encode a segment", h.ContainerID, func() { sizeBytes, err = c.writeChecked(f, hour, retry, want) }) {
		err = errPoison
	}
	if err != nil {
		return nil, errors.Join(fmt.Errorf("encode segment %d: %w", h.SegmentSeq, err), f.Close())
	}
	return &encoded{file: f, sizeBytes: sizeBytes, gaps: want.Gaps, meta: chunkMeta(h, hour, want)}, nil
}

// tempFile makes a file that is gone when it is closed.
func (a *Archiver) tempFile() (*os.File, error) {
	dir := a.state.Temp()
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

// writeChecked writes the chunk of an hour to f, and decodes it again.
func (c *content) writeChecked(f *os.File, hour time.Time, retry bool, want *summary) (sizeBytes int64, err error) {
	w := bufio.NewWriterSize(f, 1<<20)
	enc, err := c.encoder(w)
	if err != nil {
		return 0, err
	}
	c.refused = nil
	var refused error
	corrupt, err := c.each(func(e *codec.Entry) error {
		if !chunk.Hour(e.TimeNano, e.ArrivalNano).Equal(hour) {
			return nil
		}
		err := enc.Encode(e)
		var one *codec.EntryError
		if errors.As(err, &one) { // the encoder goes on with the next
			c.refused = append(c.refused, seqRange{one.Seq, one.Seq})
			refused = one
			return nil
		}
		return unencodable(err)
	})
	if err == nil && refused != nil {
		err = unencodable(refused)
	}
	if err == nil && retry {
		err = notRead(corrupt)
	}
	_, cerr := enc.Close()
	if err := errors.Join(err, unencodable(cerr)); err != nil {
		return 0, err
	}
	if err := w.Flush(); err != nil {
		return 0, err
	}
	if sizeBytes, err = f.Seek(0, io.SeekCurrent); err != nil {
		return 0, err
	}
	return sizeBytes, compare(f, sizeBytes, c.v.Header.Format, want)
}

// newEncoder is codec.NewEncoder, unless a test breaks it.
var newEncoder = codec.NewEncoder

func (c *content) encoder(w io.Writer) (codec.Encoder, error) {
	h := c.v.Header
	enc, err := newEncoder(h.Format, w, h.Meta, codec.ChunkInfo{SpoolID: h.SpoolID, SegmentSeq: h.SegmentSeq, Origin: h.Origin})
	return enc, unencodable(err)
}

// unencodable marks an encoder's error, unless it is the disk's.
func unencodable(err error) error {
	if err == nil || local(err) {
		return err
	}
	return fmt.Errorf("%w: %w", errMismatch, err)
}

// encodable reports whether the entries alone can be encoded, and read back.
func (c *content) encodable(es []codec.Entry) (ok bool) {
	defer func() { ok = recover() == nil && ok }()
	var buf bytes.Buffer
	var want summary
	enc, err := c.encoder(&buf)
	if err != nil {
		return false
	}
	for i := range es {
		want.add(&es[i])
		if enc.Encode(&es[i]) != nil {
			return false
		}
	}
	if _, err := enc.Close(); err != nil {
		return false
	}
	return compare(bytes.NewReader(buf.Bytes()), int64(buf.Len()), c.v.Header.Format, &want) == nil
}

// compare decodes the chunk: only what reads back is put in the bucket.
func compare(f io.ReaderAt, sizeBytes int64, format codec.Format, want *summary) error {
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
