//go:build cgo

package query

import (
	"bytes"
	"database/sql"
	"fmt"
	"strings"
	"testing"
	"time"
	"unicode/utf8"

	"github.com/coldtail/coldtail/codec"
	"github.com/coldtail/coldtail/test/samples"
)

// openLogs archives in a format and opens the view logs.
func openLogs(t *testing.T, f codec.Format) *sql.DB {
	t.Helper()
	dir, _ := archive(t, f)
	return openView(t, f, dir)
}

// one asks for a single value.
func one[T any](t *testing.T, db *sql.DB, query string, args ...any) T {
	t.Helper()
	var v T
	if err := db.QueryRow(query, args...).Scan(&v); err != nil {
		t.Fatalf("%s: %v", query, err)
	}
	return v
}

func want[T comparable](t *testing.T, db *sql.DB, v T, query string, args ...any) {
	t.Helper()
	if got := one[T](t, db, query, args...); got != v {
		t.Errorf("%s %v: %v, want %v", query, args, got, v)
	}
}

func TestDuckDB(t *testing.T) {
	for _, f := range codec.Formats() {
		t.Run(string(f), func(t *testing.T) {
			db := openLogs(t, f)
			t.Run("counts", func(t *testing.T) { testCounts(t, db) })
			t.Run("filters on dt and hour", func(t *testing.T) { testHours(t, db) })
			t.Run("microseconds and nanoseconds", func(t *testing.T) { testTimes(t, db) })
			t.Run("invalid UTF-8", func(t *testing.T) { testBodies(t, db) })
			t.Run("line of 2 MB", func(t *testing.T) { testLongLine(t, db) })
			t.Run("label maps", func(t *testing.T) { testLabels(t, db) })
			t.Run("null columns", func(t *testing.T) { testNulls(t, db) })
		})
	}
}

// testCounts counts the rows that end a line.
func testCounts(t *testing.T, db *sql.DB) {
	const lines = "SELECT count(*) FROM logs WHERE NOT partial"
	want(t, db, int64(2*samples.PerStream), lines)
	want(t, db, int64(samples.PerStream), lines+" AND service_name = 'api'")
	want(t, db, int64(samples.PerStream), lines+" AND container_name = 'db' AND image_name = 'postgres:17' AND host_name = 'h1'")
	// The long line is on stderr, being a multiple of five.
	want(t, db, int64(2*samples.PerStream/5), lines+" AND stream = 'stderr'")
	want(t, db, int64(0), "SELECT count(*) FROM logs WHERE stream NOT IN ('stdout', 'stderr')")
	want(t, db, int64(2), "SELECT count(DISTINCT container_id) FROM logs")
	want(t, db, int64(0), "SELECT count(*) - count(DISTINCT (container_id, seq)) FROM logs")
}

// testHours is the promise: a filter on dt and hour gives exactly the rows
// whose time lies there, over midnight too.
func testHours(t *testing.T, db *sql.DB) {
	perHour := map[time.Time]int64{}
	for i := range samples.PerStream {
		perHour[samples.LineTime(i).Truncate(time.Hour)] += 2
	}
	if len(perHour) != 5 {
		t.Fatalf("%d hours", len(perHour))
	}
	for hour, n := range perHour {
		want(t, db, n, "SELECT count(*) FROM logs WHERE NOT partial AND dt = ?::DATE AND hour = ?", hour.Format(time.DateOnly), hour.Hour())
	}
	want(t, db, perHour[samples.Start]+perHour[samples.Start.Add(time.Hour)], "SELECT count(*) FROM logs WHERE NOT partial AND dt = DATE '2026-03-31'")
	want(t, db, int64(0), `SELECT count(*) FROM logs
		WHERE time_unix_nano // 3600000000000 <> epoch_us(dt::TIMESTAMP) // 3600000000 + hour`)
	want(t, db, int64(0), "SELECT count(*) FROM logs WHERE dt = DATE '2026-04-02'")
}

func testTimes(t *testing.T, db *sql.DB) {
	for _, i := range []int{0, 1, 777, samples.PerStream - 1} {
		nano := samples.LineTime(i).UnixNano()
		want(t, db, int64(2), "SELECT count(*) FROM logs WHERE time_unix_nano = ?", nano)
		want(t, db, nano/1000, "SELECT epoch_us(min(time)) FROM logs WHERE time_unix_nano = ?", nano)
	}
	want(t, db, int64(0), "SELECT count(*) FROM logs WHERE epoch_us(time) <> time_unix_nano // 1000")
}

