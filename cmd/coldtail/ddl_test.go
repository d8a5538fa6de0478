package main

import (
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/coldtail/coldtail/cmd/coldtail/ddl"
	"github.com/coldtail/coldtail/codec"
	"github.com/coldtail/coldtail/codec/key"
)

var updateDDL = flag.Bool("update-ddl", false, "write ddl/testdata anew")

// TestDDLGolden compares every engine's output, of both formats, with a file
// that was read by someone who knows the engine.
func TestDDLGolden(t *testing.T) {
	h := newHome(t)
	for _, e := range ddl.Engines() {
		for _, f := range codec.Formats() {
			t.Run(fmt.Sprintf("%s %s", e, f), func(t *testing.T) {
				res := h.run(nil, "ddl", e, "--format", string(f), "--bucket", "s3://my-logs/docker?region=eu-central-1")
				if res.status != exitOK || res.stderr != "" {
					t.Fatalf("%+v", res)
				}
				checkGolden(t, fmt.Sprintf("%s.%s.sql", e, f), res.stdout)
			})
		}
	}
}

// TestDDLPlaces is where the objects are, as each engine names it.
func TestDDLPlaces(t *testing.T) {
	h := newHome(t)
	var all strings.Builder
	for _, bucket := range []string{
		"s3://my-logs", "s3://my.dotted.logs/a/b/?region=us-west-2", "s3://logs/p?endpoint=https://store.example:9000&region=eu",
		"s3://logs/p?endpoint=https://store.example&path-style=false", "minio://127.0.0.1:9000/logs/it's%20a%20%23/?tls=false", "file:///var/lib/it's%20logs",
	} {
		for _, e := range ddl.Engines() {
			res := h.run(nil, "ddl", e, "--bucket", bucket, "--database", "ops", "--table", "container_logs", "--since", "2026-01-31")
			fmt.Fprintf(&all, "---- %s %s: status %d\n", e, bucket, res.status)
			for line := range strings.Lines(res.stdout + res.stderr) {
				if regexp.MustCompile(`(?i)://|/var|endpoint|region|path|url_style|ssl|container_logs|create|2026|scope|reads`).MatchString(line) {
					all.WriteString(line)
				}
			}
		}
	}
	checkGolden(t, "places.txt", all.String())
}

