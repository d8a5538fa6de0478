package main

import (
	"cmp"
	"fmt"
	"net/url"
	"path/filepath"
	"regexp"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/spf13/cobra"

	"github.com/coldtail/coldtail/cmd/coldtail/bucketurl"
	"github.com/coldtail/coldtail/codec"
	"github.com/coldtail/coldtail/codec/key"
	"github.com/coldtail/coldtail/plugin"
)

// ddlConfig is what `coldtail ddl` is told.
type ddlConfig struct {
	config
	format   string
	database string
	table    string
	since    string
}

func (a *app) ddlCommand() *cobra.Command {
	var c ddlConfig
	cmd := &cobra.Command{
		Use:   "ddl [flags] ENGINE",
		Short: "Print the SQL that makes the archive a table of athena, trino, duckdb, spark, clickhouse or hive",
		Long: `Print the SQL that makes the archive a table, or a view, of a query engine:
athena, trino, duckdb, spark, clickhouse or hive. It holds no credentials.

Athena and Trino compute the partitions from the table's properties, DuckDB and
ClickHouse find them by listing; with Spark and Hive, run the last statement
again for what has been archived since. The columns are described in
docs/format.md, queries in docs/queries.md.

Athena and Trino look for objects from --since on. Rows of a host whose clock
was not set are filed under the day that the clock showed, such as 1970-01-01:
only the other engines, and coldtail logs, show these.`,
		Example: `  coldtail ddl athena --bucket 's3://my-logs/docker?region=eu-central-1'
  coldtail ddl duckdb --bucket file:///var/lib/logs | duckdb logs.db`,
		Args:      exactArgs("ENGINE"),
		ValidArgs: ddlEngineNames(),
		RunE:      func(_ *cobra.Command, args []string) error { return a.ddl(&c, args[0]) },
	}
	f := cmd.Flags()
	f.StringVar(&c.format, "format", string(codec.Parquet), "the objects to read, parquet or ndjson: what containers were started with")
	f.StringVar(&c.database, "database", "", "`name` of the database or schema (default \"default\", with DuckDB \"main\")")
	f.StringVar(&c.table, "table", "logs", "`name` of the table or view")
	f.StringVar(&c.since, "since", key.FirstDay().Format(time.DateOnly), "first `day` for which athena and trino look for objects; a later one makes queries without a filter on dt cheaper")
	c.addBucket(cmd)
	c.addState(cmd, toolStateDefault)
	return cmd
}

func (a *app) ddl(c *ddlConfig, engine string) error {
	if err := c.resolve(a, a.toolState()); err != nil {
		return err
	}
	e, err := ddlEngineOf(engine)
	if err != nil {
		return err
	}
	t, err := c.ddlTable(e, a.getenv)
	if err != nil {
		return err
	}
	text, err := e.print(t)
	if err != nil {
		return err
	}
	_, err = a.stdout.Write(text)
	return err
}

// ddlTable is what the templates are filled with.
type ddlTable struct {
	Database, Table string
	Format          codec.Format
	Ext             string // of the objects' names
	Since           string // YYYY-MM-DD
	Columns         []ddlColumn

	// Location is the folder of the objects, with a slash at its end, as the
	// engine names it.
	Location  string
	Bucket    string // "" for a folder
	Prefix    string // of the keys in the bucket, with a slash at its end, or ""
	Region    string // "" where nothing says it
	Endpoint  string // the server's URL; "" for Amazon's
	PathStyle bool
}

// ddlColumn is a column with the engine's name of its type.
type ddlColumn struct{ Name, Type string }

// ddlName is what every engine takes for a name, quoted.
var ddlName = regexp.MustCompile(`^[a-z][a-z0-9_]{0,127}$`)

func (c *ddlConfig) ddlTable(e *ddlEngine, getenv func(string) string) (*ddlTable, error) {
	format, err := codec.ParseFormat(c.format)
	if err != nil {
		return nil, &usageError{fmt.Errorf("--%w", err)}
	}
	t := &ddlTable{Database: cmp.Or(c.database, e.database), Table: c.table, Format: format, Ext: format.Ext(), Since: c.since}
	for flag, name := range map[string]string{"--database": t.Database, "--table": t.Table} {
		if !ddlName.MatchString(name) {
			return nil, usagef("%s %q: must be of lower-case letters, digits and underscores, and start with a letter", flag, name)
		}
	}
	if _, err := time.Parse(time.DateOnly, c.since); err != nil {
		return nil, usagef("--since %q: must be a day such as 2026-01-31", c.since)
	}
	for _, col := range codec.Columns() {
		t.Columns = append(t.Columns, ddlColumn{col.Name, e.typeOf(col, format)})
	}
	rawURL, _ := c.bucketURL()
	u, err := bucketurl.Parse(rawURL, getenv)
	if err != nil {
		return nil, &usageError{err}
	}
	return t, t.locate(e, u, getenv)
}

