package chunkfile_test

import (
	"bytes"
	"fmt"
	"io"
	"math/rand/v2"
	"strings"
	"testing"

	"github.com/coldtail/coldtail/codec"
	"github.com/coldtail/coldtail/codec/chunkfile"
	"github.com/coldtail/coldtail/codec/codectest"
)

func encodeAll(t testing.TB, f codec.Format, meta codec.Meta, entries []codec.Entry) ([]byte, codec.Stats) {
	t.Helper()
	var buf bytes.Buffer
	enc, err := chunkfile.NewEncoder(f, &buf, meta, codectest.ChunkInfo())
	if err != nil {
		t.Fatal(err)
	}
	stats := codectest.EncodeEntries(t, enc, entries)
	return buf.Bytes(), stats
}

func decodeAll(f codec.Format, b []byte, rg codec.Range) (entries []codec.Entry, err error) {
	dec, err := chunkfile.NewDecoder(f, bytes.NewReader(b), int64(len(b)), rg)
	if err != nil {
		return nil, err
	}
	defer dec.Close()
	for {
		var e codec.Entry
		if err := dec.Next(&e); err == io.EOF {
			return entries, nil
		} else if err != nil {
			return entries, err
		}
		e.Line = bytes.Clone(e.Line)
		e.Source = strings.Clone(e.Source)
		entries = append(entries, e)
	}
}

func TestRoundTrip(t *testing.T) {
	for _, f := range codec.Formats() {
		for seed := range uint64(20) {
			g := &codectest.Generator{Rand: rand.New(rand.NewPCG(seed, 1)), Gaps: seed%3 == 1, HugeLines: seed%15 == 9}
			n := 1 + g.IntN(400)
			if seed == 5 { // several members
				n = 4000
			}
			if seed == 10 && f == codec.Parquet { // several pages of each column
				n = 14_000
			}
			if seed%15 == 9 {
				n = 100
			}
			all := g.Entries(n)
			b, stats := encodeAll(t, f, codectest.Meta(), all)
			what := fmt.Sprintf("%s seed %d", f, seed)
			if stats.Entries != int64(n) || stats.FirstSeq != all[0].Seq || stats.LastSeq != all[n-1].Seq {
				t.Fatalf("%s: stats %+v", what, stats)
			}
			got, err := decodeAll(f, b, codec.Range{Tail: codec.All})
			if err != nil {
				t.Fatalf("%s: %v", what, err)
			}
			codectest.WantSame(t, what, got, all)
			for _, rg := range codectest.Ranges(g, all) {
				got, err := decodeAll(f, b, rg)
				if err != nil {
					t.Fatalf("%s: %+v: %v", what, rg, err)
				}
				codectest.WantSame(t, fmt.Sprintf("%s %+v", what, rg), got, codectest.Wanted(all, rg))
			}
		}
	}
}

func TestEncodeRefuses(t *testing.T) {
	for _, f := range codec.Formats() {
		for name, second := range map[string]codec.Entry{
			"same number":  {Seq: 5, Source: codec.Stdout},
			"less":         {Seq: 4, Source: codec.Stdout},
			"after closed": {},
		} {
			t.Run(string(f)+" "+name, func(t *testing.T) {
				enc, err := chunkfile.NewEncoder(f, io.Discard, codectest.Meta(), codec.ChunkInfo{})
				if err != nil {
					t.Fatal(err)
				}
				if err := enc.Encode(&codec.Entry{Seq: 5, Source: codec.Stdout}); err != nil {
					t.Fatal(err)
				}
				if second.Seq == 0 {
					if _, err := enc.Close(); err != nil {
						t.Fatal(err)
					}
				}
				if enc.Encode(&second) == nil {
					t.Error("no error")
				}
				if _, err := enc.Close(); err == nil {
					t.Error("closed without an error")
				}
			})
		}
	}
}

// One entry that no chunk can hold costs nothing but itself.
func TestEncodeRefusesOne(t *testing.T) {
	for _, f := range codec.Formats() {
		for name, bad := range map[string]codec.Entry{
			"long line":          {Source: codec.Stdout, Line: make([]byte, codec.MaxFrameBytes+1)},
			"long source":        {Source: strings.Repeat("x", 1025)},
			"source that is raw": {Source: "a\xff"},
		} {
			t.Run(string(f)+" "+name, func(t *testing.T) {
				bad.Seq = 2
				all := []codec.Entry{{Seq: 1, Source: codec.Stdout}, bad, {Seq: 3, Source: codec.Stderr}}
				if n := wantIdentity(t, f, all); n != 1 {
					t.Errorf("%d were refused", n)
				}
			})
		}
	}
}
