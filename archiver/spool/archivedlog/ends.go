package archivedlog

import (
	"bufio"
	"bytes"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
	"time"
)

// Ends are those of a list.
type Ends struct {
	Modified    time.Time
	First, Last Object // the first and the last line that is whole; the same where there is one
}

// Modified returns when the list in a container's folder was written last.
func Modified(dir string) (time.Time, error) {
	info, err := os.Stat(filepath.Join(dir, Name))
	if err != nil {
		return time.Time{}, err
	}
	return info.ModTime(), nil
}

// endBytes is how much of each end of the list is looked at: some hundred lines.
const endBytes = 64 << 10

// ReadEnds reads the ends of the list in a container's folder. It returns
// os.ErrNotExist if there is no list, or no whole line.
func ReadEnds(dir string) (a Ends, err error) {
	f, err := os.Open(filepath.Join(dir, Name))
	if err != nil {
		return a, err
	}
	defer f.Close()
	info, err := f.Stat()
	if err != nil {
		return a, fmt.Errorf("read archived objects: %w", err)
	}
	a.Modified = info.ModTime()
	from := max(0, info.Size()-endBytes)
	for _, off := range []int64{0, from} {
		b := make([]byte, min(endBytes, info.Size()))
		n, err := f.ReadAt(b, off)
		if err != nil && !errors.Is(err, io.EOF) {
			return a, fmt.Errorf("read archived objects: %w", err)
		}
		first, last, ok := wholeLines(b[:n])
		switch {
		case !ok:
		case off == 0 && a.First.Key == "":
			a.First, a.Last = first, last
		default:
			a.Last = last
			if a.First.Key == "" {
				a.First = first
			}
		}
	}
	if a.First.Key == "" {
		return a, fmt.Errorf("read archived objects: no line is whole: %w", os.ErrNotExist)
	}
	return a, nil
}

// wholeLines returns the objects on the first and the last whole line. A line
// that was cut passes no checksum.
func wholeLines(b []byte) (first, last Object, ok bool) {
	lines := bufio.NewScanner(bytes.NewReader(b[:bytes.LastIndexByte(b, '\n')+1]))
	lines.Buffer(nil, endBytes+1)
	for lines.Scan() {
		o, whole := parseObject(strings.TrimSuffix(lines.Text(), "\n"))
		if !whole {
			continue
		}
		if !ok {
			first = o
		}
		last, ok = o, true
	}
	return first, last, ok
}
