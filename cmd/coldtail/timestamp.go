package main

import (
	"fmt"
	"strconv"
	"strings"
	"time"
)

// timeLayouts are the forms of --since and --until beside durations and Unix
// times: RFC 3339, whose end may be left out. Without a zone they are local.
func timeLayouts() []string {
	var layouts []string
	for _, l := range []string{"2006-01-02T15:04:05.999999999", "2006-01-02T15:04", "2006-01-02T15", "2006-01-02"} {
		layouts = append(layouts, l, l+"Z07:00")
	}
	return layouts
}

// parseTime parses a time as docker logs does (moby
// client/internal/timestamp): a duration is that long ago, and a number is Unix
// seconds with at most nine digits behind the point. Empty is the zero time.
func parseTime(value string, now time.Time) (time.Time, error) {
	if value == "" {
		return time.Time{}, nil
	}
	if d, err := time.ParseDuration(value); err == nil && value != "0" {
		return now.Add(-d), nil
	}
	for _, layout := range timeLayouts() {
		if t, err := time.ParseInLocation(layout, value, now.Location()); err == nil {
			return t, nil
		}
	}
	if t, ok := parseUnix(value); ok {
		return t, nil
	}
	return time.Time{}, fmt.Errorf("%q: must be a time such as 2006-01-02T15:04:05Z, Unix seconds, or a duration ago such as 10m", value)
}

func parseUnix(value string) (time.Time, bool) {
	whole, fraction, _ := strings.Cut(value, ".")
	sec, err := strconv.ParseInt(whole, 10, 64)
	if err != nil {
		return time.Time{}, false
	}
	// Longer fractions are cut, shorter ones filled up.
	digits := (fraction + "000000000")[:9]
	nano, err := strconv.ParseUint(digits, 10, 32)
	if err != nil {
		return time.Time{}, false
	}
	return time.Unix(min(max(sec, -maxSeconds), maxSeconds), int64(nano)), true
}

// maxSeconds bounds Unix times, some 35,000 years around now: a time.Time
// wraps around, too.
const maxSeconds = 1 << 40

// parseUntil is parseTime, but that 0 is no time, as for docker logs.
func parseUntil(value string, now time.Time) (time.Time, error) {
	if value == "0" {
		return time.Time{}, nil
	}
	return parseTime(value, now)
}
