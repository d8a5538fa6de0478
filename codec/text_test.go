package codec_test

import (
	"testing"
	"unicode/utf8"

	"github.com/coldtail/coldtail/codec"
)

func TestAppendValidUTF8(t *testing.T) {
	for in, want := range map[string]string{
		"":               "",
		"plain ÄÖ":       "plain ÄÖ",
		"\xff\xfeab":     "\uFFFD\uFFFDab",
		"\xe4\xb8":       "\uFFFD\uFFFD",
		"\xed\xa0\x80":   "\uFFFD\uFFFD\uFFFD", // a surrogate
		"\uFFFDa\x80":    "\uFFFDa\uFFFD",
		"nul \x00 stays": "nul \x00 stays",
	} {
		got := string(codec.AppendValidUTF8(nil, []byte(in)))
		if got != want || !utf8.ValidString(got) {
			t.Errorf("%q became %q, want %q", in, got, want)
		}
	}
}
