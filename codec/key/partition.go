package key

import "github.com/coldtail/coldtail/codec"

// A Partition is an hour under which chunks of a format are filed: a directory
// of their keys.
type Partition struct {
	Format codec.Format
	Hour   int64 // its start, Unix seconds
}

// StartOfDay is the first partition of p's day.
func (p Partition) StartOfDay() Partition {
	return Partition{p.Format, p.Hour - mod(p.Hour, daySeconds)}
}

const daySeconds = 24 * 60 * 60

func mod(a, b int64) int64 { return (a%b + b) % b }
