package encode

import (
	"bufio"
	"bytes"
	"errors"
	"fmt"
	"io"
	"os"
	"time"

	"github.com/coldtail/coldtail/codec"
	"github.com/coldtail/coldtail/codec/chunkfile"
	"github.com/coldtail/coldtail/codec/key"
)

// writeChecked writes the chunk of an hour to f, and decodes it again.
func (e *Encoder) writeChecked(c *content, f *os.File, hour time.Time, retry bool, want *summary) (sizeBytes int64, err error) {
	w := bufio.NewWriterSize(f, 1<<20)
	enc, err := e.encoder(c, w)
	if err != nil {
		return 0, err
	}
	c.refused = nil
	var refused error
	corrupt, err := c.each(func(e *codec.Entry) error {
		if !key.Hour(e.TimeNano, e.ArrivalNano).Equal(hour) {
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

func (e *Encoder) encoder(c *content, w io.Writer) (codec.Encoder, error) {
	h := c.v.Header
	enc, err := e.cfg.NewEncoder(h.Format, w, h.Meta, codec.ChunkInfo{SpoolID: h.SpoolID, SegmentSeq: h.SegmentSeq, Origin: h.Origin})
	return enc, unencodable(err)
}

// notRead returns the first of the errors that is the disk's: the data may be whole.
func notRead(errs []error) error {
	for _, err := range errs {
		if Local(err) {
			return err
		}
	}
	return nil
}

// unencodable marks an encoder's error, unless it is the disk's.
func unencodable(err error) error {
	if err == nil || Local(err) {
		return err
	}
	return fmt.Errorf("%w: %w", ErrMismatch, err)
}

// encodable reports whether the entries alone can be encoded, and read back.
func (e *Encoder) encodable(c *content, es []codec.Entry) (ok bool) {
	defer func() { ok = recover() == nil && ok }()
	var buf bytes.Buffer
	var want summary
	enc, err := e.encoder(c, &buf)
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
	d, err := chunkfile.NewDecoder(format, f, sizeBytes, codec.Range{Tail: codec.All})
	if err != nil {
		return fmt.Errorf("%w: %w", ErrMismatch, err)
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
			return fmt.Errorf("%w: %w", ErrMismatch, err)
		}
		got.add(&e)
	}
	if !got.equal(want) {
		return fmt.Errorf("%w: %d entries of %d", ErrMismatch, got.Entries, want.Entries)
	}
	return nil
}
