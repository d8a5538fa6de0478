package main

import (
	"bytes"
	"encoding/json"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/coldtail/coldtail/codec"
	"github.com/coldtail/coldtail/codec/chunkfile"
)

// TestJSONHasEveryColumn: a line of logs --json of which everything is known has
// the columns of the archive, in their order.
func TestJSONHasEveryColumn(t *testing.T) {
	var want []string
	var meta codec.Meta
	for _, c := range codec.Columns() {
		want = append(want, c.Name)
		switch {
		case c.Text != nil:
			*c.Text(&meta) = "x"
		case c.Pairs != nil:
			*c.Pairs(&meta) = map[string]string{"x": "y"}
		}
	}
	s := newShelf(t)
	n := container("web", "web-1", "north")
	meta.ContainerID = n.ContainerID
	said := []said{at(0, "\xff\\"), at(0, "\xfe\\")} // two parts, not text, without a line end
	o := s.segment(n, said...)[0]
	var body bytes.Buffer
	enc, err := chunkfile.NewEncoder(codec.Parquet, &body, meta, codec.ChunkInfo{SpoolID: o.SpoolID, SegmentSeq: o.SegmentSeq})
	s.check(err)
	for i, x := range said {
		e := x.entry(int64(i + 1))
		s.check(enc.Encode(&e))
	}
	_, err = enc.Close()
	s.check(err)
	o.body = body.Bytes()
	s.put(o)

	res := s.logs("--json", n.ContainerID)
	d := json.NewDecoder(strings.NewReader(res.stdout))
	_, err = d.Token()
	s.check(err)
	var got []string
	for d.More() {
		name, err := d.Token()
		s.check(err)
		got = append(got, name.(string))
		var value json.RawMessage
		s.check(d.Decode(&value))
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("%s\n%+v", diff, res)
	}
}
