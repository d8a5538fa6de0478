package ddl

import (
	"bytes"
	"embed"
	"fmt"
	"strings"
	"text/template"

	"github.com/coldtail/coldtail/codec"
)

//go:embed *.sql.tmpl
var templates embed.FS

// A dialect is how an engine writes things.
type dialect struct {
	name       string
	database   string // where --database is not given
	scheme     string // of buckets
	folder     string // what comes before a folder's path
	folders    bool   // it reads folders
	amazonOnly bool
	quote      string // around names
	escape     string // for a quote in a text; of a backslash, it escapes backslashes, too
	types      map[codec.ColumnType]string
	// ndjson has the types that differ in NDJSON, where time and body_raw are texts.
	ndjson map[codec.ColumnType]string
	// values makes of NDJSON's values, a %s each, what Parquet has: a view on top of
	// the table has the same columns in both formats.
	values map[codec.ColumnType]string
	// column is a column's name in the view's statement.
	column string
	// list is the type of a list of structs, with a %s for the fields; field is
	// such a field's, of name and type; nullable is a nullable type.
	list, field, nullable string
}

var (
	hiveTypes = map[codec.ColumnType]string{
		codec.TimestampColumn: "timestamp", codec.Int64Column: "bigint", codec.Int32Column: "int", codec.BooleanColumn: "boolean",
		codec.StringColumn: "string", codec.BytesColumn: "binary", codec.MapColumn: "map<string,string>",
	}
	// Serializers of JSON do not agree on timestamps with nine digits and a zone,
	// nor on base64.
	hiveJSON = map[codec.ColumnType]string{codec.TimestampColumn: "string", codec.BytesColumn: "string"}

	// The texts have nine digits and a zone, of which as many are taken as the type
	// has: casts round.
	hiveValues = map[codec.ColumnType]string{
		codec.TimestampColumn: "CAST(regexp_replace(substr(%s, 1, 26), 'T', ' ') AS timestamp)", codec.BytesColumn: "unbase64(%s)", codec.BooleanColumn: "coalesce(%s, false)",
	}
	athenaValues = map[codec.ColumnType]string{
		codec.TimestampColumn: "CAST(replace(substr(%s, 1, 23), 'T', ' ') AS timestamp)", codec.BytesColumn: "from_base64(%s)", codec.BooleanColumn: "coalesce(%s, false)",
	}
	trinoValues = map[codec.ColumnType]string{
		codec.TimestampColumn: "CAST(replace(substr(%s, 1, 26), 'T', ' ') AS timestamp(6))", codec.BytesColumn: "from_base64(%s)", codec.BooleanColumn: "coalesce(%s, false)",
	}
	sparkValues = map[codec.ColumnType]string{codec.BooleanColumn: "coalesce(%s, false)"}

	hiveList, hiveField = "array<struct<%s>>", "%s:%s"
)

