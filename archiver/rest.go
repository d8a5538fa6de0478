package archiver

import (
	"math/rand/v2"
	"sync"
	"time"

	"github.com/coldtail/coldtail/codec"
)

// restMin and restMax bound how long a container rests after a turn that failed. The
// rest doubles each time.
const (
	restMin = time.Second
	restMax = 30 * time.Second
)

// parkTime is how long a container's uploads rest after an error that does not
// go away on its own, such as access denied.
const parkTime = 30 * time.Second

// rest is how long a container's uploads wait after one failed. Its methods may be
// called concurrently.
type rest struct {
	mu     sync.Mutex
	until  int64         // Unix nanoseconds; 0 without a rest
	length time.Duration // of the last rest after a turn; 0 without one
	turnAt int64         // Unix nanoseconds: when the turn began that failed
}

// afterTurn begins a rest, as the turn that began then failed.
func (r *rest) afterTurn(began, now time.Time) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.length = min(max(2*r.length, restMin), restMax)
	r.turnAt = codec.UnixNano(began)
	r.until = now.Add(r.length/2 + rand.N(r.length/2)).UnixNano()
}

// park begins a rest of parkTime, as uploads are refused.
func (r *rest) park(now time.Time) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.until = now.Add(parkTime).UnixNano()
}

// lasts reports whether the container has to wait. It never has to for longer than
// parkTime: if it seems so, the clock was set back, as is done if a store refuses
// requests because of it.
func (r *rest) lasts(now time.Time) bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	left := time.Duration(r.until - now.UnixNano())
	return left > 0 && left <= max(parkTime, restMax)
}

// end ends the rest.
func (r *rest) end() {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.length, r.until = 0, 0
}

// endIfLater ends a rest after a turn, if the turn began after then (Unix nanoseconds).
func (r *rest) endIfLater(then int64) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.length > 0 && r.turnAt > then {
		r.length, r.until = 0, 0
	}
}
