package codec

import (
	"encoding/json"
	"errors"
	"fmt"
	"time"
)

// Gap is what a gap row says: so many entries were dropped there. Its row's
// sequence number is the first dropped entry's, its time the last one's.
type Gap struct {
	Entries   int64
	FirstNano int64 // the dropped entries' own times, Unix nanoseconds
	LastNano  int64
	Reason    string // why: "spool quota", …
}

// gapBody is a gap row's body.
type gapBody struct {
	Coldtail  string    `json:"coldtail"` // "gap"
	Entries   int64     `json:"entries"`
	FirstTime time.Time `json:"first_time"`
	LastTime  time.Time `json:"last_time"`
	Reason    string    `json:"reason"`
}

const gapKind = "gap"

// Line is the gap row's body, one line of JSON.
func (g Gap) Line() []byte {
	b, err := json.Marshal(gapBody{gapKind, g.Entries, time.Unix(0, g.FirstNano).UTC(), time.Unix(0, g.LastNano).UTC(), g.Reason})
	if err != nil {
		// Years past 9999, which a container cannot cause: the count matters more.
		return fmt.Appendf(nil, `{"coldtail":"gap","entries":%d}`, g.Entries)
	}
	return b
}

var errGap = errors.New("not a gap row's body")

// gapMaxBytes bounds a gap row's body; a reason is a few words.
const gapMaxBytes = 64 << 10

// ParseGap is Line's inverse.
func ParseGap(line []byte) (Gap, error) {
	var b gapBody
	if len(line) > gapMaxBytes {
		return Gap{}, errGap
	}
	if err := json.Unmarshal(line, &b); err != nil || b.Coldtail != gapKind || b.Entries <= 0 {
		return Gap{}, errGap
	}
	return Gap{b.Entries, UnixNano(b.FirstTime), UnixNano(b.LastTime), b.Reason}, nil
}