// dialects are in the order in which they are named to users. dt is a text in
// all that keep it in a metastore, so that one table there serves them all, and
// dt = '2026-01-31' is right for every engine.
var dialects = []*dialect{
	{
		name: "athena", database: "default", scheme: "s3", amazonOnly: true, quote: "`", escape: `\'`,
		types: hiveTypes, ndjson: hiveJSON, list: hiveList, field: hiveField, values: athenaValues, column: `"%s"`,
	},
	{
		name: "trino", database: "default", scheme: "s3", quote: `"`, escape: `''`,
		types: map[codec.ColumnType]string{
			codec.TimestampColumn: "timestamp(6)", codec.Int64Column: "bigint", codec.Int32Column: "integer", codec.BooleanColumn: "boolean",
			codec.StringColumn: "varchar", codec.BytesColumn: "varbinary", codec.MapColumn: "map(varchar, varchar)",
		},
		ndjson: map[codec.ColumnType]string{codec.TimestampColumn: "varchar", codec.BytesColumn: "varchar"},
		values: trinoValues, column: `"%s"`,
		list: "array(row(%s))", field: "%s %s",
	},
	{
		name: "duckdb", database: "main", scheme: "s3", folders: true, quote: `"`, escape: `''`,
		types: map[codec.ColumnType]string{
			codec.TimestampColumn: "TIMESTAMPTZ", codec.Int64Column: "BIGINT", codec.Int32Column: "INTEGER", codec.BooleanColumn: "BOOLEAN",
			codec.StringColumn: "VARCHAR", codec.BytesColumn: "BLOB", codec.MapColumn: "MAP(VARCHAR, VARCHAR)",
		},
		ndjson: map[codec.ColumnType]string{codec.BytesColumn: "VARCHAR"},
		list:   "STRUCT(%s)[]", field: "%s %s",
	},
	{
		name: "spark", database: "default", scheme: "s3a", folder: "file://", folders: true, quote: "`", escape: `\'`,
		types: map[codec.ColumnType]string{
			codec.TimestampColumn: "TIMESTAMP", codec.Int64Column: "BIGINT", codec.Int32Column: "INT", codec.BooleanColumn: "BOOLEAN",
			codec.StringColumn: "STRING", codec.BytesColumn: "BINARY", codec.MapColumn: "MAP<STRING, STRING>",
		},
		values: sparkValues, column: "`%s`",
		list: "ARRAY<STRUCT<%s>>", field: "%s: %s",
	},
	{
		name: "clickhouse", database: "default", folders: true, quote: "`", escape: `\'`,
		types: map[codec.ColumnType]string{
			codec.TimestampColumn: "DateTime64(6, 'UTC')", codec.Int64Column: "Int64", codec.Int32Column: "Int32", codec.BooleanColumn: "Bool",
			codec.StringColumn: "String", codec.BytesColumn: "String", codec.MapColumn: "Map(String, String)",
		},
		list: "Array(Tuple(%s))", field: "%s %s", nullable: "Nullable(%s)",
	},
	{
		name: "hive", database: "default", scheme: "s3a", folder: "file://", folders: true, quote: "`", escape: `\'`,
		types: hiveTypes, ndjson: hiveJSON, list: hiveList, field: hiveField, values: hiveValues, column: "`%s`",
	},
}

func dialectOf(name string) (*dialect, error) {
	for _, e := range dialects {
		if e.name == name {
			return e, nil
		}
	}
	return nil, fmt.Errorf("there is no engine %q: must be one of %s", name, strings.Join(Engines(), ", "))
}

// Engines lists the engines, as they are named to users.
func Engines() (names []string) {
	for _, e := range dialects {
		names = append(names, e.name)
	}
	return names
}

// typeOf is the engine's name of a column's type.
func (e *dialect) typeOf(c codec.Column, f codec.Format) string {
	if c.Type == codec.ListColumn {
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
	if c.Nullable && e.nullable != "" && c.Type != codec.MapColumn {
		text = fmt.Sprintf(e.nullable, text)
	}
	return text
}

// valueOf is a column of the table as the view selects it.
func (e *dialect) valueOf(c codec.Column, f codec.Format) string {
	if e.column == "" {
		return "" // the table is a view itself
	}
	name := fmt.Sprintf(e.column, c.Name)
	if value, ok := e.values[c.Type]; ok && f == codec.NDJSON {
		return fmt.Sprintf(value, name) + " AS " + name
	}
	return name
}

// text is a literal that the engine reads as s.
func (e *dialect) text(s string) string {
	if strings.HasPrefix(e.escape, `\`) {
		s = strings.ReplaceAll(s, `\`, `\\`)
	}
	return "'" + strings.ReplaceAll(s, "'", e.escape) + "'"
}

// print fills in the engine's template.
func (e *dialect) print(t *table) ([]byte, error) {
	file := e.name + ".sql.tmpl"
	tmpl, err := template.New(file).Option("missingkey=error").Funcs(template.FuncMap{
		"ident": func(s string) string { return e.quote + s + e.quote }, // nameText has no quotes
		"text":  e.text,
	}).ParseFS(templates, file)
	if err != nil {
		return nil, fmt.Errorf("read template of %s: %w", e.name, err)
	}
	var b bytes.Buffer
	if err := tmpl.Execute(&b, t); err != nil {
		return nil, fmt.Errorf("fill in template of %s: %w", e.name, err)
	}
	return b.Bytes(), nil
}
