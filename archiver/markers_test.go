package archiver

import (
	"errors"
	"testing"
	"time"

	"github.com/coldtail/coldtail/archiver/bucket"
	"github.com/coldtail/coldtail/archiver/chunk"
)

// TestMarkersAreForgotten: where somebody deletes a container's logs, or all of
// the bucket, while it writes, what comes later is found again.
func TestMarkersAreForgotten(t *testing.T) {
	g := newRig(t)
	who := chunk.Name{Service: "svc", Name: "web", Host: "h", ContainerID: idA}
	now := time.Date(2026, 3, 1, 0, 30, 0, 0, time.UTC)
	keys := chunk.Meta{ContainerID: idA, Format: "parquet", Hour: now.Truncate(time.Hour)}.Markers(who)
	var m markers
	for i, tc := range []struct {
		after time.Duration
		there bool
	}{
		{0, true}, {time.Minute, false}, {markersAge - time.Minute, false}, {markersAge, true}, {markersAge + time.Minute, false},
		{-time.Hour, true}, // a clock that was ahead
	} {
		for _, k := range keys { // somebody does
			check(t, g.bucket.Delete(t.Context(), k))
		}
		check(t, m.put(t.Context(), g.bucket, now.Add(tc.after), keys...))
		for _, k := range keys {
			body, err := g.bucket.Get(t.Context(), k, bucket.GetOptions{})
			if err == nil {
				check(t, body.Close())
			}
			if tc.there && err != nil || !tc.there && !errors.Is(err, bucket.ErrNotFound) {
				t.Errorf("step %d, after %s: %s: %v", i, tc.after, k, err)
			}
		}
	}
}