func checkGolden(t *testing.T, name, got string) {
	t.Helper()
	path := filepath.Join("ddl", "testdata", name)
	if *updateDDL {
		if err := os.WriteFile(path, []byte(got), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if d := cmp.Diff(string(want), got); d != "" {
		t.Errorf("%s (-want +got; go test -run TestDDL -update-ddl writes it anew):\n%s", path, d)
	}
}

// The engines' types of what codec writes, written down a second time.
var ddlWantTypes = map[string]map[codec.ColumnType]string{
	"athena": {"timestamp": "timestamp", "int64": "bigint", "boolean": "boolean", "string": "string", "bytes": "binary", "map": "map<string,string>", "list": "array<struct<seq:bigint,bytes:int>>"},
	"hive":   {"timestamp": "timestamp", "int64": "bigint", "boolean": "boolean", "string": "string", "bytes": "binary", "map": "map<string,string>", "list": "array<struct<seq:bigint,bytes:int>>"},
	"trino":  {"timestamp": "timestamp(6)", "int64": "bigint", "boolean": "boolean", "string": "varchar", "bytes": "varbinary", "map": "map(varchar, varchar)", "list": "array(row(seq bigint, bytes integer))"},
	"spark":  {"timestamp": "TIMESTAMP", "int64": "BIGINT", "boolean": "BOOLEAN", "string": "STRING", "bytes": "BINARY", "map": "MAP<STRING, STRING>", "list": "ARRAY<STRUCT<seq: BIGINT, bytes: INT>>"},
}

// viewColumn is what a column of the view is called: the last name of a line.
var viewColumn = regexp.MustCompile("(?m)^  .*?[`\"]([a-z_]+)[`\"],?$")

func viewNames(view string) (names []string) {
	for _, line := range viewColumn.FindAllStringSubmatch(view, -1) {
		names = append(names, line[1])
	}
	return names
}

// ddlWantView are the columns of the view.
func ddlWantView() (names []string) {
	for _, c := range codec.Columns() {
		names = append(names, c.Name)
	}
	return append(names, "dt", "hour")
}

// TestDDLColumns: the tables have codec's columns, in its order, with its types;
// dt and hour are partition keys and nothing else.
func TestDDLColumns(t *testing.T) {
	h := newHome(t)
	column := regexp.MustCompile("(?m)^  [`\"]([a-z_]+)[`\"] (.+?),?$")
	for engine, types := range ddlWantTypes {
		for _, f := range codec.Formats() {
			res := h.run(nil, "ddl", engine, "--format", string(f), "--bucket", "s3://my-logs")
			_, body, _ := strings.Cut(res.stdout, "TABLE IF NOT EXISTS")
			body, view, _ := strings.Cut(body, ";\n\nCREATE OR REPLACE VIEW")
			var got, want []string
			for _, m := range column.FindAllStringSubmatch(body, -1) {
				if m[1] != "dt" && m[1] != "hour" {
					got = append(got, m[1]+" "+m[2])
				}
			}
			for _, c := range codec.Columns() {
				typ := types[c.Type]
				if f == codec.NDJSON && engine != "spark" && (c.Type == codec.TimestampColumn || c.Type == codec.BytesColumn) {
					typ = types[codec.StringColumn]
				}
				want = append(want, c.Name+" "+typ)
			}
			if d := cmp.Diff(want, got); d != "" {
				t.Errorf("%s %s: %s", engine, f, d)
			}
			if d := cmp.Diff(ddlWantView(), viewNames(view)); d != "" {
				t.Errorf("%s %s: view: %s", engine, f, d)
			}
			if n := strings.Count(res.stdout, "dt=${dt}/hour=${hour}/'"); (engine == "athena" || engine == "trino") != (n == 1) {
				t.Errorf("%s %s: %d templates", engine, f, n)
			}
		}
	}
}

// TestDDLPartitions: what the engines compute from the template is where the
// archiver puts an hour's objects.
func TestDDLPartitions(t *testing.T) {
	h := newHome(t)
	template := regexp.MustCompile(`template'? = '(.*)'`)
	hour := time.Date(2026, 1, 2, 3, 0, 0, 0, time.UTC)
	for _, engine := range []string{"athena", "trino"} {
		for _, f := range codec.Formats() {
			res := h.run(nil, "ddl", engine, "--format", string(f), "--bucket", "s3://my-logs/docker")
			m := template.FindStringSubmatch(res.stdout)
			if m == nil {
				t.Fatalf("%s: no template: %+v", engine, res)
			}
			got := strings.NewReplacer("${dt}", hour.Format(time.DateOnly), "${hour}", hour.Format("15")).Replace(m[1])
			if want := "s3://my-logs/docker/" + key.PartitionPrefix(f, hour); got != want {
				t.Errorf("%s: %s, want %s", engine, got, want)
			}
		}
	}
	// Athena takes one statement at a time: they are found by their semicolons.
	res := h.run(nil, "ddl", "athena", "--bucket", "s3://my-logs")
	if n := strings.Count(res.stdout, ";"); n != 2 || strings.ContainsAny(res.stdout, "#") || strings.Contains(res.stdout, "--") {
		t.Errorf("%d statements, want a table and a view: %s", n, res.stdout)
	}
}

func TestDDLUsage(t *testing.T) {
	h := newHome(t)
	const s3 = "--bucket=s3://my-logs"
	for name, tc := range map[string]struct {
		args []string
		want string // on stderr
	}{
		"no engine":        {nil, "ENGINE is missing"},
		"unknown engine":   {[]string{"mysql", s3}, "must be one of athena, trino, duckdb, spark, clickhouse, hive"},
		"format":           {[]string{"athena", s3, "--format", "csv"}, "must be parquet or ndjson"},
		"table":            {[]string{"athena", s3, "--table", "a`b"}, "--table"},
		"upper case":       {[]string{"athena", s3, "--table", "Logs"}, "lower-case letters"},
		"database":         {[]string{"athena", s3, "--database", `a"; DROP`}, "--database"},
		"since":            {[]string{"athena", s3, "--since", "yesterday"}, "2026-01-31"},
		"no such day":      {[]string{"athena", s3, "--since", "2026-02-30"}, "--since"},
		"bucket":           {[]string{"athena", "--bucket", "ftp://x"}, "file://, s3:// or minio://"},
		"no bucket":        {[]string{"athena"}, "athena reads no folders: name a bucket with --bucket or COLDTAIL_BUCKET"},
		"folder":           {[]string{"trino", "--bucket", "file:///tmp/x"}, "trino reads no folders"},
		"not Amazon's":     {[]string{"athena", "--bucket", "minio://host:9000/logs"}, "Amazon's S3 only"},
		"endpoint":         {[]string{"athena", s3 + "?endpoint=http://host"}, "Amazon's S3 only"},
		"pattern":          {[]string{"duckdb", "--bucket", "file:///tmp/x*y"}, `'*'`},
		"variable":         {[]string{"athena", "--bucket", "s3://my-logs/a$%7Bdt%7D"}, `'$'`},
		"two engines":      {[]string{"athena", "hive", s3}, "unexpected argument"},
		"escape":           {[]string{"spark", "--bucket", `file:///tmp/x%5Cy`}, `'\\'`},
		"control":          {[]string{"spark", "--bucket", "file:///tmp/x%0Ay"}, "control characters"},
		"credentials":      {[]string{"athena", "--bucket", "s3://key:secret@my-logs"}, "must not contain a user name or password"},
		"unknown argument": {[]string{"athena", s3, "--nosuch"}, "--nosuch"},
	} {
		t.Run(name, func(t *testing.T) {
			res := h.run(nil, append([]string{"ddl"}, tc.args...)...)
			if res.status != exitUsage || !strings.Contains(res.stderr, tc.want) || res.stdout != "" || strings.Contains(res.stderr, "secret") {
				t.Errorf("got %+v, want status %d and %q", res, exitUsage, tc.want)
			}
		})
	}
}

// TestDDLBucketFromEnvironment: the setting of the plugin serves here too, and
// without one the folder that pipe and logs use.
func TestDDLBucketFromEnvironment(t *testing.T) {
	h := newHome(t)
	if res := h.run(nil, "ddl", "duckdb"); !strings.Contains(res.stdout, h.dir+"/.local/state/coldtail/bucket/parquet/dt=*") {
		t.Errorf("%+v", res)
	}
	h.env = append(h.env, "COLDTAIL_BUCKET=s3://from-env/prefix")
	if res := h.run(nil, "ddl", "athena"); !strings.Contains(res.stdout, "LOCATION 's3://from-env/prefix/parquet/'") {
		t.Errorf("%+v", res)
	}
}

// TestDDLOfSDKsEnvironment: where coldtail writes to a store that the AWS SDK's
// variables name, engines read from it.
func TestDDLOfSDKsEnvironment(t *testing.T) {
	for bucket, want := range map[string]string{
		"s3://my-logs/a":                  "'http://store.example:9000/my-logs/a/parquet/",
		"s3://my-logs/a?path-style=false": "'http://my-logs.store.example:9000/a/parquet/",
		"s3://my-logs?endpoint=https://h": "'https://h/my-logs/parquet/",
	} {
		h := newHome(t)
		h.env = append(h.env, "AWS_ENDPOINT_URL_S3=http://store.example:9000/", "AWS_REGION=eu-west-3")
		if res := h.run(nil, "ddl", "clickhouse", "--bucket", bucket); !strings.Contains(res.stdout, want) {
			t.Errorf("%s: %+v", bucket, res)
		}
		if res := h.run(nil, "ddl", "athena", "--bucket", bucket); res.status != exitUsage || !strings.Contains(res.stderr, "Amazon's S3 only") {
			t.Errorf("%s: %+v", bucket, res)
		}
		if res := h.run(nil, "ddl", "duckdb", "--bucket", bucket); !strings.Contains(res.stdout, "REGION 'eu-west-3'") || strings.Contains(res.stdout, "9000/") {
			t.Errorf("%s: %+v", bucket, res)
		}
	}
}
