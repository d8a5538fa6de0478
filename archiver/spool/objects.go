package spool

import (
	"bufio"
	"bytes"
	"cmp"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"
)

// Objects are all that were archived from this spool up to now, in the order of
// archiving. What was archived since the snapshot is in both: nothing is in neither.
func (sn *Snapshot) Objects() ([]Object, error) {
	objs, _, err := sn.AllObjects()
	return objs, err
}

// AllObjects is Objects, and tells whether these are all: where the list was
// damaged, or a segment was lost, the bucket may have more.
func (sn *Snapshot) AllObjects() (objs []Object, all bool, err error) {
	objs, whole, err := readObjects(sn.log.cfg.Dir)
	var known spans
	for _, o := range objs {
		known.add(o.Segment)
	}
	return objs, err == nil && whole && sn.complete(known), err
}

// EachObject is AllObjects with little memory: it calls f with each object, and with
// some of them again, as a segment is listed again whose archiving was cut short.
func (sn *Snapshot) EachObject(f func(Object)) (all bool, err error) {
	var known spans
	whole, err := eachObject(sn.log.cfg.Dir, func(o Object) {
		known.add(o.Segment)
		f(o)
	})
	return err == nil && whole && sn.complete(known), err
}

// complete reports whether the segments that are known and those that are here are
// all that there were.
func (sn *Snapshot) complete(known spans) bool {
	for _, v := range sn.Segments {
		known.add(v.Header.SegmentSeq)
	}
	return known.cover(sn.lastSegment)
}

// eachObject calls f with the objects of archived.log. Lines that are not whole are
// passed over, and make the list not whole: where it was cut by a power loss, the
// segment is archived again.
func eachObject(dir string, f func(Object)) (whole bool, err error) {
	file, err := os.Open(filepath.Join(dir, archivedFile))
	if errors.Is(err, os.ErrNotExist) {
		return true, nil
	}
	if err != nil {
		return false, fmt.Errorf("read archived objects: %w", err)
	}
	defer file.Close()
	whole = true
	r := bufio.NewReader(file)
	for {
		line, err := r.ReadString('\n')
		if errors.Is(err, io.EOF) {
			return whole && line == "", nil
		}
		if err != nil {
			return false, fmt.Errorf("read archived objects: %w", err)
		}
		if o, ok := parseObject(strings.TrimSuffix(line, "\n")); ok {
			f(o)
		} else {
			whole = false
		}
	}
}

// NewestObjects calls f with objects of archived.log from its end on, until f returns
// false or a line is not whole. It reads no more of the file than that takes, and
// returns how f ended it.
func (sn *Snapshot) NewestObjects(f func(Object) bool) (ended bool, err error) {
	file, err := os.Open(filepath.Join(sn.log.cfg.Dir, archivedFile))
	if errors.Is(err, os.ErrNotExist) {
		return false, nil
	}
	if err != nil {
		return false, fmt.Errorf("read archived objects: %w", err)
	}
	defer file.Close()
	fi, err := file.Stat()
	if err != nil {
		return false, fmt.Errorf("read archived objects: %w", err)
	}
	var rest []byte // of a line whose beginning is not read yet
	for end, first := fi.Size(), true; end > 0; first = false {
		b := make([]byte, min(end, endBytes), min(end, endBytes)+int64(len(rest)))
		end -= int64(len(b))
		if _, err := file.ReadAt(b, end); err != nil {
			return false, fmt.Errorf("read archived objects: %w", err)
		}
		if b = append(b, rest...); len(b) > 2*endBytes {
			return false, nil // no line is so long
		}
		if first {
			if b[len(b)-1] != '\n' {
				return false, nil
			}
			b = b[:len(b)-1]
		}
		for {
			i := bytes.LastIndexByte(b, '\n')
			if i < 0 && end > 0 {
				break
			}
			o, ok := parseObject(string(b[i+1:]))
			if !ok {
				return false, nil
			}
			if !f(o) {
				return true, nil
			}
			if i < 0 {
				return false, nil
			}
			b = b[:i]
		}
		rest = b
	}
	return false, nil
}

// spans are numbers, mostly in order.
type spans []span

type span struct{ first, last int64 }

func (s *spans) add(n int64) {
	if i := len(*s) - 1; i >= 0 {
		switch last := &(*s)[i]; {
		case last.first <= n && n <= last.last:
			return
		case n == last.last+1:
			last.last = n
			return
		}
	}
	*s = append(*s, span{n, n})
}

// cover reports whether no number from 1 up to last is missing.
func (s spans) cover(last int64) bool {
	slices.SortFunc(s, func(a, b span) int { return cmp.Compare(a.first, b.first) })
	next := int64(1)
	for _, p := range s {
		if p.first > next {
			break
		}
		next = max(next, p.last+1)
	}
	return next > last
}
