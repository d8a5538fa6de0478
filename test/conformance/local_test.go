package conformance

import (
	"fmt"
	"path/filepath"
	"testing"
	"time"

	"github.com/docker/docker/api/types/backend"
	"github.com/docker/docker/daemon/logger"
	"github.com/docker/docker/daemon/logger/local"
	"github.com/google/go-cmp/cmp"
)

// TestLikeLocal writes the same entries to coldtail and to moby's local driver,
// and reads both with many combinations of tail, since and until: the plugin's
// endpoint gives what local gives, and the adapter that but for what it filters.
func TestLikeLocal(t *testing.T) {
	d := newDaemon(t)
	base := time.Now().Add(-4 * time.Hour).Truncate(time.Millisecond)
	for _, pl := range places() {
		t.Run(pl.name, func(t *testing.T) {
			info := logger.Info{ContainerID: "likelocal", LogPath: filepath.Join(t.TempDir(), "local.log")}
			want, err := local.New(info)
			check(t, err)
			defer want.Close()
			got := (&rig{daemon: d, place: pl}).factory(t, info)(t).(*placed)
			defer got.Close()
			for i, hours := range clock() {
				check(t, want.Log(message(base, i, hours)))
				check(t, got.Log(message(base, i, hours)))
			}
			got.c.put(t)
			for _, cfg := range configs(base) {
				wanted := readAll(t, want.(logger.LogReader), cfg)
				direct := readAll(t, &endpoint{got.c.p.client, got.c.info}, cfg)
				if diff := cmp.Diff(wanted, direct); diff != "" {
					t.Errorf("%s: endpoint (-local +coldtail):\n%s", show(base, cfg), diff)
				}
				if diff := cmp.Diff(filtered(wanted, cfg), readAll(t, got, cfg)); diff != "" {
					t.Errorf("%s: adapter (-local +coldtail):\n%s", show(base, cfg), diff)
				}
			}
		})
	}
}

// clock is each entry's time, in hours: it goes on, stands still, and is set
// back and forth, so that neighbours are in other partitions of the archive.
func clock() []float64 {
	return []float64{0, 0.1, 0.2, 0.2, 0.5, 1, 1.1, 2, 1.2, 0.3, 2.1, 2.2, -5, 2.3, 2.4, 2.4, 3, 0, 3.1, 2.9, 3.2}
}

// message makes entry i: of both sources, with what a line may hold, and parts
// of longer ones, the last of which never ends.
func message(base time.Time, i int, hours float64) *logger.Message {
	m := logger.NewMessage()
	m.Source = []string{"stdout", "stderr"}[i%3%2]
	m.Timestamp = base.Add(time.Duration(hours * float64(time.Hour)))
	m.Line = append(m.Line, [...]string{"", "plain", "\xff\xfe invalid", "nul \x00 and \r", "ünïcode", `{"json": "\n"}`}[i%6]...)
	m.Line = fmt.Append(m.Line, i)
	switch i {
	case 2, 3, 14, 15:
		m.PLogMetaData = &backend.PartialLogMetaData{ID: fmt.Sprint("part", i/4), Ordinal: i%2 + 1, Last: i%2 == 1}
	case 20:
		m.PLogMetaData = &backend.PartialLogMetaData{ID: "unended", Ordinal: 1}
	}
	return m
}

// configs are what the log is read with.
func configs(base time.Time) (out []logger.ReadConfig) {
	at := func(hours float64) time.Time { return base.Add(time.Duration(hours * float64(time.Hour))) }
	sinces := []time.Time{{}, at(-6), at(0.2), at(1.15), at(2.3), at(3.15), at(3.9)}
	untils := []time.Time{{}, at(-1), at(0.2), at(1.15), at(2.35), at(3.9)}
	for _, tail := range []int{-1, 0, 1, 2, 5, 13, 20, 21, 100} {
		for _, since := range sinces {
			for _, until := range untils {
				out = append(out, logger.ReadConfig{Tail: tail, Since: since, Until: until})
			}
		}
	}
	return out
}

// entry is what docker logs shows of a message.
type entry struct {
	Nano   int64
	Source string
	Line   string
}

func readAll(t *testing.T, r logger.LogReader, cfg logger.ReadConfig) (out []entry) {
	t.Helper()
	lw := r.ReadLogs(t.Context(), cfg)
	defer lw.ConsumerGone()
	late := time.After(patience)
	for {
		select {
		case m, ok := <-lw.Msg:
			if !ok {
				select {
				case err := <-lw.Err:
					t.Fatal(err)
				default:
				}
				return out
			}
			out = append(out, entry{m.Timestamp.UnixNano(), m.Source, string(m.Line)})
		case err := <-lw.Err:
			t.Fatal(err)
		case <-late:
			t.Fatal("the log does not end")
		}
	}
}

// filtered is what the adapter lets through (moby daemon/logger/adapter.go).
func filtered(in []entry, cfg logger.ReadConfig) (out []entry) {
	for _, e := range in {
		switch at := time.Unix(0, e.Nano); {
		case !cfg.Since.IsZero() && at.Before(cfg.Since):
		case !cfg.Until.IsZero() && at.After(cfg.Until):
			return out
		default:
			out = append(out, e)
		}
	}
	return out
}

// show names a configuration in hours, as clock does.
func show(base time.Time, cfg logger.ReadConfig) string {
	hours := func(t time.Time) string {
		if t.IsZero() {
			return "none"
		}
		return fmt.Sprint(t.Sub(base).Hours())
	}
	return fmt.Sprintf("tail %d, since %s, until %s", cfg.Tail, hours(cfg.Since), hours(cfg.Until))
}
