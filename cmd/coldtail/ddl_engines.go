package main

import (
	"bytes"
	"embed"
	"fmt"
	"strings"
	"text/template"

	"github.com/coldtail/coldtail/codec"
	"github.com/coldtail/coldtail/codec/parquet"
)

//go:embed ddl/*.sql.tmpl
var ddlTemplates embed.FS

// ddlEngine is how an engine writes things.
type ddlEngine struct {
	name       string
	database   string // where --database is not given
	scheme     string // of buckets
	folder     string // what comes before a folder's path
	folders    bool   // it reads folders
	amazonOnly bool
	quote      string // around names
	escape     string // for a quote in a text; of a backslash, it escapes backslashes, too
	types      map[parquet.ColumnType]string
	// ndjson has the types that differ in NDJSON, where time and body_raw are texts.
	ndjson map[parquet.ColumnType]string
	// list is the type of a list of structs, with a %s for the fields; field is
	// such a field's, of name and type; nullable is a nullable type.
	list, field, nullable string
}

var (
	hiveTypes = map[parquet.ColumnType]string{
		parquet.TimestampColumn: "timestamp", parquet.Int64Column: "bigint", parquet.Int32Column: "int", parquet.BooleanColumn: "boolean",
		parquet.StringColumn: "string", parquet.BytesColumn: "binary", parquet.MapColumn: "map<string,string>",
	}
	// Serializers of JSON do not agree on timestamps with nine digits and a zone,
	// nor on base64.
	hiveJSON = map[parquet.ColumnType]string{parquet.TimestampColumn: "string", parquet.BytesColumn: "string"}

	hiveList, hiveField = "array<struct<%s>>", "%s:%s"
)

// ddlEngines are in the order in which they are named to users. dt is a text in
// all that keep it in a metastore, so that one table there serves them all, and
// dt = '2026-01-31' is right for every engine.
var ddlEngines = []*ddlEngine{
	{
		name: "athena", database: "default", scheme: "s3", amazonOnly: true, quote: "`", escape: `\'`,
		types: hiveTypes, ndjson: hiveJSON, list: hiveList, field: hiveField,
	},
	{
		name: "trino", database: "default", scheme: "s3", quote: `"`, escape: `''`,
		types: map[parquet.ColumnType]string{
			parquet.TimestampColumn: "timestamp(6)", parquet.Int64Column: "bigint", parquet.Int32Column: "integer", parquet.BooleanColumn: "boolean",
			parquet.StringColumn: "varchar", parquet.BytesColumn: "varbinary", parquet.MapColumn: "map(varchar, varchar)",
		},
		ndjson: map[parquet.ColumnType]string{parquet.TimestampColumn: "varchar", parquet.BytesColumn: "varchar"},
		list:   "array(row(%s))", field: "%s %s",
	},
	{
		name: "duckdb", database: "main", scheme: "s3", folders: true, quote: `"`, escape: `''`,
		types: map[parquet.ColumnType]string{
			parquet.TimestampColumn: "TIMESTAMPTZ", parquet.Int64Column: "BIGINT", parquet.Int32Column: "INTEGER", parquet.BooleanColumn: "BOOLEAN",
			parquet.StringColumn: "VARCHAR", parquet.BytesColumn: "BLOB", parquet.MapColumn: "MAP(VARCHAR, VARCHAR)",
		},
		ndjson: map[parquet.ColumnType]string{parquet.BytesColumn: "VARCHAR"},
		list:   "STRUCT(%s)[]", field: "%s %s",
	},
	{
		name: "spark", database: "default", scheme: "s3a", folder: "file://", folders: true, quote: "`", escape: `\'`,
		types: map[parquet.ColumnType]string{
			parquet.TimestampColumn: "TIMESTAMP", parquet.Int64Column: "BIGINT", parquet.Int32Column: "INT", parquet.BooleanColumn: "BOOLEAN",
			parquet.StringColumn: "STRING", parquet.BytesColumn: "BINARY", parquet.MapColumn: "MAP<STRING, STRING>",
		},
		list: "ARRAY<STRUCT<%s>>", field: "%s: %s",
	},
	{
		name: "clickhouse", database: "default", folders: true, quote: "`", escape: `\'`,
		types: map[parquet.ColumnType]string{
			parquet.TimestampColumn: "DateTime64(6, 'UTC')", parquet.Int64Column: "Int64", parquet.Int32Column: "Int32", parquet.BooleanColumn: "Bool",
			parquet.StringColumn: "String", parquet.BytesColumn: "String", parquet.MapColumn: "Map(String, String)",
		},
		list: "Array(Tuple(%s))", field: "%s %s", nullable: "Nullable(%s)",
	},
	{
		name: "hive", database: "default", scheme: "s3a", folder: "file://", folders: true, quote: "`", escape: `\'`,
		types: hiveTypes, ndjson: hiveJSON, list: hiveList, field: hiveField,
	},
}

func ddlEngineOf(name string) (*ddlEngine, error) {
	for _, e := range ddlEngines {
		if e.name == name {
			return e, nil
		}
	}
	return nil, usagef("there is no engine %q: must be one of %s", name, strings.Join(ddlEngineNames(), ", "))
}

func ddlEngineNames() (names []string) {
	for _, e := range ddlEngines {
		names = append(names, e.name)
	}
	return names
}

// typeOf is the engine's name of a column's type.
func (e *ddlEngine) typeOf(c parquet.Column, f codec.Format) string {
	if c.Type == parquet.ListColumn {
		var fields []string
		for _, inner := range c.Fields {
			fields = append(fields, fmt.Sprintf(e.field, inner.Name, e.typeOf(inner, f)))
		}
		sep := ", "
		if e.field == hiveField {
			sep = ","
		}
		return fmt.Sprintf(e.list, strings.Join(fields, sep))
	}
	text := e.types[c.Type]
	if other, ok := e.ndjson[c.Type]; ok && f == codec.NDJSON {
		text = other
	}
	// ClickHouse has no null of a map.
	if c.Nullable && e.nullable != "" && c.Type != parquet.MapColumn {
		text = fmt.Sprintf(e.nullable, text)
	}
	return text
}

// text is a literal that the engine reads as s.
func (e *ddlEngine) text(s string) string {
	if strings.HasPrefix(e.escape, `\`) {
		s = strings.ReplaceAll(s, `\`, `\\`)
	}
	return "'" + strings.ReplaceAll(s, "'", e.escape) + "'"
}

// print fills in the engine's template.
func (e *ddlEngine) print(t *ddlTable) ([]byte, error) {
	file := e.name + ".sql.tmpl"
	tmpl, err := template.New(file).Option("missingkey=error").Funcs(template.FuncMap{
		"ident": func(s string) string { return e.quote + s + e.quote }, // ddlName has no quotes
		"text":  e.text,
	}).ParseFS(ddlTemplates, "ddl/"+file)
	if err != nil {
		return nil, fmt.Errorf("read template of %s: %w", e.name, err)
	}
	var b bytes.Buffer
	if err := tmpl.Execute(&b, t); err != nil {
		return nil, fmt.Errorf("fill in template of %s: %w", e.name, err)
	}
	return b.Bytes(), nil
}
