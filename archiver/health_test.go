package archiver // see rig

import (
	"errors"
	"log/slog"
	"strings"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/coldtail/coldtail/archiver/bucket"
)

// TestHealth: what an operator reads of a bucket that fails, one line for each
// change of state.
func TestHealth(t *testing.T) {
	denied := &bucket.Error{Op: bucket.OpPut, Permanent: true, Hint: "ask for rights", Err: errors.New("denied")}
	missing := &bucket.Error{Op: bucket.OpPut, Permanent: true, Hint: "make it", Err: errors.New("missing")}
	away := &bucket.Error{Op: bucket.OpPut, Err: errors.New("away")}
	const errorLine, okLine = "E", "I"
	for name, c := range map[string]struct {
		events []error // nil: a success; a second passes after each
		want   string
	}{
		"no trouble":              {[]error{nil, nil}, ""},
		"a hiccup":                {[]error{away, away, nil, away, nil}, ""},
		"an outage":               {append(repeat(away, 15), nil, nil), errorLine + okLine},
		"two outages":             {append(append(repeat(away, 15), nil), append(repeat(away, 15), nil)...), errorLine + okLine + errorLine + okLine},
		"refused":                 {[]error{denied, denied, nil}, errorLine + okLine},
		"away, then refused":      {append(repeat(away, 15), denied, denied, nil), errorLine + errorLine + okLine},
		"one reason, then others": {[]error{missing, missing, denied, denied, nil}, errorLine + errorLine + okLine},
		"refused, then away":      {append([]error{denied}, append(repeat(away, 15), denied, nil)...), errorLine + okLine},
	} {
		t.Run(name, func(t *testing.T) {
			var log strings.Builder
			now := time.Unix(1e9, 0)
			h := health{
				log: slog.New(slog.NewTextHandler(&log, nil)), now: func() time.Time { return now },
				errors: prometheus.NewCounter(prometheus.CounterOpts{Name: "errors"}),
			}
			for _, e := range c.events {
				switch {
				case e == nil:
					h.ok()
				case bucket.Permanent(e):
					h.failed(e)
				default:
					h.retried(e)
				}
				now = now.Add(time.Second)
			}
			got := ""
			for line := range strings.Lines(log.String()) {
				_, level, _ := strings.Cut(line, "level=")
				got += level[:1]
			}
			if got != c.want {
				t.Errorf("logged %q, want %q:\n%s", got, c.want, log.String())
			}
		})
	}
}

func repeat(err error, n int) (out []error) {
	for range n {
		out = append(out, err)
	}
	return out
}
