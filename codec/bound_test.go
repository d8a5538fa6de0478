package codec_test

import (
	"encoding/json"
	"fmt"
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/google/go-cmp/cmp"

	"github.com/coldtail/coldtail/codec"
	"github.com/coldtail/coldtail/codec/randtest"
)

// TestBound: what is within the bounds stays as it is; what is beyond them is cut
// by rules, and said.
func TestBound(t *testing.T) {
	many := func(n, valueBytes int, char string) map[string]string {
		m := map[string]string{}
		for i := range n {
			m[fmt.Sprintf("k%05d", i)] = strings.Repeat(char, valueBytes/len(char))
		}
		return m
	}
	for name, tc := range map[string]struct {
		meta       codec.Meta
		first      []string
		cut        codec.Cut
		labels     int // kept, the mark included
		attributes int
	}{
		"nothing":          {},
		"as many as may":   {meta: codec.Meta{Labels: many(256, 64, "x"), Attributes: many(256, 64, "x")}, labels: 256, attributes: 256},
		"one label more":   {meta: codec.Meta{Labels: many(257, 9, "x")}, cut: codec.Cut{Labels: 2}, labels: 256},
		"16,000 of either": {meta: codec.Meta{Labels: many(16_000, 3, "x"), Attributes: many(16_000, 3, "x")}, cut: codec.Cut{Labels: 16_000 - 255, Attributes: 16_000 - 256}, labels: 256, attributes: 256},
		"8 large ones":     {meta: codec.Meta{Labels: many(8, 100_000, "<")}, cut: codec.Cut{Values: 8}, labels: 9},
		"both too much":    {meta: codec.Meta{Labels: many(100, 4096, "é"), Attributes: many(100, 4096, "é")}, cut: codec.Cut{Labels: 92, Attributes: 93}, labels: 9, attributes: 7},
		"attributes alone": {meta: codec.Meta{Attributes: many(100, 4096, "x")}, cut: codec.Cut{Attributes: 85}, labels: 1, attributes: 15},
		"a long key":       {meta: codec.Meta{Labels: map[string]string{strings.Repeat("k", 257): "v", "k": "v"}}, cut: codec.Cut{Labels: 1}, labels: 2},
		"long names": {meta: codec.Meta{ContainerName: strings.Repeat("n", 257), ImageName: strings.Repeat("é", 256), Tag: strings.Repeat("t", 4096)},
			cut: codec.Cut{Names: 2}, labels: 1},
		"equal when valid":   {meta: codec.Meta{Labels: map[string]string{"a\xfe": "1", "a\xff": "2"}}, cut: codec.Cut{Labels: 1}, labels: 2},
		"invalid, not large": {meta: codec.Meta{HostName: "h\xff", Labels: map[string]string{"a\xff": "\xff"}}, labels: 1},
	} {
		t.Run(name, func(t *testing.T) {
			got, cut := tc.meta.Bound(codec.Parquet, tc.first...)
			if cut != tc.cut || len(got.Labels) != tc.labels || len(got.Attributes) != tc.attributes {
				t.Errorf("cut %+v to %d labels and %d attributes, want %+v to %d and %d", cut, len(got.Labels), len(got.Attributes), tc.cut, tc.labels, tc.attributes)
			}
			if mark := got.Labels[codec.MetaCutKey]; mark != tc.cut.String() {
				t.Errorf("the mark says %q, want %q", mark, tc.cut)
			}
			checkBounds(t, codec.Parquet, got)
		})
	}
}

// TestBoundKeepsFirst: what was asked for by name is not crowded out.
func TestBoundKeepsFirst(t *testing.T) {
	m := codec.Meta{Labels: map[string]string{"zone": "1"}, Attributes: map[string]string{"ZONE": "2"}}
	for i := range 1000 {
		m.Labels[fmt.Sprint("a", i)] = "x"
		m.Attributes[fmt.Sprint("A", i)] = "x"
	}
	got, _ := m.Bound(codec.Parquet, "zone", "ZONE")
	if got.Labels["zone"] != "1" || got.Attributes["ZONE"] != "2" {
		t.Error("what goes first was left out")
	}
	if got, _ := m.Bound(codec.Parquet); got.Labels["zone"] != "" {
		t.Error("the test fills too little")
	}
	checkBounds(t, codec.Parquet, got)
}

