package readback_test

import (
	"testing"
	"time"

	"github.com/coldtail/coldtail/codec"
	"github.com/coldtail/coldtail/readback"
)

// TestNoAllocationPerEntry: what is allocated belongs to readings, objects and
// pages, from the spool and from Parquet.
func TestNoAllocationPerEntry(t *testing.T) {
	const entries = 20_000
	a := newArchive(t, codec.Parquet)
	a.burst(time.Now().Truncate(time.Hour).Add(-time.Hour), entries) // 20 s of one hour: one object
	archived := readback.New(readback.Config{Bucket: a.open()})
	g := newRig(t, codec.Parquet)
	g.print(entries)
	for where, r := range map[string]*readback.Reader{"archive": archived, "spool": g.r} {
		n := 0
		allocs := testing.AllocsPerRun(3, func() {
			n = 0
			for _, err := range r.Entries(t.Context(), readback.Query{ContainerID: id, Tail: -1, Created: time.Now()}) {
				check(t, err)
				n++
			}
		})
		t.Logf("%s: %.0f allocations for %d entries", where, allocs, n)
		if n < entries || allocs > entries/5 {
			t.Errorf("%s: %.0f allocations for %d entries", where, allocs, n)
		}
	}
}
