package codec_test

import (
	"bytes"
	"encoding/binary"
	"errors"
	"reflect"
	"strings"
	"testing"

	"google.golang.org/protobuf/encoding/protowire"

	"github.com/coldtail/coldtail/codec"
	"github.com/coldtail/coldtail/codec/codectest"
	"github.com/coldtail/coldtail/codec/randtest"
)

func TestUnknownFieldsArePassedOver(t *testing.T) {
	r := randtest.New(t)
	for range 3000 {
		want := codectest.RandomEntry(r)
		b := codectest.Tomorrow(r, want)
		var got codec.Entry
		n, err := codec.ParseFrame(append(b, "more"...), &got)
		if err != nil || n != len(b) {
			t.Fatalf("ParseFrame of %x: %d bytes of %d, %v", b, n, len(b), err)
		}
		if len(got.Line) == 0 {
			got.Line = nil
		}
		if !reflect.DeepEqual(&got, want) {
			t.Fatalf("%x:\n got %+v\nwant %+v", b, got, *want)
		}
		sameAsGenerated(t, b[4:], &got)
		for cut := range b {
			if _, err := codec.ParseFrame(b[:cut], &got); !errors.Is(err, codec.ErrShort) {
				t.Fatalf("%d of %d bytes: %v, want ErrShort", cut, len(b), err)
			}
		}
	}
}

// sameAsGenerated compares an entry with what the generated code makes of its
// frame's body, if that takes it: it knows no fields by a wire type of their own.
func sameAsGenerated(t *testing.T, body []byte, e *codec.Entry) (taken bool) {
	t.Helper()
	var m codec.LogEntry
	if m.Unmarshal(body) != nil {
		return false
	}
	md := m.GetPartialLogMetadata()
	if strings.ToValidUTF8(m.Source, "\uFFFD") != e.Source || m.TimeNano != e.TimeNano || !bytes.Equal(m.Line, e.Line) || m.Partial != e.Partial ||
		md.GetLast() != e.Last || !bytes.Equal(md.GetId(), e.PartID) || md.GetOrdinal() != e.Ordinal {
		t.Errorf("%x: got %+v, the generated code %+v", body, e, m)
	}
	return true
}

// A known number with another wire type is an unknown field, and malformed
// fields are errors.
func TestFieldsThatAreNotOurs(t *testing.T) {
	frame := func(body ...byte) []byte {
		body = append([]byte{0x0a, 6, 's', 't', 'd', 'o', 'u', 't', 0x1a, 1, 'x'}, body...)
		return append(binary.BigEndian.AppendUint32(nil, uint32(len(body))), body...)
	}
	deep := bytes.Repeat([]byte{0x33}, 100_000)
	for name, tt := range map[string]struct {
		b  []byte
		ok bool
	}{
		"line as a number":          {frame(0x18, 5), true},
		"time as text":              {frame(0x12, 1, 'x'), true},
		"source as fixed32":         {frame(0x0d, 1, 2, 3, 4), true},
		"id of parts as a number":   {frame(0x2a, 2, 0x10, 7), true},
		"tag of two bytes for line": {frame(0x9a, 0x00, 1, 'x'), true},
		"field number 0":            {frame(0x00, 1), false},
		"field number 2^29":         {frame(0x80, 0x80, 0x80, 0x80, 0x10, 1), false},
		"wire type 6":               {frame(0x36), false},
		"wire type 7":               {frame(0x37), false},
		"value is missing":          {frame(0x30), false},
		"value ends early":          {frame(0x32, 9, 'x'), false},
		"group without end":         {frame(0x33, 0x08, 1), false},
		"end of another group":      {frame(0x33, 0x3c), false},
		"end without a group":       {frame(0x34), false},
		"groups without end":        {frame(deep...), false},
		"malformed parts":           {frame(0x2a, 2, 0x32, 9), false},
		"tag of eleven bytes":       {frame(0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 1), false},
	} {
		t.Run(name, func(t *testing.T) {
			var e codec.Entry
			n, err := codec.ParseFrame(tt.b, &e)
			if ok := err == nil && n == len(tt.b); ok != tt.ok || errors.Is(err, codec.ErrShort) {
				t.Fatalf("%d bytes of %d, error %v", n, len(tt.b), err)
			}
			if tt.ok && (e.Source != codec.Stdout || string(e.Line) != "x" || e.TimeNano != 0 || e.PartID != nil) {
				t.Errorf("got %+v", e)
			}
		})
	}
}

// That unknown fields are passed over hardly makes frames of those that were torn
// before their line: the length of the next begins with a zero byte, which is no
// tag, and all fields must end where the torn one's length says.
func TestTornFramesAreGarbage(t *testing.T) {
	r := randtest.New(t)
	taken, cuts := 0, 0
	for range 600 {
		e := codectest.RandomEntry(r)
		e.Line = append(e.Line, 'x')
		torn := wire(t, e)
		text := bytes.Index(torn, e.Line)
		var rest []byte
		for range 40 {
			rest = append(rest, wire(t, codectest.RandomEntry(r))...)
		}
		for cut := 1; cut < text; cut++ {
			b := append(bytes.Clone(torn[:cut]), rest...)
			var got codec.Entry
			cuts++
			if n, err := codec.ParseFrame(b, &got); err == nil && hasUnknown(b[4:n]) {
				taken++
			}
		}
	}
	t.Logf("%d of %d torn frames are read as frames with unknown fields", taken, cuts)
	if taken*500 > cuts {
		t.Error("too many")
	}
}

func hasUnknown(body []byte) bool {
	for len(body) > 0 {
		num, typ, n := protowire.ConsumeField(body)
		if num > 5 || typ != protowire.BytesType && typ != protowire.VarintType {
			return true
		}
		body = body[n:]
	}
	return false
}

// Text and noise are no frames, also where a source's name is in them.
func TestNonFramesAreGarbage(t *testing.T) {
	r := randtest.New(t)
	taken := 0
	const tries = 200_000
	for range tries {
		b := []byte{0, 0, 0, byte(60 + r.IntN(60)), 0x0a, 6, 's', 't', 'd', 'o', 'u', 't'}
		for len(b) < 130 {
			if r.IntN(2) == 0 {
				b = append(b, byte(r.Uint32()))
			} else {
				b = append(b, "{\"level\":\"info\", msg}"[r.IntN(21)])
			}
		}
		var e codec.Entry
		if _, err := codec.ParseFrame(b, &e); err == nil {
			taken++
		}
	}
	// Such a start is in noise once in 2^80 bytes; then this is the rest.
	if taken*50 > tries {
		t.Errorf("%d of %d are taken for frames", taken, tries)
	}
	t.Logf("%d of %d are taken for frames", taken, tries)
}
