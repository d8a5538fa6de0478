package parquet

import (
	"github.com/parquet-go/parquet-go/deprecated"
	"github.com/parquet-go/parquet-go/format"
)

// ColumnType is what a column's values are.
type ColumnType string

// The types of columns. Of NDJSON, a timestamp is text (RFC 3339) and bytes are
// text (base64); the rest are JSON's.
const (
	TimestampColumn ColumnType = "timestamp" // microseconds, UTC
	Int64Column     ColumnType = "int64"
	Int32Column     ColumnType = "int32"
	BooleanColumn   ColumnType = "boolean"
	StringColumn    ColumnType = "string" // valid UTF-8
	BytesColumn     ColumnType = "bytes"
	ListColumn      ColumnType = "list" // of structs of Fields
	MapColumn       ColumnType = "map"  // of strings to strings
)

// Column is a column of a chunk, as docs/format.md lists them.
type Column struct {
	Name     string
	Type     ColumnType
	Nullable bool
	Fields   []Column // of a list's structs
}

// Columns lists a chunk's columns, in order. dt and hour are none of them: they
// are in the object's key alone.
func Columns() []Column {
	elements := schema()
	_, columns := columnsOf(elements[1:], int(elements[0].NumChildren.V))
	return columns
}

// columnsOf reads n elements of a schema that is listed depth first, and returns
// what follows them.
func columnsOf(elements []format.SchemaElement, n int) (rest []format.SchemaElement, columns []Column) {
	for range n {
		e := &elements[0]
		elements = elements[1:]
		c := Column{Name: e.Name, Type: columnType(e), Nullable: e.RepetitionType.V == format.Optional}
		if e.NumChildren.Valid {
			var inner []Column
			elements, inner = columnsOf(elements, int(e.NumChildren.V))
			switch c.Type {
			case ListColumn:
				c.Fields = inner[0].Fields[0].Fields // parts.list.element
			case MapColumn:
			default:
				c.Fields = inner
			}
		}
		columns = append(columns, c)
	}
	return elements, columns
}

// columnType is "" for the groups inside lists and maps.
func columnType(e *format.SchemaElement) ColumnType {
	switch {
	case e.ConvertedType.Valid:
		switch e.ConvertedType.V {
		case deprecated.TimestampMicros:
			return TimestampColumn
		case deprecated.UTF8:
			return StringColumn
		case deprecated.List:
			return ListColumn
		case deprecated.Map:
			return MapColumn
		}
	case e.Type.Valid:
		switch e.Type.V {
		case format.Int64:
			return Int64Column
		case format.Int32:
			return Int32Column
		case format.Boolean:
			return BooleanColumn
		case format.ByteArray:
			return BytesColumn
		}
	}
	return ""
}
