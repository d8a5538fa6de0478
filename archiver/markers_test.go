package archiver // see rig

import (
	"bytes"
	"context"
	"errors"
	"iter"
	"testing"
	"time"

	"github.com/coldtail/coldtail/archiver/bucket"
	"github.com/coldtail/coldtail/codec/key"
	"github.com/coldtail/coldtail/readback/catalog"
)

// TestMarkersAreForgotten: where somebody deletes a container's logs, or all of
// the bucket, while it writes, what comes later is found again.
func TestMarkersAreForgotten(t *testing.T) {
	g := newRig(t)
	who := key.Name{Service: "svc", Name: "web", Host: "h", ContainerID: idA}
	now := time.Date(2026, 3, 1, 0, 30, 0, 0, time.UTC)
	keys := key.Meta{ContainerID: idA, Format: "parquet", Hour: now.Truncate(time.Hour)}.Markers(who)
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

// TestFlushPutsMarkersAgain: what a flush archives is found, though its markers
// were deleted a moment ago.
func TestFlushPutsMarkersAgain(t *testing.T) {
	g := newRig(t)
	for i := range 2 {
		d := newDaemon(t)
		check(t, g.a.Attach(t.Context(), source(d.path, idA)))
		d.print("line")
		g.detach(d)
		_, err := g.a.Flush(t.Context(), false)
		check(t, err)
		markers := 0
		for o, err := range g.bucket.List(t.Context(), key.IndexPrefix, bucket.ListOptions{}) {
			check(t, err)
			markers++
			check(t, g.bucket.Delete(t.Context(), o.Key))
		}
		if markers == 0 {
			t.Errorf("flush %d put no markers", i)
		}
	}
}

// unlisted is a bucket that may not be listed, or does not answer.
type unlisted struct {
	bucket.Bucket
	err *bucket.Error
}

func (u *unlisted) List(ctx context.Context, prefix string, opts bucket.ListOptions) iter.Seq2[bucket.Object, error] {
	if u.err == nil {
		return u.Bucket.List(ctx, prefix, opts)
	}
	return func(yield func(bucket.Object, error) bool) { yield(bucket.Object{}, u.err) }
}

// TestEmptyArchiveIsComplete: only an archive that was found empty is marked as having
// complete names.
func TestEmptyArchiveIsComplete(t *testing.T) {
	refused := &bucket.Error{Op: bucket.OpList, Permanent: true, Err: errors.New("access denied")}
	away := &bucket.Error{Op: bucket.OpList, Err: errors.New("connection refused")}
	for name, tc := range map[string]struct {
		there string
		err   *bucket.Error // of the first listing
		want  bool
	}{
		"empty":                     {"", nil, true},
		"others' files":             {"doctor/x", nil, true},
		"an older version's marker": {"index/name/a/b/c/" + idA, nil, false},
		"its objects alone":         {"ndjson/dt=2026-01-01/hour=00/x", nil, false},
		"may not be listed":         {"", refused, false},
		"away at first":             {"", away, true},
	} {
		b := &unlisted{newRig(t).bucket, tc.err}
		if tc.there != "" {
			check(t, b.Put(t.Context(), tc.there, bytes.NewReader(nil), 0, bucket.PutOptions{}))
		}
		var m markers
		for i := range 2 {
			check(t, m.put(t.Context(), b, time.Now(), "doctor/"+string(rune('a'+i))))
			if b.err == away {
				b.err = nil
			}
		}
		b.err = nil
		if got, err := catalog.IsComplete(t.Context(), b); err != nil || got != tc.want {
			t.Errorf("%s: %v, %v", name, got, err)
		}
	}
}