// checkBounds checks what Bound promises of m.
func checkBounds(t *testing.T, f codec.Format, m codec.Meta) {
	t.Helper()
	bounds := codec.BoundsOf(f)
	total := 0
	for _, pairs := range []map[string]string{m.Labels, m.Attributes} {
		if len(pairs) > codec.MetaMaxPairs {
			t.Errorf("%d pairs", len(pairs))
		}
		for k, v := range pairs {
			total += len(k) + len(v)
			if len(k) > codec.MetaKeyMaxBytes || len(v) > bounds.Value || !utf8.ValidString(k) || !utf8.ValidString(v) {
				t.Errorf("a pair of %d and %d bytes, valid: %v", len(k), len(v), utf8.ValidString(k+v))
			}
		}
	}
	if total > bounds.Bytes {
		t.Errorf("%d bytes in all", total)
	}
	for _, s := range []string{m.ServiceName, m.ContainerName, m.ImageName, m.ImageID, m.HostName} {
		if len(s) > codec.MetaNameMaxBytes || !utf8.ValidString(s) {
			t.Errorf("a name of %d bytes", len(s))
		}
	}
	if len(m.Tag) > bounds.Tag || !utf8.ValidString(m.Tag) || !utf8.ValidString(m.ContainerID) {
		t.Errorf("a tag of %d bytes", len(m.Tag))
	}
	again, cut := m.Bound(f)
	if d := cmp.Diff(m, again); d != "" || cut != (codec.Cut{}) {
		t.Errorf("bound again: cut %+v %s", cut, d)
	}
	b, err := json.Marshal(m)
	if err != nil || len(b) > 6*(bounds.Bytes+bounds.Tag+6*codec.MetaNameMaxBytes)+16*2*codec.MetaMaxPairs {
		t.Errorf("%d bytes of JSON, %v", len(b), err)
	}
	var back codec.Meta
	if err := json.Unmarshal(b, &back); err != nil || cmp.Diff(m, back) != "" {
		t.Errorf("JSON gives back another one: %v %s", err, cmp.Diff(m, back))
	}
}

// TestBoundAny holds the promises for arbitrary metadata, whose order in memory
// must not matter.
func TestBoundAny(t *testing.T) {
	r := randtest.New(t)
	text := func(most int) string {
		chars := []string{"a", "é", "\xff", "<", "\x00", "…", "\U0001F600", "\xf0\x9f"}
		return strings.Repeat(chars[r.IntN(len(chars))], r.IntN(most)) + fmt.Sprint(r.IntN(300)) + chars[r.IntN(len(chars))]
	}
	pairs := func() map[string]string {
		m := map[string]string{}
		for range r.IntN(600) * r.IntN(2) {
			m[text(1+r.IntN(400))] = text(1 + r.IntN(1+r.IntN(5000)))
		}
		if r.IntN(3) == 0 {
			m[codec.MetaCutKey] = text(5000)
		}
		if len(m) == 0 {
			return nil
		}
		return m
	}
	for n := range 200 {
		f := codec.Formats()[n%2]
		m := codec.Meta{
			ContainerID: text(9), ContainerName: text(400), ServiceName: text(9), ImageName: text(400), ImageID: text(9), HostName: text(9), Tag: text(9000),
			Labels: pairs(), Attributes: pairs(),
		}
		before := fmt.Sprintf("%q", m)
		got, cut := m.Bound(f, "a1", "5")
		checkBounds(t, f, got)
		same, sameCut := m.Bound(f, "a1", "5")
		if d := cmp.Diff(got, same); d != "" || cut != sameCut {
			t.Errorf("it depends on chance: %s", d)
		}
		if fmt.Sprintf("%q", m) != before {
			t.Error("what was given was changed")
		}
		if t.Failed() {
			break
		}
	}
}
