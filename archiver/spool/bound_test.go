package spool // inside: see spool_test.go

import (
	"encoding/json"
	"fmt"
	"os"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/coldtail/coldtail/codec"
)

// TestHeaderWithoutBounds: a segment whose header is as large as release one let
// it become is opened, with all its entries and the metadata that fits.
func TestHeaderWithoutBounds(t *testing.T) {
	g := newRig(t)
	meta := codec.Meta{ContainerID: "c1", HostName: "h\uFFFD", Labels: map[string]string{}, Attributes: map[string]string{}}
	for i := range 8 {
		meta.Labels[fmt.Sprint("label", i)] = strings.Repeat("<", 200_000) // six bytes each in JSON
		meta.Attributes[fmt.Sprint("ENV", i)] = strings.Repeat("\x01", 100_000)
	}
	g.log.Freeze(Frozen{Format: codec.Parquet})
	g.send("one", "two")
	check(t, g.log.Commit())
	if err := g.log.Close(); err != nil {
		t.Fatal(err)
	}
	b, err := os.ReadFile(g.log.active.path(extIndex))
	check(t, err)
	n, h, err := parseHeader(b)
	check(t, err)
	h.Meta = meta
	js, err := json.Marshal(h)
	check(t, err)
	end, _, err := findCopy(b)
	check(t, err)
	header := appendJSON(nil, js)
	check(t, os.WriteFile(g.log.active.path(extIndex), append(appendCopy(header, slices.Clone(header)), b[max(n, end):]...), 0o600))
	if fi, err := os.Stat(g.log.active.path(extIndex)); err != nil || fi.Size() < 4<<20 {
		t.Fatalf("the test makes no large header: %v, %v", fi.Size(), err)
	}
	g.open()
	if got := g.read(0); !slices.Equal(got, g.sent) {
		t.Errorf("read %q, sent %q", got, g.sent)
	}
	if fi, err := os.Stat(g.log.active.path(extIndex)); err != nil || fi.Size() > 1<<20 {
		t.Fatalf("the large header is still there: %v, %v", fi.Size(), err)
	}
	g.send("three")
	check(t, g.log.Commit())
	g.open() // killed
	if got := g.read(0); !slices.Equal(got, g.sent) {
		t.Errorf("read %q, sent %q", got, g.sent)
	}
	want, _ := meta.Bound(codec.Parquet)
	got, ok := g.log.Frozen()
	if d := cmp.Diff(Frozen{Format: codec.Parquet, Meta: want}, got); d != "" || !ok {
		t.Error(ok, d)
	}
}

// TestHeaderKeepsBoundedMeta: the largest metadata that may be written is read
// back as it was.
func TestHeaderKeepsBoundedMeta(t *testing.T) {
	for _, f := range codec.Formats() {
		meta := codec.Meta{ContainerID: "c1", Tag: strings.Repeat("\x00", 5000), ImageName: strings.Repeat("<", 300), Labels: map[string]string{}, Attributes: map[string]string{}}
		for i := range 300 {
			meta.Labels[fmt.Sprint(strings.Repeat("\x02", 200), i)] = strings.Repeat("&", 5000)
			meta.Attributes[fmt.Sprint(i, "\xff")] = strings.Repeat("\x7f\u2028", 20)
		}
		meta, _ = meta.Bound(f)
		h := Header{ContainerID: "c1", SpoolID: "s", SegmentSeq: 1, FirstSeq: 1, Frozen: Frozen{Format: f, Meta: meta}}
		b, err := appendHeader(nil, &h)
		if err != nil {
			t.Fatal(err)
		}
		if _, got, err := parseHeader(b); err != nil || cmp.Diff(h, got) != "" {
			t.Errorf("%s: %v %s", f, err, cmp.Diff(h, got))
		}
	}
}
