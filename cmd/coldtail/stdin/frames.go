package stdin

import (
	"io"

	"github.com/coldtail/coldtail/codec"
)

// fifoWriter writes entries to a FIFO, each with one write as the daemon does.
type fifoWriter struct {
	f   io.Writer
	buf []byte
}

func (w *fifoWriter) write(e *codec.Entry) error {
	w.buf = codec.AppendFrame(w.buf[:0], e)
	_, err := w.f.Write(w.buf)
	return err
}
