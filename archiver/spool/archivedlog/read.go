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
)

// Objects returns the objects of the list in a container's folder, each key once, in
// the order of archiving, and reports whether all lines are whole.
func Objects(dir string) (objs []Object, whole bool, err error) {
	seen := map[string]bool{}
	whole, err = Each(dir, func(o Object) {
		if !seen[o.Key] {
			seen[o.Key] = true
			objs = append(objs, o)
		}
	})
	return objs, whole, err
}

// Each calls f with the objects of the list. It passes over lines that are not whole,
// and reports whether all are: if a power loss cut the list, the segment is
// archived again.
func Each(dir string, f func(Object)) (whole bool, err error) {
	file, err := os.Open(filepath.Join(dir, Name))
	if errors.Is(err, os.ErrNotExist) {
		return true, nil
	}
	if err != nil {
		return false, fmt.Errorf("read archived objects: %w", err)
	}
	defer file.Close()
	whole = true
	r := bufio.NewReader(file)
	for {
		line, err := r.ReadString('\n')
		if errors.Is(err, io.EOF) {
			return whole && line == "", nil
		}
		if err != nil {
			return false, fmt.Errorf("read archived objects: %w", err)
		}
		if o, ok := parseObject(strings.TrimSuffix(line, "\n")); ok {
			f(o)
		} else {
			whole = false
		}
	}
}

// Newest calls f with the objects of the list from its end on, until f returns false or
// a line is not whole. It reads no more of the file than that takes, and reports whether
// f ended it.
func Newest(dir string, f func(Object) bool) (ended bool, err error) {
	file, err := os.Open(filepath.Join(dir, Name))
	if errors.Is(err, os.ErrNotExist) {
		return false, nil
	}
	if err != nil {
		return false, fmt.Errorf("read archived objects: %w", err)
	}
	defer file.Close()
	fi, err := file.Stat()
	if err != nil {
		return false, fmt.Errorf("read archived objects: %w", err)
	}
	var rest []byte // of a line whose beginning is not read yet
	for end, first := fi.Size(), true; end > 0; first = false {
		b := make([]byte, min(end, endBytes), min(end, endBytes)+int64(len(rest)))
		end -= int64(len(b))
		if _, err := file.ReadAt(b, end); err != nil {
			return false, fmt.Errorf("read archived objects: %w", err)
		}
		if b = append(b, rest...); len(b) > 2*endBytes {
			return false, nil // no line is so long
		}
		if first {
			if b[len(b)-1] != '\n' {
				return false, nil
			}
			b = b[:len(b)-1]
		}
		for {
			i := bytes.LastIndexByte(b, '\n')
			if i < 0 && end > 0 {
				break
			}
			o, ok := parseObject(string(b[i+1:]))
			if !ok {
				return false, nil
			}
			if !f(o) {
				return true, nil
			}
			if i < 0 {
				return false, nil
			}
			b = b[:i]
		}
		rest = b
	}
	return false, nil
}
