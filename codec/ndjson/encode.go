package ndjson

import (
	"bytes"
	"encoding/base64"
	"encoding/binary"
	"encoding/json"
	"fmt"
	"io"
	"strconv"
	"time"
	"unicode/utf8"

	"github.com/klauspost/compress/gzip"

	"github.com/coldtail/coldtail/codec"
	"github.com/coldtail/coldtail/codec/join"
)

// A member's gzip header (RFC 1952) with the extra field CT:
//
//	0                  10     12    14    16          24          32            40
//	+------------------+------+-----+-----+-----------+-----------+-------------+
//	| ID1 … FLG=4 … OS | XLEN | CT  | LEN | first seq | row count | member size |
//	+------------------+------+-----+-----+-----------+-----------+-------------+
//
// all little-endian, the last three int64.
const (
	memberHeadBytes  = 40
	memberSeqAt      = 16
	memberRowsAt     = 24
	memberSizeAt     = 32
	memberExtraBytes = memberHeadBytes - 12
)

// memberMaxBytes bounds the text of a member, but for a longer line.
const memberMaxBytes = 1 << 20

// An Encoder gathers a member's text, compresses it, and puts what is
// then known into its header.
type Encoder struct {
	asm      join.Assembler
	w        io.Writer
	z        *gzip.Writer
	constant []byte // the members that are the same in every row, and the line's end
	text     []byte
	line     []byte
	fixed    []byte
	out      bytes.Buffer
	firstSeq int64
	rows     int64
	err      error
}

// NewEncoder returns an encoder that writes to w.
func NewEncoder(w io.Writer, meta codec.Meta) (*Encoder, error) {
	z, err := gzip.NewWriterLevel(nil, gzip.BestSpeed)
	if err != nil {
		return nil, fmt.Errorf("create gzip encoder: %w", err)
	}
	constant, err := constantMembers(&meta)
	if err != nil {
		return nil, err
	}
	n := &Encoder{w: w, z: z, constant: constant}
	n.asm.Sink = n
	return n, nil
}

// constantMembers returns the JSON of meta from a comma to the end of the line.
func constantMembers(meta *codec.Meta) ([]byte, error) {
	var b bytes.Buffer
	b.Grow(1 << 10) // of nearly all
	enc := json.NewEncoder(&b)
	for _, c := range codec.Columns() {
		var value any
		empty := false
		switch {
		case c.Text != nil:
			text := c.Text(meta)
			value, empty = text, *text == ""
		case c.Pairs != nil:
			pairs := c.Pairs(meta)
			value, empty = pairs, len(*pairs) == 0
		}
		if value == nil || c.Nullable && empty {
			continue
		}
		b.WriteString(`,"`)
		b.WriteString(c.Name)
		b.WriteString(`":`)
		if err := enc.Encode(value); err != nil {
			return nil, fmt.Errorf("encode column %s: %w", c.Name, err)
		}
		b.Truncate(b.Len() - 1) // a line end
	}
	b.WriteString("}\n")
	return b.Bytes(), nil
}

// Encode implements [codec.Encoder].
func (n *Encoder) Encode(e *codec.Entry) error {
	if n.err != nil {
		return n.err
	}
	err := n.asm.Add(e)
	n.err = join.Lasting(err)
	return err
}

// Close implements [codec.Encoder].
func (n *Encoder) Close() (codec.Stats, error) {
	if n.err == nil {
		n.err = n.asm.Finish()
	}
	if n.err == nil {
		n.err = n.flush()
	}
	if n.err != nil {
		return codec.Stats{}, n.err
	}
	n.err = join.ErrClosed
	return n.asm.Stats, nil
}

// WriteRow implements [join.Sink].
func (n *Encoder) WriteRow(r *join.Row) error {
	n.appendRow(r)
	if len(n.text) > 0 && len(n.text)+len(n.line) > memberMaxBytes {
		if err := n.flush(); err != nil {
			return err
		}
	}
	if n.rows == 0 {
		n.firstSeq = r.Seq
	}
	n.rows++
	n.text = append(n.text, n.line...)
	return nil
}

