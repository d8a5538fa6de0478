package codec_test

import (
	"encoding/json"
	"os"
	"reflect"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"github.com/coldtail/coldtail/codec"
)

// TestColumns compares what Columns lists with the table of docs/format.md.
func TestColumns(t *testing.T) {
	types := map[string]codec.ColumnType{
		"INT64 TIMESTAMP(MICROS, UTC)": codec.TimestampColumn, "INT64": codec.Int64Column, "BOOLEAN": codec.BooleanColumn,
		"STRING": codec.StringColumn, "STRING, always valid UTF-8": codec.StringColumn, "BYTE_ARRAY": codec.BytesColumn,
		"LIST<STRUCT<seq INT64, bytes INT32>>": codec.ListColumn, "MAP<STRING,STRING>": codec.MapColumn,
	}
	doc, err := os.ReadFile("../docs/format.md")
	if err != nil {
		t.Fatal(err)
	}
	_, table, _ := strings.Cut(string(doc), "\n## Parquet\n")
	table, _, _ = strings.Cut(table, "\n## ")
	inner := int32(100)
	var want []codec.Column
	for line := range strings.Lines(table) {
		cells := strings.Split(line, " | ")
		if len(cells) < 4 || !strings.HasPrefix(line, "| `") {
			continue
		}
		text, nullable := strings.CutSuffix(cells[1], ", optional")
		typ, ok := types[text]
		if !ok {
			t.Fatalf("unknown type %q", cells[1])
		}
		for name := range strings.SplitSeq(strings.TrimPrefix(cells[0], "| "), ", ") {
			c := codec.Column{Name: strings.Trim(name, "`"), Type: typ, Nullable: nullable, ID: int32(len(want) + 1)}
			switch typ {
			case codec.ListColumn:
				c.InnerID = inner
				c.Fields = []codec.Column{
					{Name: "seq", Type: codec.Int64Column, ID: inner + 2},
					{Name: "bytes", Type: codec.Int32Column, ID: inner + 3},
				}
				inner += 4
			case codec.MapColumn:
				c.InnerID = inner
				inner += 3
			case codec.StringColumn, codec.BytesColumn:
				c.Long = cells[2] == "PLAIN"
			}
			want = append(want, c)
		}
	}
	if d := cmp.Diff(want, codec.Columns(), cmpopts.IgnoreFields(codec.Column{}, "Text", "Pairs")); d != "" {
		t.Error(d)
	}
}

// TestColumnsOfMeta: each field of Meta has one column, of the field's own name.
func TestColumnsOfMeta(t *testing.T) {
	n := 0
	for _, c := range codec.Columns() {
		if !c.Constant() {
			continue
		}
		n++
		var m codec.Meta
		var want any = "x"
		if c.Pairs != nil {
			*c.Pairs(&m), want = map[string]string{"k": "x"}, map[string]any{"k": "x"}
		} else {
			*c.Text(&m) = "x"
		}
		b, err := json.Marshal(m)
		if err != nil {
			t.Fatal(err)
		}
		var members map[string]any
		if err := json.Unmarshal(b, &members); err != nil {
			t.Fatal(err)
		}
		if d := cmp.Diff(want, members[c.Name]); d != "" {
			t.Errorf("column %s: %s", c.Name, d)
		}
	}
	if fields := reflect.TypeFor[codec.Meta]().NumField(); n != fields {
		t.Errorf("%d columns of %d fields", n, fields)
	}
}
