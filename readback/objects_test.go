package readback_test

import (
	"slices"
	"testing"

	"github.com/coldtail/coldtail/archiver/chunk"
	"github.com/coldtail/coldtail/codec"
)

// TestObjects reads what was archived after a first look, whatever the order of
// the listing.
func TestObjects(t *testing.T) {
	g := newRig(t, codec.Parquet)
	known := map[string]bool{}
	for range 3 {
		g.print(2)
		g.flush(true)
		listed, err := chunk.List(t.Context(), g.bucket, id)
		check(t, err)
		if len(known) == 0 {
			for _, c := range listed {
				known[c.Key()] = true
			}
		}
	}
	listed, err := chunk.List(t.Context(), g.bucket, id)
	check(t, err)
	fresh := slices.DeleteFunc(listed, func(c chunk.Chunk) bool { return known[c.Key()] })
	slices.Reverse(fresh)
	var got []string
	for e, err := range g.r.Objects(t.Context(), id, fresh) {
		check(t, err)
		got = append(got, string(e.Line))
	}
	if !slices.Equal(got, g.sent[2:]) {
		t.Errorf("got %q of %q", got, g.sent)
	}
}
