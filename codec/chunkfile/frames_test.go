package chunkfile_test

import (
	"bytes"
	"encoding/binary"
	"errors"
	"math/rand/v2"
	"testing"

	"github.com/coldtail/coldtail/codec"
	"github.com/coldtail/coldtail/codec/chunkfile"
	"github.com/coldtail/coldtail/codec/codectest"
	"github.com/coldtail/coldtail/codec/randtest"
)

// framesOf parses b as far as it is frames, and gives the entries rising numbers.
func framesOf(b []byte, step func() int64) (entries []codec.Entry) {
	seq := int64(0)
	for {
		var e codec.Entry
		n, err := codec.ParseFrame(b, &e)
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
func wantIdentity(t *testing.T, format codec.Format, entries []codec.Entry) (refused int) {
	t.Helper()
	var buf bytes.Buffer
	enc, err := chunkfile.NewEncoder(format, &buf, codec.Meta{}, codec.ChunkInfo{})
	if err != nil {
		t.Fatal(err)
	}
	var want []codec.Entry
	for i := range entries {
		err := enc.Encode(&entries[i])
		var one *codec.EntryError
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
	got, err := decodeAll(format, buf.Bytes(), codec.Range{Tail: codec.All})
	if err != nil {
		t.Fatalf("%s: %v", format, err)
	}
	codectest.WantSame(t, string(format), got, want)
	return refused
}

// What ParseFrame takes comes back from both formats, or is refused alone.
func TestWhatParsesComesBack(t *testing.T) {
	r := randtest.New(t)
	refused := 0
	for range 20 {
		var b []byte
		for range 1 + r.IntN(2000) {
			e := codectest.OddEntry(r)
			if r.IntN(4) == 0 {
				b = append(b, codectest.Tomorrow(r, e)...)
			} else {
				b = codec.AppendFrame(b, e)
				if !e.Partial && r.IntN(4) == 0 { // a complete line with parts
					b = append(b, lonelyParts(e)...)
				}
			}
		}
		entries := framesOf(b, func() int64 { return 1 + int64(r.IntN(2)*r.IntN(3000)) })
		for _, f := range codec.Formats() {
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
	for _, f := range codec.Formats() {
		for _, c := range []string{"x", "\xff", "\x01"} {
			wantIdentity(t, f, []codec.Entry{
				{Seq: 1, Source: codec.Stdout, Line: []byte("a")},
				{Seq: 2, Source: codec.Stdout, Line: bytes.Repeat([]byte(c), codec.MaxFrameBytes)},
				{Seq: 3, Source: codec.Stdout, Line: bytes.Repeat([]byte(c), codec.MaxFrameBytes-2)},
				{Seq: 4, Source: codec.Stdout, Line: []byte(c)},
			})
		}
	}
}

// lonelyParts is a frame with partial metadata that is not said to be partial.
func lonelyParts(e *codec.Entry) []byte {
	m := codec.LogEntry{
		Source: e.Source, TimeNano: e.TimeNano, Line: e.Line,
		PartialLogMetadata: &codec.PartialLogEntryMetadata{Last: true, Id: []byte("x"), Ordinal: 3},
	}
	body, _ := m.Marshal()
	return append(binary.BigEndian.AppendUint32(nil, uint32(len(body))), body...)
}

func FuzzFramesComeBack(f *testing.F) {
	r := rand.New(rand.NewPCG(7, 7))
	for range 20 {
		var b []byte
		for range 1 + r.IntN(6) {
			b = append(b, codectest.Tomorrow(r, codectest.OddEntry(r))...)
		}
		f.Add(b, uint8(r.IntN(256)))
	}
	f.Fuzz(func(t *testing.T, b []byte, step uint8) {
		entries := framesOf(b, func() int64 { return 1 + int64(step) })
		for _, format := range codec.Formats() {
			wantIdentity(t, format, entries)
		}
	})
}
