//go:build e2e

package e2e

import (
	"bytes"
	"regexp"
	"strings"
	"testing"
)

// stamp is what `docker logs -t` puts before an entry: RFC 3339 with nine
// digits, 30 characters, and a space. No workload here prints the like. It is
// searched for anywhere, because the parts of a long line have one each.
var stamp = regexp.MustCompile(`\d{4}-\d{2}-\d{2}T\d{2}:\d{2}:\d{2}\.\d{9}Z `)

// views are ways to look at a log that must agree between drivers. A view whose
// args contain -t is compared after stripping the stamps, whose number must agree.
type views [][]string

// everyView is for logs whose order between stdout and stderr is fixed; allViews
// do not depend on it.
var (
	everyView = views{
		{}, {"--tail", "0"}, {"--tail", "1"}, {"--tail", "7"}, {"--tail", "100000000"},
		{"-t"}, {"-t", "--tail", "3"}, {"--since", "24h"}, {"--until", "24h"},
	}
	allViews = views{{}, {"-t"}, {"--tail", "100000000"}, {"--tail", "0"}}
)

// compare fails t where a view of the container got differs from the view of
// want, which has the same workload under one of Docker's own drivers.
func compare(t *testing.T, want, got string, vs views) {
	t.Helper()
	for _, args := range vs {
		compareView(t, args, logs(t, want, args...), logs(t, got, args...))
	}
}

func compareView(t testing.TB, args []string, want, got result) {
	t.Helper()
	view := strings.TrimSpace("docker logs " + strings.Join(args, " "))
	stamped := len(args) > 0 && args[0] == "-t"
	for _, out := range []struct {
		name      string
		want, got []byte
	}{{"stdout", want.stdout, got.stdout}, {"stderr", want.stderr, got.stderr}} {
		if stamped {
			var wantStamps, gotStamps int
			out.want, wantStamps = strip(out.want)
			out.got, gotStamps = strip(out.got)
			if wantStamps != gotStamps {
				t.Errorf("%s: %s has %d time stamps, want %d", view, out.name, gotStamps, wantStamps)
			}
			if len(out.want) > 0 && wantStamps == 0 {
				t.Errorf("%s: no time stamps in the reference: %q", view, clip(out.want))
			}
		}
		same(t, view+": "+out.name, out.want, out.got)
	}
}

// strip removes the stamps from b and counts them.
func strip(b []byte) ([]byte, int) {
	n := 0
	b = stamp.ReplaceAllFunc(b, func([]byte) []byte { n++; return nil })
	return b, n
}

// same fails t where got is not want, and shows the first difference.
func same(t testing.TB, what string, want, got []byte) {
	t.Helper()
	if bytes.Equal(want, got) {
		return
	}
	at := 0
	for at < min(len(want), len(got)) && want[at] == got[at] {
		at++
	}
	from := max(0, at-20)
	t.Errorf("%s: %d bytes (%d lines), want %d (%d); they differ at byte %d: %q, want %q", what,
		len(got), bytes.Count(got, []byte("\n")), len(want), bytes.Count(want, []byte("\n")),
		at, clip(got[from:]), clip(want[from:]))
}
