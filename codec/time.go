package codec

import (
	"math"
	"time"
)

// UnixNano is t in Unix nanoseconds. A time that these cannot express, before
// 1677-09-21 or after 2262-04-11, becomes the nearest one: t.UnixNano wraps
// around there. Every time that comes from a user, a request, a key or a file
// is converted by it.
func UnixNano(t time.Time) int64 {
	switch {
	case t.Before(time.Unix(0, math.MinInt64)):
		return math.MinInt64
	case t.After(time.Unix(0, math.MaxInt64)):
		return math.MaxInt64
	}
	return t.UnixNano()
}

// FloorMicros rounds down, also before 1970, as engines do that cast.
func FloorMicros(nano int64) int64 {
	q := nano / 1000
	if nano%1000 < 0 {
		q--
	}
	return q
}
