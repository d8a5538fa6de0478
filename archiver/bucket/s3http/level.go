package s3http

import (
	"iter"

	"github.com/coldtail/coldtail/archiver/bucket"
)

// PageKeys is how many keys and common prefixes a page of a listing has at most.
const PageKeys = 1000

// Level puts a delimited listing into the order of keys. Each page of listed has
// its objects first, then its common prefixes, both in order, at most PageKeys
// in all; where a page ends is not known. Of what comes up to startAfter nothing
// is yielded: stores differ in whether a common prefix counts as after a key
// within it.
//
// Objects wait until a common prefix is behind them, or until they are too many
// to be of one page with the next.
func Level(listed iter.Seq2[bucket.Object, error], startAfter string) iter.Seq2[bucket.Object, error] {
	return func(yield func(bucket.Object, error) bool) {
		var waiting []bucket.Object
		// flush yields those that wait, while more says so of the first.
		flush := func(more func() bool) bool {
			for len(waiting) > 0 && more() {
				o := waiting[0]
				waiting = waiting[1:]
				if o.Key > startAfter && !yield(o, nil) {
					return false
				}
			}
			return true
		}
		all := func() bool { return true }
		for o, err := range listed {
			if err != nil {
				if flush(all) {
					yield(bucket.Object{}, err)
				}
				return
			}
			if !o.CommonPrefix {
				waiting = append(waiting, o)
				if !flush(func() bool { return len(waiting) > PageKeys }) {
					return
				}
				continue
			}
			if !flush(func() bool { return waiting[0].Key < o.Key }) {
				return
			}
			if o.Key > startAfter && !yield(o, nil) {
				return
			}
		}
		flush(all)
	}
}
