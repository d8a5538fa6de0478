package main

import (
	"bufio"
	"encoding/json"
	"io"
	"strings"
	"time"
	"unicode/utf8"
)

// jsonWriter prints lines as NDJSON objects have them (docs/format.md): an
// object a line, all to stdout.
type jsonWriter struct {
	out *bufio.Writer
	enc *json.Encoder
}

func newJSONWriter(stdout io.Writer) *jsonWriter {
	w := &jsonWriter{out: bufio.NewWriterSize(stdout, 64<<10)}
	w.enc = json.NewEncoder(w.out)
	w.enc.SetEscapeHTML(false)
	return w
}

type jsonLine struct {
	Time          string     `json:"time"`
	TimeNano      int64      `json:"time_unix_nano"`
	Seq           int64      `json:"seq"`
	Stream        string     `json:"stream"`
	Body          string     `json:"body"`
	BodyRaw       []byte     `json:"body_raw,omitempty"`
	Partial       bool       `json:"partial,omitempty"`
	Parts         []linePart `json:"parts,omitempty"`
	ServiceName   string     `json:"service_name"`
	ContainerID   string     `json:"container_id"`
	ContainerName string     `json:"container_name"`
	HostName      string     `json:"host_name"`
}

func (w *jsonWriter) print(t *target, l *logLine) error {
	j := jsonLine{
		Time:     time.Unix(0, l.TimeNano).UTC().Format("2006-01-02T15:04:05.000000000Z"),
		TimeNano: l.TimeNano, Seq: l.Seq, Stream: strings.ToValidUTF8(l.Source, "\uFFFD"), Body: string(l.Line),
		Partial: !l.Newline(), Parts: l.parts,
		ServiceName: t.Service, ContainerID: t.ContainerID, ContainerName: t.Name.Name, HostName: t.Host,
	}
	if !utf8.Valid(l.Line) {
		// Each invalid byte becomes U+FFFD, as in the archive's rows.
		j.Body, j.BodyRaw = string([]rune(string(l.Line))), l.Line
	}
	return w.enc.Encode(&j)
}

func (w *jsonWriter) flush() error { return w.out.Flush() }
