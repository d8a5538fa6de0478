//go:build cgo

package query

import (
	"os"
	"path/filepath"
	"testing"

	"github.com/apache/arrow-go/v18/arrow"
	"github.com/apache/arrow-go/v18/arrow/array"
	"github.com/apache/arrow-go/v18/arrow/memory"
	"github.com/apache/arrow-go/v18/parquet/file"
	"github.com/apache/arrow-go/v18/parquet/pqarrow"

	"github.com/coldtail/coldtail/codec"
	"github.com/coldtail/coldtail/codec/key"
	"github.com/coldtail/coldtail/test/samples"
)

// columns of docs/format.md, as Arrow sees them.
var columns = []struct {
	name     string
	kind     arrow.Type
	nullable bool
}{
	{"time", arrow.TIMESTAMP, false},
	{"time_unix_nano", arrow.INT64, false},
	{"seq", arrow.INT64, false},
	{"stream", arrow.STRING, false},
	{"body", arrow.STRING, false},
	{"body_raw", arrow.BINARY, true},
	{"partial", arrow.BOOL, false},
	{"parts", arrow.LIST, true},
	{"service_name", arrow.STRING, false},
	{"container_id", arrow.STRING, false},
	{"container_name", arrow.STRING, false},
	{"image_name", arrow.STRING, false},
	{"image_id", arrow.STRING, false},
	{"host_name", arrow.STRING, false},
	{"tag", arrow.STRING, true},
	{"labels", arrow.MAP, true},
	{"attributes", arrow.MAP, true},
}

func TestArrow(t *testing.T) {
	dir, keys := archive(t, codec.Parquet)
	var rows, lines int64
	for _, key := range keys {
		r, l := checkChunk(t, dir, key)
		rows += r
		lines += l
	}
	if lines != 2*samples.PerStream {
		t.Errorf("%d lines in %d rows, want %d", lines, rows, 2*samples.PerStream)
	}
}

// checkChunk returns how many rows a chunk has, and how many lines end in them.
func checkChunk(t *testing.T, dir, key string) (rows, lines int64) {
	t.Helper()
	f, err := os.Open(filepath.Join(dir, key))
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	r, err := file.NewParquetReader(f)
	if err != nil {
		t.Fatalf("%s: %v", key, err)
	}
	table := read(t, r)
	defer table.Release()
	checkSchema(t, table.Schema())
	return table.NumRows(), checkRows(t, key, table)
}

func read(t *testing.T, r *file.Reader) arrow.Table {
	t.Helper()
	reader, err := pqarrow.NewFileReader(r, pqarrow.ArrowReadProperties{}, memory.DefaultAllocator)
	if err != nil {
		t.Fatal(err)
	}
	table, err := reader.ReadTable(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	return table
}

func checkSchema(t *testing.T, s *arrow.Schema) {
	t.Helper()
	if s.NumFields() != len(columns) {
		t.Fatalf("%d columns, want %d", s.NumFields(), len(columns))
	}
	for i, want := range columns {
		f := s.Field(i)
		if f.Name != want.name || f.Type.ID() != want.kind || f.Nullable != want.nullable {
			t.Errorf("column %d: %v, want %+v", i, f, want)
		}
	}
	if ts, ok := s.Field(0).Type.(*arrow.TimestampType); !ok || ts.Unit != arrow.Microsecond || ts.TimeZone != "UTC" {
		t.Errorf("time is %v", s.Field(0).Type)
	}
}

// checkRows compares rows with the lines they came from and counts the lines
// that end in them.
func checkRows(t *testing.T, name string, table arrow.Table) (lines int64) {
	t.Helper()
	meta, err := key.Parse(name)
	if err != nil {
		t.Fatal(err)
	}
	reader := array.NewTableReader(table, table.NumRows())
	defer reader.Release()
	last := meta.FirstSeq - 1
	for reader.Next() {
		batch := reader.RecordBatch()
		times := batch.Column(0).(*array.Timestamp)
		nanos := batch.Column(1).(*array.Int64)
		seqs := batch.Column(2).(*array.Int64)
		bodies := batch.Column(4).(*array.String)
		raws := batch.Column(5).(*array.Binary)
		partials := batch.Column(6).(*array.Boolean)
		for i := range int(batch.NumRows()) {
			if seqs.Value(i) <= last {
				t.Fatalf("%s: sequence number %d after %d", name, seqs.Value(i), last)
			}
			last = seqs.Value(i)
			nano := nanos.Value(i)
			if int64(times.Value(i)) != nano/1000 || !key.Hour(nano, nano).Equal(meta.Hour) {
				t.Fatalf("%s: time %d, %d", name, times.Value(i), nano)
			}
			if !partials.Value(i) {
				lines++
			}
			number := int((nano - samples.Start.UnixNano()) / samples.EveryNano)
			want := samples.Line(number)
			if len(want) > samples.PartBytes {
				continue
			}
			got := []byte(bodies.Value(i))
			if raws.IsValid(i) {
				got = raws.Value(i)
			}
			if string(got) != string(want) {
				t.Fatalf("%s: line %d is %q, want %q", name, number, got, want)
			}
		}
	}
	return lines
}
