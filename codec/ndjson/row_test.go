package ndjson // compares single rows with encoding/json

import (
	"bytes"
	"encoding/json"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"

	"github.com/coldtail/coldtail/codec"
	"github.com/coldtail/coldtail/codec/codectest"
	"github.com/coldtail/coldtail/codec/join"
)

// plainRow is what encoding/json makes of a row.
type plainRow struct {
	TimeNano *int64  `json:"time_unix_nano"`
	Seq      *int64  `json:"seq"`
	Stream   *string `json:"stream"`
	Body     *string `json:"body"`
	BodyRaw  []byte  `json:"body_raw"`
	Partial  bool    `json:"partial"`
	Parts    []struct {
		Seq   int64 `json:"seq"`
		Bytes int32 `json:"bytes"`
	} `json:"parts"`
}

func scanRow(line []byte) (*jsonRow, error) {
	lim := new(codec.Limits)
	s := jsonScanner{lim: lim}
	// A reader of a few bytes at a time: values lie across its ends.
	s.reset(&slowReader{bytes.NewReader(append(line, '\n'))})
	j := new(jsonRow)
	return j, j.read(&s)
}

type slowReader struct{ r *bytes.Reader }

func (s *slowReader) Read(p []byte) (int, error) { return s.r.Read(p[:min(len(p), 7)]) }

// sameRowAsJSON compares what the scanner made of a line with what encoding/json does.
func sameRowAsJSON(t *testing.T, line []byte) {
	t.Helper()
	j, err := scanRow(bytes.Clone(line))
	if err != nil {
		return
	}
	var p plainRow
	if json.Unmarshal(line, &p) != nil || p.Seq == nil || p.TimeNano == nil || p.Stream == nil || p.Body == nil {
		return // numbers and repeated members are read with less care
	}
	if othersCase(line, "time_unix_nano", "seq", "stream", "body", "body_raw", "partial", "parts", "bytes") {
		return // encoding/json takes Body for body
	}
	var r join.Row
	j.to(&r)
	want := []byte(*p.Body)
	if p.BodyRaw != nil {
		want = p.BodyRaw
	}
	if r.Seq != *p.Seq || r.TimeNano != *p.TimeNano || r.Source != *p.Stream || r.Partial != p.Partial ||
		!bytes.Equal(r.Line, want) || len(r.Parts) != len(p.Parts) {
		t.Fatalf("%q\n gives %+v\nencoding/json %+v", line, r, p)
	}
	for i, q := range p.Parts {
		if r.Parts[i] != (join.Part{Seq: q.Seq, Bytes: q.Bytes}) {
			t.Fatalf("%q: part %d is %+v, want %+v", line, i, r.Parts[i], q)
		}
	}
}

// othersCase reports whether an object, or one of its parts, has a member whose name
// is one of these but for its case.
func othersCase(object []byte, names ...string) bool {
	var members map[string]json.RawMessage
	if json.Unmarshal(object, &members) != nil {
		return false
	}
	for member := range members {
		for _, name := range names {
			if member != name && strings.EqualFold(member, name) {
				return true
			}
		}
	}
	var parts []json.RawMessage
	_ = json.Unmarshal(members["parts"], &parts) // none, if it fails
	return slices.ContainsFunc(parts, func(p json.RawMessage) bool { return othersCase(p, names...) })
}

const plainLine = `{"time":"x","time_unix_nano":-5,"seq":7,"stream":"stdout","body":"b","parts":[{"seq":7,"bytes":1},{"bytes":-2,"seq":9}],"partial":true,"labels":{"a":"\u00e9"}}`

func TestRowsAsEncodingJSONReadsThem(t *testing.T) {
	for _, line := range []string{
		plainLine,
		` { "seq" : 1 , "time_unix_nano":2,"stream":"a\"","body":"\ud83d\ude00\ud83d\ud83dx\ude00\ud83d\n\/","unknown":[{"a":[1,2.5e3,null,true,false,[]]},{}] } `,
		`{"seq":9223372036854775807,"time_unix_nano":-9223372036854775808,"stream":"","body":"\ud800\u0041\ud800","body_raw":"/w==","partial":null,"parts":null}`,
		`{"seq":1,"seq":2,"time_unix_nano":2,"stream":"s","body":"x","body":"` + strings.Repeat(`y\t`, 100_000) + `"}`,
		`{"a key that is much longer than any of ours is, and then some":1,"seq":1,"time_unix_nano":2,"stream":"s","body":"x"}`,
	} {
		if _, err := scanRow([]byte(line)); err != nil {
			t.Errorf("%.200s: %v", line, err)
		}
		sameRowAsJSON(t, []byte(line))
	}
	for _, line := range []string{
		"", "{}", "[]", "null", `{"seq":1,"time_unix_nano":2,"stream":"s"}`, `{"seq":1,"time_unix_nano":2,"body":"s"}`,
		plainLine[:len(plainLine)-1], plainLine + "x", plainLine + plainLine, strings.Replace(plainLine, ":7", ":7.5", 1),
		strings.Replace(plainLine, `"b"`, "\"\x01\"", 1), strings.Replace(plainLine, `"b"`, "\"\xff\"", 1),
		strings.Replace(plainLine, `"b"`, `"\x"`, 1), strings.Replace(plainLine, `"b"`, `7`, 1),
		strings.Replace(plainLine, `"b"`, `"b","body_raw":"/w=="x`, 1), strings.Replace(plainLine, `"b"`, `"b","body_raw":"/w==/w=="`, 1),
		strings.Replace(plainLine, `-2`, `3000000000`, 1), strings.Replace(plainLine, `{"a`, `[{"a`, 1),
		strings.Replace(plainLine, `"x"`, strings.Repeat("[", 100)+strings.Repeat("]", 100), 1),
		strings.Replace(plainLine, `true`, `tru`, 1), strings.Replace(plainLine, `,"seq":7`, `,,"seq":7`, 1),
	} {
		if _, err := scanRow([]byte(line)); err == nil {
			t.Errorf("%.200q is taken for a row", line)
		}
	}
}

func FuzzJSONRow(f *testing.F) {
	f.Add([]byte(plainLine))
	f.Add([]byte(`{"time_unix_nano":0,"seq":0,"stream":"","body":"","pArts":[{}]}`))
	g := &codectest.Generator{Rand: rand.New(rand.NewPCG(11, 11))}
	n, err := NewEncoder(nil, codectest.Meta())
	if err != nil {
		f.Fatal(err)
	}
	for _, e := range g.Entries(30) {
		n.appendRow(&join.Row{Seq: e.Seq, TimeNano: e.TimeNano, Source: e.Source, Line: e.Line, Parts: []join.Part{{Seq: 1, Bytes: 2}}})
		f.Add(bytes.TrimSuffix(bytes.Clone(n.line), []byte("\n")))
	}
	f.Fuzz(func(t *testing.T, line []byte) {
		if bytes.IndexByte(line, '\n') < 0 {
			sameRowAsJSON(t, line)
		}
	})
}
