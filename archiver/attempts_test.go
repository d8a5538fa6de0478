package archiver // see rig

import (
	"bytes"
	"fmt"
	"log/slog"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/coldtail/coldtail/archiver/bucket/filebucket"
	"github.com/coldtail/coldtail/archiver/statedir"
)

// maxDeaths is after how many processes that died of it a segment is given up.
const maxDeaths = 5

// TestEncodingKills has the encoding of one container's segment kill the process
// each time. After maxDeaths of these that segment is given up, with a gap row,
// and everything else of all containers is archived; after fewer, all is.
func TestEncodingKills(t *testing.T) {
	for _, deaths := range []int{maxDeaths - 1, maxDeaths} {
		t.Run(fmt.Sprint(deaths), func(t *testing.T) {
			g := newCrash(t, 3)
			poisoned := fmt.Sprintf("%064x", 1)
			t.Setenv(envPoison, poisoned)
			g.backlog = 20 // or it writes for as long as the children take
			g.write(100, time.Millisecond)
			for range deaths {
				cmd := g.child("")
				if err := cmd.Wait(); err == nil || cmd.ProcessState.ExitCode() != -1 {
					t.Fatalf("the child was not killed: %v", err)
				}
			}
			if deaths < maxDeaths {
				t.Logf("%d entries exact", g.judge())
				return
			}
			b, err := filebucket.Open(filebucket.Config{Dir: g.folder}, slog.New(slog.DiscardHandler))
			check(t, err)
			var log bytes.Buffer
			r := &rig{t: t, bucket: b, cfg: Config{StateDir: g.state, Logger: slog.New(slog.NewTextHandler(&log, nil))}}
			a, err := New(r.cfg, b)
			check(t, err)
			var srcs []Source
			for i, p := range g.paths {
				srcs = append(srcs, crashSource(p, i))
			}
			check(t, a.Attach(t.Context(), srcs...))
			r.run(a)
			close(g.stop)
			var want [][]string
			for _, ch := range g.written {
				want = append(want, <-ch)
			}
			check(t, detachAll(t.Context(), a))
			if n := r.flushLossy(); n != 1 {
				t.Errorf("%d files with entries are in quarantine, want the segment's", n)
			}
			for i, lines := range want {
				id := fmt.Sprintf("%064x", i)
				got, gone := split(t, r.archived(id))
				if len(got)+int(gone) != len(lines) || (gone > 0) != (id == poisoned) {
					t.Errorf("container %d: %d lines and %d in gaps of %d", i, len(got), gone, len(lines))
				}
				subsequence(t, got, lines)
			}
			wantClean(t, b)
			if left, err := os.ReadDir(statedir.Path(g.state).Attempts()); err != nil || len(left) > 0 {
				t.Errorf("%d attempts are left: %v", len(left), err)
			}
			r.stop()
			if !strings.Contains(log.String(), "ended the process") {
				t.Errorf("nobody was told: %s", &log)
			}
		})
	}
}
