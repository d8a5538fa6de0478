package main

import (
	"errors"
	"io"
	"sync"

	"github.com/coldtail/coldtail/codec"
)

var errStopped = errors.New("stopped")

// frameWriter writes entries to a FIFO, each with one write as the daemon does,
// until it is stopped.
type frameWriter struct {
	f io.Writer

	mu      sync.Mutex
	buf     []byte
	stopped bool
}

func (w *frameWriter) write(e *codec.Entry) error {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.stopped {
		return errStopped
	}
	w.buf = codec.AppendFrame(w.buf[:0], e)
	_, err := w.f.Write(w.buf)
	return err
}

// stop returns once the frame that is being written is whole; none follows.
func (w *frameWriter) stop() {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.stopped = true
}
