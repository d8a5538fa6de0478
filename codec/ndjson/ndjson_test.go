package ndjson // takes members apart as a Decoder does, and makes single rows

import (
	"bytes"
	"compress/gzip"
	"encoding/json"
	"io"
	"math/rand/v2"
	"strings"
	"testing"
	"time"
	"unicode/utf8"

	"github.com/coldtail/coldtail/codec"
	"github.com/coldtail/coldtail/codec/codectest"
	"github.com/coldtail/coldtail/codec/join"
)

// ndjsonRow is docs/format.md's row as anybody would declare it.
type ndjsonRow struct {
	Time         string            `json:"time"`
	TimeUnixNano int64             `json:"time_unix_nano"`
	Seq          int64             `json:"seq"`
	Stream       string            `json:"stream"`
	Body         string            `json:"body"`
	BodyRaw      []byte            `json:"body_raw"`
	Partial      bool              `json:"partial"`
	Parts        []codectest.Part  `json:"parts"`
	ServiceName  string            `json:"service_name"`
	ContainerID  string            `json:"container_id"`
	Tag          string            `json:"tag"`
	Labels       map[string]string `json:"labels"`
}

// Ordinary tools read a chunk: gunzip, then JSON line by line.
func TestNDJSONIsOrdinary(t *testing.T) {
	g := &codectest.Generator{Rand: rand.New(rand.NewPCG(8, 8))}
	all := g.Entries(6000)
	want := codectest.RowCollector{Meta: codectest.Meta()}
	a := join.Assembler{Sink: &want}
	for i := range all {
		if err := a.Add(&all[i]); err != nil {
			t.Fatal(err)
		}
	}
	if err := a.Finish(); err != nil {
		t.Fatal(err)
	}
	b, _ := ndjsonFormat.Encode(t, codectest.Meta(), all)
	z, err := gzip.NewReader(bytes.NewReader(b))
	if err != nil {
		t.Fatal(err)
	}
	text, err := io.ReadAll(z)
	if err != nil {
		t.Fatal(err)
	}
	lines := strings.Split(strings.TrimSuffix(string(text), "\n"), "\n")
	if len(lines) != len(want.Rows) {
		t.Fatalf("%d lines, want %d", len(lines), len(want.Rows))
	}
	for i, line := range lines {
		var r ndjsonRow
		if !utf8.ValidString(line) {
			t.Fatalf("line %d is not UTF-8", i)
		}
		if err := json.Unmarshal([]byte(line), &r); err != nil {
			t.Fatalf("line %d: %v", i, err)
		}
		w := want.Rows[i]
		parsed, err := time.Parse(time.RFC3339Nano, r.Time)
		if err != nil || parsed.UnixNano() != r.TimeUnixNano {
			t.Errorf("line %d: time %s beside %d", i, r.Time, r.TimeUnixNano)
		}
		w.Time, w.ContainerName, w.ImageName, w.ImageID, w.HostName, w.Attributes = 0, "", "", "", "", nil
		got := codectest.Row{
			TimeUnixNano: r.TimeUnixNano, Seq: r.Seq, Stream: r.Stream, Body: r.Body, BodyRaw: r.BodyRaw, Partial: r.Partial,
			Parts: r.Parts, ServiceName: r.ServiceName, ContainerID: r.ContainerID, Tag: &r.Tag, Labels: r.Labels,
		}
		if !codectest.SameRow(&got, &w) {
			t.Fatalf("line %d:\n got %+v\nwant %+v", i, got, w)
		}
	}
}

func TestNDJSONLeavesOut(t *testing.T) {
	b, _ := ndjsonFormat.Encode(t, codec.Meta{ContainerName: "c"}, []codec.Entry{{Seq: 1, TimeNano: -1, Source: codec.Stderr, Line: []byte("a\"\\\x01\n<é")}})
	z, err := gzip.NewReader(bytes.NewReader(b))
	if err != nil {
		t.Fatal(err)
	}
	text, err := io.ReadAll(z)
	if err != nil {
		t.Fatal(err)
	}
	want := `{"time":"1969-12-31T23:59:59.999999999Z","time_unix_nano":-1,"seq":1,"stream":"stderr",` +
		`"body":"a\"\\\u0001\n<é","service_name":"","container_id":"","container_name":"c","image_name":"","image_id":"","host_name":""}` + "\n"
	if string(text) != want {
		t.Errorf("\n got %s\nwant %s", text, want)
	}
}

// A reader can step over members, and none is larger than it should be.
func TestNDJSONMembers(t *testing.T) {
	all := codectest.PlainEntries(20_000)
	all[10_000].Line = bytes.Repeat([]byte("x"), 3<<20)
	b, stats := ndjsonFormat.Encode(t, codectest.Meta(), all)
	rows := int64(0)
	for off := int64(0); off < int64(len(b)); {
		m, ok := parseMember(b[off:], off, int64(len(b)))
		if !ok {
			t.Fatalf("no member at %d", off)
		}
		z, err := gzip.NewReader(bytes.NewReader(b[m.Off:m.End]))
		if err != nil {
			t.Fatal(err)
		}
		text, err := io.ReadAll(z)
		if err != nil {
			t.Fatal(err)
		}
		if n := int64(bytes.Count(text, []byte("\n"))); n != m.rows || len(text) > memberMaxBytes && n > 1 {
			t.Errorf("member at %d: %d bytes in %d lines, header says %d", off, len(text), n, m.rows)
		}
		if m.firstSeq != all[rows].Seq {
			t.Errorf("member at %d starts with %d, want %d", off, m.firstSeq, all[rows].Seq)
		}
		rows += m.rows
		off = m.End
	}
	if rows != stats.Rows {
		t.Errorf("%d rows, want %d", rows, stats.Rows)
	}
}

// TestEveryColumnIsAMember: a row of everything has codec's columns, in its order.
func TestEveryColumnIsAMember(t *testing.T) {
	n, err := NewEncoder(nil, codectest.Meta())
	if err != nil {
		t.Fatal(err)
	}
	n.appendRow(&join.Row{Seq: 1, TimeNano: 2, Source: codec.Stdout, Line: []byte("\xff"), Partial: true, Parts: []join.Part{{Seq: 1, Bytes: 1}}})
	d := json.NewDecoder(bytes.NewReader(n.line))
	if _, err := d.Token(); err != nil {
		t.Fatal(err)
	}
	for _, c := range codec.Columns() {
		name, err := d.Token()
		if err != nil || name != c.Name {
			t.Fatalf("member %v, want column %s, error %v", name, c.Name, err)
		}
		var value json.RawMessage
		if err := d.Decode(&value); err != nil {
			t.Fatal(err)
		}
	}
	if d.More() {
		t.Error("there are more members than columns")
	}
}
