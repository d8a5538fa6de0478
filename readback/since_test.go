package readback_test

import (
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/coldtail/coldtail/codec"
	"github.com/coldtail/coldtail/readback"
)

// TestSinceWithClockSetBack: a range begins at the first entry that is late
// enough, and ends behind the last that is not too late, wherever the entries
// are. What the clock made look older in between belongs to it.
func TestSinceWithClockSetBack(t *testing.T) {
	hours := []int{0, 1, 2, 1, 0, 3, 0, 9}
	for _, format := range codec.Formats() {
		for name, flushes := range map[string][]int{
			"live":          nil,
			"archived":      {7},
			"split":         {3},
			"every entry":   {0, 1, 2, 3, 4, 5, 6, 7},
			"split by skew": {1, 3, 5},
		} {
			t.Run(string(format)+"/"+name, func(t *testing.T) {
				g := newRig(t, format)
				at := func(hour int) time.Time { return g.base.Add(time.Duration(hour-24) * time.Hour) }
				for i, hour := range hours {
					line := strings.Repeat("x", i)
					g.fifo.Log(codec.Entry{TimeNano: at(hour).UnixNano(), Line: []byte(line)})
					g.sent = append(g.sent, line)
					if slices.Contains(flushes, i) {
						g.print(0) // waits for the spool
						g.flush(true)
					}
				}
				g.print(0)
				g.want(readback.Query{Tail: -1, Since: at(1)}, g.sent[1:])
				g.want(readback.Query{Tail: -1, Since: at(2)}, g.sent[2:])
				g.want(readback.Query{Tail: -1, Since: at(3)}, g.sent[5:])
				g.want(readback.Query{Tail: -1, Since: at(10)}, nil)
				g.want(readback.Query{Tail: 4, Since: at(2)}, g.sent[5:])
				g.want(readback.Query{Tail: -1, Until: at(1)}, g.sent[:2])
				g.want(readback.Query{Tail: -1, Since: at(1), Until: at(2)}, g.sent[1:5])
				g.want(readback.Query{Tail: -1, Since: at(2), Until: at(8)}, g.sent[2:7])
			})
		}
	}
}

// TestTimesOutOfRange: a time that nanoseconds cannot express is before, or
// after, all entries, in the spool and in the bucket.
func TestTimesOutOfRange(t *testing.T) {
	early := []time.Time{time.Date(1600, 1, 1, 0, 0, 0, 0, time.UTC), time.Date(1, 1, 1, 0, 0, 0, 1, time.UTC), time.Unix(-1<<40, 0)}
	late := []time.Time{time.Date(2300, 1, 1, 0, 0, 0, 0, time.UTC), time.Date(9999, 12, 31, 0, 0, 0, 0, time.UTC), time.Unix(1<<40, 0)}
	for _, format := range codec.Formats() {
		g := newRig(t, format)
		for _, flush := range []bool{false, true} {
			g.print(3)
			if flush {
				g.flush(true)
				g.print(2)
			}
			for _, tail := range []int64{-1, 2} {
				some := g.sent
				if tail > 0 {
					some = some[len(some)-int(tail):]
				}
				for _, at := range early {
					g.want(readback.Query{Tail: tail, Since: at}, some)
					g.want(readback.Query{Tail: tail, Until: at}, nil)
				}
				for _, at := range late {
					g.want(readback.Query{Tail: tail, Since: at}, nil)
					g.want(readback.Query{Tail: tail, Until: at}, some)
				}
				g.want(readback.Query{Tail: tail, Since: early[0], Until: late[1]}, some)
			}
		}
	}
}
