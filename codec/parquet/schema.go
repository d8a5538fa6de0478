package parquet

import (
	"slices"
	"strings"

	"github.com/parquet-go/parquet-go/deprecated"
	"github.com/parquet-go/parquet-go/encoding/thrift"
	"github.com/parquet-go/parquet-go/format"

	"github.com/coldtail/coldtail/codec"
)

// A leaf is what page headers and the footer say about a column.
type leaf struct {
	path           string // dotted
	typ            format.Type
	encoding       format.Encoding
	maxRep, maxDef int
	noIndex        bool // no statistics and no column index
	constant       bool // the same in all rows
	pageBytes      int  // of a page at most, as a reader takes it
}

// pageMaxBytes bounds what the encoder puts into a page, but for a longer line.
const pageMaxBytes = 256 << 10

// What a reader takes of a page: more than the encoder's own bounds, less than
// anybody could write.
const (
	pageReadBytes    = 4 * pageMaxBytes
	mapPageReadBytes = 16 << 20 // eight rows of as many labels as there could be once
	pageReadRows     = 2 * smallPageRows
)

// pageRows is how many rows a page has at most.
func (l *leaf) pageRows() int64 {
	if l.constant {
		return constantPageValues
	}
	return pageReadRows
}

// leaves are the leaf columns, in the file's order.
var leaves = leavesOf(codec.Columns())

func leavesOf(columns []codec.Column) (leaves []leaf) {
	for i := range columns {
		leaves = append(leaves, columnLeaves(&columns[i])...)
	}
	return leaves
}

// columnLeaves returns a column's leaves, which are several of a list or map.
func columnLeaves(c *codec.Column) []leaf {
	l := leaf{path: c.Name, pageBytes: pageReadBytes, constant: c.Constant()}
	if c.Nullable {
		l.maxDef = 1
	}
	inner := func(name string) leaf {
		in := l
		in.path, in.maxRep, in.maxDef = c.Name+name, 1, l.maxDef+1
		return in
	}
	switch c.Type {
	case codec.ListColumn:
		var fields []leaf
		for _, f := range c.Fields {
			in := inner(listPath + f.Name)
			in.typ = physicalType(f.Type)
			fields = append(fields, in)
		}
		return fields
	case codec.MapColumn:
		l.typ, l.encoding, l.pageBytes = format.ByteArray, format.RLEDictionary, mapPageReadBytes
		return []leaf{inner(keyPath), inner(valuePath)}
	}
	l.typ = physicalType(c.Type)
	switch {
	case c.Long:
		l.noIndex, l.pageBytes = true, codec.MaxFrameBytes+4
		if c.Nullable {
			l.pageBytes = codec.MaxFrameBytes + pageReadBytes // with the levels
		}
	case l.typ == format.ByteArray:
		l.encoding = format.RLEDictionary
	case l.typ == format.Int64:
		l.encoding = format.DeltaBinaryPacked
	}
	return []leaf{l}
}

// Paths below a list's and a map's column.
const (
	listPath  = ".list.element."
	keyPath   = ".key_value.key"
	valuePath = ".key_value.value"
)

func physicalType(t codec.ColumnType) format.Type {
	switch t {
	case codec.TimestampColumn, codec.Int64Column:
		return format.Int64
	case codec.Int32Column:
		return format.Int32
	case codec.BooleanColumn:
		return format.Boolean
	}
	return format.ByteArray
}

// The leaves that are made of entries, as indexes of leaves.
var (
	colTime       = leafAt(codec.TimeName)
	colTimeNano   = leafAt(codec.TimeNanoName)
	colSeq        = leafAt(codec.SeqName)
	colStream     = leafAt(codec.StreamName)
	colBody       = leafAt(codec.BodyName)
	colBodyRaw    = leafAt(codec.BodyRawName)
	colPartial    = leafAt(codec.PartialName)
	colPartsSeq   = leafAt(codec.PartsName + listPath + codec.PartSeqName)
	colPartsBytes = leafAt(codec.PartsName + listPath + codec.PartBytesName)

	colContainerID = leafAt(codec.ContainerIDName)
)

