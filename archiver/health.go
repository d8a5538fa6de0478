package archiver

import (
	"log/slog"
	"sync"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/coldtail/coldtail/archiver/bucket"
)

// graceTime is how long all attempts may fail before that is logged: a store that
// asks for a pause now and then is not away.
const graceTime = 10 * time.Second

// health is the bucket's, for one log line at each change and for Status. Its
// methods may be called concurrently.
type health struct {
	log    *slog.Logger
	now    func() time.Time
	errors prometheus.Counter

	mu    sync.Mutex
	last  string // the error, "" while all is well
	at    time.Time
	since time.Time // of the first error after the last success
	told  string    // what was logged of it: "", toldAway, or the hint of an error that stays
}

const toldAway = "away"

// ok notes a success.
func (h *health) ok() {
	h.mu.Lock()
	defer h.mu.Unlock()
	if h.told != "" {
		h.log.Info("uploads work again")
	}
	h.last, h.told = "", ""
}

// retried notes an attempt that failed and is soon repeated.
func (h *health) retried(err error) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.note(err)
	if h.told == "" && h.at.Sub(h.since) >= graceTime {
		h.tell(toldAway, err)
	}
}

// failed notes an error that does not go away by itself. It is logged at once, and
// again only if the hint is another.
func (h *health) failed(err error) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.note(err)
	if what := "for good: " + bucket.Hint(err); h.told != what {
		h.tell(what, err)
	}
}

func (h *health) note(err error) {
	h.errors.Inc()
	h.at = h.now()
	if h.last == "" {
		h.since = h.at
	}
	h.last = err.Error()
}

func (h *health) tell(what string, err error) {
	h.told = what
	h.log.Error("cannot upload: entries stay in the spool until it works", "err", err, "hint", bucket.Hint(err))
}

// lastError returns the error that was seen last, and when; "" if all is well.
func (h *health) lastError() (text string, at time.Time) {
	h.mu.Lock()
	defer h.mu.Unlock()
	return h.last, h.at
}
