package parquet

import (
	"bytes"
	"errors"
	"fmt"
	"strconv"

	"github.com/parquet-go/parquet-go/format"

	"github.com/coldtail/coldtail/codec"
	"github.com/coldtail/coldtail/codec/ranged"
)

// Inspect returns what the footer claims. It checks the schema, and the pages and
// statistics that a Decoder does not.
func Inspect(src ranged.Source) (codec.Claims, error) {
	f := newFile(src)
	raw, off, err := f.footer()
	if err != nil {
		return codec.Claims{}, err
	}
	if head, err := f.Get(ranged.Span{Off: 0, End: int64(len(magic))}); err != nil {
		return codec.Claims{}, err
	} else if string(head) != magic {
		return codec.Claims{}, &codec.CorruptError{What: "parquet file", Offset: 0, Err: errMagic}
	}
	var m format.FileMetaData
	c := codec.Claims{Footer: true}
	if _, err = unmarshalThrift(raw, footerMaxList, &m); err == nil {
		err = f.check(&m)
	}
	if err == nil {
		err = readClaims(&c, &m)
	}
	if err == nil {
		err = checkSchema(&m)
	}
	if err != nil {
		return codec.Claims{}, &codec.CorruptError{What: "parquet footer", Offset: off, Err: err}
	}
	if f.rows == 0 {
		return c, nil
	}
	return c, f.inspectColumns(c.ContainerID)
}

var errKeyValue = errors.New("malformed key-value")

// readClaims takes the claims from the footer's key-values.
func readClaims(c *codec.Claims, m *format.FileMetaData) error {
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
	want, err := marshalThrift(&format.FileMetaData{Schema: schema()})
	if err != nil {
		return err
	}
	if !bytes.Equal(got, want) {
		return fmt.Errorf("%w: the schema differs", errColumns)
	}
	return nil
}
