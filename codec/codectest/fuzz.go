package codectest

import (
	"bytes"
	"io"
	"math/rand/v2"
	"testing"

	"github.com/coldtail/coldtail/codec"
	"github.com/coldtail/coldtail/codec/ranged"
)

// A Reading is how one format's chunks are written and read.
type Reading struct {
	Ext        string
	NewEncoder func(w io.Writer, meta codec.Meta, info codec.ChunkInfo) (codec.Encoder, error)
	NewDecoder func(r io.ReaderAt, sizeBytes int64, rg codec.Range) (codec.Decoder, error)
	ReadMeta   func(r io.ReaderAt, sizeBytes int64, lim codec.Limits) (codec.Meta, error)
	Inspect    func(r io.ReaderAt, sizeBytes int64, lim codec.Limits) (codec.Claims, error)
}

// Fuzz looks for panics, endless reading, and errors of another kind. The crafted
// objects ask for more than they are worth: those that are small are seeds.
func (rd Reading) Fuzz(f *testing.F, crafted map[string][]byte) {
	g := &Generator{Rand: rand.New(rand.NewPCG(4, 4))}
	for _, n := range []int{0, 1, 5, 60} {
		b, _ := rd.Encode(f, codec.Meta{}, g.Entries(n))
		f.Add(b, int64(codec.All), int64(0))
		f.Add(b, int64(3), int64(0))
	}
	for _, b := range crafted {
		if len(b) < 64<<10 {
			f.Add(b, int64(codec.All), int64(0))
			f.Add(b, int64(2), int64(1))
		}
	}
	f.Fuzz(func(t *testing.T, b []byte, tail, from int64) {
		if _, err := rd.ReadMeta(bytes.NewReader(b), int64(len(b)), codec.Limits{}); err != nil {
			WantCorrupt(t, err)
		}
		if _, err := rd.Inspect(bytes.NewReader(b), int64(len(b)), codec.Limits{}); err != nil {
			WantCorrupt(t, err)
		}
		for _, r := range []io.ReaderAt{bytes.NewReader(b), ranged.Bytes(b)} {
			rd.fuzzEntries(t, r, int64(len(b)), codec.Range{Tail: tail, FromSeq: from})
		}
	})
}

// Encode returns a chunk of entries.
func (rd Reading) Encode(t testing.TB, meta codec.Meta, entries []codec.Entry) ([]byte, codec.Stats) {
	t.Helper()
	var buf bytes.Buffer
	enc, err := rd.NewEncoder(&buf, meta, ChunkInfo())
	if err != nil {
		t.Fatal(err)
	}
	stats := EncodeEntries(t, enc, entries)
	return buf.Bytes(), stats
}

// fuzzEntries reads with as much memory as a reader ever gives, and wants all of
// it back.
func (rd Reading) fuzzEntries(t *testing.T, r io.ReaderAt, sizeBytes int64, rg codec.Range) {
	t.Helper()
	const most = 48 << 20
	m := codec.NewMemory(most)
	rg.Limits.Memory = codec.Allow(0, m)
	defer func() {
		if m.Left() != most {
			t.Errorf("%d bytes of memory are not given back", most-m.Left())
		}
	}()
	dec, err := rd.NewDecoder(r, sizeBytes, rg)
	if err != nil {
		if err != codec.ErrMemory {
			WantCorrupt(t, err)
		}
		return
	}
	defer dec.Close()
	var e codec.Entry
	for range 1 << 16 {
		switch err := dec.Next(&e); err {
		case nil:
		case io.EOF, codec.ErrMemory:
			return
		default:
			WantCorrupt(t, err)
			return
		}
	}
}

// ChunkInfo is what test chunks say of themselves.
func ChunkInfo() codec.ChunkInfo {
	return codec.ChunkInfo{SpoolID: "0123456789abcdef", SegmentSeq: 7, Origin: true}
}

// EncodeEntries gives entries to enc and closes it.
func EncodeEntries(t testing.TB, enc codec.Encoder, entries []codec.Entry) codec.Stats {
	t.Helper()
	for i := range entries {
		if err := enc.Encode(&entries[i]); err != nil {
			t.Fatalf("encode entry %d: %v", i, err)
		}
	}
	stats, err := enc.Close()
	if err != nil {
		t.Fatal(err)
	}
	return stats
}
