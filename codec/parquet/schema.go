package parquet

import (
	"cmp"
	"strings"

	"github.com/parquet-go/parquet-go/deprecated"
	"github.com/parquet-go/parquet-go/encoding/thrift"
	"github.com/parquet-go/parquet-go/format"

	"github.com/coldtail/coldtail/codec"
)

// The leaf columns, in the file's order.
const (
	colTime = iota
	colTimeNano
	colSeq
	colStream
	colBody
	colBodyRaw
	colPartial
	colPartsSeq
	colPartsBytes
	colServiceName
	colContainerID
	colContainerName
	colImageName
	colImageID
	colHostName
	colTag
	colLabelsKey
	colLabelsValue
	colAttributesKey
	colAttributesValue
	colCount
)

// A leaf is what page headers and the footer say about a column.
type leaf struct {
	path           string // dotted
	typ            format.Type
	encoding       format.Encoding
	maxRep, maxDef int
	noIndex        bool // no statistics and no column index
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
	if l.encoding == format.RLEDictionary && l.path != "stream" {
		return constantPageValues
	}
	return pageReadRows
}

func leaves() [colCount]leaf {
	var (
		int64s  = leaf{typ: format.Int64, encoding: format.DeltaBinaryPacked}
		dict    = leaf{typ: format.ByteArray, encoding: format.RLEDictionary}
		mapLeaf = leaf{typ: format.ByteArray, encoding: format.RLEDictionary, maxRep: 1, maxDef: 2, pageBytes: mapPageReadBytes}
	)
	named := func(path string, l leaf) leaf {
		l.path = path
		return l
	}
	leaves := [colCount]leaf{
		colTime:            named("time", int64s),
		colTimeNano:        named("time_unix_nano", int64s),
		colSeq:             named("seq", int64s),
		colStream:          named("stream", dict),
		colBody:            {path: "body", typ: format.ByteArray, noIndex: true, pageBytes: codec.MaxFrameBytes + 4},
		colBodyRaw:         {path: "body_raw", typ: format.ByteArray, maxDef: 1, noIndex: true, pageBytes: codec.MaxFrameBytes + pageReadBytes},
		colPartial:         {path: "partial", typ: format.Boolean},
		colPartsSeq:        {path: "parts.list.element.seq", typ: format.Int64, maxRep: 1, maxDef: 2},
		colPartsBytes:      {path: "parts.list.element.bytes", typ: format.Int32, maxRep: 1, maxDef: 2},
		colServiceName:     named("service_name", dict),
		colContainerID:     named("container_id", dict),
		colContainerName:   named("container_name", dict),
		colImageName:       named("image_name", dict),
		colImageID:         named("image_id", dict),
		colHostName:        named("host_name", dict),
		colTag:             {path: "tag", typ: format.ByteArray, encoding: format.RLEDictionary, maxDef: 1},
		colLabelsKey:       named("labels.key_value.key", mapLeaf),
		colLabelsValue:     named("labels.key_value.value", mapLeaf),
		colAttributesKey:   named("attributes.key_value.key", mapLeaf),
		colAttributesValue: named("attributes.key_value.value", mapLeaf),
	}
	for i := range leaves {
		leaves[i].pageBytes = cmp.Or(leaves[i].pageBytes, pageReadBytes)
	}
	return leaves
}

func (l *leaf) pathInSchema() []string { return strings.Split(l.path, ".") }

// A schemaBuilder lists schema elements depth first, as the footer wants them.
type schemaBuilder struct {
	elements []format.SchemaElement
}

func (b *schemaBuilder) leaf(id int32, name string, rep format.FieldRepetitionType, typ format.Type) *format.SchemaElement {
	b.elements = append(b.elements, format.SchemaElement{
		Type:           thrift.New(typ),
		RepetitionType: thrift.New(rep),
		Name:           name,
		FieldID:        id,
	})
	return &b.elements[len(b.elements)-1]
}

func (b *schemaBuilder) str(id int32, name string, rep format.FieldRepetitionType) {
	e := b.leaf(id, name, rep, format.ByteArray)
	e.ConvertedType = thrift.New(deprecated.UTF8)
	e.LogicalType = format.LogicalType{Value: new(format.StringType)}
}

func (b *schemaBuilder) group(id int32, name string, rep format.FieldRepetitionType, children int32) *format.SchemaElement {
	b.elements = append(b.elements, format.SchemaElement{
		RepetitionType: thrift.New(rep),
		Name:           name,
		NumChildren:    thrift.New(children),
		FieldID:        id,
	})
	return &b.elements[len(b.elements)-1]
}

func (b *schemaBuilder) strMap(id, inner int32, name string) {
	m := b.group(id, name, format.Optional, 1)
	m.ConvertedType = thrift.New(deprecated.Map)
	m.LogicalType = format.LogicalType{Value: new(format.MapType)}
	b.group(inner, "key_value", format.Repeated, 2)
	b.str(inner+1, "key", format.Required)
	b.str(inner+2, "value", format.Required)
}

// schema is the schema of docs/format.md. Lists and maps have the three
// levels that the Parquet specification calls canonical.
func schema() []format.SchemaElement {
	b := &schemaBuilder{}
	b.elements = append(b.elements, format.SchemaElement{Name: "coldtail", NumChildren: thrift.New(int32(17))})

	t := b.leaf(1, "time", format.Required, format.Int64)
	t.ConvertedType = thrift.New(deprecated.TimestampMicros)
	t.LogicalType = format.LogicalType{Value: &format.TimestampType{
		IsAdjustedToUTC: true,
		Unit:            format.TimeUnit{Value: new(format.MicroSeconds)},
	}}
	b.leaf(2, "time_unix_nano", format.Required, format.Int64)
	b.leaf(3, "seq", format.Required, format.Int64)
	b.str(4, "stream", format.Required)
	b.str(5, "body", format.Required)
	b.leaf(6, "body_raw", format.Optional, format.ByteArray)
	b.leaf(7, "partial", format.Required, format.Boolean)

	p := b.group(8, "parts", format.Optional, 1)
	p.ConvertedType = thrift.New(deprecated.List)
	p.LogicalType = format.LogicalType{Value: new(format.ListType)}
	b.group(100, "list", format.Repeated, 1)
	b.group(101, "element", format.Required, 2)
	b.leaf(102, "seq", format.Required, format.Int64)
	b.leaf(103, "bytes", format.Required, format.Int32)

	b.str(9, "service_name", format.Required)
	b.str(10, "container_id", format.Required)
	b.str(11, "container_name", format.Required)
	b.str(12, "image_name", format.Required)
	b.str(13, "image_id", format.Required)
	b.str(14, "host_name", format.Required)
	b.str(15, "tag", format.Optional)
	b.strMap(16, 104, "labels")
	b.strMap(17, 107, "attributes")
	return b.elements
}
