package bucket

import (
	"context"
	"errors"
	"fmt"
	"io"
	"sync"
)

// Source is the content of a Put, for stores to send. It remembers that the
// content itself could not be read, which no repetition mends, and which an
// SDK's error does not tell from a broken connection.
type Source struct {
	r         io.ReaderAt
	sizeBytes int64

	mu  sync.Mutex
	err error
}

// NewSource returns sizeBytes of r.
func NewSource(r io.ReaderAt, sizeBytes int64) *Source {
	return &Source{r: r, sizeBytes: sizeBytes}
}

// Reader reads the source from its start, seekable. Each call gives another.
func (s *Source) Reader() *io.SectionReader { return io.NewSectionReader(s, 0, s.sizeBytes) }

// ReadAt implements io.ReaderAt.
func (s *Source) ReadAt(p []byte, off int64) (int, error) {
	n, err := s.r.ReadAt(p, off)
	if n == len(p) {
		return n, err
	}
	if errors.Is(err, io.EOF) && off+int64(n) < s.sizeBytes {
		err = fmt.Errorf("content ends after %d of %d bytes: %w", off+int64(n), s.sizeBytes, io.ErrUnexpectedEOF)
	}
	if err != nil && !errors.Is(err, io.EOF) {
		s.mu.Lock()
		s.err = err
		s.mu.Unlock()
	}
	return n, err
}

// Wrap is WrapError for the error of a Put of this source.
func (s *Source) Wrap(ctx context.Context, key string, err error, classify func(error) (permanent bool, hint string)) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if err != nil && s.err != nil && ctx.Err() == nil {
		return &Error{Op: OpPut, Key: key, Permanent: true, Err: fmt.Errorf("read content: %w", s.err)}
	}
	return WrapError(ctx, OpPut, key, err, classify)
}
