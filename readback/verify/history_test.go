package verify

import (
	"math/rand/v2"
	"reflect"
	"slices"
	"testing"
	"time"

	"github.com/coldtail/coldtail/codec"
	"github.com/coldtail/coldtail/codec/key"
	"github.com/coldtail/coldtail/readback/catalog"
)

// setOf makes ranges of a set of small numbers.
func setOf(in map[int64]bool) (r ranges) {
	for i := range int64(100) {
		if in[i] {
			r = r.append(i)
		}
	}
	return r
}

func TestRanges(t *testing.T) {
	random := rand.New(rand.NewPCG(1, 2))
	for range 3000 {
		a, b, union, both := map[int64]bool{}, map[int64]bool{}, map[int64]bool{}, map[int64]bool{}
		for range random.IntN(40) {
			a[random.Int64N(60)] = true
			b[random.Int64N(60)+random.Int64N(3)*20] = true
		}
		s := span{random.Int64N(50), 0}
		s.last = s.first + random.Int64N(40)
		rest := map[int64]bool{}
		for i := range int64(100) {
			union[i], both[i] = a[i] || b[i], a[i] && b[i]
			rest[i] = s.first <= i && i <= s.last && !a[i]
		}
		ra, rb := setOf(a), setOf(b)
		if got := ra.without(s); !reflect.DeepEqual(got, setOf(rest)) {
			t.Fatalf("%v in %v without %v: %v", s, ra, setOf(rest), got)
		}
		gotUnion, gotBoth := slices.Clone(ra).join(rb)
		if !reflect.DeepEqual(gotUnion, setOf(union)) || gotBoth.count() != setOf(both).count() {
			t.Fatalf("%v and %v: %v and %v", ra, rb, gotUnion, gotBoth)
		}
	}
}

func TestHoles(t *testing.T) {
	for name, tc := range map[string]struct {
		held      ranges
		gaps      []gapRow
		damaged   ranges
		origins   []int64
		missing   int64
		holes     int
		beginning bool
		vain      int
	}{
		"whole":                    {held: ranges{{10, 99}}, origins: []int64{10}},
		"no origin":                {held: ranges{{10, 99}}, holes: 1, beginning: true},
		"loss":                     {held: ranges{{10, 99}, {110, 200}}, origins: []int64{10}, holes: 1, missing: 10},
		"state was lost":           {held: ranges{{10, 99}, {110, 200}}, origins: []int64{10, 110}},
		"two losses":               {held: ranges{{10, 99}, {110, 200}, {202, 210}}, origins: []int64{10}, holes: 2, missing: 11},
		"frayed":                   {held: ranges{{10, 99}, {101, 101}, {103, 103}, {105, 200}}, origins: []int64{10}, holes: 1, missing: 3},
		"damaged":                  {held: ranges{{10, 99}, {120, 200}}, damaged: ranges{{90, 119}}, origins: []int64{10}},
		"dropped":                  {held: ranges{{10, 99}, {110, 200}}, gaps: []gapRow{{100, 10}}, origins: []int64{10}},
		"dropped first":            {held: ranges{{20, 99}}, gaps: []gapRow{{10, 10}}, origins: []int64{10}},
		"dropped last":             {held: ranges{{10, 99}}, gaps: []gapRow{{100, 5}}, origins: []int64{10}},
		"dropped only":             {gaps: []gapRow{{10, 5}, {15, 7}}, origins: []int64{10}},
		"dropped and more":         {held: ranges{{10, 99}, {110, 200}}, gaps: []gapRow{{100, 8}}, origins: []int64{10}, holes: 1, missing: 2},
		"dropped but for one hour": {held: ranges{{10, 99}, {102, 104}, {110, 200}}, gaps: []gapRow{{100, 7}}, origins: []int64{10}},
		"dropped in vain":          {held: ranges{{10, 200}}, gaps: []gapRow{{100, 10}}, origins: []int64{10}, vain: 1},
		"absurd gap":               {held: ranges{{10, 99}}, gaps: []gapRow{{100, 1<<63 - 1}}, origins: []int64{10}},
	} {
		h := &history{held: tc.held, gaps: tc.gaps, damaged: tc.damaged}
		for i, o := range tc.origins {
			h.origin(int64(i), o)
		}
		all, vain := h.settle()
		holes, missing := h.holes(all), int64(0)
		for _, o := range holes {
			missing += o.missing.count()
		}
		if len(holes) != tc.holes || missing != tc.missing || len(vain) != tc.vain ||
			tc.holes > 0 && holes[0].beginning != tc.beginning {
			t.Errorf("%s: %d missing in %+v, %d in vain", name, missing, holes, len(vain))
		}
	}
}

func TestPlace(t *testing.T) {
	hour := time.Date(2026, 1, 2, 3, 0, 0, 0, time.UTC)
	for _, tc := range []struct {
		at              time.Time
		outside, absurd int64
	}{
		{hour, 0, 0},
		{hour.Add(time.Hour - 1), 0, 0},
		{hour.Add(time.Hour), 1, 0},
		{hour.Add(-1), 1, 0},
		{hour.Add(24 * time.Hour), 1, 0},
		{hour.Add(24*time.Hour + 1), 0, 1}, // arrived as the hour began
		{hour.Add(30 * time.Hour), 0, 1},
		{time.Date(2012, 1, 1, 0, 0, 0, 0, time.UTC), 0, 1},
		{time.Unix(0, 0), 0, 1},
		{time.Date(2014, 1, 1, 0, 0, 0, 0, time.UTC), 1, 0},
	} {
		p := place{hour: hour}
		p.add(&codec.Entry{TimeNano: tc.at.UnixNano()})
		if p.outside != tc.outside || p.absurd != tc.absurd {
			t.Errorf("%s: %+v", tc.at, p)
		}
	}
}

func TestHistoryKeepsLittle(t *testing.T) {
	h := &history{}
	for i := range int64(1000) {
		h.add(&read{origin: i == 0, held: ranges{{i * 100, i*100 + 99}}, chunk: catalog.Chunk{Meta: key.Meta{SegmentSeq: i + 1, FirstSeq: i * 100}}})
	}
	if len(h.held) != 1 || len(h.origins) != 1 || len(h.again) != 0 {
		t.Errorf("%+v", h)
	}
}

// TestHistoryOfForgedObjects: however many objects claim the same numbers, only
// some are held to be named.
func TestHistoryOfForgedObjects(t *testing.T) {
	h := &history{}
	for i := range int64(5 * maxAgain) {
		h.add(&read{origin: true, held: ranges{{10, 20}}, chunk: catalog.Chunk{Meta: key.Meta{SegmentSeq: i + 1, FirstSeq: 10, LastSeq: 20}}})
	}
	if len(h.again) != maxAgain || h.untold != 4*maxAgain-1 || len(h.origins) != maxOrigins {
		t.Errorf("%d named, %d counted, %d origins", len(h.again), h.untold, len(h.origins))
	}
}
