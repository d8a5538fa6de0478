package archiver

import (
	"sync"
	"time"

	"github.com/coldtail/coldtail/archiver/bucket"
)

// graceTime is how long attempts may fail, none succeeding meanwhile, before
// that is logged: a store that asks for a pause now and then is not away.
const graceTime = 10 * time.Second

// health is the bucket's, for one log line at each change and for Status.
type health struct {
	mu    sync.Mutex
	last  string // the error, "" while all is well
	at    time.Time
	since time.Time // of the first error after the last success
	told  string    // what was logged of it: "", toldAway, or the hint of an error that stays
}

const toldAway = "away"

// ok takes note of a success.
func (h *health) ok(a *Archiver) {
	h.mu.Lock()
	defer h.mu.Unlock()
	if h.told != "" {
		a.cfg.Logger.Info("uploads work again")
	}
	h.last, h.told = "", ""
}

// retried takes note of an attempt that failed and is soon repeated.
func (h *health) retried(a *Archiver, err error) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.note(a, err)
	if h.told == "" && h.at.Sub(h.since) >= graceTime {
		h.tell(a, toldAway, err)
	}
}

// failed takes note of an error that does not go away by itself. It is logged
// at once, and again only where there is something else to be done about it.
func (h *health) failed(a *Archiver, err error) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.note(a, err)
	if what := "for good: " + bucket.Hint(err); h.told != what {
		h.tell(a, what, err)
	}
}

func (h *health) note(a *Archiver, err error) {
	a.metrics.uploadErrors.Inc()
	h.at = a.cfg.Now()
	if h.last == "" {
		h.since = h.at
	}
	h.last = err.Error()
}

func (h *health) tell(a *Archiver, what string, err error) {
	h.told = what
	a.cfg.Logger.Error("cannot upload: entries stay in the spool until it works", "err", err, "hint", bucket.Hint(err))
}
