package codec

import (
	"bytes"
	"encoding/binary"
	"errors"
	"io"
	"math/rand/v2"
	"reflect"
	"testing"

	gogoio "github.com/gogo/protobuf/io"
)

// wire is e as the generated code, and so the daemon, writes it.
func wire(t testing.TB, e *Entry) []byte {
	var buf bytes.Buffer
	m := &LogEntry{Source: e.Source, TimeNano: e.TimeNano, Line: e.Line, Partial: e.Partial}
	if e.Partial {
		m.PartialLogMetadata = &PartialLogEntryMetadata{Last: e.Last, Id: string(e.PartID), Ordinal: e.Ordinal}
	}
	w := gogoio.NewUint32DelimitedWriter(&buf, binary.BigEndian)
	if err := w.WriteMsg(m); err != nil {
		t.Fatal(err)
	}
	return buf.Bytes()
}

func randomEntry(r *rand.Rand) *Entry {
	e := &Entry{Source: []string{Stdout, Stderr}[r.IntN(2)], TimeNano: int64(r.Uint64())}
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

// TestFramesAreTheDaemons holds our own encoder and decoder against the
// generated ones.
func TestFramesAreTheDaemons(t *testing.T) {
	r := rand.New(rand.NewPCG(1, 1))
	for range 2000 {
		want := randomEntry(r)
		b := wire(t, want)
		if got := AppendFrame([]byte("x"), want); !bytes.Equal(got[1:], b) {
			t.Fatalf("AppendFrame gives %x, the generated code %x", got[1:], b)
		}
		var got Entry
		n, err := ParseFrame(append(b, "more"...), &got)
		if err != nil || n != len(b) {
			t.Fatalf("ParseFrame: %d bytes of %d, %v", n, len(b), err)
		}
		if !reflect.DeepEqual(&got, want) {
			t.Fatalf("got %+v, want %+v", got, *want)
		}
		for cut := range b {
			if _, err := ParseFrame(b[:cut], &got); !errors.Is(err, ErrShort) {
				t.Fatalf("%d of %d bytes: %v, want ErrShort", cut, len(b), err)
			}
			if m := FrameMissing(b[:cut]); m <= 0 || cut >= 4 && m != len(b)-cut {
				t.Fatalf("%d of %d bytes: %d are missing", cut, len(b), m)
			}
		}
	}
}

func TestAppendReadFrame(t *testing.T) {
	for _, c := range []struct {
		name string
		e    Entry
		want string
	}{
		{"whole", Entry{Line: []byte("a")}, "a\n"},
		{"blank", Entry{}, "\n"},
		{"part", Entry{Line: []byte("a"), Partial: true, PartID: []byte("i"), Ordinal: 1}, "a"},
		{"last part", Entry{Line: []byte("a"), Partial: true, Last: true, PartID: []byte("i"), Ordinal: 2}, "a\n"},
		{"empty last part", Entry{Partial: true, Last: true, PartID: []byte("i"), Ordinal: 2}, "\n"},
	} {
		t.Run(c.name, func(t *testing.T) {
			c.e.Source, c.e.TimeNano = Stderr, -5
			var m LogEntry
			r := gogoio.NewUint32DelimitedReader(bytes.NewReader(AppendReadFrame(nil, &c.e)), binary.BigEndian, 1<<20)
			if err := r.ReadMsg(&m); err != nil {
				t.Fatal(err)
			}
			if string(m.Line) != c.want || m.Source != Stderr || m.TimeNano != -5 || m.Partial {
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
		var e Entry
		if _, err := ParseFrame(b, &e); err == nil || errors.Is(err, ErrShort) {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func FuzzParseFrame(f *testing.F) {
	r := rand.New(rand.NewPCG(2, 2))
	for range 10 {
		f.Add(wire(f, randomEntry(r)))
		f.Add(tomorrow(r, randomEntry(r)))
	}
	f.Fuzz(func(t *testing.T, b []byte) {
		var e Entry
		n, err := ParseFrame(b, &e)
		if err != nil {
			return
		}
		sameAsGenerated(t, b[prefixBytes:n], &e)
	})
}

func BenchmarkParseFrame(b *testing.B) {
	e := &Entry{Source: Stdout, TimeNano: 1_700_000_000_000_000_000, Line: bytes.Repeat([]byte("x"), 165)}
	frame := AppendFrame(nil, e)
	b.SetBytes(int64(len(frame)))
	b.ReportAllocs()
	var got Entry
	for b.Loop() {
		if _, err := ParseFrame(frame, &got); err != nil {
			b.Fatal(err)
		}
	}
}
