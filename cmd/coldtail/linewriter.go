package main

import (
	"bufio"
	"io"
	"time"

	"github.com/coldtail/coldtail/codec"
)

// stampLayout is docker's for logs -t: RFC 3339 with all nine digits.
const stampLayout = "2006-01-02T15:04:05.000000000Z07:00"

// lineWriter prints entries as docker logs does: stdout's to one writer, all
// others to the other.
type lineWriter struct {
	out, err   *bufio.Writer
	last       *bufio.Writer
	timestamps bool
	prefixes   *prefixes              // nil: none
	inLine     map[*bufio.Writer]bool // within a line whose stamp is printed
	stamp      []byte
}

func newLineWriter(stdout, stderr io.Writer, timestamps bool) *lineWriter {
	const size = 64 << 10
	w := &lineWriter{
		out: bufio.NewWriterSize(stdout, size), err: bufio.NewWriterSize(stderr, size),
		timestamps: timestamps, inLine: map[*bufio.Writer]bool{},
	}
	w.last = w.out
	return w
}

func (w *lineWriter) print(t *target, l *logLine) error {
	to := w.err
	if l.Source == codec.Stdout {
		to = w.out
	}
	if to != w.last {
		// Both may be one terminal.
		if err := w.last.Flush(); err != nil {
			return err
		}
		w.last = to
	}
	// A bufio.Writer keeps its first error for Flush.
	if !w.inLine[to] {
		if w.prefixes != nil {
			_, _ = to.WriteString(w.prefixes.of(t.label, to == w.out))
		}
		if w.timestamps {
			w.stamp = time.Unix(0, l.TimeNano).UTC().AppendFormat(w.stamp[:0], stampLayout)
			_, _ = to.Write(append(w.stamp, ' '))
		}
	}
	_, err := to.Write(l.Line)
	// Behind a prefix there are whole lines only: the next is another's.
	newline := l.Newline() || w.prefixes != nil
	if newline {
		err = to.WriteByte('\n')
	}
	w.inLine[to] = !newline
	return err
}

func (w *lineWriter) flush() error {
	if err := w.out.Flush(); err != nil {
		return err
	}
	return w.err.Flush()
}
