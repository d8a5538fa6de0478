package parquet

import (
	"os"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// TestColumns compares what Columns lists with the table of docs/format.md.
func TestColumns(t *testing.T) {
	types := map[string]ColumnType{
		"INT64 TIMESTAMP(MICROS, UTC)": TimestampColumn, "INT64": Int64Column, "BOOLEAN": BooleanColumn,
		"STRING": StringColumn, "STRING, always valid UTF-8": StringColumn, "BYTE_ARRAY": BytesColumn,
		"LIST<STRUCT<seq INT64, bytes INT32>>": ListColumn, "MAP<STRING,STRING>": MapColumn,
	}
	doc, err := os.ReadFile("../../docs/format.md")
	if err != nil {
		t.Fatal(err)
	}
	_, table, _ := strings.Cut(string(doc), "\n## Parquet\n")
	table, _, _ = strings.Cut(table, "\n## ")
	var want []Column
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
			c := Column{Name: strings.Trim(name, "`"), Type: typ, Nullable: nullable}
			if typ == ListColumn {
				c.Fields = []Column{{Name: "seq", Type: Int64Column}, {Name: "bytes", Type: Int32Column}}
			}
			want = append(want, c)
		}
	}
	if d := cmp.Diff(want, Columns()); d != "" {
		t.Error(d)
	}
}
