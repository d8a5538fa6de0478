package key

import (
	"strings"
	"testing"
	"time"

	"github.com/coldtail/coldtail/codec"
)

func TestEscape(t *testing.T) {
	for in, want := range map[string]string{
		"":                            "~",
		"web-1":                       "web-1",
		"A_z.09-":                     "A_z.09-",
		".hidden":                     "~2ehidden",
		"..":                          "~2e.",
		"a/b":                         "a~2fb",
		"~":                           "~7e",
		"ü \n":                        "~c3~bc~20~0a",
		strings.Repeat("x", 200):      strings.Repeat("x", 200),
		strings.Repeat("x", 201):      strings.Repeat("x", 182) + "~-84a0678c90937f5d",
		strings.Repeat("/", 66):       strings.Repeat("~2f", 66),
		strings.Repeat("/", 67):       strings.Repeat("~2f", 60) + "~-3eb1349aab9dc074",
		"x" + strings.Repeat("/", 67): "x" + strings.Repeat("~2f", 60) + "~-70b18a7043228047",
	} {
		got := escape(in)
		if got != want {
			t.Errorf("%q: %s, want %s", in, got, want)
		}
		back, err := unescape(got)
		if text, cut := strings.CutSuffix(back, ellipsis); cut && strings.Contains(want, cutMark) {
			if err != nil || !strings.HasPrefix(in, text) {
				t.Errorf("%q comes back as %q, %v", in, back, err)
			}
		} else if err != nil || back != in {
			t.Errorf("%q comes back as %q, %v", in, back, err)
		}
	}
	long := strings.Repeat("x", 300)
	if escape(long+"a") == escape(long+"b") {
		t.Error("two long names have one key")
	}
}

func TestMarkerKeys(t *testing.T) {
	d := Day{ContainerID: cid, Day: time.Date(2026, 1, 2, 0, 0, 0, 0, time.UTC), Format: codec.NDJSON}
	if got, err := ParseDay(d.Key()); err != nil || got != d || d.Key() != "index/day/"+cid+"/2026-01-02/ndjson" {
		t.Errorf("%s: %+v, %v", d.Key(), got, err)
	}
	n := Name{Service: "shop/api", Name: "shop-api-1", Host: "", ContainerID: cid}
	if got, err := ParseName(n.Key()); err != nil || got != n || n.Key() != "index/name/shop~2fapi/shop-api-1/~/"+cid {
		t.Errorf("%s: %+v, %v", n.Key(), got, err)
	}
	for _, key := range []string{
		"", "index/day/" + cid + "/2026-01-02/orc", "index/day/" + cid + "/2026-13-02/parquet", "index/day/web/2026-01-02/parquet",
		"index/day/" + cid + "/2026-01-02", "index/day/" + cid + "/2026-01-02/parquet/x",
	} {
		if got, err := ParseDay(key); err == nil {
			t.Errorf("%q is %+v", key, got)
		}
	}
	for _, part := range []string{"", "~2F", "~2", "~zz", "a b", ".x", "~61", "a~", "~-", "x~-0123", "~-0123456789abcdef"} {
		if got, err := ParseName("index/name/" + part + "/n/h/" + cid); err == nil {
			t.Errorf("%q is %+v", part, got)
		}
	}
}

func FuzzParseName(f *testing.F) {
	f.Add("index/name/shop~2fapi/shop-api-1/~/" + cid)
	f.Add(Name{Service: strings.Repeat("/", 100), Name: "n", Host: "h", ContainerID: cid}.Key())
	f.Fuzz(func(t *testing.T, key string) {
		n, err := ParseName(key)
		if err == nil && !strings.Contains(key, cutMark) && n.Key() != key {
			t.Errorf("%q is read as %q", key, n.Key())
		}
	})
}

func FuzzEscape(f *testing.F) {
	f.Add("a/b")
	f.Fuzz(func(t *testing.T, s string) {
		got := escape(s)
		if len(got) > maxPart || strings.ContainsAny(got, "/%+ ") || strings.HasPrefix(got, ".") {
			t.Errorf("%q: %q", s, got)
		}
		back, err := unescape(got)
		if err != nil || !strings.Contains(got, cutMark) && back != s {
			t.Errorf("%q comes back as %q, %v", s, back, err)
		}
	})
}
