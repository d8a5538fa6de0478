package codec

import (
	"bytes"
	"fmt"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// TestReadMeta reads back what was written of a container, whatever the number
// of rows and labels.
func TestReadMeta(t *testing.T) {
	many := map[string]string{}
	for i := range MetaMaxPairs {
		many[fmt.Sprint("key ", i)] = fmt.Sprint("value ", i%7)
	}
	metas := map[string]Meta{
		"bare": {},
		"full": {ContainerID: "c", ContainerName: "n\"", ServiceName: "s", ImageName: "i", ImageID: "sha256:1", HostName: "h", Tag: "t",
			Labels: map[string]string{"a": "1", "b": "1", "c": "", "": "x"}, Attributes: map[string]string{"E": "1"}},
		"many": {ContainerID: "c", Labels: map[string]string{"one": "1"}, Attributes: many},
	}
	for name, meta := range metas {
		for _, rows := range []int64{1, 9, 70_000} {
			for _, f := range Formats() {
				var b bytes.Buffer
				enc, err := NewEncoder(f, &b, meta, ChunkInfo{})
				if err != nil {
					t.Fatal(err)
				}
				for seq := range rows {
					if err := enc.Encode(&Entry{Seq: seq + 1, Source: Stdout, Line: []byte("x")}); err != nil {
						t.Fatal(err)
					}
				}
				if _, err := enc.Close(); err != nil {
					t.Fatal(err)
				}
				got, err := ReadMeta(f, bytes.NewReader(b.Bytes()), int64(b.Len()), Limits{})
				if d := cmp.Diff(meta, got); err != nil || d != "" {
					t.Errorf("%s, %d rows as %s: %v %s", name, rows, f, err, d)
				}
				if _, err := ReadMeta(f, bytes.NewReader(b.Bytes()[:30]), 30, Limits{}); err == nil {
					t.Errorf("%s: its first bytes tell who it was", f)
				}
			}
		}
	}
}
