package s3http

import (
	"fmt"
	"io"
	"math"
	"strconv"
	"strings"

	"github.com/coldtail/coldtail/archiver/bucket"
)

// RangeHeader is the Range header of a Get, or "" for the whole object. A
// suffix comes without its length: HTTP has no such range.
func RangeHeader(o bucket.GetOptions) string {
	switch {
	case o.Offset < 0:
		return fmt.Sprintf("bytes=%d", o.Offset)
	case o.Length > 0 && o.Length-1 <= math.MaxInt64-o.Offset:
		return fmt.Sprintf("bytes=%d-%d", o.Offset, o.Offset+o.Length-1)
	case o.Offset > 0:
		return fmt.Sprintf("bytes=%d-", o.Offset)
	}
	return ""
}

// Total reads an object's size out of a Content-Range header,
// "bytes 5-9/1234"; ok is false where there is none.
func Total(contentRange string) (sizeBytes int64, ok bool) {
	_, total, found := strings.Cut(contentRange, "/")
	n, err := strconv.ParseInt(total, 10, 64)
	return n, found && err == nil && n >= 0
}

// NewBody makes a response a Body. o describes the whole object; partial tells
// whether the response is the range that was asked for. If it is not, since
// stores may ignore ranges, it is cut out here.
func NewBody(r io.ReadCloser, o bucket.Object, opts bucket.GetOptions, partial bool) (bucket.Body, error) {
	start, length := opts.Span(o.SizeBytes)
	if !partial && start > 0 {
		if _, err := io.CopyN(io.Discard, r, start); err != nil {
			_ = r.Close()
			return bucket.Body{}, fmt.Errorf("skip to offset %d: %w", start, err)
		}
	}
	return bucket.Body{ReadCloser: limited{io.LimitReader(r, length), r}, Object: o}, nil
}

type limited struct {
	io.Reader
	io.Closer
}
