package samples

import (
	"bytes"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/coldtail/coldtail/archiver/bucket"
	"github.com/coldtail/coldtail/codec"
	"github.com/coldtail/coldtail/codec/chunkfile"
	"github.com/coldtail/coldtail/codec/key"
)

// Start is two hours before a midnight.
var Start = time.Date(2026, 3, 31, 22, 0, 0, 0, time.UTC)

// The size of the archive of unusual lines.
const (
	EveryNano = 7_654_321_987 // between two entries: about 470 an hour
	PerStream = 2000          // a little more than four hours
	PartBytes = 16 << 10
	LongBytes = 2_000_000
)

const spoolID = "00112233445566aa"

// Special lines are those that are not ordinary, by their place in a stream.
var Special = map[int][]byte{
	10:  []byte("caf\xe9 \xff\xfe invalid"),
	11:  {},
	12:  []byte("nul \x00 and \t tab"),
	13:  []byte(`{"level":"error","msg":"quoted \"json\""}`),
	14:  []byte("日本語 🎉"),
	500: bytes.Repeat([]byte("0123456789"), LongBytes/10),
}

// Container is a stream of entries with its constant columns.
type Container struct {
	Meta  codec.Meta
	first int64 // sequence number
}

// Containers are the two of the archive of unusual lines: one with labels, one
// without.
func Containers() []Container {
	return []Container{
		{first: 1_700_000_000_000_001, Meta: codec.Meta{
			ContainerID: key.ContainerID("one"), ContainerName: "shop-api-1", ServiceName: "api",
			ImageName: "shop/api:1", ImageID: "sha256:1", HostName: "h1", Tag: "blue",
			Labels: map[string]string{"team": "shop", "tier": "front, \"end\""}, Attributes: map[string]string{"REGION": "eu"},
		}},
		{first: 1_700_000_000_500_000, Meta: codec.Meta{
			ContainerID: key.ContainerID("two"), ContainerName: "db", ServiceName: "db",
			ImageName: "postgres:17", ImageID: "sha256:2", HostName: "h1",
		}},
	}
}

// Line is the i-th line of a stream.
func Line(i int) []byte {
	if l, ok := Special[i]; ok {
		return l
	}
	return fmt.Appendf(nil, "line %06d", i)
}

// LineTime is the time of the i-th line.
func LineTime(i int) time.Time { return Start.Add(time.Duration(i) * EveryNano) }

// Entries of a container, long lines in the daemon's parts.
func (c *Container) Entries() []codec.Entry {
	var all []codec.Entry
	seq := c.first
	for i := range PerStream {
		e := codec.Entry{Seq: seq, TimeNano: LineTime(i).UnixNano(), Source: codec.Stdout, Line: Line(i)}
		if i%5 == 0 {
			e.Source = codec.Stderr
		}
		parts := PartsOf(e)
		seq += int64(len(parts))
		all = append(all, parts...)
	}
	return all
}

// PartsOf cuts a long line as the daemon does.
func PartsOf(e codec.Entry) []codec.Entry {
	if len(e.Line) <= PartBytes {
		return []codec.Entry{e}
	}
	var all []codec.Entry
	rest := e.Line
	for ordinal := int32(1); len(rest) > 0; ordinal++ {
		part := e
		part.Seq += int64(ordinal) - 1
		part.Partial, part.Ordinal, part.PartID = true, ordinal, []byte("id")
		part.Line = rest[:min(PartBytes, len(rest))]
		rest = rest[len(part.Line):]
		part.Last = len(rest) == 0
		all = append(all, part)
	}
	return all
}

// Archive writes the containers' chunks as the archiver does, one for each
// hour, and a marker beside them, and returns the keys.
func Archive(t testing.TB, b bucket.Bucket, f codec.Format) (keys []string) {
	t.Helper()
	for _, c := range Containers() {
		keys = append(keys, StoreHours(t, b, f, c.Meta, c.Entries())...)
	}
	if err := b.Put(t.Context(), "index/name/marker", strings.NewReader(""), 0, bucket.PutOptions{}); err != nil {
		t.Fatal(err)
	}
	return keys
}

// StoreHours puts a container's entries, which are in the order of their times.
func StoreHours(t testing.TB, b bucket.Bucket, f codec.Format, meta codec.Meta, entries []codec.Entry) (keys []string) {
	t.Helper()
	for len(entries) > 0 {
		hour := key.Hour(entries[0].TimeNano, entries[0].TimeNano)
		n := 0
		for n < len(entries) && key.Hour(entries[n].TimeNano, entries[n].TimeNano).Equal(hour) {
			n++
		}
		keys = append(keys, store(t, b, f, meta, hour, entries[:n]))
		entries = entries[n:]
	}
	return keys
}

func store(t testing.TB, b bucket.Bucket, f codec.Format, meta codec.Meta, hour time.Time, entries []codec.Entry) string {
	t.Helper()
	var buf bytes.Buffer
	enc, err := chunkfile.NewEncoder(f, &buf, meta, codec.ChunkInfo{SpoolID: spoolID, SegmentSeq: 1, Origin: true})
	if err != nil {
		t.Fatal(err)
	}
	for i := range entries {
		if err := enc.Encode(&entries[i]); err != nil {
			t.Fatal(err)
		}
	}
	stats, err := enc.Close()
	if err != nil {
		t.Fatal(err)
	}
	key := key.Meta{
		Format: f, ContainerID: meta.ContainerID, SpoolID: spoolID, SegmentSeq: 1, FirstSeq: stats.FirstSeq, LastSeq: stats.LastSeq,
		Entries: stats.Entries, MinNano: stats.MinNano, MaxNano: stats.MaxNano, Hour: hour,
	}.Key()
	if err := b.Put(t.Context(), key, bytes.NewReader(buf.Bytes()), int64(buf.Len()), bucket.PutOptions{}); err != nil {
		t.Fatal(err)
	}
	return key
}
