package key

import (
	"math"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/coldtail/coldtail/codec"
)

const (
	cid = "0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef"
	sid = "fedcba9876543210"
)

var sample = Meta{
	Format: codec.Parquet, ContainerID: cid, SpoolID: sid, SegmentSeq: 7, FirstSeq: 1700000000000001, LastSeq: 1700000000000042,
	Entries: 42, MinNano: 1767323045123456789, MaxNano: 1767323046000000000, Hour: time.Date(2026, 1, 2, 3, 0, 0, 0, time.UTC),
}

const sampleKey = "parquet/dt=2026-01-02/hour=03/" + cid + "-" + sid +
	"-0000000007-0001700000000000001-0001700000000000042-0000000042-1767323045123456789-1767323046000000000.parquet"

// TestKeyIsAsReleased holds what must never change.
func TestKeyIsAsReleased(t *testing.T) {
	if got := sample.Key(); got != sampleKey {
		t.Errorf("got  %s\nwant %s", got, sampleKey)
	}
	n := sample
	n.Format, n.MinNano, n.MaxNano = codec.NDJSON, -5, 3
	want := "ndjson/dt=2026-01-02/hour=03/" + cid + "-" + sid +
		"-0000000007-0001700000000000001-0001700000000000042-0000000042-0000000000000000000-0000000000000000003.json.gz"
	if got := n.Key(); got != want {
		t.Errorf("got  %s\nwant %s", got, want)
	}
	if got, want := sample.DayKey(), "index/day/"+cid+"/2026-01-02/parquet"; got != want {
		t.Errorf("got %s, want %s", got, want)
	}
	// An hour is UTC's, whatever the zone it comes in.
	zoned := sample
	zoned.Hour = sample.Hour.In(time.FixedZone("", -7*3600))
	if zoned.Key() != sampleKey || zoned.DayKey() != sample.DayKey() {
		t.Errorf("in another zone: %s, %s", zoned.Key(), zoned.DayKey())
	}
}

func TestKeyRoundTrip(t *testing.T) {
	for range 2000 {
		m := randomMeta()
		got, err := Parse(m.Key())
		if err != nil || got != m {
			t.Fatalf("%s:\ngot  %+v, %v\nwant %+v", m.Key(), got, err, m)
		}
	}
}

func randomMeta() Meta {
	digits := func(n int) string {
		b := make([]byte, n)
		for i := range b {
			b[i] = "0123456789abcdef"[rand.IntN(16)]
		}
		return string(b)
	}
	m := Meta{
		Format: codec.Formats()[rand.IntN(2)], ContainerID: digits(64), SpoolID: digits(16),
		SegmentSeq: 1 + rand.Int64N(9_999_999_999), FirstSeq: rand.Int64(), MinNano: rand.Int64(),
		Hour: time.Unix(rand.Int64N(9_000_000_000), 0).UTC().Truncate(time.Hour),
	}
	m.LastSeq = m.FirstSeq + rand.Int64N(math.MaxInt64-m.FirstSeq)
	m.MaxNano = m.MinNano + rand.Int64N(math.MaxInt64-m.MinNano)
	m.Entries = 1 + rand.Int64N(min(9_999_999_999, m.LastSeq-m.FirstSeq+1))
	return m
}

// TestKeyOrder holds that keys of one partition sort like their sequence numbers.
func TestKeyOrder(t *testing.T) {
	var keys []string
	for _, seq := range []int64{1, 9, 10, 99, 1e6, 1e15, 1700000000000000, math.MaxInt64} {
		m := sample
		m.FirstSeq, m.LastSeq, m.Entries = seq, seq, 1
		keys = append(keys, m.Key())
	}
	if !slices.IsSorted(keys) {
		t.Errorf("%q", keys)
	}
}

