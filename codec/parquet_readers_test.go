package codec

import (
	"bytes"
	"io"
	"maps"
	"math/rand/v2"
	"slices"
	"testing"
	"time"
	"unicode/utf8"

	"github.com/parquet-go/parquet-go"
)

// parquetRow is docs/format.md's row for parquet-go.
type parquetRow struct {
	Time          int64             `parquet:"time,timestamp(microsecond)"`
	TimeUnixNano  int64             `parquet:"time_unix_nano"`
	Seq           int64             `parquet:"seq"`
	Stream        string            `parquet:"stream"`
	Body          string            `parquet:"body"`
	BodyRaw       []byte            `parquet:"body_raw,optional"`
	Partial       bool              `parquet:"partial"`
	Parts         []parquetPart     `parquet:"parts,optional,list"`
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

type parquetPart struct {
	Seq   int64 `parquet:"seq"`
	Bytes int32 `parquet:"bytes"`
}

func seconds(f func()) float64 {
	start := time.Now()
	f()
	return time.Since(start).Seconds()
}

// wantRows gives the rows that an assembler makes, with the columns of meta.
type rowCollector struct {
	meta Meta
	rows []parquetRow
}

func (c *rowCollector) writeRow(r *row) error {
	m := &c.meta
	p := parquetRow{
		Time: floorMicros(r.timeNano), TimeUnixNano: r.timeNano, Seq: r.seq,
		Stream: r.source, Body: string(r.line), Partial: r.partial,
		ServiceName: m.ServiceName, ContainerID: m.ContainerID, ContainerName: m.ContainerName,
		ImageName: m.ImageName, ImageID: m.ImageID, HostName: m.HostName,
		Labels: m.Labels, Attributes: m.Attributes,
	}
	if m.Tag != "" {
		p.Tag = &m.Tag
	}
	if !utf8.Valid(r.line) {
		p.Body = string(appendValidUTF8(nil, r.line))
		p.BodyRaw = bytes.Clone(r.line)
	}
	for _, q := range r.parts {
		p.Parts = append(p.Parts, parquetPart{q.seq, q.bytes})
	}
	c.rows = append(c.rows, p)
	return nil
}

func sameRow(a, b *parquetRow) bool {
	return a.Time == b.Time && a.TimeUnixNano == b.TimeUnixNano && a.Seq == b.Seq && a.Stream == b.Stream &&
		a.Body == b.Body && bytes.Equal(a.BodyRaw, b.BodyRaw) && a.Partial == b.Partial && slices.Equal(a.Parts, b.Parts) &&
		a.ServiceName == b.ServiceName && a.ContainerID == b.ContainerID && a.ContainerName == b.ContainerName &&
		a.ImageName == b.ImageName && a.ImageID == b.ImageID && a.HostName == b.HostName &&
		(a.Tag == nil) == (b.Tag == nil) && (a.Tag == nil || *a.Tag == *b.Tag) &&
		maps.Equal(a.Labels, b.Labels) && maps.Equal(a.Attributes, b.Attributes)
}

// An independent reader sees the rows that were meant.
func TestParquetGoReads(t *testing.T) {
	many := testMeta()
	for i := range 40 {
		many.Labels[string(rune('A'+i))] = "v" + string(rune('a'+i%5))
	}
	none := testMeta()
	none.Tag, none.Labels, none.Attributes = "", nil, nil
	for name, meta := range map[string]Meta{"some": testMeta(), "many labels": many, "nulls": none, "empty": {}} {
		t.Run(name, func(t *testing.T) {
			g := &generator{Rand: rand.New(rand.NewPCG(9, 9))}
			all := g.entries(20_000)
			want := rowCollector{meta: meta}
			a := assembler{sink: &want}
			for i := range all {
				if err := a.add(&all[i]); err != nil {
					t.Fatal(err)
				}
			}
			if err := a.finish(); err != nil {
				t.Fatal(err)
			}
			b, _ := encodeAll(t, Parquet, meta, all)
			r := parquet.NewGenericReader[parquetRow](bytes.NewReader(b))
			defer r.Close()
			rows := make([]parquetRow, 500)
			n := 0
			for {
				k, err := r.Read(rows)
				for i := range rows[:k] {
					if n >= len(want.rows) || !sameRow(&rows[i], &want.rows[n]) {
						t.Fatalf("row %d:\n got %+v\nwant %+v", n, rows[i], want.rows[min(n, len(want.rows)-1)])
					}
					n++
				}
				if err == io.EOF {
					break
				} else if err != nil {
					t.Fatal(err)
				}
			}
			if n != len(want.rows) {
				t.Errorf("%d rows, want %d", n, len(want.rows))
			}
		})
	}
}

// The footer says what docs/format.md promises.
func TestParquetFooter(t *testing.T) {
	g := &generator{Rand: rand.New(rand.NewPCG(9, 9))}
	all := g.entries(30_000)
	for i := range all {
		if all[i].Source == "" { // an empty minimum is left out
			all[i].Source = GapSource
		}
	}
	b, stats := encodeAll(t, Parquet, testMeta(), all)
	f, err := parquet.OpenFile(bytes.NewReader(b), int64(len(b)))
	if err != nil {
		t.Fatal(err)
	}
	m := f.Metadata()
	if len(m.RowGroups) != 1 || m.NumRows != stats.Rows || m.CreatedBy != "coldtail" {
		t.Fatalf("%d row groups, %d rows, by %q", len(m.RowGroups), m.NumRows, m.CreatedBy)
	}
	if s := m.RowGroups[0].SortingColumns; len(s) != 1 || s[0].ColumnIdx != colSeq || s[0].Descending {
		t.Errorf("sorted by %+v", s)
	}
	next := int32(1)
	for _, e := range m.Schema[1:] {
		if e.FieldID < 100 {
			if e.FieldID != next {
				t.Errorf("field %s has id %d, want %d", e.Name, e.FieldID, next)
			}
			next++
		}
	}
	if next != 18 {
		t.Errorf("%d fields", next-1)
	}
	for i, l := range parquetLeaves() {
		c := f.RowGroups()[0].ColumnChunks()[i]
		offsets, err := c.OffsetIndex()
		if err != nil || offsets.NumPages() == 0 {
			t.Errorf("%s: no offset index: %v", l.path, err)
		}
		_, err = c.ColumnIndex()
		st := m.RowGroups[0].Columns[i].MetaData.Statistics
		if bounds := err == nil && st.MinValue != nil && st.MaxValue != nil; bounds == l.noIndex {
			t.Errorf("%s: bounds %v, statistics %+v", l.path, err, st)
		}
	}
	for key, want := range map[string]string{
		"coldtail.format": "1", "coldtail.container_id": testMeta().ContainerID, "coldtail.spool_id": "0123456789abcdef",
		"coldtail.segment_seq": "7", "coldtail.entries": "30000", "coldtail.origin": "true",
	} {
		if got, _ := f.Lookup(key); got != want {
			t.Errorf("%s = %q, want %q", key, got, want)
		}
	}
}
