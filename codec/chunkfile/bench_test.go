package chunkfile_test

import (
	"bytes"
	"fmt"
	"io"
	"math"
	"math/rand/v2"
	"testing"
	"time"

	"github.com/klauspost/compress/zstd"
	"github.com/parquet-go/parquet-go"

	"github.com/coldtail/coldtail/codec"
	"github.com/coldtail/coldtail/codec/chunkfile"
	"github.com/coldtail/coldtail/codec/codectest"
)

// benchRows makes some 50 MiB of lines: what a segment of the default size holds.
const benchRows = 300_000

// benchEntries makes JSON lines of some 165 bytes, with what real ones have of
// repetition and of noise.
func benchEntries() []codec.Entry {
	r := rand.New(rand.NewPCG(1, 1))
	paths := []string{"/api/v1/items", "/api/v1/cart", "/healthz", "/login", "/static/app.js", "/api/v1/orders"}
	levels := []string{"info", "info", "info", "warn", "debug", "error"}
	out := make([]codec.Entry, benchRows)
	now := int64(1_700_000_000_000_000_000)
	for i := range out {
		now += r.Int64N(2_000_000)
		out[i] = codec.Entry{
			Seq: int64(i + 1), TimeNano: now, Source: codec.Stdout,
			Line: fmt.Appendf(nil, `{"ts":"2026-11-21T07:%02d:%02d.%06dZ","level":"%s","msg":"request served","path":"%s","status":%d,"ms":%.3f,"request_id":"%016x","user":%d}`,
				i/60000%60, i/1000%60, r.IntN(1e6), levels[r.IntN(len(levels))], paths[r.IntN(len(paths))],
				200+r.IntN(5)*100, r.Float64()*300, r.Uint64(), r.IntN(100_000)),
		}
	}
	return out
}

func bodyBytes(entries []codec.Entry) (n int64) {
	for i := range entries {
		n += int64(len(entries[i].Line))
	}
	return n
}

// BenchmarkParquetEncode compares the encoder with zstd alone on the same
// lines. Goal: 0.8 of its speed (the ratio of the peer's time to ours).
func BenchmarkParquetEncode(b *testing.B) {
	entries := benchEntries()
	var lines []byte
	for i := range entries {
		lines = append(lines, entries[i].Line...)
	}
	ours := func() {
		enc, _ := chunkfile.NewEncoder(codec.Parquet, io.Discard, codectest.Meta(), codec.ChunkInfo{})
		for i := range entries {
			_ = enc.Encode(&entries[i])
		}
		if _, err := enc.Close(); err != nil {
			b.Fatal(err)
		}
	}
	z, _ := zstd.NewWriter(nil, zstd.WithEncoderLevel(zstd.SpeedFastest), zstd.WithEncoderConcurrency(1))
	defer z.Close()
	var out []byte
	peer := func() { out = z.EncodeAll(lines, out[:0]) }
	compare(b, bodyBytes(entries), ours, peer)
}

// BenchmarkParquetDecode compares the decoder with parquet-go's GenericReader
// on the same file. Goal: 5 times its speed.
func BenchmarkParquetDecode(b *testing.B) {
	entries := benchEntries()
	file, _ := encodeAll(b, codec.Parquet, codectest.Meta(), entries)
	ours := func() {
		if n, err := drain(codec.Parquet, bytes.NewReader(file), int64(len(file))); n != len(entries) || err != io.EOF {
			b.Fatal(n, err)
		}
	}
	rows := make([]codectest.Row, 1000)
	peer := func() {
		r := parquet.NewGenericReader[codectest.Row](bytes.NewReader(file))
		n := 0
		for {
			k, err := r.Read(rows)
			n += k
			if err == io.EOF {
				break
			} else if err != nil {
				b.Fatal(err)
			}
		}
		if n != len(entries) {
			b.Fatal(n)
		}
		_ = r.Close()
	}
	compare(b, bodyBytes(entries), ours, peer)
}

func BenchmarkNDJSONEncode(b *testing.B) {
	entries := benchEntries()
	b.SetBytes(bodyBytes(entries))
	b.ReportAllocs()
	for b.Loop() {
		enc, _ := chunkfile.NewEncoder(codec.NDJSON, io.Discard, codectest.Meta(), codec.ChunkInfo{})
		for i := range entries {
			_ = enc.Encode(&entries[i])
		}
		if _, err := enc.Close(); err != nil {
			b.Fatal(err)
		}
	}
}

func BenchmarkNDJSONDecode(b *testing.B) {
	entries := benchEntries()
	file, _ := encodeAll(b, codec.NDJSON, codectest.Meta(), entries)
	b.SetBytes(bodyBytes(entries))
	b.ReportAllocs()
	for b.Loop() {
		if n, err := drain(codec.NDJSON, bytes.NewReader(file), int64(len(file))); n != len(entries) || err != io.EOF {
			b.Fatal(n, err)
		}
	}
}

// BenchmarkParquetTail decodes the last ten entries.
func BenchmarkParquetTail(b *testing.B) {
	file, _ := encodeAll(b, codec.Parquet, codectest.Meta(), benchEntries())
	b.ReportAllocs()
	for b.Loop() {
		got, err := decodeAll(codec.Parquet, file, codec.Range{Tail: 10})
		if len(got) != 10 || err != nil {
			b.Fatal(len(got), err)
		}
	}
}

// compare runs both sides alone, then in turns for the ratio of the best times:
// turns see the same machine, and the best of them the least of other work.
func compare(b *testing.B, size int64, ours, peer func()) {
	for _, side := range []struct {
		name string
		run  func()
	}{{"ours", ours}, {"peer", peer}} {
		b.Run(side.name, func(b *testing.B) {
			b.SetBytes(size)
			b.ReportAllocs()
			for b.Loop() {
				side.run()
			}
		})
	}
	b.Run("ratio", func(b *testing.B) {
		a, p := math.Inf(1), math.Inf(1)
		for b.Loop() {
			a = min(a, seconds(ours))
			p = min(p, seconds(peer))
		}
		b.ReportMetric(p/a, "peer/ours")
	})
}

func seconds(f func()) float64 {
	start := time.Now()
	f()
	return time.Since(start).Seconds()
}