// locate fills in where the objects are. What the URL leaves to the AWS SDK's
// environment is told too: engines do not look there, or not at all of it.
func (t *ddlTable) locate(e *ddlEngine, u *bucketurl.URL, getenv func(string) string) error {
	if u.Prefix != "" {
		t.Prefix = u.Prefix + "/"
	}
	t.Prefix += string(t.Format) + "/"
	switch {
	case u.File != nil:
		if !e.folders {
			return usagef("%s reads no folders: name a bucket with --bucket or %s", e.name, plugin.EnvBucket)
		}
		t.Prefix = filepath.Join(u.File.Dir, string(t.Format)) + "/"
		t.Location = e.folder + t.Prefix
	case u.S3 != nil:
		region, endpoint, err := bucketurl.SDKEnv(getenv)
		if err != nil && (u.S3.Region == "" || u.S3.Endpoint == "") {
			return &usageError{err}
		}
		t.Bucket, t.Region = u.S3.Bucket, cmp.Or(u.S3.Region, region)
		t.Endpoint = strings.TrimRight(cmp.Or(u.S3.Endpoint, endpoint), "/")
		// The certificate of Amazon's hosts has no names with more dots.
		t.PathStyle = u.S3.PathStyle || t.Endpoint != "" && !u.S3.HostStyle || t.Endpoint == "" && strings.Contains(t.Bucket, ".")
	default:
		t.Bucket, t.Region, t.PathStyle = u.MinIO.Bucket, u.MinIO.Region, !u.MinIO.HostStyle
		t.Endpoint = "http://" + u.MinIO.Endpoint
		if u.MinIO.TLS {
			t.Endpoint = "https://" + u.MinIO.Endpoint
		}
	}
	if t.Endpoint != "" {
		if e.amazonOnly {
			return usagef("%s reads Amazon's S3 only: name an s3:// bucket without endpoint with --bucket or %s", e.name, plugin.EnvBucket)
		}
		t.Region = cmp.Or(t.Region, "us-east-1") // what stores without regions take
	}
	if t.Bucket != "" {
		t.Location = e.scheme + "://" + t.Bucket + "/" + t.Prefix
	}
	return t.check()
}

// check refuses what engines take for something else than it is: patterns,
// variables and escapes, each engine its own; and what is not seen where the SQL
// is read before it is run.
func (t *ddlTable) check() error {
	// Brackets are around a host's IPv6 address.
	endpoint := strings.NewReplacer("[", "", "]", "").Replace(t.Endpoint)
	for _, place := range []struct{ what, text string }{{"folder or prefix", t.Location}, {"endpoint", endpoint}} {
		for _, r := range place.text {
			if strings.ContainsRune("*?[]{}$\\", r) || r == utf8.RuneError || codec.Visible(string(r)) != string(r) {
				return usagef("the %s %q has a character that query engines take for a pattern, or that is not seen: %q", place.what, place.text, r)
			}
		}
	}
	return nil
}

// Host is the server's host and port.
func (t *ddlTable) Host() string {
	_, host, _ := strings.Cut(t.Endpoint, "://")
	return host
}

// TLS tells whether the server speaks it.
func (t *ddlTable) TLS() bool { return !strings.HasPrefix(t.Endpoint, "http://") }

// ObjectsURL is Location over HTTP.
func (t *ddlTable) ObjectsURL() string {
	endpoint := t.Endpoint
	if endpoint == "" {
		endpoint = "https://s3.amazonaws.com"
		if t.Region != "" {
			endpoint = "https://s3." + t.Region + ".amazonaws.com"
		}
	}
	path := (&url.URL{Path: "/" + t.Prefix}).EscapedPath()
	if t.PathStyle {
		return endpoint + "/" + t.Bucket + path
	}
	scheme, host, _ := strings.Cut(endpoint, "://")
	return scheme + "://" + t.Bucket + "." + host + path
}

// Structure lists the columns and their types, as ClickHouse's table functions
// want them.
func (t *ddlTable) Structure() string {
	var cols []string
	for _, c := range t.Columns {
		cols = append(cols, c.Name+" "+c.Type)
	}
	return strings.Join(cols, ", ")
}
