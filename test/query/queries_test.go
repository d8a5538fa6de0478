//go:build cgo

package query

import (
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/coldtail/coldtail/codec"
	"github.com/coldtail/coldtail/test/samples"
)

func TestQueries(t *testing.T) {
	queries := samples.Documented(t, samples.DuckDB)
	if len(queries) != len(samples.Answers) {
		t.Errorf("docs/queries.md has %d queries, want %d", len(queries), len(samples.Answers))
	}
	for _, f := range codec.Formats() {
		dir, all := archiveShop(t, f)
		db := openView(t, f, dir)
		for name, answer := range samples.Answers {
			t.Run(name+" "+string(f), func(t *testing.T) {
				want := answer(all)
				if len(want) == 0 {
					t.Fatal("the lines have no answer")
				}
				rows, err := db.Query(queries[name])
				if err != nil {
					t.Fatal(err)
				}
				if d := cmp.Diff(want, texts(t, rows)); d != "" {
					t.Error(d)
				}
			})
		}
	}
}
