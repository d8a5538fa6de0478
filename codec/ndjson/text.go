package ndjson

import (
	"bytes"
	"encoding/base64"
	"unicode/utf16"
	"unicode/utf8"
)

// text calls yield with the pieces of a string.
func (s *jsonScanner) text(yield func([]byte) error) error {
	if err := s.expect('"'); err != nil {
		return err
	}
	for {
		if _, err := s.peek(); err != nil {
			return err
		}
		n := plainText(s.b)
		if n > 0 {
			if err := yield(s.b[:n]); err != nil {
				return err
			}
			s.b = s.b[n:]
			continue
		}
		c := s.b[0]
		s.b = s.b[1:]
		switch c {
		case '"':
			return nil
		case '\\':
			if err := s.escape(yield); err != nil {
				return err
			}
		default:
			return errJSON
		}
	}
}

// plainText returns how many bytes of b stand for themselves.
func plainText(b []byte) int {
	for i, c := range b {
		if c < ' ' || c == '"' || c == '\\' {
			return i
		}
	}
	return len(b)
}

// escape reads what follows a backslash. Half a surrogate pair is U+FFFD, as
// with encoding/json.
func (s *jsonScanner) escape(yield func([]byte) error) error {
	c, err := s.take()
	if err != nil {
		return err
	}
	out := &s.out // a variable would be allocated for yield
	if c == 'u' {
		r, err := s.hex()
		for err == nil && utf16.IsSurrogate(r) {
			var next byte
			if next, err = s.peek(); err != nil || next != '\\' {
				break
			}
			s.b = s.b[1:]
			if c, err = s.take(); err != nil {
				break
			}
			low := rune(-1)
			if c == 'u' {
				if low, err = s.hex(); err != nil {
					break
				}
			}
			if both := utf16.DecodeRune(r, low); both != utf8.RuneError {
				return yield(utf8.AppendRune(out[:0], both))
			}
			if err = yield(utf8.AppendRune(out[:0], utf8.RuneError)); err != nil {
				break
			}
			if r = low; low < 0 {
				return s.simple(c, yield)
			}
		}
		if err != nil {
			return err
		}
		return yield(utf8.AppendRune(out[:0], r))
	}
	return s.simple(c, yield)
}

// simple is an escape of one letter.
func (s *jsonScanner) simple(c byte, yield func([]byte) error) error {
	i := bytes.IndexByte([]byte(`"\/bfnrt`), c)
	if i < 0 {
		return errJSON
	}
	return yield(append(s.out[:0], "\"\\/\b\f\n\r\t"[i]))
}

// hex takes four hexadecimal digits.
func (s *jsonScanner) hex() (rune, error) {
	var r rune
	for range 4 {
		c, err := s.take()
		if err != nil {
			return 0, err
		}
		switch {
		case '0' <= c && c <= '9':
			r = r<<4 | rune(c-'0')
		case 'a' <= c|0x20 && c|0x20 <= 'f':
			r = r<<4 | rune(c|0x20-'a'+10)
		default:
			return 0, errJSON
		}
	}
	return r, nil
}

// appendText appends a string to dst, which gets most bytes at most. Of a longer
// one it returns those, and errText.
func (s *jsonScanner) appendText(dst []byte, most int) ([]byte, error) {
	var long error
	err := s.text(func(v []byte) error {
		if len(v) > most-len(dst) {
			long = errText
			return nil
		}
		var err error
		if dst, err = s.lim.Memory.Grown(dst, len(dst)+len(v), most); err == nil {
			dst = append(dst, v...)
		}
		return err
	})
	if err == nil {
		err = long
	}
	if err == nil && !utf8.Valid(dst) {
		err = errJSON
	}
	return dst, err
}

// appendBase64 appends what a string of base64 stands for.
func (s *jsonScanner) appendBase64(dst []byte, most int) ([]byte, error) {
	staged, ended := 0, false
	decode := func() error {
		v := s.b64[:staged]
		staged = 0
		if ended || len(dst)+len(v)/4*3 > most+4 {
			return errText
		}
		var err error
		if dst, err = s.lim.Memory.Grown(dst, len(dst)+len(v)/4*3, most+4); err != nil {
			return err
		}
		if dst, err = base64.StdEncoding.AppendDecode(dst, v); err != nil {
			return errJSON
		}
		ended = bytes.HasSuffix(v, []byte("="))
		return nil
	}
	err := s.text(func(v []byte) error {
		for len(v) > 0 {
			n := copy(s.b64[staged:], v)
			v = v[n:]
			if staged += n; staged == len(s.b64) {
				if err := decode(); err != nil {
					return err
				}
			}
		}
		return nil
	})
	if err == nil && staged > 0 {
		err = decode()
	}
	return dst, err
}
