package chunkfile_test

import (
	"bytes"
	"fmt"
	"maps"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/coldtail/coldtail/codec"
	"github.com/coldtail/coldtail/codec/chunkfile"
	"github.com/coldtail/coldtail/codec/codectest"
	"github.com/coldtail/coldtail/codec/ndjson"
	"github.com/coldtail/coldtail/codec/parquet"
	"github.com/coldtail/coldtail/codec/ranged"
)

// TestReadMeta reads back what was written of a container, whatever the number
// of rows and labels.
func TestReadMeta(t *testing.T) {
	many := map[string]string{}
	for i := range codec.MetaMaxPairs {
		many[fmt.Sprint("key ", i)] = fmt.Sprint("value ", i%7)
	}
	metas := map[string]codec.Meta{
		"bare": {},
		"full": {ContainerID: "c", ContainerName: "n\"", ServiceName: "s", ImageName: "i", ImageID: "sha256:1", HostName: "h", Tag: "t",
			Labels: map[string]string{"a": "1", "b": "1", "c": "", "": "x"}, Attributes: map[string]string{"E": "1"}},
		"many": {ContainerID: "c", Labels: map[string]string{"one": "1"}, Attributes: many},
	}
	for name, meta := range metas {
		for _, rows := range []int64{1, 9, 70_000} {
			for _, f := range codec.Formats() {
				var b bytes.Buffer
				enc, err := chunkfile.NewEncoder(f, &b, meta, codec.ChunkInfo{})
				if err != nil {
					t.Fatal(err)
				}
				for seq := range rows {
					if err := enc.Encode(&codec.Entry{Seq: seq + 1, Source: codec.Stdout, Line: []byte("x")}); err != nil {
						t.Fatal(err)
					}
				}
				if _, err := enc.Close(); err != nil {
					t.Fatal(err)
				}
				got, err := chunkfile.ReadMeta(f, bytes.NewReader(b.Bytes()), int64(b.Len()), codec.Limits{})
				if d := cmp.Diff(meta, got); err != nil || d != "" {
					t.Errorf("%s, %d rows as %s: %v %s", name, rows, f, err, d)
				}
				if _, err := chunkfile.ReadMeta(f, bytes.NewReader(b.Bytes()[:30]), 30, codec.Limits{}); err == nil {
					t.Errorf("%s: its first bytes tell who it was", f)
				}
			}
		}
	}
}

// Labels had no bound of their own in release one, but a segment's header of 4
// MiB: what it made of them is read.
func TestUnboundedLabels(t *testing.T) {
	for _, k := range []int{16_000, 350_000} {
		meta := codec.Meta{ContainerID: "c", Labels: map[string]string{}}
		for i := range k {
			meta.Labels[fmt.Sprintf("%05x", i)] = ""
		}
		all := codectest.PlainEntries(9)
		for _, f := range codec.Formats() {
			var out bytes.Buffer
			var enc codec.Encoder
			var err error
			if f == codec.Parquet {
				enc, err = parquet.NewEncoder(&out, meta, codec.ChunkInfo{SpoolID: "s"})
			} else {
				enc, err = ndjson.NewEncoder(&out, meta)
			}
			check(t, err)
			for i := range all {
				check(t, enc.Encode(&all[i]))
			}
			_, err = enc.Close()
			check(t, err)
			b := out.Bytes()
			got, err := chunkfile.ReadMeta(f, ranged.Bytes(b), int64(len(b)), codec.Limits{})
			if err != nil || !maps.Equal(got.Labels, meta.Labels) {
				t.Errorf("%s: %d labels of %d, error %v", f, len(got.Labels), k, err)
			}
			if _, err := chunkfile.Inspect(f, ranged.Bytes(b), int64(len(b)), codec.Limits{}); err != nil {
				t.Errorf("%s, %d labels: %v", f, k, err)
			}
			entries, err := decodeAll(f, b, codec.Range{Tail: codec.All})
			check(t, err)
			codectest.WantSame(t, string(f), entries, all)
		}
	}
}