func TestParseRefuses(t *testing.T) {
	replace := func(old, new string) string {
		if !strings.Contains(sampleKey, old) {
			t.Fatalf("no %q in the sample", old)
		}
		return strings.Replace(sampleKey, old, new, 1)
	}
	for name, key := range map[string]string{
		"empty":                "",
		"another prefix":       "x/" + sampleKey,
		"leading slash":        "/" + sampleKey,
		"another format":       replace("parquet/", "orc/"),
		"extension of another": replace(".parquet", ".json.gz"),
		"no extension":         replace(".parquet", ""),
		"two extensions":       replace(".parquet", ".parquet.parquet"),
		"no such day":          replace("2026-01-02", "2026-02-30"),
		"short day":            replace("2026-01-02", "2026-1-2"),
		"no such hour":         replace("hour=03", "hour=24"),
		"short hour":           replace("hour=03", "hour=3"),
		"upper case id":        replace("abcdef", "ABCDEF"),
		"short id":             replace("/0123", "/123"),
		"spool id":             replace("fedc", "fedg"),
		"segment 0":            replace("-0000000007-", "-0000000000-"),
		"wide segment":         replace("-0000000007-", "-00000000007-"),
		"signed":               replace("-0000000007-", "-+000000007-"),
		"negative":             replace("-0000000007-", "--000000007-"),
		"underscore":           replace("-0000000007-", "-000000_007-"),
		"order of seq":         replace("0042-0000000042", "0000-0000000001"),
		"too many entries":     replace("-0000000042-", "-0000000043-"),
		"no entries":           replace("-0000000042-", "-0000000000-"),
		"order of time":        replace("1767323046", "1767323044"),
		"overflow":             replace("1767323046000000000", "9999999999999999999"),
		"a level more":         replace("hour=03/", "hour=03/x/"),
		"another field":        replace(".parquet", "-1.parquet"),
	} {
		if m, err := Parse(key); err == nil {
			t.Errorf("%s: %q is %+v", name, key, m)
		}
	}
}

func FuzzParse(f *testing.F) {
	f.Add(sampleKey)
	n := sample
	n.Format = codec.NDJSON
	f.Add(n.Key())
	f.Add("parquet/dt=0000-01-01/hour=00/-------.parquet")
	f.Fuzz(func(t *testing.T, key string) {
		m, err := Parse(key)
		if err == nil && m.Key() != key {
			t.Errorf("%q is read as %q", key, m.Key())
		}
	})
}

func TestContainerID(t *testing.T) {
	for id, want := range map[string]string{
		cid:                             cid,
		"":                              "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855",
		"web":                           "4b5e57f6eb2f42b9039b3d1e13929295f231749c510cbe341cd68036d9af97e2",
		cid + "0":                       ContainerID(cid + "0"),
		strings.ToUpper(cid):            ContainerID(strings.ToUpper(cid)),
		"../" + strings.Repeat("0", 61): ContainerID("../" + strings.Repeat("0", 61)),
		strings.Repeat("g", len(cid)):   ContainerID(strings.Repeat("g", len(cid))),
	} {
		got := ContainerID(id)
		if got != want || !isHex(got, 64) || (got == id) != (id == cid) {
			t.Errorf("%q: %s", id, got)
		}
	}
}

func TestHour(t *testing.T) {
	at := func(s string) int64 {
		tm, err := time.Parse(time.RFC3339Nano, s)
		if err != nil {
			t.Fatal(err)
		}
		return tm.UnixNano()
	}
	arrival := at("2026-01-02T03:30:00Z")
	const atArrival = "2026-01-02T03:00:00Z"
	for _, c := range []struct {
		name     string
		timeNano int64
		want     string
	}{
		{"usual", at("2026-01-02T03:29:59.9Z"), atArrival},
		{"start of an hour", at("2026-01-02T03:00:00Z"), atArrival},
		{"end of an hour", at("2026-01-02T02:59:59.999999999Z"), "2026-01-02T02:00:00Z"},
		{"end of a day", at("2026-01-01T23:59:59.999999999Z"), "2026-01-01T23:00:00Z"},
		{"years before", at("2014-06-01T12:34:56Z"), "2014-06-01T12:00:00Z"},
		{"first accepted", at("2013-01-01T00:00:00Z"), "2013-01-01T00:00:00Z"},
		{"too early", at("2012-12-31T23:59:59.999999999Z"), atArrival},
		{"unset", 0, atArrival},
		{"negative", -1, atArrival},
		{"smallest", math.MinInt64, atArrival},
		{"last accepted", at("2026-01-03T03:30:00Z"), "2026-01-03T03:00:00Z"},
		{"too late", at("2026-01-03T03:30:00.000000001Z"), atArrival},
		{"largest", math.MaxInt64, atArrival},
	} {
		if got := Hour(c.timeNano, arrival).Format(time.RFC3339); got != c.want {
			t.Errorf("%s: %s, want %s", c.name, got, c.want)
		}
	}
	// A host whose clock is not set: nothing better is known than its arrival.
	if got := Hour(5, 7).Format(time.RFC3339); got != "1970-01-01T00:00:00Z" {
		t.Errorf("unset clock: %s", got)
	}
}
