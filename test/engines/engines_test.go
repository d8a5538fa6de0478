package engines_test

import (
	"fmt"
	"os"
	"slices"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/coldtail/coldtail/codec"
	"github.com/coldtail/coldtail/test/parts"
	"github.com/coldtail/coldtail/test/samples"
)

// kind is how an engine is started and what it understands.
type kind struct {
	name    string // what test/scripts/engines.sh calls it
	title   string // in docs/queries.md, as is
	tested  string // the version
	ddl     string // what coldtail ddl calls it
	dialect string // of docs/queries.md
	start   func(t *testing.T, s *store) engine
	types   map[codec.ColumnType]string
	dt      string
	hour    string
	// refresh is what makes new hours known, or "".
	refresh string
	// noNullMaps: null maps and lists are empty ones.
	noNullMaps bool
	// noEmpty are the formats in which an archive without objects is an error,
	// which docs/queries.md tells of.
	noEmpty []codec.Format
}

var kinds = []kind{
	{
		name: "duckdb", title: "DuckDB with httpfs", tested: "1.5.5", ddl: "duckdb", dialect: samples.DuckDB, noEmpty: codec.Formats(),
		start: func(t *testing.T, s *store) engine { return startDriver(t, "duckdb", s) },
		types: map[codec.ColumnType]string{
			codec.TimestampColumn: "TIMESTAMP WITH TIME ZONE", codec.Int64Column: "BIGINT", codec.BooleanColumn: "BOOLEAN", codec.StringColumn: "VARCHAR",
			codec.BytesColumn: "BLOB", codec.MapColumn: "MAP(VARCHAR, VARCHAR)", codec.ListColumn: "STRUCT(seq BIGINT, bytes INTEGER)[]",
		},
		dt: "DATE", hour: "INTEGER",
	},
	{
		name: "clickhouse", title: "ClickHouse (as the library chdb)", tested: "26.9", ddl: "clickhouse", dialect: samples.ClickHouse,
		start: func(t *testing.T, s *store) engine { return startDriver(t, "clickhouse", s) },
		types: map[codec.ColumnType]string{
			codec.TimestampColumn: "DateTime64(6, 'UTC')", codec.Int64Column: "Int64", codec.BooleanColumn: "Bool", codec.StringColumn: "String",
			codec.BytesColumn: "Nullable(String)", codec.MapColumn: "Map(String, String)", codec.ListColumn: "Array(Tuple(\n    seq Int64,\n    bytes Int32))",
		},
		dt: "Date", hour: "UInt8", noNullMaps: true,
	},
	{
		name: "trino", title: "Trino, Hive connector", tested: "476", ddl: "trino", dialect: samples.Athena,
		start: func(t *testing.T, s *store) engine {
			return startTrino(t, map[string]string{"hive": hiveCatalog(t, s)})
		},
		types: map[codec.ColumnType]string{
			codec.TimestampColumn: "timestamp(6)", codec.Int64Column: "bigint", codec.BooleanColumn: "boolean", codec.StringColumn: "varchar",
			codec.BytesColumn: "varbinary", codec.MapColumn: "map(varchar, varchar)", codec.ListColumn: "array(row(seq bigint, bytes integer))",
		},
		dt: "varchar", hour: "integer",
	},
	{
		name: "spark", title: "Spark, with its Hive metastore", tested: "4.1.1", ddl: "spark", dialect: samples.Spark, noEmpty: []codec.Format{codec.NDJSON}, refresh: "MSCK REPAIR TABLE logs_chunks",
		start: func(t *testing.T, s *store) engine {
			return startDriver(t, "spark", s, "JAVA_HOME="+os.Getenv("COLDTAIL_SPARK_JAVA"))
		},
		types: map[codec.ColumnType]string{
			codec.TimestampColumn: "timestamp", codec.Int64Column: "bigint", codec.BooleanColumn: "boolean", codec.StringColumn: "string",
			codec.BytesColumn: "binary", codec.MapColumn: "map<string,string>", codec.ListColumn: "array<struct<seq:bigint,bytes:int>>",
		},
		dt: "string", hour: "int",
	},
}

// hiveCatalog are the properties that docs/queries.md shows, and a metastore in a
// folder.
func hiveCatalog(t *testing.T, s *store) string {
	return fmt.Sprintf(`connector.name=hive
hive.partition-projection-enabled=true
hive.parquet.time-zone=UTC
hive.timestamp-precision=MICROSECONDS
fs.native-s3.enabled=true
s3.region=us-east-1
s3.endpoint=%s
s3.path-style-access=true
s3.aws-access-key=%s
s3.aws-secret-key=%s
hive.metastore=file
hive.metastore.catalog.dir=local:///metastore
fs.native-local.enabled=true
local.location=%s
`, s.url(), parts.MinIOAccessKey, parts.MinIOSecretKey, t.TempDir())
}

