package terraform

import (
	"fmt"
	"maps"
	"os/exec"
	"regexp"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// table is what a table is to Athena, whoever made it.
type table struct {
	Database, Name        string
	Columns, Partitions   []column
	Location              string
	Input, Output, Serde  string
	SerdeOptions, Options map[string]string
}

type column struct{ Name, Type string }

// TestTablesAreThoseOfDDL compares the Glue tables with what coldtail prints.
func TestTablesAreThoseOfDDL(t *testing.T) {
	for _, tc := range []struct{ prefix, database, since string }{
		{"", "coldtail", "2013-01-01"},
		{"prod/a", "archive", "2026-01-01"},
	} {
		p := plan(t, "prefix="+tc.prefix, "glue_database="+tc.database, "first_day="+tc.since)
		binary := coldtail(t)
		for format, name := range map[string]string{"parquet": "logs", "ndjson": "logs_ndjson"} {
			t.Run(tc.database+" "+format, func(t *testing.T) {
				url := strings.TrimSuffix("s3://"+bucketName+"/"+tc.prefix, "/") + "?region=eu-central-1"
				out, err := exec.CommandContext(t.Context(), binary, "ddl", "athena", "--bucket", url, "--format", format,
					"--database", tc.database, "--table", name, "--since", tc.since).Output()
				if err != nil {
					t.Fatal(err)
				}
				// The view on it is not the module's.
				statement, _, _ := strings.Cut(string(out), ";\n")
				want := parseDDL(t, statement+"\n")
				want.Name = strings.TrimSuffix(want.Name, "_chunks")
				if len(want.Columns) < 10 || len(want.Partitions) != 2 || len(want.Options) < 5 {
					t.Fatalf("not understood: %s", out)
				}
				got := gluedTable(t, p, fmt.Sprintf("aws_glue_catalog_table.logs[%q]", format))
				if diff := cmp.Diff(want, got); diff != "" {
					t.Errorf("- coldtail ddl athena, + Glue table:\n%s", diff)
				}
			})
		}
	}
}

// storage is what Hive's STORED AS stands for.
var storage = map[string]table{
	"PARQUET": {
		Input:  "org.apache.hadoop.hive.ql.io.parquet.MapredParquetInputFormat",
		Output: "org.apache.hadoop.hive.ql.io.parquet.MapredParquetOutputFormat",
		Serde:  "org.apache.hadoop.hive.ql.io.parquet.serde.ParquetHiveSerDe",
	},
	"TEXTFILE": {
		Input:  "org.apache.hadoop.mapred.TextInputFormat",
		Output: "org.apache.hadoop.hive.ql.io.HiveIgnoreKeyTextOutputFormat",
	},
}

var (
	statement = regexp.MustCompile("(?s)^CREATE EXTERNAL TABLE IF NOT EXISTS `(\\w+)`\\.`(\\w+)` \\((.*?)\n\\)\n" +
		"PARTITIONED BY \\((.*?)\\)\n" +
		"(?:ROW FORMAT SERDE '([^']+)'\nWITH SERDEPROPERTIES \\((.*?)\\)\n)?" +
		"STORED AS (\\w+)\n" +
		"LOCATION '([^']+)'\n" +
		"TBLPROPERTIES \\((.*)\n\\);?\n*$")
	columnLine = regexp.MustCompile("`(\\w+)` ([^\\s,]+(?:,[^\\s,]+)*)")
	option     = regexp.MustCompile(`'([^']+)' = '([^']*)'`)
)

func parseDDL(t *testing.T, ddl string) table {
	t.Helper()
	m := statement.FindStringSubmatch(ddl)
	if m == nil {
		t.Fatalf("another statement than this test knows:\n%s", ddl)
	}
	tab, ok := storage[m[7]]
	if !ok {
		t.Fatalf("unknown storage %s", m[7])
	}
	tab.Database, tab.Name, tab.Location = m[1], m[2], m[8]
	tab.Columns, tab.Partitions = columns(m[3]), columns(m[4])
	if m[5] != "" {
		tab.Serde = m[5]
	}
	tab.SerdeOptions, tab.Options = options(m[6]), options(m[9])
	return tab
}

func columns(s string) []column {
	var all []column
	for _, m := range columnLine.FindAllStringSubmatch(s, -1) {
		all = append(all, column{m[1], m[2]})
	}
	return all
}

func options(s string) map[string]string {
	all := map[string]string{}
	for _, m := range option.FindAllStringSubmatch(s, -1) {
		all[m[1]] = m[2]
	}
	return all
}

func gluedTable(t *testing.T, p planned, address string) table {
	t.Helper()
	type field struct {
		Name string `json:"name"`
		Type string `json:"type"`
	}
	var v struct {
		Database   string            `json:"database_name"`
		Name       string            `json:"name"`
		Type       string            `json:"table_type"`
		Parameters map[string]string `json:"parameters"`
		Partitions []field           `json:"partition_keys"`
		Storage    []struct {
			Columns  []field `json:"columns"`
			Location string  `json:"location"`
			Input    string  `json:"input_format"`
			Output   string  `json:"output_format"`
			Serde    []struct {
				Library    string            `json:"serialization_library"`
				Parameters map[string]string `json:"parameters"`
			} `json:"ser_de_info"`
		} `json:"storage_descriptor"`
	}
	p.values(t, address, &v)
	if v.Type != "EXTERNAL_TABLE" || v.Parameters["EXTERNAL"] != "TRUE" {
		t.Errorf("%s is not external", address)
	}
	s := v.Storage[0]
	tab := table{
		Database: v.Database, Name: v.Name, Location: s.Location,
		Input: s.Input, Output: s.Output, Serde: s.Serde[0].Library,
		SerdeOptions: maps.Clone(s.Serde[0].Parameters), Options: maps.Clone(v.Parameters),
	}
	for _, c := range s.Columns {
		tab.Columns = append(tab.Columns, column(c))
	}
	for _, c := range v.Partitions {
		tab.Partitions = append(tab.Partitions, column(c))
	}
	// What Hive adds to each table by itself.
	delete(tab.Options, "EXTERNAL")
	delete(tab.SerdeOptions, "serialization.format")
	return tab
}
