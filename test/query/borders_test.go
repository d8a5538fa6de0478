//go:build cgo

package query

import (
	"context"
	"database/sql"
	"fmt"
	"log/slog"
	"math"
	"math/rand/v2"
	"path/filepath"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"github.com/coldtail/coldtail/archiver"
	"github.com/coldtail/coldtail/archiver/bucket"
	"github.com/coldtail/coldtail/archiver/fifotest"
	"github.com/coldtail/coldtail/codec"
	"github.com/coldtail/coldtail/codec/key"
	"github.com/coldtail/coldtail/test/samples"
)

// Rounds of entries that arrive at one time, and entries in each.
const (
	borderRounds = 16
	perRound     = 60
)

// partition is where a query looks for a row.
type partition struct {
	dt   string
	hour int
}

func partitionOf(t time.Time) partition {
	return partition{t.UTC().Format(time.DateOnly), t.UTC().Hour()}
}

// filed is docs/format.md's rule, written down a second time: the hour of the
// entry's own time, but of its arrival if that is before 2013 or more than a day
// after the arrival.
func filed(nano int64, arrival time.Time) (p partition, absurd bool) {
	t := time.Unix(0, nano).UTC()
	if t.Year() < 2013 || t.After(arrival.Add(24*time.Hour)) {
		return partitionOf(arrival), true
	}
	return partitionOf(t), false
}

// arrivals are just before, at and just after what is a border, and anywhere.
func arrivals(r *rand.Rand) time.Time {
	borders := []time.Time{
		time.Date(2024, 2, 29, 0, 0, 0, 0, time.UTC), // leap day
		time.Date(2024, 3, 1, 0, 0, 0, 0, time.UTC),
		time.Date(2025, 3, 1, 0, 0, 0, 0, time.UTC),
		time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC),
		time.Date(2026, 3, 29, 1, 0, 0, 0, time.UTC), // summer time begins in Europe
		time.Date(2026, 11, 20, 13, 0, 0, 0, time.UTC),
	}
	t := borders[r.IntN(len(borders))]
	return t.Add([]time.Duration{-time.Nanosecond, 0, time.Nanosecond, -time.Duration(r.Int64N(int64(90 * time.Minute))), time.Duration(r.Int64N(int64(90 * time.Minute)))}[r.IntN(5)])
}

// entryTime is a time that an entry which arrives then may have.
func entryTime(r *rand.Rand, arrival time.Time) int64 {
	near := []time.Duration{-time.Second, -time.Microsecond, -999, -1, 0, 1, 999, time.Microsecond, time.Second}[r.IntN(9)]
	switch r.IntN(10) {
	case 0: // the bounds of what is taken for a time
		first := time.Date(2013, 1, 1, 0, 0, 0, 0, time.UTC)
		return []time.Time{first, arrival.Add(24 * time.Hour)}[r.IntN(2)].Add(near).UnixNano()
	case 1: // what no clock says
		return []int64{0, -1, 1, math.MinInt64, math.MaxInt64, arrival.AddDate(10, 0, 0).UnixNano(), arrival.AddDate(-20, 0, 0).UnixNano()}[r.IntN(7)]
	case 2: // long ago, at a border
		return time.Date(2014+r.IntN(9), time.Month(1+r.IntN(12)), 1, 0, 0, 0, 0, time.UTC).Add(near).UnixNano()
	case 3: // midnights
		return arrival.Truncate(24*time.Hour).AddDate(0, 0, r.IntN(3)-1).Add(near).UnixNano()
	case 4, 5, 6: // hours
		return arrival.Truncate(time.Hour).Add(time.Duration(r.IntN(6)-4) * time.Hour).Add(near).UnixNano()
	}
	return arrival.Add(-time.Duration(r.Int64N(int64(2 * time.Hour)))).UnixNano()
}

// archiving is the real archiver over a folder, and a clock that the test sets.
type archiving struct {
	t    *testing.T
	a    *archiver.Archiver
	now  atomic.Int64
	stop func()
}

