package engines_test

import (
	"os"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/coldtail/coldtail/codec"
	"github.com/coldtail/coldtail/test/samples"
)

// libraries read Parquet without SQL.
var libraries = []struct {
	name, title, tested string
	types               map[codec.ColumnType]string
	dt                  string
	hour                string
}{
	{
		name: "polars", title: "Polars", tested: "2.1.0", dt: "Date", hour: "Int64",
		types: map[codec.ColumnType]string{
			codec.TimestampColumn: "Datetime(time_unit='us', time_zone='UTC')", codec.Int64Column: "Int64", codec.BooleanColumn: "Boolean", codec.StringColumn: "String",
			codec.BytesColumn: "Binary", codec.MapColumn: "Map(String, String)", codec.ListColumn: "List(Struct({'seq': Int64, 'bytes': Int32}))",
		},
	},
	{
		name: "pyarrow", title: "PyArrow", tested: "26.0.1", dt: "string", hour: "int32",
		types: map[codec.ColumnType]string{
			codec.TimestampColumn: "timestamp[us, tz=UTC]", codec.Int64Column: "int64", codec.BooleanColumn: "bool", codec.StringColumn: "string",
			codec.BytesColumn: "binary", codec.MapColumn: "map<string, string ('%s')>", codec.ListColumn: "list<element: struct<seq: int64 not null, bytes: int32 not null> not null>",
		},
	},
}

// TestFrames: libraries that read Parquet without SQL give every column of every
// row, and dt and hour from the keys.
func TestFrames(t *testing.T) {
	if os.Getenv("COLDTAIL_ENGINES") == "" {
		t.Skip("make engines fetches the engines and runs this")
	}
	s := startStore(t)
	samples.Archive(t, s.open(t, "unusual"), codec.Parquet)
	for _, lib := range libraries {
		t.Run(lib.name, func(t *testing.T) {
			if !selected(lib.name) {
				t.Skip("not fetched")
			}
			d := startDriver(t, lib.name, s)
			checkVersion(t, d.version(), lib.tested)
			got, err := d.query("s3://" + bucketName + "/unusual/parquet/")
			if err != nil {
				t.Fatal(err)
			}
			var want []column
			for _, c := range codec.Columns() {
				want = append(want, column{c.Name, strings.ReplaceAll(lib.types[c.Type], "%s", c.Name)})
			}
			want = append(want, column{"dt", lib.dt}, column{"hour", lib.hour})
			if d := cmp.Diff(want, got.columns, cmp.AllowUnexported(column{})); d != "" {
				t.Error(d)
			}
			if d := cmp.Diff(unusualRows(false), rows(got)); d != "" {
				t.Error(d)
			}
		})
	}
}
