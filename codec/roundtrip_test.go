package codec

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"math"
	"math/rand/v2"
	"strings"
	"testing"

	"google.golang.org/protobuf/encoding/protowire"

	"github.com/coldtail/coldtail/codec/randtest"
)

// oddEntry is an entry that the daemon would not send, but ParseFrame takes.
func oddEntry(r *rand.Rand) *Entry {
	e := randomEntry(r)
	switch r.IntN(8) {
	case 0:
		e.Source = ""
	case 1:
		e.Source = []string{"\xff", "a\x00b", "st\xc3dout", "\xed\xa0\x80", "\"\\\u2028<é", GapSource, "coldtail "}[r.IntN(7)]
	case 2:
		e.Source = fmt.Sprintf("source-%d", r.IntN(3000))
	case 3:
		e.Source = strings.Repeat("x", sourceMaxBytes-1+r.IntN(3))
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

// framesOf parses b as far as it is frames, and gives the entries rising numbers.
func framesOf(b []byte, step func() int64) (entries []Entry) {
	seq := int64(0)
	for {
		var e Entry
		n, err := ParseFrame(b, &e)
		if err != nil {
			return entries
		}
		b = b[n:]
		seq += step()
		e.Seq, e.ArrivalNano = seq, seq
		entries = append(entries, e)
	}
}

// wantIdentity encodes entries and decodes them again: what comes back is what
// was given, but for those of which the encoder said that it cannot hold them.
func wantIdentity(t *testing.T, format Format, entries []Entry) (refused int) {
	t.Helper()
	var buf bytes.Buffer
	enc, err := NewEncoder(format, &buf, Meta{}, ChunkInfo{})
	if err != nil {
		t.Fatal(err)
	}
	var want []Entry
	for i := range entries {
		err := enc.Encode(&entries[i])
		var one *EntryError
		switch {
		case err == nil:
			want = append(want, entries[i])
		case !errors.As(err, &one) || one.Seq != entries[i].Seq:
			t.Fatalf("%s: %v, want an EntryError that names %d", format, err, entries[i].Seq)
		default:
			refused++
		}
	}
	stats, err := enc.Close()
	if err != nil {
		t.Fatal(err)
	}
	if stats.Entries != int64(len(want)) {
		t.Errorf("%s: %d entries are counted of %d", format, stats.Entries, len(want))
	}
	got, err := decodeAll(format, buf.Bytes(), Range{Tail: All})
	if err != nil {
		t.Fatalf("%s: %v", format, err)
	}
	wantSame(t, string(format), got, want)
	return refused
}

// What ParseFrame takes comes back from both formats, or is refused alone.
func TestWhatParsesComesBack(t *testing.T) {
	r := randtest.New(t)
	refused := 0
	for range 20 {
		var b []byte
		for range 1 + r.IntN(2000) {
			e := oddEntry(r)
			if r.IntN(4) == 0 {
				b = append(b, tomorrow(r, e)...)
			} else {
				b = AppendFrame(b, e)
				if !e.Partial && r.IntN(4) == 0 { // a complete line with parts
					b = append(b, lonelyParts(e)...)
				}
			}
		}
		entries := framesOf(b, func() int64 { return 1 + int64(r.IntN(2)*r.IntN(3000)) })
		for _, f := range Formats() {
			refused += wantIdentity(t, f, entries)
		}
	}
	t.Logf("%d were refused", refused)
	if refused == 0 {
		t.Error("no entry was refused")
	}
}

// The longest lines come back, also those that are no text.
func TestLongestLines(t *testing.T) {
	for _, f := range Formats() {
		for _, c := range []string{"x", "\xff", "\x01"} {
			wantIdentity(t, f, []Entry{
				{Seq: 1, Source: Stdout, Line: []byte("a")},
				{Seq: 2, Source: Stdout, Line: bytes.Repeat([]byte(c), MaxFrameBytes)},
				{Seq: 3, Source: Stdout, Line: bytes.Repeat([]byte(c), MaxFrameBytes-2)},
				{Seq: 4, Source: Stdout, Line: []byte(c)},
			})
		}
	}
}

// lonelyParts is a frame with partial metadata that is not said to be partial.
func lonelyParts(e *Entry) []byte {
	f := AppendFrame(nil, e)
	f = appendPartMetadata(f, &Entry{Last: true, PartID: []byte("x"), Ordinal: 3})
	binary.BigEndian.PutUint32(f, uint32(len(f)-prefixBytes))
	return f
}

// A source that is no text is one from where it enters on.
func TestSourcesAreText(t *testing.T) {
	body := protowire.AppendBytes([]byte{byte(tagSource)}, []byte("st\xffd"))
	var e Entry
	if _, err := ParseFrame(append([]byte{0, 0, 0, byte(len(body))}, body...), &e); err != nil || e.Source != "st\uFFFDd" {
		t.Errorf("source %q, error %v", e.Source, err)
	}
}

func FuzzFramesComeBack(f *testing.F) {
	r := rand.New(rand.NewPCG(7, 7))
	for range 20 {
		var b []byte
		for range 1 + r.IntN(6) {
			b = append(b, tomorrow(r, oddEntry(r))...)
		}
		f.Add(b, uint8(r.IntN(256)))
	}
	f.Fuzz(func(t *testing.T, b []byte, step uint8) {
		entries := framesOf(b, func() int64 { return 1 + int64(step) })
		for _, format := range Formats() {
			wantIdentity(t, format, entries)
		}
	})
}
