package codec_test

import (
	"testing"

	"github.com/coldtail/coldtail/codec"
)

// FuzzParseGap reads anything for a gap row's body: what is taken is the same
// when it is written and read again.
func FuzzParseGap(f *testing.F) {
	f.Add(codec.Gap{Entries: 3, FirstNano: 1, LastNano: 1_800_000_000_000_000_000, Reason: "spool quota"}.Line())
	for _, body := range []string{
		`{"coldtail":"gap","entries":5}`, `{"coldtail":"gap","entries":-1}`, `{"coldtail":"gap","entries":9223372036854775807,"reason":"\u0000\n"}`,
		`{"coldtail":"gap","entries":1,"first_time":"0001-01-01T00:00:00Z","last_time":"9999-12-31T23:59:59Z"}`,
		`{"coldtail":"gap","entries":1,"new":{"field":1}}`, `{"coldtail":"gap","entries":1.5}`, `{"entries":1}`, `null`, ``,
	} {
		f.Add([]byte(body))
	}
	f.Fuzz(func(t *testing.T, body []byte) {
		gap, err := codec.ParseGap(body)
		if err != nil {
			return
		}
		if gap.Entries <= 0 {
			t.Fatalf("%q is taken for %+v", body, gap)
		}
		if again, err := codec.ParseGap(gap.Line()); err != nil || again != gap {
			t.Fatalf("%+v is read again as %+v, %v", gap, again, err)
		}
	})
}