// leafAt returns the index of a leaf that is in the table.
func leafAt(path string) int {
	i := slices.IndexFunc(leaves, func(l leaf) bool { return l.path == path })
	if i < 0 {
		panic("no column " + path)
	}
	return i
}

// A constant is a column that is the same in all rows, with its leaf or a map's two.
type constant struct {
	codec.Column
	leaf, values int
}

var constants = constantsOf(codec.Columns())

func constantsOf(columns []codec.Column) (constants []constant) {
	for _, c := range columns {
		switch {
		case c.Text != nil:
			constants = append(constants, constant{Column: c, leaf: leafAt(c.Name)})
		case c.Pairs != nil:
			constants = append(constants, constant{Column: c, leaf: leafAt(c.Name + keyPath), values: leafAt(c.Name + valuePath)})
		}
	}
	return constants
}

func (l *leaf) pathInSchema() []string { return strings.Split(l.path, ".") }

// A schemaBuilder lists schema elements depth first, as the footer wants them.
type schemaBuilder struct {
	elements []format.SchemaElement
}

func (b *schemaBuilder) add(id int32, name string, rep format.FieldRepetitionType) *format.SchemaElement {
	b.elements = append(b.elements, format.SchemaElement{Name: name, FieldID: id, RepetitionType: thrift.New(rep)})
	return &b.elements[len(b.elements)-1]
}

func (b *schemaBuilder) group(id int32, name string, rep format.FieldRepetitionType, children int) *format.SchemaElement {
	e := b.add(id, name, rep)
	e.NumChildren = thrift.New(int32(children))
	return e
}

// column adds a column. Lists and maps have the three levels that the Parquet
// specification calls canonical.
func (b *schemaBuilder) column(c *codec.Column) {
	rep := format.Required
	if c.Nullable {
		rep = format.Optional
	}
	switch c.Type {
	case codec.ListColumn:
		e := b.group(c.ID, c.Name, rep, 1)
		e.ConvertedType = thrift.New(deprecated.List)
		e.LogicalType = format.LogicalType{Value: new(format.ListType)}
		b.group(c.InnerID, "list", format.Repeated, 1)
		b.group(c.InnerID+1, "element", format.Required, len(c.Fields))
		for i := range c.Fields {
			b.column(&c.Fields[i])
		}
	case codec.MapColumn:
		e := b.group(c.ID, c.Name, rep, 1)
		e.ConvertedType = thrift.New(deprecated.Map)
		e.LogicalType = format.LogicalType{Value: new(format.MapType)}
		b.group(c.InnerID, "key_value", format.Repeated, 2)
		b.leaf(c.InnerID+1, "key", format.Required, codec.StringColumn)
		b.leaf(c.InnerID+2, "value", format.Required, codec.StringColumn)
	default:
		b.leaf(c.ID, c.Name, rep, c.Type)
	}
}

func (b *schemaBuilder) leaf(id int32, name string, rep format.FieldRepetitionType, t codec.ColumnType) {
	e := b.add(id, name, rep)
	e.Type = thrift.New(physicalType(t))
	switch t {
	case codec.TimestampColumn:
		e.ConvertedType = thrift.New(deprecated.TimestampMicros)
		e.LogicalType = format.LogicalType{Value: &format.TimestampType{
			IsAdjustedToUTC: true,
			Unit:            format.TimeUnit{Value: new(format.MicroSeconds)},
		}}
	case codec.StringColumn:
		e.ConvertedType = thrift.New(deprecated.UTF8)
		e.LogicalType = format.LogicalType{Value: new(format.StringType)}
	}
}

// schema is the schema of docs/format.md.
func schema() []format.SchemaElement {
	columns := codec.Columns()
	b := &schemaBuilder{elements: make([]format.SchemaElement, 0, 1+len(columns)+2*len(leaves))}
	b.elements = append(b.elements, format.SchemaElement{Name: "coldtail", NumChildren: thrift.New(int32(len(columns)))})
	for i := range columns {
		b.column(&columns[i])
	}
	return b.elements
}
