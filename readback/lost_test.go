package readback_test

import (
	"testing"
	"time"

	"github.com/coldtail/coldtail/codec"
	"github.com/coldtail/coldtail/readback"
)

// TestTailBeforeLostState: entries of an earlier state, which only a listing
// finds, make up a tail that reaches beyond this state's, also where this one's
// are both archived and in the local cache: these do not count twice.
func TestTailBeforeLostState(t *testing.T) {
	const before, after = 20, 30
	for _, format := range codec.Formats() {
		g := newRig(t, format)
		now := g.base
		g.base = now.Add(-72 * time.Hour) // older than the hours that are listed first
		g.print(before)
		g.flush(true)
		g.stop()
		g.base = now
		g.start("another")
		g.print(after)
		g.flush(false)
		for _, tail := range []int{after - 1, after, after + 1, after + before/2, after + before, 2 * (after + before)} {
			g.want(readback.Query{Tail: int64(tail)}, g.sent[max(0, len(g.sent)-tail):])
		}
	}
}
