package verify

import (
	"context"
	"errors"
	"fmt"
	"hash/maphash"

	"golang.org/x/sync/errgroup"

	"github.com/coldtail/coldtail/archiver/bucket"
	"github.com/coldtail/coldtail/codec"
	"github.com/coldtail/coldtail/codec/key"
)

// survey counts what there is to read. Of a whole archive it looks at every
// name, too.
func (v *run) survey(ctx context.Context) error {
	if len(v.cfg.Containers) > 0 {
		v.markers = nil // only what they announce is listed
		for c, err := range v.chunks(ctx) {
			if err != nil {
				return err
			}
			v.total.Objects++
			v.total.SizeBytes += c.SizeBytes
		}
		return nil
	}
	for o, err := range v.bucket.List(ctx, "", bucket.ListOptions{}) {
		if err != nil {
			return fmt.Errorf("list the archive: %w", err)
		}
		v.surveyKey(o)
	}
	return nil
}

// surveyKey counts an object, or reports that its name is none of this version's.
func (v *run) surveyKey(o bucket.Object) {
	_, err := key.Parse(o.Key)
	if err == nil {
		v.total.Objects++
		v.total.SizeBytes += o.SizeBytes
		return
	}
	if _, derr := key.ParseDay(o.Key); derr == nil {
		v.markers.add(o.Key)
		return
	}
	if key.IsMarker(o.Key) {
		return
	}
	if errors.Is(err, codec.ErrNewer) {
		v.found(Finding{Kind: Newer, Key: o.Key, Detail: "it was not read: " + codec.ErrNewer.Error()})
		return
	}
	v.found(Finding{Kind: Foreign, Key: o.Key, Detail: "not a name that coldtail gives; it was not read"})
}

// watchNewer reports, of containers that are looked for by the index, what only a
// later version can read.
func (v *run) watchNewer(context.Context) error {
	if err := v.newer.Err(); err != nil {
		v.found(Finding{Kind: Newer, Detail: err.Error()})
	}
	return nil
}

// markerSet knows which day markers there are by a hash of 64 bits: what little
// chance there is of a collision hides one that is missing.
type markerSet struct {
	seed    maphash.Seed
	there   map[uint64]struct{}
	missing []key.Meta // one for each marker
}

func newMarkerSet() *markerSet {
	return &markerSet{seed: maphash.MakeSeed(), there: map[uint64]struct{}{}}
}

// add tells that there is a marker, or that its lack is known.
func (m *markerSet) add(key string) { m.there[maphash.String(m.seed, key)] = struct{}{} }

func (m *markerSet) want(c key.Meta) {
	if m == nil {
		return
	}
	key := c.DayKey()
	if _, ok := m.there[maphash.String(m.seed, key)]; !ok {
		m.add(key)
		m.missing = append(m.missing, c)
	}
}

// maxMissing is how many markers are looked for together.
const maxMissing = 1000

// full reports whether unindexed is to be called.
func (m *markerSet) full() bool { return m != nil && len(m.missing) >= maxMissing }

// unindexed reports objects without a marker, unless that came meanwhile.
func (v *run) unindexed(ctx context.Context) error {
	if v.markers == nil {
		return nil
	}
	there := make([]bool, len(v.markers.missing))
	g, ctx := errgroup.WithContext(ctx)
	g.SetLimit(4 * v.cfg.Workers)
	for i, m := range v.markers.missing {
		g.Go(func() (err error) {
			there[i], err = v.isThere(ctx, m.DayKey())
			return err
		})
	}
	if err := g.Wait(); err != nil {
		return err
	}
	for i, m := range v.markers.missing {
		if there[i] {
			continue
		}
		v.found(Finding{
			Kind: Unindexed, Key: m.Key(), ContainerID: m.ContainerID, SpoolID: m.SpoolID,
			Detail: fmt.Sprintf("readers do not find the container's objects of that day: there is no %s; coldtail reindex makes it", m.DayKey()),
		})
	}
	v.markers.missing = nil
	return nil
}

func (v *run) isThere(ctx context.Context, key string) (bool, error) {
	for o, err := range v.bucket.List(ctx, key, bucket.ListOptions{}) {
		if err != nil {
			return false, fmt.Errorf("look for an index marker: %w", err)
		}
		return o.Key == key, nil // nothing with this prefix sorts before it
	}
	return false, nil
}
