package codec

import (
	"bytes"
	"fmt"
	"strconv"
	"strings"
	"unicode"
	"unicode/utf16"
	"unicode/utf8"
)

// Visible returns text for a line on a terminal. What a terminal acts on, or
// what hides or reorders the rest, is escaped as in a Go string: control
// characters, line ends, marks of direction, and bytes that are not UTF-8. Keys,
// names and errors come from whoever can write to the bucket or answers for it.
func Visible(s string) string {
	bad := strings.IndexFunc(s, invisible)
	if bad < 0 {
		return s
	}
	b := []byte(s[:bad])
	for rest := s[bad:]; rest != ""; {
		r, n := utf8.DecodeRuneInString(rest)
		switch {
		case r == utf8.RuneError && n == 1:
			b = append(b, `\x`...)
			b = strconv.AppendUint(b, uint64(rest[0]), 16) // which is at least 0x80
		case invisible(r):
			q := strconv.QuoteRune(r)
			b = append(b, q[1:len(q)-1]...)
		default:
			b = append(b, rest[:n]...)
		}
		rest = rest[n:]
	}
	return string(b)
}

// invisible also reports true of U+FFFD, which may stand for an invalid byte.
func invisible(r rune) bool { return r == utf8.RuneError || !unicode.IsPrint(r) }

// OneLine is an error's text for a line on a terminal: see Visible.
func OneLine(err error) string {
	return Visible(strings.ReplaceAll(err.Error(), "\n", "; "))
}

// VisibleJSON escapes in JSON what Visible escapes in text. It is the same JSON
// to every parser. The JSON is whole values, as an encoder writes them.
func VisibleJSON(js []byte) []byte {
	bad := func(r rune) bool { return r >= utf8.RuneSelf && !unicode.IsPrint(r) || r == 0x7f }
	if utf8.Valid(js) && bytes.IndexFunc(js, bad) < 0 {
		return js
	}
	var out []byte
	for rest := js; len(rest) > 0; {
		r, n := utf8.DecodeRune(rest)
		if bad(r) || r == utf8.RuneError && n == 1 {
			out = appendEscape(out, r)
		} else {
			out = append(out, rest[:n]...)
		}
		rest = rest[n:]
	}
	return out
}

// appendEscape appends a rune as JSON escapes it.
func appendEscape(b []byte, r rune) []byte {
	if r1, r2 := utf16.EncodeRune(r); r1 != utf8.RuneError {
		return fmt.Appendf(b, `\u%04x\u%04x`, r1, r2)
	}
	return fmt.Appendf(b, `\u%04x`, r)
}

// Printable quotes what a terminal would act on: names in a bucket may be
// anybody's.
func Printable(s string) string {
	if Visible(s) == s {
		return s
	}
	return strconv.Quote(s)
}
