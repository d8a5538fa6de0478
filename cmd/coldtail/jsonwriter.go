package main

import (
	"bufio"
	"encoding/json"
	"io"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/coldtail/coldtail/codec"
)

// jsonWriter prints lines as NDJSON objects have them (docs/format.md): an
// object a line, all to stdout.
type jsonWriter struct {
	out *bufio.Writer
	enc *json.Encoder
}

func newJSONWriter(stdout io.Writer) *jsonWriter {
	w := &jsonWriter{out: bufio.NewWriterSize(stdout, 64<<10)}
	w.enc = json.NewEncoder(visibleJSON{w.out})
	w.enc.SetEscapeHTML(false)
	return w
}

type jsonLine struct {
	Time          string            `json:"time"`
	TimeNano      int64             `json:"time_unix_nano"`
	Seq           int64             `json:"seq"`
	Stream        string            `json:"stream"`
	Body          string            `json:"body"`
	BodyRaw       []byte            `json:"body_raw,omitempty"`
	Partial       bool              `json:"partial,omitempty"`
	Parts         []linePart        `json:"parts,omitempty"`
	ServiceName   string            `json:"service_name"`
	ContainerID   string            `json:"container_id"`
	ContainerName string            `json:"container_name"`
	ImageName     string            `json:"image_name"`
	ImageID       string            `json:"image_id"`
	HostName      string            `json:"host_name"`
	Tag           string            `json:"tag,omitempty"`
	Labels        map[string]string `json:"labels,omitempty"`
	Attributes    map[string]string `json:"attributes,omitempty"`
}

func (w *jsonWriter) print(t *target, l *logLine) error {
	m := l.meta
	if m == nil || m.ContainerID == "" { // could not be read: the marker tells less
		m = &codec.Meta{ServiceName: t.Service, ContainerID: t.ContainerID, ContainerName: t.Name.Name, HostName: t.Host}
	}
	j := jsonLine{
		Time:     time.Unix(0, l.TimeNano).UTC().Format("2006-01-02T15:04:05.000000000Z"),
		TimeNano: l.TimeNano, Seq: l.Seq, Stream: strings.ToValidUTF8(l.Source, "\uFFFD"), Body: string(l.Line),
		Partial: !l.Newline(), Parts: l.parts,
		ServiceName: m.ServiceName, ContainerID: m.ContainerID, ContainerName: m.ContainerName,
		ImageName: m.ImageName, ImageID: m.ImageID, HostName: m.HostName, Tag: m.Tag, Labels: m.Labels, Attributes: m.Attributes,
	}
	if !utf8.Valid(l.Line) {
		// Each invalid byte becomes U+FFFD, as in the archive's rows.
		j.Body, j.BodyRaw = string([]rune(string(l.Line))), l.Line
	}
	return w.enc.Encode(&j)
}

func (w *jsonWriter) flush() error { return w.out.Flush() }
