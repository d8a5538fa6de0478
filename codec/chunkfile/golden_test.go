package chunkfile_test

import (
	"os"
	"testing"

	"github.com/coldtail/coldtail/codec"
	"github.com/coldtail/coldtail/codec/codectest"
)

func TestGolden(t *testing.T) {
	for _, f := range codec.Formats() {
		b, err := os.ReadFile("testdata/v1." + f.Ext())
		if err != nil {
			t.Fatal(err)
		}
		for _, rg := range []codec.Range{{Tail: codec.All}, {Tail: 4}, {Tail: codec.All, FromSeq: 1005}} {
			got, err := decodeAll(f, b, rg)
			if err != nil {
				t.Fatalf("%s: %v", f, err)
			}
			codectest.WantSame(t, string(f), got, codectest.Wanted(codectest.GoldenEntries(), rg))
		}
	}
}
