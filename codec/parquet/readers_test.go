package parquet // compares the footer with the leaves

import (
	"bytes"
	"io"
	"math/rand/v2"
	"testing"

	"github.com/parquet-go/parquet-go"

	"github.com/coldtail/coldtail/codec"
	"github.com/coldtail/coldtail/codec/codectest"
	"github.com/coldtail/coldtail/codec/join"
)

// An independent reader sees the rows that were meant.
func TestParquetGoReads(t *testing.T) {
	many := codectest.Meta()
	for i := range 40 {
		many.Labels[string(rune('A'+i))] = "v" + string(rune('a'+i%5))
	}
	none := codectest.Meta()
	none.Tag, none.Labels, none.Attributes = "", nil, nil
	for name, meta := range map[string]codec.Meta{"some": codectest.Meta(), "many labels": many, "nulls": none, "empty": {}} {
		t.Run(name, func(t *testing.T) {
			g := &codectest.Generator{Rand: rand.New(rand.NewPCG(9, 9))}
			all := g.Entries(20_000)
			want := codectest.RowCollector{Meta: meta}
			a := join.Assembler{Sink: &want}
			for i := range all {
				if err := a.Add(&all[i]); err != nil {
					t.Fatal(err)
				}
			}
			if err := a.Finish(); err != nil {
				t.Fatal(err)
			}
			b, _ := parquetFormat.Encode(t, meta, all)
			r := parquet.NewGenericReader[codectest.Row](bytes.NewReader(b))
			defer r.Close()
			rows := make([]codectest.Row, 500)
			n := 0
			for {
				k, err := r.Read(rows)
				for i := range rows[:k] {
					if n >= len(want.Rows) || !codectest.SameRow(&rows[i], &want.Rows[n]) {
						t.Fatalf("row %d:\n got %+v\nwant %+v", n, rows[i], want.Rows[min(n, len(want.Rows)-1)])
					}
					n++
				}
				if err == io.EOF {
					break
				} else if err != nil {
					t.Fatal(err)
				}
			}
			if n != len(want.Rows) {
				t.Errorf("%d rows, want %d", n, len(want.Rows))
			}
		})
	}
}

// The footer says what docs/format.md promises.
func TestParquetFooter(t *testing.T) {
	g := &codectest.Generator{Rand: rand.New(rand.NewPCG(9, 9))}
	all := g.Entries(30_000)
	for i := range all {
		if all[i].Source == "" { // an empty minimum is left out
			all[i].Source = codec.GapSource
		}
	}
	b, stats := parquetFormat.Encode(t, codectest.Meta(), all)
	f, err := parquet.OpenFile(bytes.NewReader(b), int64(len(b)))
	if err != nil {
		t.Fatal(err)
	}
	m := f.Metadata()
	if len(m.RowGroups) != 1 || m.NumRows != stats.Rows || m.CreatedBy != "coldtail" {
		t.Fatalf("%d row groups, %d rows, by %q", len(m.RowGroups), m.NumRows, m.CreatedBy)
	}
	if s := m.RowGroups[0].SortingColumns; len(s) != 1 || int(s[0].ColumnIdx) != colSeq || s[0].Descending {
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
	if int(next) != len(codec.Columns())+1 {
		t.Errorf("%d fields", next-1)
	}
	for i, l := range leaves {
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
		"coldtail.format": "1", "coldtail.container_id": codectest.Meta().ContainerID, "coldtail.spool_id": "0123456789abcdef",
		"coldtail.segment_seq": "7", "coldtail.entries": "30000", "coldtail.origin": "true",
	} {
		if got, _ := f.Lookup(key); got != want {
			t.Errorf("%s = %q, want %q", key, got, want)
		}
	}
}
