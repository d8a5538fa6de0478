package main

import (
	"fmt"
	"testing"
	"time"

	"github.com/coldtail/coldtail/codec"
	"github.com/coldtail/coldtail/codec/key"
	"github.com/coldtail/coldtail/readback/catalog"
)

// TestHourLister lists an hour at once, unless others have so many objects in it
// that a request for each container is less.
func TestHourLister(t *testing.T) {
	s := newShelf(t)
	var ids []string
	for i := range 4 {
		n := container("web", fmt.Sprint("web-", i), "north")
		s.say(n, at(time.Duration(i), "x"))
		ids = append(ids, n.ContainerID)
	}
	b := &counted{Bucket: s.bucket}
	l := &hourLister{bucket: b}
	wanted := map[partition][]string{{codec.Parquet, noon}: ids[:3]}
	list := func() (found map[string]int) {
		t.Helper()
		found = map[string]int{}
		s.check(l.list(t.Context(), wanted, func(c catalog.Chunk) { found[c.ContainerID]++ }))
		if len(found) != 3 || found[ids[0]] != 1 || found[ids[1]] != 1 || found[ids[2]] != 1 {
			t.Errorf("found %v of %q", found, ids)
		}
		return found
	}
	list()
	if lists, _ := b.taken(); lists != 1 {
		t.Errorf("%d listings for an hour of few objects", lists)
	}
	// 2001 objects are more pages than two containers save.
	for i := range 2 * pageKeys {
		m := key.Meta{Format: codec.Parquet, Hour: noon, ContainerID: key.ContainerID(fmt.Sprint(i)), SpoolID: "0123456789abcdef", SegmentSeq: 1, FirstSeq: 1, LastSeq: 1, Entries: 1}
		s.touch(m.Key())
	}
	list()
	if lists, _ := b.taken(); lists > 3+3 {
		t.Errorf("%d listings to find that the hour is large", lists)
	}
	list()
	if lists, _ := b.taken(); lists != 3 {
		t.Errorf("%d listings for an hour that is large", lists)
	}
	l.forget()
	list()
	if lists, _ := b.taken(); lists <= 3 {
		t.Errorf("%d listings: it is not tried again", lists)
	}
}
