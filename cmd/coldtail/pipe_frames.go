package main

import (
	"io"

	"github.com/coldtail/coldtail/codec"
)

// frameWriter writes entries to a FIFO, each with one write as the daemon does.
type frameWriter struct {
	f   io.Writer
	buf []byte
}

func (w *frameWriter) write(e *codec.Entry) error {
	w.buf = codec.AppendFrame(w.buf[:0], e)
	_, err := w.f.Write(w.buf)
	return err
}
