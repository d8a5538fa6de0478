package codec_test

import (
	"bytes"
	"encoding/binary"
	"errors"
	"io"
	"math/rand/v2"
	"reflect"
	"testing"

	gogoio "github.com/gogo/protobuf/io"

	"github.com/coldtail/coldtail/codec"
	"github.com/coldtail/coldtail/codec/codectest"
)

// wire is e as the generated code, and so the daemon, writes it.
func wire(t testing.TB, e *codec.Entry) []byte {
	var buf bytes.Buffer
	m := &codec.LogEntry{Source: e.Source, TimeNano: e.TimeNano, Line: e.Line, Partial: e.Partial}
	if e.Partial {
		m.PartialLogMetadata = &codec.PartialLogEntryMetadata{Last: e.Last, Id: e.PartID, Ordinal: e.Ordinal}
	}
	w := gogoio.NewUint32DelimitedWriter(&buf, binary.BigEndian)
	if err := w.WriteMsg(m); err != nil {
		t.Fatal(err)
	}
	return buf.Bytes()
}

// TestFramesAreTheDaemons compares frames with those that the library frames, and
// our own parser with what they were made of.
func TestFramesAreTheDaemons(t *testing.T) {
	r := rand.New(rand.NewPCG(1, 1))
	for range 2000 {
		want := codectest.RandomEntry(r)
		b := wire(t, want)
		if got := codec.AppendFrame([]byte("x"), want); !bytes.Equal(got[1:], b) {
			t.Fatalf("AppendFrame gives %x, the generated code %x", got[1:], b)
		}
		var got codec.Entry
		n, err := codec.ParseFrame(append(b, "more"...), &got)
		if err != nil || n != len(b) {
			t.Fatalf("ParseFrame: %d bytes of %d, %v", n, len(b), err)
		}
		if !reflect.DeepEqual(&got, want) {
			t.Fatalf("got %+v, want %+v", got, *want)
		}
		for cut := range b {
			if _, err := codec.ParseFrame(b[:cut], &got); !errors.Is(err, codec.ErrShort) {
				t.Fatalf("%d of %d bytes: %v, want ErrShort", cut, len(b), err)
			}
			if m := codec.FrameMissing(b[:cut]); m <= 0 || cut >= 4 && m != len(b)-cut {
				t.Fatalf("%d of %d bytes: %d are missing", cut, len(b), m)
			}
		}
	}
}

func TestAppendReadFrame(t *testing.T) {
	for _, c := range []struct {
		name string
		e    codec.Entry
		want string
	}{
		{"whole", codec.Entry{Line: []byte("a")}, "a\n"},
		{"blank", codec.Entry{}, "\n"},
		{"part", codec.Entry{Line: []byte("a"), Partial: true, PartID: []byte("i"), Ordinal: 1}, "a"},
		{"last part", codec.Entry{Line: []byte("a"), Partial: true, Last: true, PartID: []byte("i"), Ordinal: 2}, "a\n"},
		{"empty last part", codec.Entry{Partial: true, Last: true, PartID: []byte("i"), Ordinal: 2}, "\n"},
	} {
		t.Run(c.name, func(t *testing.T) {
			c.e.Source, c.e.TimeNano = codec.Stderr, -5
			var m codec.LogEntry
			r := gogoio.NewUint32DelimitedReader(bytes.NewReader(codec.AppendReadFrame(nil, &c.e)), binary.BigEndian, 1<<20)
			if err := r.ReadMsg(&m); err != nil {
				t.Fatal(err)
			}
			if string(m.Line) != c.want || m.Source != codec.Stderr || m.TimeNano != -5 || m.Partial {
				t.Fatalf("got %+v, want line %q", m, c.want)
			}
			if err := r.ReadMsg(&m); !errors.Is(err, io.EOF) {
				t.Fatalf("more follows: %v", err)
			}
		})
	}
}

func TestParseFrameKnowsGarbageEarly(t *testing.T) {
	for name, b := range map[string][]byte{
		"zero length": {0, 0, 0, 0},
		"huge length": {0xff, 0xff, 0xff, 0xff},
		"no source":   {0, 0, 0, 9, 0x12},
		"no field":    {0, 0, 0, 4, 0x0a, 0, 0x07, 0},
		"long source": {0, 0, 0, 3, 0x0a, 9, 'x'},
	} {
		var e codec.Entry
		if _, err := codec.ParseFrame(b, &e); err == nil || errors.Is(err, codec.ErrShort) {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func FuzzParseFrame(f *testing.F) {
	r := rand.New(rand.NewPCG(2, 2))
	for range 10 {
		f.Add(wire(f, codectest.RandomEntry(r)))
		f.Add(codectest.Tomorrow(r, codectest.RandomEntry(r)))
	}
	f.Fuzz(func(t *testing.T, b []byte) {
		var e codec.Entry
		n, err := codec.ParseFrame(b, &e)
		if err != nil {
			return
		}
		sameAsGenerated(t, b[4:n], &e)
	})
}

func BenchmarkParseFrame(b *testing.B) {
	e := &codec.Entry{Source: codec.Stdout, TimeNano: 1_700_000_000_000_000_000, Line: bytes.Repeat([]byte("x"), 165)}
	frame := codec.AppendFrame(nil, e)
	b.SetBytes(int64(len(frame)))
	b.ReportAllocs()
	var got codec.Entry
	for b.Loop() {
		if _, err := codec.ParseFrame(frame, &got); err != nil {
			b.Fatal(err)
		}
	}
}
