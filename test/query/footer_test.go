//go:build cgo

package query

import (
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/apache/arrow-go/v18/parquet/compress"
	"github.com/apache/arrow-go/v18/parquet/file"
	"github.com/apache/arrow-go/v18/parquet/metadata"
	"github.com/apache/arrow-go/v18/parquet/schema"
	"github.com/google/go-cmp/cmp"

	"github.com/coldtail/coldtail/codec"
	"github.com/coldtail/coldtail/codec/key"
	"github.com/coldtail/coldtail/test/samples"
)

// What docs/format.md promises of a file, as arrow-go sees it: path, repetition,
// type, logical type and field id.
const wantSchema = `time required INT64 Timestamp(isAdjustedToUTC=true, timeUnit=microseconds, is_from_converted_type=false, force_set_converted_type=false) 1
time_unix_nano required INT64 None 2
seq required INT64 None 3
stream required BYTE_ARRAY String 4
body required BYTE_ARRAY String 5
body_raw optional BYTE_ARRAY None 6
partial required BOOLEAN None 7
parts optional group List 8
parts.list repeated group None 100
parts.list.element required group None 101
parts.list.element.seq required INT64 None 102
parts.list.element.bytes required INT32 None 103
service_name required BYTE_ARRAY String 9
container_id required BYTE_ARRAY String 10
container_name required BYTE_ARRAY String 11
image_name required BYTE_ARRAY String 12
image_id required BYTE_ARRAY String 13
host_name required BYTE_ARRAY String 14
tag optional BYTE_ARRAY String 15
labels optional group Map 16
labels.key_value repeated group None 104
labels.key_value.key required BYTE_ARRAY String 105
labels.key_value.value required BYTE_ARRAY String 106
attributes optional group Map 17
attributes.key_value repeated group None 107
attributes.key_value.key required BYTE_ARRAY String 108
attributes.key_value.value required BYTE_ARRAY String 109
`

// wantEncodings are those of the leaves' data pages. A column of nulls alone is
// PLAIN.
var wantEncodings = map[string]string{
	"time": "DELTA_BINARY_PACKED", "time_unix_nano": "DELTA_BINARY_PACKED", "seq": "DELTA_BINARY_PACKED",
	"stream": "RLE_DICTIONARY", "body": "PLAIN", "body_raw": "PLAIN", "partial": "PLAIN",
	"parts.list.element.seq": "PLAIN", "parts.list.element.bytes": "PLAIN",
	"service_name": "RLE_DICTIONARY", "container_id": "RLE_DICTIONARY", "container_name": "RLE_DICTIONARY",
	"image_name": "RLE_DICTIONARY", "image_id": "RLE_DICTIONARY", "host_name": "RLE_DICTIONARY", "tag": "RLE_DICTIONARY",
	"labels.key_value.key": "RLE_DICTIONARY", "labels.key_value.value": "RLE_DICTIONARY",
	"attributes.key_value.key": "RLE_DICTIONARY", "attributes.key_value.value": "RLE_DICTIONARY",
}

const (
	pageBytes = 256 << 10
	footerMax = 32 << 10
)

// TestFiles looks at every Parquet object of two archives: one with long and
// invalid lines, labels and nulls, one with gap rows.
func TestFiles(t *testing.T) {
	lines, _ := archive(t, codec.Parquet)
	gaps, _ := archiveShop(t, codec.Parquet)
	dirs := []string{lines, gaps}
	t.Run("schema", func(t *testing.T) { testSchema(t, dirs) })
	t.Run("encodings", func(t *testing.T) { testEncodings(t, dirs) })
	t.Run("footers", func(t *testing.T) { testFooters(t, dirs) })
}

// eachChunk opens every Parquet object of some archives.
func eachChunk(t *testing.T, dirs []string, f func(t *testing.T, m key.Meta, r *file.Reader)) {
	t.Helper()
	n := 0
	for _, dir := range dirs {
		names, err := filepath.Glob(dir + "/parquet/dt=*/hour=*/*.parquet")
		if err != nil {
			t.Fatal(err)
		}
		for _, name := range names {
			object, err := filepath.Rel(dir, name)
			if err != nil {
				t.Fatal(err)
			}
			meta, err := key.Parse(object)
			if err != nil {
				t.Fatal(err)
			}
			r, err := file.OpenParquetFile(name, false)
			if err != nil {
				t.Fatalf("%s: %v", object, err)
			}
			f(t, meta, r)
			if err := r.Close(); err != nil {
				t.Error(err)
			}
			n++
		}
	}
	if n < 50 {
		t.Errorf("%d objects", n)
	}
}

func testSchema(t *testing.T, dirs []string) {
	t.Helper()
	eachChunk(t, dirs, func(t *testing.T, m key.Meta, r *file.Reader) {
		var got strings.Builder
		describe(&got, r.MetaData().Schema.Root(), "")
		if d := cmp.Diff(wantSchema, got.String()); d != "" {
			t.Fatalf("%s: %s", m.Key(), d)
		}
	})
}

