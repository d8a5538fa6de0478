package stdin

import (
	"bytes"
	"crypto/rand"
	"encoding/hex"
	"errors"
	"io"
	"time"

	"github.com/coldtail/coldtail/codec"
)

// Sizes of the daemon's copier (moby daemon/logger/copier.go), in bytes: what it
// reads at once, and the longest line that it does not cut.
const (
	copyRead = 2 << 10
	copyLine = 16 << 10
)

// copier makes entries of a stream of bytes as the daemon does of a container's.
type copier struct {
	src    io.Reader
	source string // of the entries: codec.Stdout
	now    func() time.Time
	// emit takes an entry, whose bytes are valid until it returns.
	emit func(*codec.Entry) error

	// The parts of a long line have one id and the first part's time.
	partID   []byte // nil between lines
	partTime int64
	ordinal  int32
}

// run copies until the stream ends. What came before an error of the stream is
// emitted as before its end.
func (c *copier) run() error {
	buf := make([]byte, copyLine)
	n := 0
	for {
		read, err := c.src.Read(buf[n:min(n+copyRead, len(buf))])
		n += read
		p, emitErr := c.lines(buf[:n])
		if emitErr != nil {
			return emitErr
		}
		// A part is what cannot become a line: the rest at the end, or a full
		// buffer without a newline.
		if rest := buf[p:n]; len(rest) > 0 && (err != nil || len(rest) == len(buf)) {
			if err := c.part(rest); err != nil {
				return err
			}
			p = n
		}
		if errors.Is(err, io.EOF) {
			return nil
		}
		if err != nil {
			return err
		}
		n = copy(buf, buf[p:n])
	}
}

// lines emits the whole lines of b and returns their length.
func (c *copier) lines(b []byte) (p int, err error) {
	for {
		q := bytes.IndexByte(b[p:], '\n')
		if q < 0 {
			return p, nil
		}
		e := codec.Entry{Source: c.source, Line: b[p : p+q]}
		if c.partID != nil {
			e.Partial, e.Last, e.PartID, e.Ordinal, e.TimeNano = true, true, c.partID, c.ordinal, c.partTime
			c.partID = nil
		} else {
			e.TimeNano = c.now().UnixNano()
		}
		if err := c.emit(&e); err != nil {
			return p, err
		}
		p += q + 1
	}
}

func (c *copier) part(b []byte) error {
	if c.partID == nil {
		c.partID, c.partTime, c.ordinal = randomID(), c.now().UnixNano(), 1
	}
	e := codec.Entry{
		Source: c.source, Line: b, TimeNano: c.partTime,
		Partial: true, PartID: c.partID, Ordinal: c.ordinal,
	}
	c.ordinal++
	return c.emit(&e)
}

// randomID is an id as the daemon makes them: 64 hexadecimal digits.
func randomID() []byte {
	var b [32]byte
	_, _ = rand.Read(b[:]) // never fails
	return hex.AppendEncode(nil, b[:])
}
