package archiver // see rig

import (
	"testing"

	"github.com/coldtail/coldtail/archiver/bucket"
	judge "github.com/coldtail/coldtail/readback/verify"
)

// wantClean is the judge of what was archived: nothing lost, nothing twice,
// nothing damaged.
func wantClean(t *testing.T, b bucket.Bucket) {
	t.Helper()
	sum, err := judge.Run(t.Context(), b, judge.Config{Found: func(f judge.Finding) {
		if !f.Kind.Note() {
			t.Errorf("%s: %s: %s (and %s), numbers %d to %d", f.Kind, f.Detail, f.Key, f.Other, f.FirstSeq, f.LastSeq)
		}
	}})
	check(t, err)
	t.Logf("verified %d objects with %d entries of %d containers; gap rows say that %d were dropped", sum.Objects, sum.Entries, sum.Containers, sum.Dropped)
}
