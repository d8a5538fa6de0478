package parquet

import (
	"encoding/binary"
	"errors"

	"github.com/parquet-go/parquet-go/encoding/thrift"
)

var (
	errThrift      = errors.New("malformed thrift structure")
	errThriftLarge = errors.New("implausibly large thrift structure")
)

// thriftDepthMax bounds nesting; Parquet's own structures are 7 deep.
const thriftDepthMax = 16

// unmarshalThrift decodes the compact-protocol struct at the start of b into v
// and returns its size in bytes. v's lists together hold at most listMax
// elements. What v gets is a copy.
func unmarshalThrift(b []byte, listMax int, v any) (int, error) {
	w := thriftWalk{b: b, list: listMax}
	if err := w.structure(0); err != nil {
		return 0, err
	}
	n := len(b) - len(w.b)
	return n, thrift.Unmarshal(new(thrift.CompactProtocol), b[:n], v)
}

func marshalThrift(v any) ([]byte, error) {
	return thrift.Marshal(new(thrift.CompactProtocol), v)
}

// A thriftWalk passes over a structure without building it. The library
// allocates what a list's header claims, so nothing reaches it unwalked.
type thriftWalk struct {
	b    []byte
	list int // how many more list elements are allowed
}

func (w *thriftWalk) structure(depth int) error {
	if depth > thriftDepthMax {
		return errThriftLarge
	}
	for {
		h, err := w.byte()
		if err != nil {
			return err
		}
		if h == 0 {
			return nil
		}
		if h>>4 == 0 { // a field id of its own
			if err := w.varint(); err != nil {
				return err
			}
		}
		typ := thrift.Type(h & 0xf)
		if typ == thrift.TRUE || typ == thrift.FALSE {
			continue // the value is in the type
		}
		if err := w.value(typ, depth); err != nil {
			return err
		}
	}
}

func (w *thriftWalk) value(typ thrift.Type, depth int) error {
	switch typ {
	case thrift.TRUE, thrift.FALSE, thrift.I8:
		return w.skip(1)
	case thrift.I16, thrift.I32, thrift.I64:
		return w.varint()
	case thrift.DOUBLE:
		return w.skip(8)
	case thrift.UUID:
		return w.skip(16)
	case thrift.BINARY:
		n, err := w.length()
		if err != nil {
			return err
		}
		return w.skip(n)
	case thrift.LIST, thrift.SET:
		return w.elements(depth)
	case thrift.STRUCT:
		return w.structure(depth + 1)
	}
	// Parquet has no maps.
	return errThrift
}

func (w *thriftWalk) elements(depth int) error {
	if depth > thriftDepthMax {
		return errThriftLarge
	}
	h, err := w.byte()
	if err != nil {
		return err
	}
	n := int(h >> 4)
	if n == 0xf {
		if n, err = w.length(); err != nil {
			return err
		}
	}
	if n > w.list || n > len(w.b) {
		return errThriftLarge
	}
	w.list -= n
	for range n {
		if err := w.value(thrift.Type(h&0xf), depth+1); err != nil {
			return err
		}
	}
	return nil
}

func (w *thriftWalk) byte() (byte, error) {
	if len(w.b) == 0 {
		return 0, errThrift
	}
	c := w.b[0]
	w.b = w.b[1:]
	return c, nil
}

func (w *thriftWalk) skip(n int) error {
	if n > len(w.b) {
		return errThrift
	}
	w.b = w.b[n:]
	return nil
}

func (w *thriftWalk) varint() error {
	_, k := binary.Uvarint(w.b)
	if k <= 0 {
		return errThrift
	}
	w.b = w.b[k:]
	return nil
}

// length takes the length of what follows, which must be there.
func (w *thriftWalk) length() (int, error) {
	n, k := binary.Uvarint(w.b)
	if k <= 0 || n > uint64(len(w.b)-k) {
		return 0, errThrift
	}
	w.b = w.b[k:]
	return int(n), nil
}
