package readback

import (
	"math"
	"slices"
	"strings"

	"github.com/coldtail/coldtail/archiver/spool"
	"github.com/coldtail/coldtail/codec"
	"github.com/coldtail/coldtail/codec/key"
	"github.com/coldtail/coldtail/readback/catalog"
)

// listed is what the spool itself knows of the bucket.
type listed struct {
	objects []catalog.Chunk
	spoolID string // see spool.Snapshot
	all     bool   // these are all of this spool
	enough  bool   // these are all that is wanted
	local   map[segment]bool
}

// segment is one of a container's.
type segment struct {
	spoolID string
	seq     int64
}

func (l *listed) isLocal(m key.Meta) bool { return l.local[segment{m.SpoolID, m.SegmentSeq}] }

// ownObjects returns what the spool knows of the bucket or, where that is proven to
// be enough for the last tail entries, or for those from number from on, the newest
// of it.
func ownObjects(sn *spool.Snapshot, tail, from int64) (l listed, err error) {
	if sn == nil {
		return l, nil
	}
	l.spoolID, l.local = sn.SpoolID, make(map[segment]bool, len(sn.Segments))
	for _, v := range sn.Segments {
		l.local[segment{v.Header.SpoolID, v.Header.SegmentSeq}] = true
	}
	if tail != codec.All || from > 0 {
		if l.objects, l.enough, err = newestObjects(sn, tail, from); l.enough || err != nil {
			return l, err
		}
	}
	l.objects = nil
	parsed := true
	var last key.Meta
	all, err := sn.EachObject(func(o spool.Object) {
		m, err := key.Parse(o.Key)
		if err != nil {
			parsed = false // not written by this version: a listing may know it
			return
		}
		m = shared(m, last)
		last = m
		l.objects = append(l.objects, catalog.Chunk{Meta: m, SizeBytes: o.SizeBytes, ETag: o.ETag, SHA256: o.SHA256})
	})
	l.all = all && parsed
	return l, err
}

// shared lets the strings of m be those of its neighbour, where they are equal: there
// may be hundreds of thousands, and each would keep its key in memory.
func shared(m, last key.Meta) key.Meta {
	m.ContainerID, m.SpoolID = oneOf(m.ContainerID, last.ContainerID), oneOf(m.SpoolID, last.SpoolID)
	m.Format = codec.Format(oneOf(string(m.Format), string(last.Format)))
	return m
}

func oneOf(s, last string) string {
	if s == last {
		return last
	}
	return strings.Clone(s)
}

// newestObjects reads the spool's list from its end, down to where it has the last
// tail entries that are not local, and all from number from on. It is enough if no
// segment is missing on the way.
func newestObjects(sn *spool.Snapshot, tail, from int64) (objs []catalog.Chunk, enough bool, err error) {
	next := sn.LastSegment() // the newest that is not local
	if len(sn.Segments) > 0 {
		next = sn.Segments[0].Header.SegmentSeq - 1
	}
	at := next + 1 // the segment that is being read
	have, lowest := int64(0), int64(math.MaxInt64)
	enough, err = sn.NewestObjects(func(o spool.Object) bool {
		m, perr := key.Parse(o.Key)
		switch {
		case perr != nil || m.SegmentSeq != o.Segment || m.SpoolID != sn.SpoolID:
			objs = nil
			return false
		case o.Segment > next: // it is local
			return true
		case o.Segment == at-1 && (tail != codec.All && have >= tail || from > 0 && lowest <= from):
			return false
		case o.Segment == at-1:
			at--
		case o.Segment != at:
			objs = nil
			return false
		}
		if !slices.ContainsFunc(objs, func(c catalog.Chunk) bool { return c.Meta == m }) {
			objs = append(objs, catalog.Chunk{Meta: m, SizeBytes: o.SizeBytes, ETag: o.ETag, SHA256: o.SHA256})
			have += m.Entries
			lowest = min(lowest, m.FirstSeq)
		}
		return true
	})
	return objs, enough && len(objs) > 0, err
}

// mark says of the spool's own objects what they must be.
func (l *listed) mark(found []catalog.Chunk) []catalog.Chunk {
	own := make(map[key.Meta]int, len(l.objects))
	for i, o := range l.objects {
		if o.SHA256 != "" {
			own[o.Meta] = i
		}
	}
	for i, o := range found {
		if k, ok := own[o.Meta]; ok {
			found[i] = l.objects[k]
		}
	}
	return found
}
