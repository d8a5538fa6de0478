package chunkfile_test

import (
	"bytes"
	"errors"
	"io"
	"math/rand/v2"
	"os"
	"testing"

	"github.com/parquet-go/parquet-go"

	"github.com/coldtail/coldtail/codec"
	"github.com/coldtail/coldtail/codec/chunkfile"
	"github.com/coldtail/coldtail/codec/codectest"
)

func inspect(f codec.Format, b []byte) (codec.Claims, error) {
	return chunkfile.Inspect(f, bytes.NewReader(b), int64(len(b)), codec.Limits{})
}

func TestInspect(t *testing.T) {
	g := &codectest.Generator{Rand: rand.New(rand.NewPCG(5, 5))}
	for name, entries := range map[string][]codec.Entry{
		"one": codectest.PlainEntries(1), "many pages": codectest.PlainEntries(40_000), "of all kinds": g.Entries(3000), "none": nil,
	} {
		for _, f := range codec.Formats() {
			b, stats := encodeAll(t, f, codectest.Meta(), entries)
			got, err := inspect(f, b)
			if f == codec.NDJSON && len(entries) == 0 {
				codectest.WantCorrupt(t, err) // no object is empty
				continue
			}
			if err != nil {
				t.Errorf("%s as %s: %v", name, f, err)
				continue
			}
			want := codec.Claims{ContainerID: codectest.Meta().ContainerID}
			if f == codec.Parquet {
				want = codec.Claims{
					ContainerID: codectest.Meta().ContainerID, Footer: true, Stats: stats,
					Info: codec.ChunkInfo{SpoolID: "0123456789abcdef", SegmentSeq: 7, Origin: true},
				}
			}
			if got != want {
				t.Errorf("%s as %s: got %+v, want %+v", name, f, got, want)
			}
		}
	}
}

func TestInspectGolden(t *testing.T) {
	for _, f := range codec.Formats() {
		b, err := os.ReadFile("testdata/v1." + f.Ext())
		if err != nil {
			t.Fatal(err)
		}
		c, err := inspect(f, b)
		if err != nil {
			t.Fatalf("%s: %v", f, err)
		}
		if want := int64(len(codectest.GoldenEntries())); c.Footer && (c.Stats.Entries != want || c.Stats.Gaps != 1) {
			t.Errorf("%s: %+v", f, c)
		}
	}
}

// TestInspectNoticesDamage flips bits all over a file. What neither Inspect nor
// a decoder nor a comparison of the claims notices are bytes that coldtail does
// not go by: sizes, encodings and hints that the footer and the page headers
// repeat, and who wrote the file.
func TestInspectNoticesDamage(t *testing.T) {
	g := &codectest.Generator{Rand: rand.New(rand.NewPCG(3, 3))}
	all := g.Entries(40)
	for f, share := range map[codec.Format]float64{codec.Parquet: 0.8, codec.NDJSON: 0.98} {
		b, stats := encodeAll(t, f, codectest.Meta(), all)
		good, err := inspect(f, b)
		if err != nil {
			t.Fatal(err)
		}
		pages := len(b)
		if f == codec.Parquet {
			file, err := parquet.OpenFile(bytes.NewReader(b), int64(len(b)))
			if err != nil {
				t.Fatal(err)
			}
			pages = int(file.Metadata().RowGroups[0].Columns[0].ColumnIndexOffset)
		}
		var total, missed, missedPages int
		for i := 0; i < len(b); i += 1 + len(b)/2500 {
			damaged := bytes.Clone(b)
			damaged[i] ^= 1 << g.IntN(8)
			total++
			if c, err := inspect(f, damaged); err != nil || c != good {
				continue
			}
			if n, err := drain(f, bytes.NewReader(damaged), int64(len(b))); !errors.Is(err, io.EOF) || int64(n) != stats.Entries {
				continue
			}
			missed++
			if i < pages {
				missedPages++
			}
		}
		t.Logf("%s: %d of %d flips were not noticed, %d of them in the %d bytes of pages", f, missed, total, missedPages, pages)
		if float64(total-missed) < share*float64(total) {
			t.Errorf("%s: %d of %d flips were not noticed", f, missed, total)
		}
	}
}