func startArchiver(t *testing.T, b bucket.Bucket) *archiving {
	t.Helper()
	g := &archiving{t: t}
	g.now.Store(samples.Start.UnixNano())
	a, err := archiver.New(archiver.Config{
		StateDir: filepath.Join(t.TempDir(), "state"), Logger: slog.New(slog.DiscardHandler), CommitInterval: 20 * time.Millisecond,
		Now: func() time.Time { return time.Unix(0, g.now.Load()) },
	}, b)
	if err != nil {
		t.Fatal(err)
	}
	g.a = a
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan error, 1)
	go func() { done <- a.Run(ctx) }()
	g.stop = func() {
		t.Helper()
		cancel()
		if err := <-done; err != nil {
			t.Error(err)
		}
	}
	return g
}

// log sends entries through a FIFO, as the daemon does.
func (g *archiving) log(meta codec.Meta, f codec.Format, entries []codec.Entry) {
	g.t.Helper()
	fifo := fifotest.New(g.t)
	defer fifo.Close()
	opts := archiver.DefaultOptions()
	opts.Format = f
	if err := g.a.Attach(g.t.Context(), archiver.Source{Path: fifo.Name(), Meta: meta, Options: opts}); err != nil {
		g.t.Fatal(err)
	}
	for i := range entries {
		fifo.Send(codec.AppendFrame(nil, &entries[i])) // as it is, also without a time
	}
	if err := g.a.Detach(g.t.Context(), fifo.Name()); err != nil {
		g.t.Fatal(err)
	}
}

// filedRow is an entry of the test: a row.
type filedRow struct {
	id     string // what its body starts with
	nano   int64
	where  partition
	absurd bool
}

// TestBorders: a query that filters on dt and hour gives exactly the rows whose
// time lies there, whatever times entries have and whenever they arrive.
func TestBorders(t *testing.T) {
	for i, f := range codec.Formats() {
		t.Run(string(f), func(t *testing.T) {
			r := rand.New(rand.NewPCG(2026, uint64(i)))
			dir := t.TempDir()
			rows := archiveBorders(t, r, f, dir)
			db := openView(t, f, dir)
			checkEveryHour(t, db, rows)
			checkRanges(t, r, db, rows)
			checkTimes(t, db, rows)
		})
	}
}

func archiveBorders(t *testing.T, r *rand.Rand, f codec.Format, dir string) (rows []filedRow) {
	t.Helper()
	g := startArchiver(t, openFolder(t, dir))
	metas := []codec.Meta{{ContainerID: key.ContainerID("one"), ContainerName: "one"}, {ContainerID: key.ContainerID("two"), ContainerName: "two"}}
	for round := range borderRounds {
		arrival := arrivals(r)
		g.now.Store(arrival.UnixNano())
		var entries []codec.Entry
		for n := range perRound {
			row := filedRow{id: fmt.Sprintf("%02d %02d", round, n), nano: entryTime(r, arrival)}
			row.where, row.absurd = filed(row.nano, arrival)
			rows = append(rows, row)
			e := codec.Entry{TimeNano: row.nano, Source: codec.Stdout, Line: []byte(row.id)}
			if r.IntN(20) == 0 {
				e.Line = append(e.Line, strings.Repeat("x", 2*samples.PartBytes)...)
			}
			parts := samples.PartsOf(e)
			for i := range parts {
				parts[i].PartID = []byte(row.id)
			}
			entries = append(entries, parts...)
		}
		g.log(metas[round%len(metas)], f, entries)
		// The clock must not jump within a group commit, which has one arrival time.
		if _, err := g.a.Flush(t.Context(), false); err != nil {
			t.Fatal(err)
		}
	}
	g.stop()
	return rows
}

// ids asks for the rows of a condition.
func ids(t *testing.T, db *sql.DB, condition string, args ...any) []string {
	t.Helper()
	rows, err := db.Query("SELECT left(body, 5) FROM logs WHERE "+condition, args...)
	if err != nil {
		t.Fatal(err)
	}
	got := texts(t, rows)
	slices.Sort(got)
	return got
}

