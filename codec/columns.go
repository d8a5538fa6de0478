package codec

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

// Names of the columns that are made of entries, row by row.
const (
	TimeName     = "time"
	TimeNanoName = "time_unix_nano"
	SeqName      = "seq"
	StreamName   = "stream"
	BodyName     = "body"
	BodyRawName  = "body_raw"
	PartialName  = "partial"
	PartsName    = "parts"

	// Fields of a row's parts.
	PartSeqName   = "seq"
	PartBytesName = "bytes"
)

// ContainerIDName is the name of the column that says whose a chunk is.
const ContainerIDName = "container_id"

// A Column is a column of a chunk, as docs/format.md lists them.
type Column struct {
	Name     string
	Type     ColumnType
	Nullable bool
	Fields   []Column // of a list's structs

	// ID is Parquet's field id. InnerID is that of the first group inside a list
	// or map, whose groups and fields are numbered from there on.
	ID, InnerID int32
	// Long texts are as long as a line: Parquet has them without a dictionary and
	// without bounds.
	Long bool

	// Text or Pairs returns the field of a Meta that has the value, which is the
	// same in all rows. A column with neither is made of entries. If the column is
	// Nullable, "" and no pairs are null.
	Text  func(*Meta) *string
	Pairs func(*Meta) *map[string]string
}

// Constant reports whether the column has the same value in all rows.
func (c *Column) Constant() bool { return c.Text != nil || c.Pairs != nil }

// columns is the only list of columns. A column of a Meta needs no other line in
// codec: both formats write, read and inspect it by this one. A column of entries
// is written and read where a format uses its name, which is above.
var columns = []Column{
	{ID: 1, Name: TimeName, Type: TimestampColumn},
	{ID: 2, Name: TimeNanoName, Type: Int64Column},
	{ID: 3, Name: SeqName, Type: Int64Column},
	{ID: 4, Name: StreamName, Type: StringColumn},
	{ID: 5, Name: BodyName, Type: StringColumn, Long: true},
	{ID: 6, Name: BodyRawName, Type: BytesColumn, Long: true, Nullable: true},
	{ID: 7, Name: PartialName, Type: BooleanColumn},
	{ID: 8, Name: PartsName, Type: ListColumn, Nullable: true, InnerID: 100, Fields: []Column{
		{ID: 102, Name: PartSeqName, Type: Int64Column},
		{ID: 103, Name: PartBytesName, Type: Int32Column},
	}},
	{ID: 9, Name: "service_name", Type: StringColumn, Text: func(m *Meta) *string { return &m.ServiceName }},
	{ID: 10, Name: ContainerIDName, Type: StringColumn, Text: func(m *Meta) *string { return &m.ContainerID }},
	{ID: 11, Name: "container_name", Type: StringColumn, Text: func(m *Meta) *string { return &m.ContainerName }},
	{ID: 12, Name: "image_name", Type: StringColumn, Text: func(m *Meta) *string { return &m.ImageName }},
	{ID: 13, Name: "image_id", Type: StringColumn, Text: func(m *Meta) *string { return &m.ImageID }},
	{ID: 14, Name: "host_name", Type: StringColumn, Text: func(m *Meta) *string { return &m.HostName }},
	{ID: 15, Name: "tag", Type: StringColumn, Nullable: true, Text: func(m *Meta) *string { return &m.Tag }},
	{ID: 16, Name: "labels", Type: MapColumn, Nullable: true, InnerID: 104, Pairs: func(m *Meta) *map[string]string { return &m.Labels }},
	{ID: 17, Name: "attributes", Type: MapColumn, Nullable: true, InnerID: 107, Pairs: func(m *Meta) *map[string]string { return &m.Attributes }},
}

// Columns lists a chunk's columns, in order. dt and hour are none of them: they
// are in the object's key alone. The list is shared: it is for reading.
func Columns() []Column { return columns }
