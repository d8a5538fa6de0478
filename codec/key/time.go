package key

import "time"

// earliestNano is 2013-01-01, before Docker was: an earlier time is a clock
// that was not set.
const earliestNano = 1356998400 * int64(time.Second)

// FirstDay is the first day under which a host whose clock is set files entries.
func FirstDay() time.Time { return time.Unix(0, earliestNano).UTC() }

// Hour is the start of the hour, UTC, under which an entry is filed: of its
// own time, or of its arrival where that time is absurd, before 2013 or more
// than 24 h after the arrival. Both are Unix nanoseconds.
func Hour(timeNano, arrivalNano int64) time.Time {
	if timeNano < earliestNano || timeNano-int64(24*time.Hour) > arrivalNano {
		timeNano = arrivalNano
	}
	return time.Unix(0, timeNano).UTC().Truncate(time.Hour)
}

// startOfDay is the start of t's day, UTC.
func startOfDay(t time.Time) time.Time { return t.UTC().Truncate(24 * time.Hour) }

// maxClockAhead is how far a day may be ahead of now to be one of a clock that
// is right: a time zone, and the day that an entry may be ahead of its arrival.
const maxClockAhead = 48 * time.Hour

// PlausibleDays returns the first and the last day under which a clock that is
// right can have filed anything, as of now.
func PlausibleDays(now time.Time) (first, last time.Time) {
	return startOfDay(FirstDay()), startOfDay(now.Add(maxClockAhead))
}

// StartOfTime is the first day that a key can have, and EndOfTime is after the last.
var (
	StartOfTime = time.Date(0, 1, 1, 0, 0, 0, 0, time.UTC)
	EndOfTime   = time.Date(10000, 1, 1, 0, 0, 0, 0, time.UTC)
)

// DayText is how a day is spelt in keys.
func DayText(t time.Time) string { return t.UTC().Format(dayLayout) }