func idsWhere(rows []filedRow, keep func(filedRow) bool) []string {
	var want []string
	for _, r := range rows {
		if keep(r) {
			want = append(want, r.id)
		}
	}
	slices.Sort(want)
	return want
}

// checkEveryHour asks for every hour that has rows, and for its neighbours.
func checkEveryHour(t *testing.T, db *sql.DB, rows []filedRow) {
	t.Helper()
	asked := map[partition]bool{}
	absurd := 0
	for _, r := range rows {
		if r.absurd {
			absurd++
		}
		day, err := time.Parse(time.DateOnly, r.where.dt)
		if err != nil {
			t.Fatal(err)
		}
		for _, h := range []int{r.where.hour - 1, r.where.hour, r.where.hour + 1} {
			p := partitionOf(day.Add(time.Duration(h) * time.Hour))
			if asked[p] {
				continue
			}
			asked[p] = true
			want := idsWhere(rows, func(r filedRow) bool { return r.where == p })
			if d := cmp.Diff(want, ids(t, db, "dt = ?::DATE AND hour = ?", p.dt, p.hour), cmpopts.EquateEmpty()); d != "" {
				t.Fatalf("dt=%s hour=%d: %s", p.dt, p.hour, d)
			}
		}
	}
	t.Logf("%d rows, %d of them with absurd times; asked for %d hours", len(rows), absurd, len(asked))
	if absurd == 0 || absurd > len(rows)/2 {
		t.Errorf("%d of %d times are absurd", absurd, len(rows))
	}
}

// checkRanges asks by dt and hour for what lies between two hours, and by time:
// of the rows whose time is a time, these are the same.
func checkRanges(t *testing.T, r *rand.Rand, db *sql.DB, rows []filedRow) {
	t.Helper()
	for range 50 {
		from := time.Unix(0, rows[r.IntN(len(rows))].nano).UTC().Truncate(time.Hour)
		if from.Year() < 2013 || from.Year() > 2200 {
			continue
		}
		to := from.Add(time.Duration(r.IntN(60)) * time.Hour)
		a, b := partitionOf(from), partitionOf(to)
		inside := func(p partition) bool {
			return (p.dt > a.dt || p.dt == a.dt && p.hour >= a.hour) && (p.dt < b.dt || p.dt == b.dt && p.hour < b.hour)
		}
		got := ids(t, db, "(dt > $1::DATE OR dt = $1::DATE AND hour >= $2) AND (dt < $3::DATE OR dt = $3::DATE AND hour < $4)", a.dt, a.hour, b.dt, b.hour)
		if d := cmp.Diff(idsWhere(rows, func(r filedRow) bool { return inside(r.where) }), got, cmpopts.EquateEmpty()); d != "" {
			t.Fatalf("%v to %v: %s", a, b, d)
		}
		absurd := idsWhere(rows, func(r filedRow) bool { return r.absurd })
		not := func(ids []string) []string {
			return slices.DeleteFunc(ids, func(id string) bool { _, ok := slices.BinarySearch(absurd, id); return ok })
		}
		byTime := ids(t, db, "time_unix_nano >= $1 AND time_unix_nano < $2", from.UnixNano(), to.UnixNano())
		if d := cmp.Diff(not(byTime), not(got), cmpopts.EquateEmpty()); d != "" {
			t.Fatalf("%v to %v, by time (-) and by dt and hour (+): %s", a, b, d)
		}
	}
}

// checkTimes: the time columns keep what the daemon said, also where it is absurd.
func checkTimes(t *testing.T, db *sql.DB, rows []filedRow) {
	t.Helper()
	found, err := db.Query("SELECT left(body, 5), time_unix_nano, epoch_us(time) FROM logs ORDER BY 1")
	if err != nil {
		t.Fatal(err)
	}
	var want []string
	for _, r := range rows {
		want = append(want, samples.Row(r.id, r.nano, time.Unix(0, r.nano).UnixMicro()))
	}
	if d := cmp.Diff(want, texts(t, found)); d != "" {
		t.Error(d)
	}
}