// appendRow makes r's line.
func (n *Encoder) appendRow(r *join.Row) {
	b := append(n.line[:0], `{"`+codec.TimeName+`":"`...)
	b = time.Unix(0, r.TimeNano).UTC().AppendFormat(b, "2006-01-02T15:04:05.000000000Z")
	b = append(b, `","`+codec.TimeNanoName+`":`...)
	b = strconv.AppendInt(b, r.TimeNano, 10)
	b = append(b, `,"`+codec.SeqName+`":`...)
	b = strconv.AppendInt(b, r.Seq, 10)
	b = append(b, `,"`+codec.StreamName+`":`...)
	if r.Source == codec.Stdout || r.Source == codec.Stderr {
		b = append(append(append(b, '"'), r.Source...), '"')
	} else {
		b = appendJSONString(b, []byte(r.Source))
	}
	b = append(b, `,"`+codec.BodyName+`":`...)
	if utf8.Valid(r.Line) {
		b = appendJSONString(b, r.Line)
	} else {
		n.fixed = codec.AppendValidUTF8(n.fixed[:0], r.Line)
		b = appendJSONString(b, n.fixed)
		b = append(b, `,"`+codec.BodyRawName+`":"`...)
		b = base64.StdEncoding.AppendEncode(b, r.Line)
		b = append(b, '"')
	}
	if r.Partial {
		b = append(b, `,"`+codec.PartialName+`":true`...)
	}
	if len(r.Parts) > 0 {
		b = appendJSONParts(b, r.Parts)
	}
	n.line = append(b, n.constant...)
}

func appendJSONParts(b []byte, parts []join.Part) []byte {
	b = append(b, `,"`+codec.PartsName+`":[`...)
	for i, p := range parts {
		if i > 0 {
			b = append(b, ',')
		}
		b = append(b, `{"`+codec.PartSeqName+`":`...)
		b = strconv.AppendInt(b, p.Seq, 10)
		b = append(b, `,"`+codec.PartBytesName+`":`...)
		b = strconv.AppendInt(b, int64(p.Bytes), 10)
		b = append(b, '}')
	}
	return append(b, ']')
}

// appendJSONString appends v, which is valid UTF-8, as a JSON string. It exists
// because encoding/json allocates for each.
func appendJSONString(b, v []byte) []byte {
	b = append(b, '"')
	done := 0
	for i, c := range v {
		if c >= ' ' && c != '"' && c != '\\' {
			continue
		}
		b = append(b, v[done:i]...)
		done = i + 1
		switch c {
		case '"', '\\':
			b = append(b, '\\', c)
		case '\n':
			b = append(b, `\n`...)
		case '\r':
			b = append(b, `\r`...)
		case '\t':
			b = append(b, `\t`...)
		default:
			const hex = "0123456789abcdef"
			b = append(b, `\u00`...)
			b = append(b, hex[c>>4], hex[c&0xf])
		}
	}
	return append(append(b, v[done:]...), '"')
}

// flush compresses the text into a member and writes it.
func (n *Encoder) flush() error {
	if n.rows == 0 {
		return nil
	}
	n.out.Reset()
	n.z.Reset(&n.out)
	n.z.Extra = append([]byte{'C', 'T', 24, 0}, make([]byte, 24)...)
	if _, err := n.z.Write(n.text); err != nil {
		return fmt.Errorf("compress member: %w", err)
	}
	if err := n.z.Close(); err != nil {
		return fmt.Errorf("compress member: %w", err)
	}
	m := n.out.Bytes()
	binary.LittleEndian.PutUint64(m[memberSeqAt:], uint64(n.firstSeq))
	binary.LittleEndian.PutUint64(m[memberRowsAt:], uint64(n.rows))
	binary.LittleEndian.PutUint64(m[memberSizeAt:], uint64(len(m)))
	n.text, n.rows = n.text[:0], 0
	if _, err := n.w.Write(m); err != nil {
		return fmt.Errorf("write ndjson: %w", err)
	}
	return nil
}
