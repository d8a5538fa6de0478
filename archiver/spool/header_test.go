package spool // inside: see spool_test.go

import (
	"math/rand/v2"
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"testing"
	"time"

	"github.com/coldtail/coldtail/archiver/spool/archivedlog"
	"github.com/coldtail/coldtail/codec"
	"github.com/coldtail/coldtail/codec/randtest"
)

// TestHeaderIsReadBack: whatever header is written is read back as it was, or is
// not written.
func TestHeaderIsReadBack(t *testing.T) {
	r := randtest.New(t)
	written := 0
	for range 3000 {
		h := randomHeader(r)
		b, err := appendHeader(nil, &h)
		if err != nil {
			continue
		}
		written++
		n, got, err := parseHeader(b)
		if err != nil || !reflect.DeepEqual(got, tidy(h)) {
			t.Fatalf("%+v became %+v, %v", h, got, err)
		}
		end, copied, err := findCopy(b[n:])
		if err != nil || n+end != len(b) || !reflect.DeepEqual(copied, got) {
			t.Fatalf("the copy of %+v is %+v, %v", h, copied, err)
		}
	}
	if written < 300 {
		t.Fatalf("only %d headers were written", written)
	}
}

func randomHeader(r *rand.Rand) Header {
	number := func() int64 {
		if r.IntN(20) > 0 {
			return 1 + r.Int64N(1<<61-1)
		}
		return []int64{1, 1<<61 - 1, 1 << 61, 0, -1, -1 << 63}[r.IntN(6)]
	}
	text := func() string {
		if r.IntN(100) == 0 {
			return "not valid: \xff"
		}
		return strings.Repeat([]string{"", "a", "<&>", "\x00\x1f", "\u2028", "é", "\U0001F600"}[r.IntN(7)], 1+r.IntN(1<<r.IntN(9)))
	}
	pairs := func() map[string]string {
		m := map[string]string{}
		for range r.IntN(1 << r.IntN(9)) {
			m[text()] = text()
		}
		return m
	}
	gap := func() Gap {
		g := Gap{Gap: codec.Gap{Entries: number(), FirstNano: r.Int64(), LastNano: -r.Int64(), Reason: text()}, Replaced: []Replaced{}}
		for range r.IntN(3) {
			g.Replaced = append(g.Replaced, Replaced{Key: text(), Entries: number()})
		}
		return g
	}
	h := Header{
		ContainerID: text(), SpoolID: text(), SegmentSeq: number(), FirstSeq: number(), Origin: r.IntN(2) == 0, CreatedNano: r.Int64(),
		Frozen: Frozen{Format: []codec.Format{"", codec.Parquet, codec.NDJSON, "orc"}[min(3, r.IntN(10))]},
	}
	h.Meta = codec.Meta{ContainerName: text(), Tag: text()}
	if r.IntN(3) == 0 {
		h.Meta.Labels, h.Meta.Attributes = pairs(), pairs()
	}
	if r.IntN(2) == 0 {
		h.Limits = &Limits{SpoolBytes: r.Int64(), Overflow: text(), RollBytes: r.Int64()}
	}
	if r.IntN(3) == 0 {
		g := gap()
		h.Gap = &g
	}
	for range r.IntN(3) {
		h.Reserved = append(h.Reserved, reservation{SegmentSeq: number(), FirstSeq: number(), Gap: gap()})
	}
	return h
}

// TestStreamStateIsReadBack: the same of stream.json, and of lines of archived.log.
func TestStreamStateIsReadBack(t *testing.T) {
	dir := t.TempDir()
	check(t, os.WriteFile(filepath.Join(dir, streamFile), nil, 0o600))
	for _, n := range []int64{0, 1, 1<<61 - 1, 1 << 61, 1<<63 - 1, -1, -1 << 63} {
		for _, st := range []streamState{{LastSeq: n}, {LastSegment: n}, {NextSeq: n}} {
			if st.write(dir) != nil {
				continue
			}
			if got, err := readStream(dir); err != nil || got != st {
				t.Errorf("%+v became %+v, %v", st, got, err)
			}
		}
	}
	for _, o := range []Object{
		{Segment: 1, Key: "k"}, {Segment: 1, Key: "a b"}, {Segment: 1, Key: "a\nb"}, {Segment: 1, Key: "a\r"}, {Segment: 1},
		{Segment: -1, Key: "k"}, {Segment: 1, SizeBytes: -1, Key: "k"}, {Segment: 1 << 62, Key: "\xff"},
	} {
		dir := t.TempDir()
		if archivedlog.Append(dir, []Object{o}) != nil {
			continue
		}
		if got, whole, err := archivedlog.Objects(dir); err != nil || !whole || len(got) != 1 || !reflect.DeepEqual(got[0], o) {
			t.Errorf("%+v became %+v, whole: %t, %v", o, got, whole, err)
		}
	}
}

// TestClockBeforeTheEpoch: numbers start at the clock, but never below 1.
func TestClockBeforeTheEpoch(t *testing.T) {
	g := newRig(t)
	g.now = time.Unix(-1000, 0)
	g.send("a", "b")
	check(t, g.log.Commit())
	g.log.Freeze(Frozen{Meta: codec.Meta{ServiceName: "bad \xff", Labels: map[string]string{"k": strings.Repeat("x", 1<<20)}}})
	g.send("c")
	check(t, g.log.Commit())
	g.kill()
	g.open()
	g.want(g.sent)
}
