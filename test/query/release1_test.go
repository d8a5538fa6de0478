//go:build cgo

package query

import (
	"path/filepath"
	"testing"

	"github.com/coldtail/coldtail/codec"
	"github.com/coldtail/coldtail/test/release1"
)

// TestReleaseOne queries the archive of the first release with today's schema:
// its rows, gap rows, raw bytes, joined lines and maps.
func TestReleaseOne(t *testing.T) {
	dir := filepath.Join(release1.Unpack(t, "archive.tar.gz"), "bucket")
	for _, tc := range []struct {
		format              codec.Format
		containers, labeled int64
		longest, invalid    int64
		whole, dropping     string
	}{
		{codec.Parquet, 3, 88, 40_007, 9, "web", "newest"},
		{codec.NDJSON, 5, 67, 40_010, 8, "ledger", "oldest"},
	} {
		t.Run(string(tc.format), func(t *testing.T) {
			db := openView(t, tc.format, dir)
			want(t, db, tc.containers, "SELECT count(DISTINCT container_id) FROM logs")
			// A line that a segment's end cuts is two rows of one time.
			want(t, db, tc.labeled, "SELECT count(DISTINCT time_unix_nano) FROM logs WHERE labels IS NOT NULL")
			want(t, db, tc.longest, "SELECT max(length(body)) FROM logs WHERE parts IS NOT NULL")
			want(t, db, tc.invalid, "SELECT count(body_raw) FROM logs WHERE container_name = ?", tc.whole)
			want(t, db, int64(250), `SELECT sum(CASE stream WHEN 'coldtail' THEN (body::JSON ->> 'entries')::BIGINT ELSE 1 END)::BIGINT
				FROM logs WHERE container_name = ?`, tc.dropping)
			want(t, db, int64(0), "SELECT count(*) - count(DISTINCT (container_id, seq)) FROM logs")
			want(t, db, int64(0), "SELECT count(*) FROM logs WHERE epoch_us(time) <> time_unix_nano // 1000")
			want(t, db, int64(0), "SELECT count(*) FROM logs WHERE time_unix_nano // 3600000000000 <> epoch_us(dt::TIMESTAMP) // 3600000000 + hour")
		})
	}
}
