package codectest

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"math"
	"math/rand/v2"
	"strings"

	"google.golang.org/protobuf/encoding/protowire"

	"github.com/coldtail/coldtail/codec"
)

// RandomEntry is an entry as the daemon sends it, with a line of any bytes.
func RandomEntry(r *rand.Rand) *codec.Entry {
	e := &codec.Entry{Source: []string{codec.Stdout, codec.Stderr}[r.IntN(2)], TimeNano: int64(r.Uint64())}
	if n := r.IntN(300); n > 0 {
		e.Line = make([]byte, n)
		for i := range e.Line {
			e.Line[i] = byte(r.Uint32())
		}
	}
	if r.IntN(3) == 0 {
		e.Partial, e.Last, e.Ordinal = true, r.IntN(2) == 0, r.Int32()
		e.PartID = []byte("0123456789abcdef")
	}
	return e
}

// appendUnknown appends a field that no version of coldtail knows, of any wire type.
func appendUnknown(r *rand.Rand, b []byte, depth int) []byte {
	num := protowire.Number(6 + r.IntN(40))
	if r.IntN(8) == 0 {
		num = protowire.MaxValidNumber - protowire.Number(r.IntN(3))
	}
	switch r.IntN(6) {
	case 0:
		return protowire.AppendVarint(protowire.AppendTag(b, num, protowire.VarintType), r.Uint64())
	case 1:
		return protowire.AppendFixed32(protowire.AppendTag(b, num, protowire.Fixed32Type), r.Uint32())
	case 2:
		return protowire.AppendFixed64(protowire.AppendTag(b, num, protowire.Fixed64Type), r.Uint64())
	case 3:
		b = protowire.AppendTag(b, num, protowire.StartGroupType)
		for range r.IntN(3) {
			if depth < 5 {
				b = appendUnknown(r, b, depth+1)
			}
		}
		return protowire.AppendTag(b, num, protowire.EndGroupType)
	}
	v := make([]byte, r.IntN(300))
	for i := range v {
		v[i] = byte(r.Uint32())
	}
	return protowire.AppendBytes(protowire.AppendTag(b, num, protowire.BytesType), v)
}

// Tomorrow is a frame of e as a later daemon may write it: with fields that are
// not known after each that is, in an order of its own, and some of them twice.
func Tomorrow(r *rand.Rand, e *codec.Entry) []byte {
	bytesField := func(b []byte, num protowire.Number, v []byte) []byte {
		return protowire.AppendBytes(protowire.AppendTag(b, num, protowire.BytesType), v)
	}
	number := func(b []byte, num protowire.Number, v uint64) []byte {
		return protowire.AppendVarint(protowire.AppendTag(b, num, protowire.VarintType), v)
	}
	mix := func(b []byte, fields ...[]byte) []byte {
		r.Shuffle(len(fields), func(i, j int) { fields[i], fields[j] = fields[j], fields[i] })
		for _, f := range fields {
			b = append(b, f...)
			if r.IntN(2) == 0 {
				b = appendUnknown(r, b, 0)
			}
		}
		return b
	}
	fields := [][]byte{
		append(number(nil, 2, 77), number(nil, 2, uint64(e.TimeNano))...),
		append(bytesField(nil, 3, []byte("earlier")), bytesField(nil, 3, e.Line)...),
	}
	if e.Partial {
		last := uint64(0)
		if e.Last {
			last = 1
		}
		// The pieces of a message are one message.
		fields = append(fields, number(nil, 4, 1),
			bytesField(nil, 5, mix(nil, number(nil, 1, last), bytesField(nil, 2, e.PartID))),
			bytesField(nil, 5, mix(nil, number(nil, 3, uint64(e.Ordinal)))))
	}
	body := mix(bytesField(nil, 1, []byte(e.Source)), fields...)
	return append(binary.BigEndian.AppendUint32(nil, uint32(len(body))), body...)
}

// OddEntry is an entry that the daemon would not send, but ParseFrame takes.
func OddEntry(r *rand.Rand) *codec.Entry {
	e := RandomEntry(r)
	switch r.IntN(8) {
	case 0:
		e.Source = ""
	case 1:
		e.Source = []string{"\xff", "a\x00b", "st\xc3dout", "\xed\xa0\x80", "\"\\\u2028<é", codec.GapSource, "coldtail "}[r.IntN(7)]
	case 2:
		e.Source = fmt.Sprintf("source-%d", r.IntN(3000))
	case 3:
		e.Source = strings.Repeat("x", 1023+r.IntN(3))
	}
	e.TimeNano = []int64{0, -1, 1, math.MinInt64, math.MaxInt64, 1_700_000_000_000_000_000}[r.IntN(6)]
	switch r.IntN(4) {
	case 0:
		e.Line = [][]byte{nil, []byte("\n"), []byte("\xff\xfe"), []byte("\xef\xbf\xbd"), []byte("\"\\\x00\x1f\x7f\u2028"), []byte("a\xed\xa0\x80b")}[r.IntN(6)]
	case 1:
		e.Line = bytes.Repeat([]byte{"x\x01\xff"[r.IntN(3)]}, r.IntN(100_000))
	}
	if r.IntN(2) == 0 {
		e.Partial, e.Last = r.IntN(4) > 0, r.IntN(3) == 0
		e.PartID = [][]byte{nil, []byte("id"), []byte("\xff\xff"), bytes.Repeat([]byte("i"), 5000)}[r.IntN(4)]
		e.Ordinal = []int32{0, 1, 2, math.MaxInt32 - 1, math.MaxInt32, math.MinInt32, -1}[r.IntN(7)]
		if r.IntN(2) == 0 {
			e.TimeNano, e.PartID, e.Ordinal = 5, []byte("id"), 1
		}
	}
	return e
}
