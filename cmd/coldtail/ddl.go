package main

import (
	"time"

	"github.com/spf13/cobra"

	"github.com/coldtail/coldtail/cmd/coldtail/ddl"
	"github.com/coldtail/coldtail/codec"
	"github.com/coldtail/coldtail/codec/key"
)

func (a *app) ddlCommand() *cobra.Command {
	var c config
	var o ddl.Options
	cmd := &cobra.Command{
		Use:   "ddl [flags] ENGINE",
		Short: "Print the SQL that makes the archive a table of athena, trino, duckdb, spark, clickhouse or hive",
		Long: `Print the SQL that makes the archive a table, or a view, of a query engine:
athena, trino, duckdb, spark, clickhouse or hive. It holds no credentials.

Athena and Trino compute the partitions from the table's properties, DuckDB and
ClickHouse find them by listing; with Spark and Hive, run the last statement
again for what has been archived since. The columns are described in
docs/format.md, queries in docs/queries.md.

A view, logs, is what to query; the table or view below it is logs_chunks. Where
an older version made a table logs, drop it first: no object is deleted.

Athena and Trino look for objects from --since on. Rows of a host whose clock
was not set are filed under the day that the clock showed, such as 1970-01-01:
only the other engines, and coldtail logs, show these.`,
		Example: `  coldtail ddl athena --bucket 's3://my-logs/docker?region=eu-central-1'
  coldtail ddl duckdb --bucket file:///var/lib/logs | duckdb logs.db`,
		Args:      exactArgs("ENGINE"),
		ValidArgs: ddl.Engines(),
		RunE:      func(_ *cobra.Command, args []string) error { return a.ddl(&c, &o, args[0]) },
	}
	f := cmd.Flags()
	f.StringVar(&o.Format, "format", string(codec.Parquet), "the objects to read, parquet or ndjson: what containers were started with")
	f.StringVar(&o.Database, "database", "", "`name` of the database or schema (default \"default\", with DuckDB \"main\")")
	f.StringVar(&o.Table, "table", "logs", "`name` of the view; the table below it is NAME_chunks")
	f.StringVar(&o.Since, "since", key.FirstDay().Format(time.DateOnly), "first `day` for which athena and trino look for objects; a later one makes queries without a filter on dt cheaper")
	c.addBucket(cmd)
	c.addState(cmd, toolStateDefault)
	return cmd
}

func (a *app) ddl(c *config, o *ddl.Options, engine string) error {
	if err := c.resolve(a, a.toolState()); err != nil {
		return err
	}
	o.Bucket, _ = c.bucketURL()
	o.Getenv = a.getenv
	text, err := ddl.Print(engine, o)
	if err != nil {
		return &usageError{err}
	}
	_, err = a.stdout.Write(text)
	return err
}
