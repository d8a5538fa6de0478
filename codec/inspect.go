package codec

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"strconv"

	"github.com/parquet-go/parquet-go/format"
)

// Claims is what a chunk says about itself beside its entries.
type Claims struct {
	// ContainerID is the id as the daemon gave it, of the footer or of the
	// first row.
	ContainerID string
	// Footer tells that the chunk has one. NDJSON has none: Info and Stats are
	// zero then.
	Footer bool
	Info   ChunkInfo
	Stats  Stats
}

// Inspect returns what the chunk of sizeBytes in r claims, and checks what no
// Decoder looks at: in Parquet the magic, the schema, and the checksums, counts
// and statistics of the columns that do not make entries. Inspect and a Decoder
// that is read to its end check every page. Errors are *CorruptError where the
// chunk is at fault.
func Inspect(f Format, r io.ReaderAt, sizeBytes int64, lim Limits) (Claims, error) {
	src := source{r: r, size: sizeBytes, lim: lim}
	defer lim.Memory.Release()
	switch f {
	case Parquet:
		return inspectParquet(src)
	case NDJSON:
		return inspectNDJSON(src)
	}
	return Claims{}, fmt.Errorf("format %q: must be parquet or ndjson", f)
}

// inspectNDJSON reads the first row's container id.
func inspectNDJSON(src source) (Claims, error) {
	m, err := ndjsonMeta(src)
	return Claims{ContainerID: m.ContainerID}, err
}

func inspectParquet(src source) (Claims, error) {
	f := &parquetFile{source: src}
	raw, off, err := f.footer()
	if err != nil {
		return Claims{}, err
	}
	if head, err := f.get(span{0, int64(len(parquetMagic))}); err != nil {
		return Claims{}, err
	} else if string(head) != parquetMagic {
		return Claims{}, &CorruptError{What: "parquet file", Offset: 0, Err: errMagic}
	}
	var m format.FileMetaData
	c := Claims{Footer: true}
	if _, err = unmarshalThrift(raw, footerMaxList, &m); err == nil {
		err = f.check(&m)
	}
	if err == nil {
		err = c.read(&m)
	}
	if err == nil {
		err = checkSchema(&m)
	}
	if err != nil {
		return Claims{}, &CorruptError{What: "parquet footer", Offset: off, Err: err}
	}
	if f.rows == 0 {
		return c, nil
	}
	return c, f.inspectColumns(c.ContainerID)
}

var errKeyValue = errors.New("malformed key-value")

// read takes the claims from the footer's key-values.
func (c *Claims) read(m *format.FileMetaData) error {
	kv := make(map[string]string)
	for _, e := range m.KeyValueMetadata {
		kv[e.Key] = e.Value
	}
	c.ContainerID, c.Info.SpoolID = kv["coldtail.container_id"], kv["coldtail.spool_id"]
	c.Stats.Rows = m.NumRows
	for key, to := range map[string]*int64{
		"coldtail.segment_seq":        &c.Info.SegmentSeq,
		"coldtail.first_seq":          &c.Stats.FirstSeq,
		"coldtail.last_seq":           &c.Stats.LastSeq,
		"coldtail.min_time_unix_nano": &c.Stats.MinNano,
		"coldtail.max_time_unix_nano": &c.Stats.MaxNano,
		"coldtail.entries":            &c.Stats.Entries,
		"coldtail.gaps":               &c.Stats.Gaps,
	} {
		var err error
		if *to, err = strconv.ParseInt(kv[key], 10, 64); err != nil {
			return fmt.Errorf("%w: %s is %q", errKeyValue, key, kv[key])
		}
	}
	var err error
	if c.Info.Origin, err = strconv.ParseBool(kv["coldtail.origin"]); err != nil {
		return fmt.Errorf("%w: coldtail.origin is %q", errKeyValue, kv["coldtail.origin"])
	}
	return nil
}

// checkSchema compares what engines go by; a Decoder goes by the columns' own
// paths.
func checkSchema(m *format.FileMetaData) error {
	got, err := marshalThrift(&format.FileMetaData{Schema: m.Schema})
	if err != nil {
		return err
	}
	want, err := marshalThrift(&format.FileMetaData{Schema: parquetSchema()})
	if err != nil {
		return err
	}
	if !bytes.Equal(got, want) {
		return fmt.Errorf("%w: the schema differs", errColumns)
	}
	return nil
}
