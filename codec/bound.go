package codec

import (
	"cmp"
	"fmt"
	"maps"
	"slices"
	"strings"
	"unicode/utf8"
)

// Bounds of a Meta (docs/format.md). Container images and whoever starts a
// container choose its names, labels and attributes; each segment and each row
// carries them.
const (
	MetaMaxPairs     = 256 // labels, and as many attributes
	MetaKeyMaxBytes  = 256 // a longer key is left out with its value
	MetaNameMaxBytes = 256 // of container, service, image and host, and an image id
)

// MetaBounds are the bounds that depend on the format: NDJSON writes all of the
// metadata again in each row, Parquet once.
type MetaBounds struct {
	Bytes int // keys and values of labels and attributes together
	Value int // of one label or attribute
	Tag   int
}

// BoundsOf returns the bounds of f's metadata.
func BoundsOf(f Format) MetaBounds {
	if f == NDJSON {
		return MetaBounds{Bytes: 4 << 10, Value: 1 << 10, Tag: 1 << 10}
	}
	return MetaBounds{Bytes: 64 << 10, Value: 4 << 10, Tag: 4 << 10}
}

// MetaCutKey is the label that says what Bound took away.
const MetaCutKey = "coldtail.cut"

// cutMaxBytes is room for the label MetaCutKey.
const cutMaxBytes = 256

// Cut counts what Bound took away. Its zero value means nothing.
type Cut struct {
	Labels, Attributes int // left out
	Values, Names      int // shortened
}

// String has counts only, never a name or a value.
func (c Cut) String() string {
	var parts []string
	for _, p := range []struct {
		n    int
		what string
	}{
		{c.Labels, "labels left out"}, {c.Attributes, "attributes left out"},
		{c.Values, "values shortened"}, {c.Names, "names shortened"},
	} {
		if p.n > 0 {
			parts = append(parts, fmt.Sprintf("%d %s", p.n, p.what))
		}
	}
	return strings.Join(parts, ", ")
}

// Bound returns m as valid UTF-8 and within f's bounds, and what it took away for
// that, which the label MetaCutKey says, too. Keys in first go before others,
// which go in their order. The result depends on nothing else, and is its own
// Bound. ContainerID is never cut, as it identifies.
func (m Meta) Bound(f Format, first ...string) (Meta, Cut) {
	return m.BoundAfter(Cut{}, f, first...)
}

// BoundAfter is Bound of a Meta that lacks already what before says.
func (m Meta) BoundAfter(before Cut, f Format, first ...string) (Meta, Cut) {
	b := BoundsOf(f)
	names := before.Names
	for _, c := range columns {
		if c.Text == nil {
			continue
		}
		switch s := c.Text(&m); s {
		case &m.ContainerID:
			*s = ValidText(*s)
		case &m.Tag:
			*s = shorten(*s, b.Tag, &names)
		default:
			*s = shorten(*s, MetaNameMaxBytes, &names)
		}
	}
	head := make(map[string]bool, len(first))
	for _, k := range first {
		head[k] = true
	}
	labels, attributes := pairsOf(m.Labels, head, b.Value), pairsOf(m.Attributes, head, b.Value)
	var cut Cut
	if m.Labels, m.Attributes, cut = fit(labels, attributes, MetaMaxPairs, b.Bytes); cut == (Cut{}) && before == (Cut{}) && names == 0 {
		return m, cut
	}
	labels = slices.DeleteFunc(labels, func(p pair) bool { return p.key == MetaCutKey })
	m.Labels, m.Attributes, cut = fit(labels, attributes, MetaMaxPairs-1, b.Bytes-cutMaxBytes)
	cut.Labels += before.Labels
	cut.Attributes += before.Attributes
	cut.Values += before.Values
	cut.Names = names
	if m.Labels == nil {
		m.Labels = map[string]string{}
	}
	m.Labels[MetaCutKey] = cut.String()
	return m, cut
}

// pair is a label or an attribute.
type pair struct {
	key, value string
	cut        int // 1 if the value was shortened
}

func (p pair) size() int { return len(p.key) + len(p.value) }

// pairsOf returns m's pairs, valid and each within its bounds, in the order in
// which they are to be kept. Those that cannot be kept have no key and cut -1.
func pairsOf(m map[string]string, first map[string]bool, valueBytes int) []pair {
	keys := slices.SortedFunc(maps.Keys(m), func(a, b string) int {
		switch {
		case first[a] == first[b]:
			return cmp.Compare(a, b)
		case first[a]:
			return -1
		}
		return 1
	})
	seen := make(map[string]bool, len(m))
	pairs := make([]pair, 0, len(m))
	for _, raw := range keys {
		p := pair{key: ValidText(raw)}
		if len(p.key) > MetaKeyMaxBytes || seen[p.key] { // another one became equal when it was made valid
			pairs = append(pairs, pair{cut: -1})
			continue
		}
		seen[p.key] = true
		p.value = shorten(m[raw], valueBytes, &p.cut)
		pairs = append(pairs, p)
	}
	return pairs
}

// fit keeps what fits into maxLabels labels, MetaMaxPairs attributes and maxBytes
// in all. Neither labels nor attributes take more than half of the bytes if the
// others need the rest.
func fit(labels, attributes []pair, maxLabels, maxBytes int) (l, a map[string]string, cut Cut) {
	_, used, _, _ := keep(attributes, MetaMaxPairs, maxBytes/2)
	var shortened int
	l, used, cut.Labels, shortened = keep(labels, maxLabels, maxBytes-used)
	cut.Values = shortened
	a, _, cut.Attributes, shortened = keep(attributes, MetaMaxPairs, maxBytes-used)
	cut.Values += shortened
	return l, a, cut
}

// keep takes the pairs that fit, in order.
func keep(pairs []pair, most, maxBytes int) (kept map[string]string, used, left, shortened int) {
	for _, p := range pairs {
		if p.cut < 0 || len(kept) == most || used+p.size() > maxBytes {
			left++
			continue
		}
		if kept == nil {
			kept = make(map[string]string, min(len(pairs), most))
		}
		kept[p.key] = p.value
		used += p.size()
		shortened += p.cut
	}
	return kept, used, left, shortened
}

// shorten makes s valid and at most maxBytes long. What is too long ends in an
// ellipsis, and is counted.
func shorten(s string, maxBytes int, count *int) string {
	if s = ValidText(s); len(s) <= maxBytes {
		return s
	}
	*count++
	end := maxBytes - len(ellipsis)
	for !utf8.RuneStart(s[end]) {
		end--
	}
	return s[:end] + ellipsis // a copy: what is cut off is not held
}

const ellipsis = "…"
