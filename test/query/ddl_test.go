//go:build cgo

package query

import (
	"database/sql"
	"errors"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/coldtail/coldtail/codec"
	"github.com/coldtail/coldtail/test/parts"
	"github.com/coldtail/coldtail/test/samples"
)

// builtIn is the folder of the command, once a test has asked for it.
var builtIn string

func TestMain(m *testing.M) {
	status := m.Run()
	if builtIn != "" {
		_ = os.RemoveAll(builtIn) // what is left is in the temporary folder
	}
	os.Exit(status)
}

// binary builds the command.
var binary = sync.OnceValues(func() (string, error) {
	dir, err := os.MkdirTemp("", "coldtail-query-")
	if err != nil {
		return "", err
	}
	builtIn = dir
	path := filepath.Join(dir, "coldtail")
	cmd := exec.Command("go", "build", "-o", path, "./cmd/coldtail")
	cmd.Dir = "../.."
	cmd.Env = append(os.Environ(), "CGO_ENABLED=0")
	if out, err := cmd.CombinedOutput(); err != nil {
		return "", errors.New(string(out))
	}
	return path, nil
})

// ddl is what `coldtail ddl` prints for a folder.
func ddl(t *testing.T, engine string, f codec.Format, dir string) string {
	t.Helper()
	path, err := binary()
	if err != nil {
		t.Fatalf("build the command: %v", err)
	}
	u := url.URL{Scheme: "file", Path: dir}
	cmd := exec.Command(path, "ddl", engine, "--format", string(f), "--bucket", u.String())
	cmd.Env = []string{"HOME=/nonexistent"}
	out, err := cmd.Output()
	var exit *exec.ExitError
	if errors.As(err, &exit) {
		t.Fatalf("coldtail ddl: %v: %s", err, exit.Stderr)
	} else if err != nil {
		t.Fatal(err)
	}
	return string(out)
}

// openView makes an archive in a folder the view logs, by what users paste.
func openView(t *testing.T, f codec.Format, dir string) *sql.DB {
	t.Helper()
	db := parts.DuckDB(t)
	db.SetMaxOpenConns(1) // the time zone is a connection's
	if _, err := db.Exec(ddl(t, "duckdb", f, dir)); err != nil {
		t.Fatal(err)
	}
	return db
}

// TestViewColumns: both formats give the view codec's columns with the same
// types, and the two of the key.
func TestViewColumns(t *testing.T) {
	types := map[codec.ColumnType]string{
		codec.TimestampColumn: "TIMESTAMP WITH TIME ZONE", codec.Int64Column: "BIGINT", codec.BooleanColumn: "BOOLEAN",
		codec.StringColumn: "VARCHAR", codec.BytesColumn: "BLOB", codec.MapColumn: "MAP(VARCHAR, VARCHAR)",
		codec.ListColumn: "STRUCT(seq BIGINT, bytes INTEGER)[]",
	}
	var want []string
	for _, c := range codec.Columns() {
		want = append(want, c.Name+" "+types[c.Type])
	}
	want = append(want, "dt DATE", "hour INTEGER")
	for _, f := range codec.Formats() {
		db := openLogs(t, f)
		rows, err := db.Query("SELECT column_name || ' ' || data_type FROM information_schema.columns WHERE table_name = 'logs' ORDER BY ordinal_position")
		if err != nil {
			t.Fatal(err)
		}
		if d := cmp.Diff(want, texts(t, rows)); d != "" {
			t.Errorf("%s: %s", f, d)
		}
	}
}

// TestViewOfOddFolder: quotes and blanks in a folder's name.
func TestViewOfOddFolder(t *testing.T) {
	dir := filepath.Join(t.TempDir(), `it's "logs" é`)
	c := samples.Containers()[1]
	samples.StoreHours(t, openFolder(t, dir), codec.Parquet, c.Meta, c.Entries()[:100])
	want(t, openView(t, codec.Parquet, dir), int64(100), "SELECT count(*) FROM logs")
}

// texts returns rows as lines of comparable text.
func texts(t *testing.T, rows *sql.Rows) (lines []string) {
	t.Helper()
	defer rows.Close()
	columns, err := rows.Columns()
	if err != nil {
		t.Fatal(err)
	}
	for rows.Next() {
		values, to := make([]any, len(columns)), make([]any, len(columns))
		for i := range values {
			to[i] = &values[i]
		}
		if err := rows.Scan(to...); err != nil {
			t.Fatal(err)
		}
		cells := make([]string, len(columns))
		for i, v := range values {
			cells[i] = samples.Text(v)
		}
		lines = append(lines, strings.Join(cells, " | "))
	}
	if err := rows.Err(); err != nil {
		t.Fatal(err)
	}
	return lines
}