func describe(to *strings.Builder, g *schema.GroupNode, path string) {
	for i := range g.NumFields() {
		n := g.Field(i)
		typ := "group"
		if p, ok := n.(*schema.PrimitiveNode); ok {
			typ = p.PhysicalType().String()
		}
		fmt.Fprintf(to, "%s%s %s %s %s %d\n", path, n.Name(), n.RepetitionType(), typ, n.LogicalType(), n.FieldID())
		if inner, ok := n.(*schema.GroupNode); ok {
			describe(to, inner, path+n.Name()+".")
		}
	}
}

// testEncodings: ZSTD, data pages of version 1 and at most 256 KiB unless of one
// value, with the promised encodings.
func testEncodings(t *testing.T, dirs []string) {
	t.Helper()
	seen := map[string]bool{}
	eachChunk(t, dirs, func(t *testing.T, m key.Meta, r *file.Reader) {
		group := r.RowGroup(0)
		for i := range group.NumColumns() {
			c, err := group.MetaData().ColumnChunk(i)
			if err != nil {
				t.Fatal(err)
			}
			path := c.PathInSchema().String()
			want := wantEncodings[path]
			if !c.HasDictionaryPage() && want == "RLE_DICTIONARY" {
				if nulls(t, c) != c.NumValues() {
					t.Errorf("%s: %s has no dictionary", m.Key(), path)
				}
				want = "PLAIN"
			} else {
				seen[path] = true
			}
			if c.Compression() != compress.Codecs.Zstd {
				t.Errorf("%s: %s: %v", m.Key(), path, c.Compression())
			}
			pages, err := group.GetColumnPageReader(i)
			if err != nil {
				t.Fatal(err)
			}
			checkPages(t, m.Key()+": "+path, pages, want)
		}
	})
	for path := range wantEncodings {
		if !seen[path] {
			t.Errorf("no object has values of %s", path)
		}
	}
}

func nulls(t *testing.T, c *metadata.ColumnChunkMetaData) int64 {
	t.Helper()
	s, err := c.Statistics()
	if err != nil || s == nil || !s.HasNullCount() {
		t.Fatalf("%s: no count of nulls: %v", c.PathInSchema(), err)
	}
	return s.NullCount()
}

func checkPages(t *testing.T, what string, pages file.PageReader, encoding string) {
	t.Helper()
	n := 0
	for pages.Next() {
		p := pages.Page()
		if p.Type() == file.PageTypeDictionaryPage {
			continue
		}
		n++
		if p.Type() != file.PageTypeDataPage || p.Encoding().String() != encoding {
			t.Errorf("%s: %v, %v, want a data page of version 1, %s", what, p.Type(), p.Encoding(), encoding)
		}
		if len(p.Data()) > pageBytes && p.NumValues() > 1 {
			t.Errorf("%s: a page of %d bytes and %d values", what, len(p.Data()), p.NumValues())
		}
	}
	if err := pages.Err(); err != nil || n == 0 {
		t.Errorf("%s: %d pages: %v", what, n, err)
	}
}

// testFooters: what engines prune and seek by, and the facts of the key.
func testFooters(t *testing.T, dirs []string) {
	t.Helper()
	gaps := map[string]bool{}
	eachChunk(t, dirs, func(t *testing.T, m key.Meta, r *file.Reader) {
		kv := r.MetaData().KeyValueMetadata()
		for name, want := range map[string]string{
			"format": "1", "container_id": m.ContainerID, "spool_id": m.SpoolID, "segment_seq": decimal(m.SegmentSeq),
			"first_seq": decimal(m.FirstSeq), "last_seq": decimal(m.LastSeq), "min_time_unix_nano": decimal(m.MinNano),
			"max_time_unix_nano": decimal(m.MaxNano), "entries": decimal(m.Entries), "origin": "true",
		} {
			if got := kv.FindValue("coldtail." + name); got == nil || *got != want {
				t.Errorf("%s: coldtail.%s is %v, want %s", m.Key(), name, got, want)
			}
		}
		if v := kv.FindValue("coldtail.gaps"); v != nil {
			gaps[*v] = true
		}
		if size := r.MetaData().Size(); size > footerMax {
			t.Errorf("%s: a footer of %d bytes", m.Key(), size)
		}
		if r.NumRowGroups() != 1 {
			t.Fatalf("%s: %d row groups", m.Key(), r.NumRowGroups())
		}
		group := r.MetaData().RowGroup(0)
		if s := group.SortingColumns(); len(s) != 1 || s[0].ColumnIdx != 2 || s[0].Descending {
			t.Errorf("%s: sorted by %v", m.Key(), s)
		}
		for i := range group.NumColumns() {
			c, err := group.ColumnChunk(i)
			if err != nil {
				t.Fatal(err)
			}
			checkStatistics(t, m, c)
		}
	})
	if d := cmp.Diff(map[string]bool{"0": true, "1": true}, gaps); d != "" {
		t.Errorf("counts of gap rows: %s", d)
	}
}

