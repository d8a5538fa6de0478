package codec

import (
	"strings"
	"unicode/utf8"
)

// ValidText makes s valid UTF-8, as columns of text must be.
func ValidText(s string) string { return strings.ToValidUTF8(s, "\uFFFD") }

// AppendValidUTF8 appends v with U+FFFD for each byte that is not part of valid
// UTF-8: what encoding/json makes of it, and so the json-file driver.
func AppendValidUTF8(dst, v []byte) []byte {
	for len(v) > 0 {
		r, n := utf8.DecodeRune(v)
		if r == utf8.RuneError && n <= 1 {
			dst = append(dst, "\uFFFD"...)
		} else {
			dst = append(dst, v[:n]...)
		}
		v = v[n:]
	}
	return dst
}
