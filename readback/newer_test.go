package readback_test

import (
	"errors"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/coldtail/coldtail/codec"
	"github.com/coldtail/coldtail/readback"
)

// TestObjectsOfALaterVersion: what only a later version can read is named once,
// behind all that can be read.
func TestObjectsOfALaterVersion(t *testing.T) {
	at := time.Now().Add(-time.Hour)
	hour := at.UTC().Format("2006-01-02/hour=15/")
	for name, key := range map[string]string{
		"object": "parquet/dt=" + hour + id + "-" + strings.Repeat("f", 16) + "-0000000001-x.parquet",
		"marker": "index/day/" + id + at.UTC().Format("/2006-01-02/") + "arrow",
	} {
		for _, q := range []readback.Query{{Tail: -1}, {Tail: 3}, {Tail: 100}, {Tail: -1, Since: at.Add(-time.Minute)}} {
			a := newArchive(t, codec.Parquet)
			a.burst(at, 5)
			a.file(key, nil)
			q.ContainerID = id
			r := readback.New(readback.Config{Bucket: a.open()})
			var lines []string
			var last error
			for e, err := range r.Entries(t.Context(), q) {
				if last != nil {
					t.Fatalf("%s: %v comes before %q, %v", name, last, e.Line, err)
				}
				if last = err; err == nil {
					lines = append(lines, string(e.Line))
				}
			}
			want := a.lines
			if q.Tail == 3 {
				want = a.lines[2:]
			}
			if !errors.Is(last, codec.ErrNewer) || !strings.Contains(last.Error(), key) || !slices.Equal(lines, want) {
				t.Errorf("%s, %+v: %q, %v", name, q, lines, last)
			}
		}
	}
}