func decimal(n int64) string { return strconv.FormatInt(n, 10) }

func checkStatistics(t *testing.T, m key.Meta, c *metadata.ColumnChunkMetaData) {
	t.Helper()
	path := c.PathInSchema().String()
	what := m.Key() + ": " + path
	if c.BloomFilterOffset() != 0 {
		t.Errorf("%s has a bloom filter", what)
	}
	if c.GetOffsetIndexLocation() == nil {
		t.Errorf("%s has no offset index", what)
	}
	stats, err := c.Statistics()
	if err != nil || stats == nil {
		t.Fatalf("%s has no statistics: %v", what, err)
	}
	switch {
	case path == "body" || path == "body_raw":
		// A count of nulls may be there, but no values.
		if stats.HasMinMax() || c.GetColumnIndexLocation() != nil {
			t.Errorf("%s has bounds", what)
		}
		return
	case nulls(t, c) == c.NumValues():
		return
	case !stats.HasMinMax():
		t.Errorf("%s has no bounds", what)
		return
	case c.GetColumnIndexLocation() == nil:
		t.Errorf("%s has no column index", what)
	}
	bounds := map[string][2]int64{"time": {m.MinNano / 1000, m.MaxNano / 1000}, "time_unix_nano": {m.MinNano, m.MaxNano}}
	if want, ok := bounds[path]; ok {
		if s := stats.(*metadata.Int64Statistics); s.Min() != want[0] || s.Max() != want[1] {
			t.Errorf("%s is %d to %d, want %v", what, s.Min(), s.Max(), want)
		}
	}
	if path == "container_id" {
		if s := stats.(*metadata.ByteArrayStatistics); string(s.Min()) != m.ContainerID || string(s.Max()) != m.ContainerID {
			t.Errorf("%s is %q to %q", what, s.Min(), s.Max())
		}
	}
}

// TestPruning: a query that filters on time, or on a column that is one value in
// an object, reads no pages of the others: these are overwritten here. Only the
// footers are left to tell.
func TestPruning(t *testing.T) {
	dir, all := archiveShop(t, codec.Parquet)
	names, err := filepath.Glob(dir + "/parquet/dt=*/hour=*/*.parquet")
	if err != nil {
		t.Fatal(err)
	}
	const at = "2026-11-20 09:"
	kept := 0
	for _, name := range names {
		if strings.Contains(name, "dt=2026-11-20/hour=09/"+key.ContainerID("shop-web-1")) {
			kept++
			continue
		}
		overwritePages(t, name)
	}
	if kept != 1 {
		t.Fatalf("%d objects kept of %d", kept, len(names))
	}
	db := openView(t, codec.Parquet, dir)
	var bytes, lines int64
	for _, l := range all {
		if l.DT() == samples.SecondDay && l.Hour() == 9 && l.Meta.ContainerName == "shop-web-1" {
			lines++
			bytes += int64(len(l.Body))
		}
	}
	const sums = "SELECT count(*) || ' ' || sum(strlen(body)) FROM logs WHERE "
	answer := fmt.Sprintf("%d %d", lines, bytes)
	for _, filter := range []string{
		"time >= '" + at + "00:00+00' AND time < '2026-11-20 10:00:00+00' AND container_name = 'shop-web-1'",
		"time_unix_nano >= 1795165200000000000 AND time_unix_nano < 1795168800000000000 AND service_name = 'web'",
		"dt = '2026-11-20' AND hour = 9 AND container_id = '" + key.ContainerID("shop-web-1") + "'",
		"time >= '" + at + "00:00+00' AND time < '2026-11-20 10:00:00+00' AND image_name = 'shop/web:1' AND stream = 'stdout'",
	} {
		want(t, db, answer, sums+filter)
	}
	for _, filter := range []string{"true", "time >= '" + at + "00:00+00' AND time < '2026-11-20 11:00:00+00' AND service_name = 'web'", "dt = '2026-11-20' AND hour = 9"} {
		var s string
		if err := db.QueryRow(sums + filter).Scan(&s); err == nil {
			t.Errorf("%s: %s, though pages that it needs are overwritten", filter, s)
		}
	}
}

// overwritePages leaves a Parquet file nothing but its footer.
func overwritePages(t *testing.T, name string) {
	t.Helper()
	r, err := file.OpenParquetFile(name, false)
	if err != nil {
		t.Fatal(err)
	}
	footer := r.MetaData().Size()
	if err := r.Close(); err != nil {
		t.Fatal(err)
	}
	b, err := os.ReadFile(name)
	if err != nil {
		t.Fatal(err)
	}
	const magic, tail = 4, 8
	copy(b[magic:len(b)-tail-footer], slices.Repeat([]byte{0xff}, len(b)))
	if err := os.WriteFile(name, b, 0o600); err != nil {
		t.Fatal(err)
	}
}
