package stdin

import (
	"errors"
	"io"
	"sync"
)

// errStopped is the end of an input that was stopped.
var errStopped = errors.New("stopped")

// Buffers of an input: one is read into while the other is copied from.
const (
	inputBuffers = 2
	inputBytes   = 64 << 10
)

// input reads a stream on a goroutine of its own, so that a Read of the stream
// that does not return cannot delay the end. All that was read before stop is
// given out, and then errStopped.
type input struct {
	chunks chan []byte // what was read
	free   chan []byte
	ended  chan struct{} // closed after err is set
	err    error
	once   sync.Once
	stops  chan struct{}

	chunk []byte // that Read is at
	rest  []byte // of it
}

func newInput(src io.Reader) *input {
	in := &input{
		chunks: make(chan []byte, inputBuffers), free: make(chan []byte, inputBuffers),
		ended: make(chan struct{}), stops: make(chan struct{}),
	}
	for range inputBuffers {
		in.free <- make([]byte, inputBytes)
	}
	go in.run(src)
	return in
}

func (in *input) run(src io.Reader) {
	defer close(in.ended)
	for {
		var buf []byte
		select {
		case buf = <-in.free:
		case <-in.stops:
			in.err = errStopped
			return
		}
		n, err := src.Read(buf)
		in.chunks <- buf[:n] // there is a place for each buffer
		if err != nil {
			in.err = err
			return
		}
	}
}

// stop makes Read end after what is there already.
func (in *input) stop() { in.once.Do(func() { close(in.stops) }) }

// Read is io.Reader's. It is called from one goroutine.
func (in *input) Read(p []byte) (int, error) {
	for len(in.rest) == 0 {
		if in.chunk != nil {
			in.reuse()
		}
		select {
		case in.chunk = <-in.chunks:
		default:
			if err := in.await(); err != nil {
				return 0, err
			}
		}
		in.rest = in.chunk
	}
	n := copy(p, in.rest)
	in.rest = in.rest[n:]
	return n, nil
}

// reuse lets the chunk be read into again, unless no more is to be read.
func (in *input) reuse() {
	buf := in.chunk[:cap(in.chunk)]
	in.chunk = nil
	select {
	case <-in.stops:
	default:
		in.free <- buf
	}
}

// await waits for a chunk where there is none.
func (in *input) await() error {
	select {
	case in.chunk = <-in.chunks:
		return nil
	case <-in.ended:
	case <-in.stops:
	}
	select {
	case in.chunk = <-in.chunks: // it came with the end
		return nil
	default:
	}
	select {
	case <-in.ended:
		return in.err
	default:
		return errStopped
	}
}
