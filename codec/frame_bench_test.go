package codec_test

import (
	"bytes"
	"testing"

	"github.com/coldtail/coldtail/codec"
)

// BenchmarkAppendFrame writes frames as pipe does, and BenchmarkAppendReadFrame
// as ReadLogs does.
func BenchmarkAppendFrame(b *testing.B) {
	line := bytes.Repeat([]byte("x"), 120)
	for _, c := range []struct {
		name string
		e    codec.Entry
	}{
		{"line", codec.Entry{Source: codec.Stdout, TimeNano: 1_700_000_000_000_000_000, Line: line}},
		{"part", codec.Entry{
			Source: codec.Stdout, TimeNano: 1_700_000_000_000_000_000, Line: bytes.Repeat(line, 128),
			Partial: true, PartID: bytes.Repeat([]byte("0123456789abcdef"), 4), Ordinal: 3,
		}},
	} {
		b.Run(c.name, func(b *testing.B) { benchmarkAppend(b, codec.AppendFrame, &c.e) })
	}
}

func BenchmarkAppendReadFrame(b *testing.B) {
	e := codec.Entry{Source: codec.Stdout, TimeNano: 1_700_000_000_000_000_000, Line: bytes.Repeat([]byte("x"), 120)}
	benchmarkAppend(b, codec.AppendReadFrame, &e)
}

func benchmarkAppend(b *testing.B, appendFrame func([]byte, *codec.Entry) []byte, e *codec.Entry) {
	var buf []byte
	b.ReportAllocs()
	for b.Loop() {
		buf = appendFrame(buf[:0], e)
	}
	b.SetBytes(int64(len(buf)))
}
