package codec_test

import (
	"bytes"
	"encoding/json"
	"errors"
	"testing"
	"unicode"
	"unicode/utf8"

	"github.com/coldtail/coldtail/codec"
)

func TestVisible(t *testing.T) {
	for in, want := range map[string]string{
		"":                       "",
		"plain text, größer, 日本": "plain text, größer, 日本",
		"\x1b[31mred":            `\x1b[31mred`,
		"\x1b]0;title\a":         `\x1b]0;title\a`,
		"a\nb\r\tc\x00\x7f":      `a\nb\r\tc\x00\x7f`,
		"\u009b31m":              `\u009b31m`,
		"gpj.\u202etxt":          `gpj.\u202etxt`,
		"\u2066\u200f\u2028":     `\u2066\u200f\u2028`,
		"bad \xff\xc2":           `bad \xff\xc2`,
		"\x9b31m":                `\x9b31m`,
		"\ufffd":                 `�`,
		"\U000e0041":             `\U000e0041`,
	} {
		if got := codec.Visible(in); got != want {
			t.Errorf("%q: got %q, want %q", in, got, want)
		}
	}
	if got := codec.OneLine(errors.Join(errors.New("one"), errors.New("two\x1b"))); got != `one; two\x1b` {
		t.Errorf("got %q", got)
	}
}

func FuzzVisible(f *testing.F) {
	for _, s := range []string{"", "a", "\x1b[31m", "\u202e", "\xff", "\ufffd", "\U000e0041", "\u009b"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		for _, r := range codec.Visible(s) {
			if r != utf8.RuneError && !unicode.IsPrint(r) {
				t.Errorf("%q is in %q", r, codec.Visible(s))
			}
		}
		js, err := json.Marshal(map[string]string{"key": s})
		if err != nil {
			t.Fatal(err)
		}
		safe := codec.VisibleJSON(js)
		for _, r := range string(safe) {
			if !unicode.IsPrint(r) || r == utf8.RuneError && !bytes.ContainsRune(safe, r) {
				t.Errorf("%q is in %q", r, safe)
			}
		}
		var a, b map[string]string
		if json.Unmarshal(js, &a) != nil || json.Unmarshal(safe, &b) != nil || a["key"] != b["key"] {
			t.Errorf("%q became %q", js, safe)
		}
	})
}
