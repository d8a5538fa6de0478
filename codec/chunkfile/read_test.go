package chunkfile_test

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"sync"
	"testing"

	"github.com/coldtail/coldtail/codec"
	"github.com/coldtail/coldtail/codec/chunkfile"
	"github.com/coldtail/coldtail/codec/codectest"
)

// A countingReader counts what a decoder asks for.
type countingReader struct {
	*bytes.Reader
	mu    sync.Mutex
	calls int
	bytes int64
}

func (r *countingReader) ReadAt(b []byte, off int64) (int, error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.calls++
	r.bytes += int64(len(b))
	return r.Reader.ReadAt(b, off)
}

// A range reads little, in few requests.
func TestFewReads(t *testing.T) {
	all := codectest.PlainEntries(120_000)
	last := all[len(all)-1].Seq
	for _, f := range codec.Formats() {
		b, _ := encodeAll(t, f, codectest.Meta(), all)
		for _, tt := range []struct {
			rg       codec.Range
			calls    int
			maxBytes int64
		}{
			{codec.Range{Tail: 10}, 4, 512 << 10},
			{codec.Range{Tail: codec.All, FromSeq: last - 5}, 4, 512 << 10},
			{codec.Range{Tail: codec.All}, 8, int64(len(b)) * 11 / 10},
			{codec.Range{Tail: 0}, 1, 64 << 10},
		} {
			if f == codec.NDJSON { // whole members are read, and some to look back
				tt.maxBytes = max(tt.maxBytes, 2<<20)
			}
			r := &countingReader{Reader: bytes.NewReader(b)}
			dec, err := chunkfile.NewDecoder(f, r, int64(len(b)), tt.rg)
			if err != nil {
				t.Fatal(err)
			}
			var e codec.Entry
			n := 0
			for dec.Next(&e) == nil {
				n++
			}
			if want := len(codectest.Wanted(all, tt.rg)); n != want {
				t.Errorf("%s %+v: %d entries, want %d", f, tt.rg, n, want)
			}
			t.Logf("%s %+v: %d reads, %d of %d bytes", f, tt.rg, r.calls, r.bytes, len(b))
			if r.calls > tt.calls || r.bytes > tt.maxBytes {
				t.Errorf("%s %+v: %d reads of %d bytes, want %d of %d", f, tt.rg, r.calls, r.bytes, tt.calls, tt.maxBytes)
			}
			dec.Close()
		}
	}
}

// A reader's own errors are not corruption.
func TestReadErrorsPass(t *testing.T) {
	away := errors.New("away")
	for _, f := range codec.Formats() {
		b, _ := encodeAll(t, f, codectest.Meta(), codectest.PlainEntries(50_000))
		for good := range 4 {
			n, err := drain(f, &failingReader{bytes.NewReader(b), good, away}, int64(len(b)))
			if !errors.Is(err, away) && (good == 0 || n < 50_000 || err != io.EOF) {
				t.Errorf("%s: %d entries and error %v after %d reads", f, n, err, good)
			}
			var corrupt *codec.CorruptError
			if errors.As(err, &corrupt) {
				t.Errorf("%s: %v is taken for corruption", f, err)
			}
		}
	}
}

type failingReader struct {
	*bytes.Reader
	good int
	err  error
}

func (r *failingReader) ReadAt(b []byte, off int64) (int, error) {
	if r.good == 0 {
		return 0, r.err
	}
	r.good--
	return r.Reader.ReadAt(b, off)
}

func drain(f codec.Format, r io.ReaderAt, size int64) (n int, err error) {
	dec, err := chunkfile.NewDecoder(f, r, size, codec.Range{Tail: codec.All})
	if err != nil {
		return 0, err
	}
	defer dec.Close()
	var e codec.Entry
	for {
		if err := dec.Next(&e); err != nil {
			return n, err
		}
		n++
	}
}

// Whatever byte is changed or cut, the decoder says so or gives the same
// entries; it never gives others.
func TestDamageIsNoticed(t *testing.T) {
	g := &codectest.Generator{Rand: rand.New(rand.NewPCG(3, 3))}
	all := g.Entries(300)
	for _, f := range codec.Formats() {
		b, _ := encodeAll(t, f, codectest.Meta(), all)
		check := func(what string, damaged []byte) {
			got, err := decodeAll(f, damaged, codec.Range{Tail: codec.All})
			if err != nil {
				codectest.WantCorrupt(t, err)
				return
			}
			codectest.WantSame(t, string(f)+" "+what, got, all)
		}
		for i := 0; i < len(b); i += 1 + len(b)/800 {
			damaged := bytes.Clone(b)
			damaged[i] ^= 1 << g.IntN(8)
			check(fmt.Sprintf("byte %d of %d", i, len(b)), damaged)
		}
		for range 100 {
			n := g.IntN(len(b))
			if got, err := decodeAll(f, b[:n], codec.Range{Tail: codec.All}); err != nil {
				codectest.WantCorrupt(t, err)
			} else if f == codec.Parquet {
				t.Errorf("%d of %d bytes were read as %d entries", n, len(b), len(got))
			}
		}
	}
}

func TestEmptyChunk(t *testing.T) {
	for _, f := range codec.Formats() {
		b, stats := encodeAll(t, f, codectest.Meta(), nil)
		if stats != (codec.Stats{}) {
			t.Errorf("%s: stats %+v", f, stats)
		}
		for _, rg := range []codec.Range{{Tail: codec.All}, {Tail: 3}, {Tail: codec.All, FromSeq: 1}} {
			if got, err := decodeAll(f, b, rg); err != nil || len(got) != 0 {
				t.Errorf("%s: %d entries, %v", f, len(got), err)
			}
		}
	}
}

// A source may be any text. So many may be in a chunk, and no more.
func TestSources(t *testing.T) {
	const sourcesMost = 1 << 10 // docs/format.md
	var all []codec.Entry
	for i := range 2 * sourcesMost {
		all = append(all, codec.Entry{Seq: int64(i + 1), Source: fmt.Sprint("source", i)})
	}
	all = append(all, codec.Entry{Seq: 9000, Source: codec.Stdout}, codec.Entry{Seq: 9001, Source: "source7"}, codec.Entry{Seq: 9002, Source: codec.GapSource})
	for _, f := range codec.Formats() {
		if n := wantIdentity(t, f, all); n != sourcesMost {
			t.Errorf("%s: %d were refused, want %d", f, n, sourcesMost)
		}
	}
}

// Pages allocate, entries do not.
func TestNoAllocationPerEntry(t *testing.T) {
	all := codectest.PlainEntries(50_000)
	file, _ := encodeAll(t, codec.Parquet, codectest.Meta(), all)
	ndjson := testing.AllocsPerRun(1, func() { encodeAll(t, codec.NDJSON, codectest.Meta(), all) })
	encode := testing.AllocsPerRun(1, func() { encodeAll(t, codec.Parquet, codectest.Meta(), all) })
	decode := testing.AllocsPerRun(1, func() { _, _ = drain(codec.Parquet, bytes.NewReader(file), int64(len(file))) })
	t.Logf("%d entries: encode %.0f, NDJSON encode %.0f, decode %.0f allocations", len(all), encode, ndjson, decode)
	if limit := float64(len(all) / 20); encode > limit || ndjson > limit || decode > limit {
		t.Errorf("more than %.0f allocations", limit)
	}
}
