package ndjson // makes members by the places in their headers

import (
	"bytes"
	"compress/gzip"
	"encoding/binary"
	"fmt"
	"io"
	"strings"
	"testing"

	"github.com/coldtail/coldtail/codec"
	"github.com/coldtail/coldtail/codec/codectest"
	"github.com/coldtail/coldtail/codec/ranged"
)

// craftMember is a gzip member of text, whose header claims rows rows.
func craftMember(t testing.TB, firstSeq, rows int64, text ...[]byte) []byte {
	t.Helper()
	var out bytes.Buffer
	z, err := gzip.NewWriterLevel(&out, gzip.BestSpeed)
	if err != nil {
		t.Fatal(err)
	}
	z.Extra = append([]byte{'C', 'T', 24, 0}, make([]byte, 24)...)
	for _, b := range text {
		if _, err := z.Write(b); err != nil {
			t.Fatal(err)
		}
	}
	if err := z.Close(); err != nil {
		t.Fatal(err)
	}
	m := out.Bytes()
	binary.LittleEndian.PutUint64(m[memberSeqAt:], uint64(firstSeq))
	binary.LittleEndian.PutUint64(m[memberRowsAt:], uint64(rows))
	binary.LittleEndian.PutUint64(m[memberSizeAt:], uint64(len(m)))
	return m
}

// craftRow is a row with more after its first members.
func craftRow(seq int64, more string) []byte {
	return fmt.Appendf(nil, `{"time_unix_nano":1,"seq":%d,"stream":"stdout",%s}`+"\n", seq, more)
}

// craftedNDJSON lists objects by what is wrong with them. Texts have large bytes.
func craftedNDJSON(t testing.TB, large int) map[string][]byte {
	fill := func(s string, total int) string { return strings.Repeat(s, total/len(s)) }
	one := func(more string) []byte { return craftMember(t, 1, 1, craftRow(1, more)) }
	some := min(large, 3<<20)
	out := map[string][]byte{
		"1 M empty parts":        one(`"body":"","parts":[{}` + fill(",{}", some) + `]`),
		"a body of 20 MB":        one(`"body":"` + fill("x", large) + `"`),
		"body_raw of 20 MB":      one(`"body":"","body_raw":"` + fill("AAAA", large) + `"`),
		"labels of 20 MB":        one(`"body":"x","labels":{"":"` + fill("x", large) + `"}`),
		"500,000 equal labels":   one(`"body":"x","labels":{"":""` + fill(`,"":""`, some) + `}`),
		"300,000 labels":         one(`"body":"x","labels":{"":""` + manyKeys(some) + `}`),
		"600,000 members":        one(`"body":"x"` + fill(`,"":1`, some)),
		"200,000 bodies":         one(`"body":"x"` + fill(`,"body":"y"`, some)),
		"3 MB of space":          one(`"body":"x",` + fill(" ", some) + `"a":1`),
		"20 MB of a key":         one(`"body":"x","` + fill("k", large) + `":1`),
		"3 MB of digits":         one(`"body":"x","partial":false,"a":` + fill("1", some)),
		"3 MB of brackets":       one(`"body":"x","a":` + fill("[", some)),
		"no end of a line":       craftMember(t, 1, 1, bytes.Repeat([]byte{' '}, min(6*large, lineMaxBytes+1<<20))),
		"no end of the source":   craftMember(t, 1, 1, []byte(`{"stream":"`), bytes.Repeat([]byte{'s'}, large)),
		"a container's name":     one(`"body":"x","container_name":"` + fill("x", large) + `"`),
		"text behind the rows":   craftMember(t, 1, 1, craftRow(1, `"body":"x"`), bytes.Repeat([]byte{'\n'}, large)),
		"fewer rows than it has": craftMember(t, 1, 1, bytes.Repeat(craftRow(1, `"body":"x"`), 1<<20)),
		"more rows than it has":  craftMember(t, 1, 1000, craftRow(1, `"body":"x"`)),
		"headers alone":          forgedHeaders(large / 5),
	}
	var many []byte
	for seq := range int64(8) {
		many = append(many, craftMember(t, seq+1, 1, craftRow(seq+1, `"body":"`+fill("x", min(large, codec.MaxFrameBytes))+`"`))...)
	}
	out["8 long lines"] = many
	return out
}

func manyKeys(total int) string {
	var b strings.Builder
	for i := 0; b.Len() < total; i++ {
		fmt.Fprintf(&b, `,"%x":""`, i)
	}
	return b.String()
}

// forgedHeaders are members' headers, back to back, none of which leads to the end.
func forgedHeaders(size int) []byte {
	h := make([]byte, memberHeadBytes)
	copy(h, []byte{0x1f, 0x8b, 8, 4})
	binary.LittleEndian.PutUint16(h[10:], memberExtraBytes)
	copy(h[12:], []byte{'C', 'T', 24, 0})
	binary.LittleEndian.PutUint64(h[memberRowsAt:], 1)
	binary.LittleEndian.PutUint64(h[memberSizeAt:], memberHeadBytes)
	var out []byte
	for i := 0; len(out)+len(h) < size; i++ {
		binary.LittleEndian.PutUint64(h[memberSeqAt:], uint64(i+1))
		out = append(out, h...)
	}
	return append(out, "end"...)
}

// ndjsonReading is how this package reads and writes.
var ndjsonFormat = codectest.Reading{
	Ext: codec.NDJSON.Ext(),
	NewEncoder: func(w io.Writer, meta codec.Meta, _ codec.ChunkInfo) (codec.Encoder, error) {
		return NewEncoder(w, meta)
	},
	NewDecoder: NewDecoder,
	ReadMeta: func(r io.ReaderAt, sizeBytes int64, lim codec.Limits) (codec.Meta, error) {
		return ReadMeta(ranged.Source{R: r, Size: sizeBytes, Limits: lim})
	},
	Inspect: func(r io.ReaderAt, sizeBytes int64, lim codec.Limits) (codec.Claims, error) {
		return Inspect(ranged.Source{R: r, Size: sizeBytes, Limits: lim})
	},
}

func FuzzNDJSONDecoder(f *testing.F) { ndjsonFormat.Fuzz(f, craftedNDJSON(f, 64<<10)) }

// TestReadCrafted is the process that TestObjectsThatAskForMemory measures.
func TestReadCrafted(t *testing.T) { ndjsonFormat.Measured(t) }

func TestObjectsThatAskForMemory(t *testing.T) {
	if testing.Short() {
		t.Skip("skipped by -short: it measures memory")
	}
	ndjsonFormat.MeasureMemory(t, craftedNDJSON(t, 20<<20))
}
