package ndjson

import (
	"bytes"
	"errors"
	"io"
	"strconv"
	"unicode/utf8"

	"github.com/coldtail/coldtail/codec"
)

const (
	// A line of MaxFrameBytes control characters, each six bytes in JSON, and
	// what is the same in each row.
	lineMaxBytes   = 7 * codec.MaxFrameBytes
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
	lim  *codec.Limits
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

// fill reads on after all was read. At the stream's end it returns io.EOF.
func (s *jsonScanner) fill() error {
	if err := s.lim.Err(); err != nil {
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

// token returns the next byte that is not a space, and leaves it there.
func (s *jsonScanner) token() (byte, error) {
	for {
		c, err := s.peek()
		if err != nil || c != ' ' && c != '\t' && c != '\r' {
			return c, err
		}
		s.b = s.b[1:]
	}
}

// expect takes c, after spaces.
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
