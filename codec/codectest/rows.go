package codectest

import (
	"bytes"
	"maps"
	"slices"
	"unicode/utf8"

	"github.com/coldtail/coldtail/codec"
	"github.com/coldtail/coldtail/codec/join"
)

// Row is docs/format.md's row for parquet-go.
type Row struct {
	Time          int64             `parquet:"time,timestamp(microsecond)"`
	TimeUnixNano  int64             `parquet:"time_unix_nano"`
	Seq           int64             `parquet:"seq"`
	Stream        string            `parquet:"stream"`
	Body          string            `parquet:"body"`
	BodyRaw       []byte            `parquet:"body_raw,optional"`
	Partial       bool              `parquet:"partial"`
	Parts         []Part            `parquet:"parts,optional,list"`
	ServiceName   string            `parquet:"service_name"`
	ContainerID   string            `parquet:"container_id"`
	ContainerName string            `parquet:"container_name"`
	ImageName     string            `parquet:"image_name"`
	ImageID       string            `parquet:"image_id"`
	HostName      string            `parquet:"host_name"`
	Tag           *string           `parquet:"tag,optional"`
	Labels        map[string]string `parquet:"labels,optional"`
	Attributes    map[string]string `parquet:"attributes,optional"`
}

// Part is an element of parts.
type Part struct {
	Seq   int64 `parquet:"seq"`
	Bytes int32 `parquet:"bytes"`
}

// RowCollector keeps the rows that an assembler makes, with the columns of Meta.
type RowCollector struct {
	Meta codec.Meta
	Rows []Row
}

// WriteRow implements [join.Sink].
func (c *RowCollector) WriteRow(r *join.Row) error {
	m := &c.Meta
	p := Row{
		Time: codec.FloorMicros(r.TimeNano), TimeUnixNano: r.TimeNano, Seq: r.Seq,
		Stream: r.Source, Body: string(r.Line), Partial: r.Partial,
		ServiceName: m.ServiceName, ContainerID: m.ContainerID, ContainerName: m.ContainerName,
		ImageName: m.ImageName, ImageID: m.ImageID, HostName: m.HostName,
		Labels: m.Labels, Attributes: m.Attributes,
	}
	if m.Tag != "" {
		p.Tag = &m.Tag
	}
	if !utf8.Valid(r.Line) {
		p.Body = string(codec.AppendValidUTF8(nil, r.Line))
		p.BodyRaw = bytes.Clone(r.Line)
	}
	for _, q := range r.Parts {
		p.Parts = append(p.Parts, Part{q.Seq, q.Bytes})
	}
	c.Rows = append(c.Rows, p)
	return nil
}

// SameRow reports whether two rows have equal values.
func SameRow(a, b *Row) bool {
	return a.Time == b.Time && a.TimeUnixNano == b.TimeUnixNano && a.Seq == b.Seq && a.Stream == b.Stream &&
		a.Body == b.Body && bytes.Equal(a.BodyRaw, b.BodyRaw) && a.Partial == b.Partial && slices.Equal(a.Parts, b.Parts) &&
		a.ServiceName == b.ServiceName && a.ContainerID == b.ContainerID && a.ContainerName == b.ContainerName &&
		a.ImageName == b.ImageName && a.ImageID == b.ImageID && a.HostName == b.HostName &&
		(a.Tag == nil) == (b.Tag == nil) && (a.Tag == nil || *a.Tag == *b.Tag) &&
		maps.Equal(a.Labels, b.Labels) && maps.Equal(a.Attributes, b.Attributes)
}