func testBodies(t *testing.T, db *sql.DB) {
	for i, body := range samples.Special {
		if len(body) > samples.PartBytes {
			continue
		}
		nano := samples.LineTime(i).UnixNano()
		got := one[string](t, db, "SELECT min(body) FROM logs WHERE service_name = 'api' AND time_unix_nano = ?", nano)
		if utf8.Valid(body) {
			if got != string(body) {
				t.Errorf("line %d: %q, want %q", i, got, body)
			}
			want(t, db, int64(0), "SELECT count(body_raw) FROM logs WHERE time_unix_nano = ?", nano)
			continue
		}
		if !utf8.ValidString(got) || !strings.Contains(got, "\uFFFD") || !strings.HasPrefix(got, "caf") || !strings.HasSuffix(got, " invalid") {
			t.Errorf("line %d: %q", i, got)
		}
		if got := one[[]byte](t, db, "SELECT body_raw FROM logs WHERE service_name = 'api' AND time_unix_nano = ?", nano); string(got) != string(body) {
			t.Errorf("line %d: raw %q, want %q", i, got, body)
		}
	}
	want(t, db, int64(2), "SELECT count(body_raw) FROM logs")
	want(t, db, "line 001234", "SELECT min(body) FROM logs WHERE time_unix_nano = ?", samples.LineTime(1234).UnixNano())
	want(t, db, int64(2), `SELECT count(*) FROM logs WHERE body LIKE '{%' AND json_extract_string(body, '$.level') = 'error'`)
}

// testLongLine: 2 MB are more than one row may have, and each says of which
// parts it is.
func testLongLine(t *testing.T, db *sql.DB) {
	where := fmt.Sprintf(" FROM logs WHERE service_name = 'api' AND time_unix_nano = %d", samples.LineTime(500).UnixNano())
	if got := one[string](t, db, "SELECT string_agg(body, '' ORDER BY seq)"+where); got != string(samples.Special[500]) {
		t.Errorf("%d bytes, want %d", len(got), len(samples.Special[500]))
	}
	const rows = (samples.LongBytes + codec.JoinMaxBytes - 1) / codec.JoinMaxBytes
	want(t, db, int64(rows), "SELECT count(*)"+where)
	want(t, db, int64(rows-1), "SELECT count(*)"+where+" AND partial")
	want(t, db, int64((samples.LongBytes+samples.PartBytes-1)/samples.PartBytes), "SELECT sum(len(parts))::BIGINT"+where)
	want(t, db, int64(samples.LongBytes), "SELECT sum(list_sum(list_transform(parts, p -> p.bytes)))::BIGINT"+where)
	want(t, db, int64(2*rows), "SELECT count(parts) FROM logs")
}

func testLabels(t *testing.T, db *sql.DB) {
	want(t, db, int64(samples.PerStream), `SELECT count(*) FROM logs WHERE NOT partial AND labels['team'] = 'shop' AND attributes['REGION'] = 'eu' AND tag = 'blue'`)
	want(t, db, "front, \"end\"", "SELECT min(labels['tier']) FROM logs")
	want(t, db, int64(samples.PerStream), "SELECT count(*) FROM logs WHERE NOT partial AND labels IS NULL AND attributes IS NULL AND tag IS NULL AND service_name = 'db'")
}

// testNulls counts the nulls of every column: only what can be absent has any,
// and a container that asked for nothing has nothing there.
func testNulls(t *testing.T, db *sql.DB) {
	rows := one[int64](t, db, "SELECT count(*) FROM logs")
	ofDB := one[int64](t, db, "SELECT count(*) FROM logs WHERE service_name = 'db'")
	long := one[int64](t, db, "SELECT count(*) FROM logs WHERE len(body) > 100000")
	wants := map[string]int64{
		"tag": ofDB, "labels": ofDB, "attributes": ofDB, "parts": rows - long, "body_raw": rows - 2,
	}
	for _, c := range codec.Columns() {
		if _, ok := wants[c.Name]; ok != c.Nullable {
			t.Errorf("column %s: nullable is %v", c.Name, c.Nullable)
		}
		want(t, db, wants[c.Name], "SELECT count(*) FROM logs WHERE "+c.Name+" IS NULL")
	}
	if ofDB == 0 || ofDB == rows || long == 0 {
		t.Errorf("%d rows, %d without labels, %d long", rows, ofDB, long)
	}
}

// TestWorstLine: a row as long as a join allows, of bytes that are six times as
// long in JSON or are not UTF-8, is read from both formats.
func TestWorstLine(t *testing.T) {
	worst := bytes.Repeat([]byte("\x01\x01\x01\xff"), codec.JoinMaxBytes/4)
	for _, f := range codec.Formats() {
		t.Run(string(f), func(t *testing.T) {
			dir := t.TempDir()
			e := codec.Entry{Seq: 1, TimeNano: samples.Start.UnixNano(), Source: codec.Stdout, Line: worst}
			samples.StoreHours(t, openFolder(t, dir), f, samples.Containers()[1].Meta, samples.PartsOf(e))
			db := openView(t, f, dir)
			want(t, db, int64(1), "SELECT count(*) FROM logs")
			if got := one[[]byte](t, db, "SELECT body_raw FROM logs"); !bytes.Equal(got, worst) {
				t.Errorf("%d bytes, want %d", len(got), len(worst))
			}
			if got := one[string](t, db, "SELECT body FROM logs"); got != strings.ReplaceAll(string(worst), "\xff", "\uFFFD") {
				t.Errorf("body of %d bytes", len(got))
			}
		})
	}
}