// TestEngines runs every engine that was fetched on both formats.
func TestEngines(t *testing.T) {
	if os.Getenv("COLDTAIL_ENGINES") == "" {
		t.Skip("make engines fetches the engines and runs this")
	}
	s := startStore(t)
	shop := map[codec.Format][]samples.Logged{}
	for _, f := range codec.Formats() {
		shop[f] = samples.ArchiveShop(t, s.open(t, "shop"), f)
		samples.Archive(t, s.open(t, "unusual"), f)
	}
	for _, k := range kinds {
		t.Run(k.name, func(t *testing.T) {
			if !selected(k.name) {
				t.Skip("not fetched")
			}
			c := &checks{kind: k, store: s, engine: k.start(t, s)}
			checkVersion(t, c.engine.version(), k.tested)
			for _, f := range codec.Formats() {
				t.Run(string(f), func(t *testing.T) {
					t.Run("queries", func(t *testing.T) { c.queries(t, f, shop[f]) })
					t.Run("requests", func(t *testing.T) { c.requests(t) })
					t.Run("columns and rows", func(t *testing.T) { c.unusual(t, f) })
					t.Run("empty, then growing", func(t *testing.T) { c.growing(t, f) })
				})
			}
			if k.name == "spark" && full() {
				c.kind.ddl = "hive"
				t.Run("Hive's statements", func(t *testing.T) { c.queries(t, codec.Parquet, shop[codec.Parquet]) })
			}
		})
	}
}

// unusualDay is the first of samples.Archive.
var unusualDay = samples.Start.Format(time.DateOnly)

// checks are of one engine.
type checks struct {
	kind
	store  *store
	engine engine
}

// make makes an archive a table, twice, and its database that of later queries.
func (c *checks) make(t *testing.T, f codec.Format, prefix string, args ...string) {
	t.Helper()
	database := prefix + "_" + c.ddl + "_" + string(f)
	script := c.store.ddl(t, c.ddl, f, prefix, database, args...)
	for range 2 {
		if err := c.engine.run(script); err != nil {
			t.Fatalf("%v\n%s", err, script)
		}
	}
	c.engine.use(t, database)
}

func (c *checks) ask(t *testing.T, sql string) answer {
	t.Helper()
	a, err := c.engine.query(sql)
	if err != nil {
		t.Fatalf("%s: %v", sql, err)
	}
	return a
}

// queries runs those of docs/queries.md in the engine's words.
func (c *checks) queries(t *testing.T, f codec.Format, all []samples.Logged) {
	c.make(t, f, "shop", "--since", "2026-11-19")
	documented := samples.Documented(t, c.dialect)
	if len(documented) != len(samples.Answers) {
		t.Errorf("docs/queries.md has %d queries, want %d", len(documented), len(samples.Answers))
	}
	for name, sql := range documented {
		t.Run(name, func(t *testing.T) {
			want := samples.Answers[name](all)
			if d := cmp.Diff(want, rows(c.ask(t, sql))); d != "" {
				t.Error(d)
			}
		})
	}
}

// requests counts what a query of one hour of the shop costs, and one without a
// filter: docs/queries.md has the figures.
func (c *checks) requests(t *testing.T) {
	c.store.counted()
	c.ask(t, "SELECT count(*) FROM logs WHERE dt = '2026-11-20' AND hour = 9")
	hour := c.store.counted()
	c.ask(t, "SELECT count(*) FROM logs")
	t.Logf("one hour: %+v, without a filter: %+v", hour, c.store.counted())
	if hour.lists > 1 {
		t.Errorf("one hour took %d LIST requests", hour.lists)
	}
}

// unusual compares every column of every row: invalid UTF-8, a line of 2 MB, maps,
// nulls, the hours around a midnight.
func (c *checks) unusual(t *testing.T, f codec.Format) {
	c.make(t, f, "unusual", "--since", unusualDay)
	got := c.ask(t, "SELECT * FROM logs WHERE dt BETWEEN '2026-03-31' AND '2026-04-01' ORDER BY container_id, seq")
	var want []column
	for _, col := range codec.Columns() {
		want = append(want, column{col.Name, c.typeOf(col)})
	}
	want = append(want, column{"dt", c.dt}, column{"hour", c.hour})
	if d := cmp.Diff(want, got.columns, cmp.AllowUnexported(column{})); d != "" {
		t.Error(d)
	}
	if d := cmp.Diff(unusualRows(c.noNullMaps), rows(got)); d != "" {
		t.Error(d)
	}
}

func (c *checks) typeOf(col codec.Column) string {
	if c.name == "clickhouse" && col.Nullable && col.Type == codec.StringColumn {
		return "Nullable(String)"
	}
	return c.types[col.Type]
}

// growing asks an archive that has no objects, then some, then more.
func (c *checks) growing(t *testing.T, f codec.Format) {
	prefix := "growing_" + c.name
	b := c.store.open(t, prefix)
	total := int64(0)
	noEmpty := slices.Contains(c.noEmpty, f)
	if noEmpty {
		script := c.store.ddl(t, c.ddl, f, prefix, prefix+"_"+string(f), "--since", unusualDay)
		if err := c.engine.run(script); err == nil {
			t.Error("an archive without objects is no error: docs/queries.md says that it is")
		}
	} else {
		c.make(t, f, prefix, "--since", unusualDay)
		c.counts(t, total)
	}
	for i, container := range samples.Containers() {
		samples.StoreHours(t, b, f, container.Meta, container.Entries())
		if noEmpty && i == 0 {
			c.make(t, f, prefix, "--since", unusualDay)
		}
		if c.refresh != "" {
			if err := c.engine.run(c.refresh); err != nil {
				t.Fatal(err)
			}
		}
		total += samples.PerStream
		c.counts(t, total)
	}
}

// counts counts the lines: the rows that end one.
func (c *checks) counts(t *testing.T, want int64) {
	t.Helper()
	if d := cmp.Diff([]string{samples.Row(want)}, rows(c.ask(t, "SELECT count(*) FROM logs WHERE dt BETWEEN '2026-03-31' AND '2026-04-01' AND NOT partial"))); d != "" {
		t.Error(d)
	}
}
