package encode

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"maps"
	"os"
	"slices"
	"sync"
	"time"

	"golang.org/x/sys/unix"

	"github.com/coldtail/coldtail/archiver/durable"
	"github.com/coldtail/coldtail/archiver/spool"
	"github.com/coldtail/coldtail/codec"
	"github.com/coldtail/coldtail/codec/key"
)

// Config is what an Encoder needs.
type Config struct {
	Temp     string        // folder of temporary files; made if it does not exist
	Attempts string        // folder of the attempts that are under way; likewise
	Places   chan struct{} // has a place for each chunk that may be in memory at once
	Logger   *slog.Logger
	// Contain runs f, and reports whether it panicked.
	Contain func(what, containerID string, f func()) (panicked bool)
	// Hook is called with the container's id before each encoding.
	Hook func(step, name string)
	// NewEncoder is codec.NewEncoder, unless a test breaks it.
	NewEncoder func(codec.Format, io.Writer, codec.Meta, codec.ChunkInfo) (codec.Encoder, error)
}

// Encoder makes chunks of segments. Its methods may be called concurrently.
type Encoder struct {
	cfg      Config
	attempts attempts
}

// New reads which encodings ended an earlier process.
func New(cfg Config) (*Encoder, error) {
	e := &Encoder{cfg: cfg, attempts: attempts{dir: cfg.Attempts}}
	return e, e.attempts.load(cfg.Logger)
}

// Stopping says that the process was told to end. If it does, that is not the fault of
// the segments that are being encoded.
func (e *Encoder) Stopping() error { return e.attempts.stop() }

// Done forgets what is known of a segment that was archived, or given up.
func (e *Encoder) Done(h *spool.Header) error { return e.attempts.done(h) }

// Chunk is a chunk in a temporary file, checked, ready to be put.
type Chunk struct {
	Meta      key.Meta
	File      *os.File // has no name; closed after put
	SizeBytes int64
	Gaps      int64 // rows that stand for dropped entries
}

// maxSearches bounds how often a segment is encoded without what could not be
// encoded the time before.
const maxSearches = 8

// Result says what of a segment was not encoded as it is.
type Result struct {
	// Damage is why, an error for each part; none if all was.
	Damage []error
	// Lost is how many entries gap rows stand for.
	Lost int64
}

// Segment makes a segment's chunks, one an hour, and calls put with each, in the
// order of their hours. What is damaged or cannot be encoded becomes gap rows.
// With retry, what the disk does not give now is an error instead. An error for
// which Hopeless holds is the segment's.
func (e *Encoder) Segment(ctx context.Context, v *spool.View, retry bool, put func(*Chunk) error) (res Result, err error) {
	c := &content{v: v}
	res.Damage, err = e.whole(ctx, c, retry, put)
	res.Lost = c.lost
	return res, err
}

// whole is encode, again without the entries that cannot be encoded, where
// these are not all.
func (e *Encoder) whole(ctx context.Context, c *content, retry bool, put func(*Chunk) error) (corrupt []error, err error) {
	var causes []error
	for range maxSearches {
		corrupt, err = e.encode(ctx, c, retry, put)
		if err == nil || Local(err) || !Hopeless(err) || errors.Is(err, ErrKilled) || c.v.Header.Gap != nil {
			return append(corrupt, causes...), err
		}
		causes = []error{err}
		if found, err := e.findBad(ctx, c); err != nil {
			return corrupt, err
		} else if !found {
			break
		}
	}
	return corrupt, err
}

// findBad is search, and reports whether it found anything.
func (e *Encoder) findBad(ctx context.Context, c *content) (found bool, err error) {
	end, err := e.begin(c) // that encodes, too
	if err != nil {
		return false, err
	}
	defer func() {
		if err == nil {
			err = end()
		} else {
			err = errors.Join(err, end())
		}
	}()
	panicked := e.cfg.Contain("look for what cannot be encoded", c.v.Header.ContainerID, func() { found = e.search(ctx, c) == nil })
	if ctx.Err() != nil {
		return false, context.Cause(ctx)
	}
	return found && !panicked, nil
}

// encode makes the content's chunks, one an hour, and calls put with each, in the
// order of their hours. What is damaged becomes gap rows; with retry, what the
// disk does not give now is an error instead.
func (e *Encoder) encode(ctx context.Context, c *content, retry bool, put func(*Chunk) error) (corrupt []error, err error) {
	if ctx.Err() != nil { // encoding takes time, too
		return nil, context.Cause(ctx)
	}
	end, err := e.begin(c)
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
			if end, err = e.begin(c); err != nil {
				return corrupt, err
			}
		}
		err := func() error {
			enc, err := e.encodeHour(ctx, c, h, retry, byHour[h])
			if err != nil {
				return err
			}
			defer enc.File.Close()
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

// begin notes that the content is about to be encoded, unless it is a gap row, which is
// harmless. The returned function ends that; further calls of it do nothing.
func (e *Encoder) begin(c *content) (end func() error, err error) {
	h := &c.v.Header
	if h.Gap != nil {
		return func() error { return nil }, nil
	}
	end, err = e.attempts.begin(h)
	if err != nil {
		return func() error { return nil }, err
	}
	e.cfg.Hook("encoding", h.ContainerID)
	return sync.OnceValue(end), nil
}

// encodeHour makes a chunk, once there is a place for it.
func (e *Encoder) encodeHour(ctx context.Context, c *content, hour time.Time, retry bool, want *summary) (*Chunk, error) {
	select {
	case e.cfg.Places <- struct{}{}:
		defer func() { <-e.cfg.Places }()
	case <-ctx.Done():
		return nil, context.Cause(ctx)
	}
	f, err := e.tempFile()
	if err != nil {
		return nil, err
	}
	h := c.v.Header
	var sizeBytes int64
	if e.cfg.Contain("encode a segment", h.ContainerID, func() { sizeBytes, err = e.writeChecked(c, f, hour, retry, want) }) {
		err = ErrPoison
	}
	if err != nil {
		return nil, errors.Join(fmt.Errorf("encode segment %d: %w", h.SegmentSeq, err), f.Close())
	}
	return &Chunk{File: f, SizeBytes: sizeBytes, Gaps: want.Gaps, Meta: chunkMeta(h, hour, want)}, nil
}

// tempFile makes a file that is gone when it is closed.
func (e *Encoder) tempFile() (*os.File, error) {
	dir := e.cfg.Temp
	if err := durable.MkdirAll(dir, 0o700); err != nil {
		return nil, fmt.Errorf("make a temporary file for a chunk: %w", err)
	}
	f, err := os.CreateTemp(dir, "chunk-")
	if err != nil {
		return nil, fmt.Errorf("make a temporary file for a chunk: %w", err)
	}
	if err := unix.Unlink(f.Name()); err != nil {
		return nil, errors.Join(fmt.Errorf("make a temporary file for a chunk: %w", err), f.Close())
	}
	return f, nil
}
