package codec

import (
	"bytes"
	"encoding/base64"
	"errors"
	"io"
	"strconv"
	"unicode/utf16"
	"unicode/utf8"
)

const (
	// A line of MaxFrameBytes control characters, each six bytes in JSON, and
	// what is the same in each row.
	lineMaxBytes   = 7 * MaxFrameBytes
	scanBytes      = 64 << 10
	scanDepthMax   = 16 // of values that are passed over; ours are 2 deep
	scanKeyBytes   = 32
	scanNumberSize = 20
)

var (
	errJSON = errors.New("not a row")
	errLine = errors.New("implausibly long line")
	errText = errors.New("implausibly long text")
)

// A jsonScanner reads JSON from a stream, a line at a time, and holds of it only
// what it is asked for: encoding/json would want the line, and make of it
// whatever it holds. It exists for that, and allocates nothing for a value.
type jsonScanner struct {
	r    io.Reader
	lim  *Limits
	b    []byte // not yet read
	mem  []byte
	line int64 // bytes of the line so far, those of b included
	key  [scanKeyBytes]byte
	out  [utf8.UTFMax]byte
	b64  [4 << 10]byte
}

func (s *jsonScanner) reset(r io.Reader) {
	if s.mem == nil {
		s.mem = make([]byte, scanBytes)
	}
	s.r, s.b = r, nil
}

// fill reads on where all was read. At the stream's end it returns io.EOF.
func (s *jsonScanner) fill() error {
	if err := s.lim.stop(); err != nil {
		return err
	}
	if s.line > lineMaxBytes {
		return errLine
	}
	for range 100 {
		n, err := s.r.Read(s.mem)
		if n > 0 {
			s.b = s.mem[:n]
			s.line += int64(n)
			return nil
		}
		if err != nil {
			return err
		}
	}
	return io.ErrNoProgress
}

// peek returns the next byte. A line does not end within a value.
func (s *jsonScanner) peek() (byte, error) {
	if len(s.b) == 0 {
		if err := s.fill(); err != nil {
			return 0, cutOff(err)
		}
	}
	return s.b[0], nil
}

func cutOff(err error) error {
	if err == io.EOF {
		return io.ErrUnexpectedEOF
	}
	return err
}

func (s *jsonScanner) take() (byte, error) {
	c, err := s.peek()
	if err == nil {
		s.b = s.b[1:]
	}
	return c, err
}

// token returns the next byte that is no space, and leaves it there.
func (s *jsonScanner) token() (byte, error) {
	for {
		c, err := s.peek()
		if err != nil || c != ' ' && c != '\t' && c != '\r' {
			return c, err
		}
		s.b = s.b[1:]
	}
}

// expect takes c, behind spaces.
func (s *jsonScanner) expect(c byte) error {
	got, err := s.token()
	if err != nil {
		return err
	}
	if got != c {
		return errJSON
	}
	s.b = s.b[1:]
	return nil
}

// begin starts a line, and reports whether there is one.
func (s *jsonScanner) begin() (bool, error) {
	if len(s.b) == 0 {
		if err := s.fill(); err == io.EOF {
			return false, nil
		} else if err != nil {
			return false, err
		}
	}
	s.line = int64(len(s.b))
	return true, nil
}

// more takes what is before the next element of a list or object, the opening
// bracket excepted, and reports whether there is one.
func (s *jsonScanner) more(first bool, end byte) (bool, error) {
	c, err := s.token()
	switch {
	case err != nil:
		return false, err
	case c == end:
		s.b = s.b[1:]
		return false, nil
	case first:
		return true, nil
	}
	return true, s.expect(',')
}

// name takes an object's next key and the colon. Of a key that is longer than any
// of ours it returns nothing.
func (s *jsonScanner) name() ([]byte, error) {
	key, long := s.key[:0], false
	err := s.text(func(v []byte) error {
		if long = long || len(key)+len(v) > len(s.key); !long {
			key = append(key, v...)
		}
		return nil
	})
	if err != nil {
		return nil, err
	}
	if long {
		key = nil
	}
	return key, s.expect(':')
}

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
		if dst, err = s.lim.Memory.grown(dst, len(dst)+len(v), most); err == nil {
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
		if dst, err = s.lim.Memory.grown(dst, len(dst)+len(v)/4*3, most+4); err != nil {
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

// number takes an integer.
func (s *jsonScanner) number() (int64, error) {
	if _, err := s.token(); err != nil {
		return 0, err
	}
	var digits [scanNumberSize]byte
	n := 0
	for {
		c, err := s.peek()
		if err != nil {
			return 0, err
		}
		if c != '-' && (c < '0' || c > '9') {
			break
		}
		if n == len(digits) {
			return 0, errJSON
		}
		digits[n] = c
		n++
		s.b = s.b[1:]
	}
	v, err := strconv.ParseInt(string(digits[:n]), 10, 64)
	if err != nil {
		return 0, errJSON
	}
	return v, nil
}

// null takes null, if it is there.
func (s *jsonScanner) null() (bool, error) {
	c, err := s.token()
	if err != nil || c != 'n' {
		return false, err
	}
	return true, s.literal("null")
}

func (s *jsonScanner) boolean() (bool, error) {
	c, err := s.token()
	if err != nil {
		return false, err
	}
	if c == 't' {
		return true, s.literal("true")
	}
	return false, s.literal("false")
}

func (s *jsonScanner) literal(want string) error {
	for i := range len(want) {
		c, err := s.take()
		if err != nil {
			return err
		}
		if c != want[i] {
			return errJSON
		}
	}
	return nil
}

// skip passes over a value.
func (s *jsonScanner) skip(depth int) error {
	if depth > scanDepthMax {
		return errJSON
	}
	c, err := s.token()
	if err != nil {
		return err
	}
	switch c {
	case '{', '[':
		return s.skipAll(c, depth)
	case '"':
		return s.text(ignore)
	case 't':
		return s.literal("true")
	case 'f':
		return s.literal("false")
	case 'n':
		return s.literal("null")
	}
	return s.skipNumber()
}

func ignore([]byte) error { return nil }

func (s *jsonScanner) skipAll(open byte, depth int) error {
	s.b = s.b[1:]
	for first := true; ; first = false {
		more, err := s.more(first, open+2) // the closing one in ASCII
		if err != nil || !more {
			return err
		}
		if open == '{' {
			if err := s.text(ignore); err != nil {
				return err
			}
			if err := s.expect(':'); err != nil {
				return err
			}
		}
		if err := s.skip(depth + 1); err != nil {
			return err
		}
	}
}

func (s *jsonScanner) skipNumber() error {
	n := 0
	for {
		c, err := s.peek()
		if err != nil {
			return err
		}
		if (c < '0' || c > '9') && bytes.IndexByte([]byte("+-.eE"), c) < 0 {
			break
		}
		n++
		s.b = s.b[1:]
	}
	if n == 0 {
		return errJSON
	}
	return nil
}
