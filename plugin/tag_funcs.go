package plugin

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"reflect"
	"strings"
	"text/template"
	"time"
)

// Bounds of a tag's functions.
const (
	padMax = 4 << 10
	// tagArgsMax is how much the arguments of one call may hold, and the lines
	// that join and the widths that printf make.
	tagArgsMax = 64 << 10
	// elementBytes is what each value counts beside its text: brackets, quotes.
	elementBytes = 16
)

var (
	errPad    = fmt.Errorf("pad takes widths from 0 to %d", padMax)
	errLength = errors.New("truncate takes a length of at least 0")
	errPrintf = fmt.Errorf("printf takes widths and precisions of at most %d, and neither * nor argument indexes", padMax)
)

// tagFuncs are Docker's functions and those of text/template that copy their
// arguments. Each result is at most some times as large as the arguments may be.
func tagFuncs() template.FuncMap {
	return template.FuncMap{
		"json":  tagJSON,
		"split": tagSplit,
		"join":  tagJoin,
		//nolint:staticcheck // SA1019: deprecated for its idea of a word, which is Docker's here
		"title":    bounded(strings.Title),
		"lower":    bounded(strings.ToLower),
		"upper":    bounded(strings.ToUpper),
		"pad":      tagPad,
		"truncate": tagTruncate,
		"print":    boundedAny(fmt.Sprint),
		"println":  boundedAny(fmt.Sprintln),
		"printf":   tagPrintf,
		"html":     boundedAny(template.HTMLEscaper),
		"js":       boundedAny(template.JSEscaper),
		"urlquery": boundedAny(template.URLQueryEscaper),
	}
}

// bounded is f for strings that fit.
func bounded(f func(string) string) func(string) (string, error) {
	return func(s string) (string, error) {
		if err := fits(s); err != nil {
			return "", err
		}
		return f(s), nil
	}
}

// boundedAny is f for arguments that fit.
func boundedAny(f func(...any) string) func(...any) (string, error) {
	return func(args ...any) (string, error) {
		if err := fits(args...); err != nil {
			return "", err
		}
		return f(args...), nil
	}
}

// fits returns errTagLong if the arguments hold more than they may.
func fits(args ...any) error {
	left := tagArgsMax
	for _, a := range args {
		if left = room(reflect.ValueOf(a), left); left < 0 {
			return errTagLong
		}
	}
	return nil
}

// room returns what v leaves of left, or less than zero. It looks at no more of v
// than that takes.
func room(v reflect.Value, left int) int {
	if left -= elementBytes; left < 0 || !v.IsValid() || v.Type() == reflect.TypeFor[time.Time]() {
		return left
	}
	switch v.Kind() {
	case reflect.String:
		left -= v.Len()
	case reflect.Slice, reflect.Array:
		for i := 0; i < v.Len() && left >= 0; i++ {
			left = room(v.Index(i), left)
		}
	case reflect.Map:
		for it := v.MapRange(); left >= 0 && it.Next(); {
			left = room(it.Value(), room(it.Key(), left))
		}
	case reflect.Struct:
		for i := 0; i < v.NumField() && left >= 0; i++ {
			left = room(v.Field(i), left)
		}
	case reflect.Pointer, reflect.Interface:
		left = room(v.Elem(), left)
	}
	return left
}

func tagJSON(v any) (string, error) {
	if err := fits(v); err != nil {
		return "", err
	}
	var buf bytes.Buffer
	enc := json.NewEncoder(&buf)
	enc.SetEscapeHTML(false)
	if err := enc.Encode(v); err != nil {
		return "", err
	}
	return strings.TrimSpace(buf.String()), nil
}

func tagSplit(s, sep string) ([]string, error) {
	if err := fits(s); err != nil {
		return nil, err
	}
	return strings.Split(s, sep), nil
}

func tagJoin(list []string, sep string) (string, error) {
	if err := fits(list); err != nil || len(sep) > tagArgsMax/max(1, len(list)) {
		return "", errTagLong
	}
	return strings.Join(list, sep), nil
}

// tagPad surrounds s with spaces, unless it is empty.
func tagPad(s string, before, after int) (string, error) {
	if min(before, after) < 0 || max(before, after) > padMax {
		return "", errPad
	}
	if s == "" {
		return "", nil
	}
	if err := fits(s); err != nil {
		return "", err
	}
	return strings.Repeat(" ", before) + s + strings.Repeat(" ", after), nil
}

// tagTruncate cuts s to length bytes.
func tagTruncate(s string, length int) (string, error) {
	if length < 0 {
		return "", errLength
	}
	return s[:min(length, len(s))], nil
}

// tagPrintf is fmt.Sprintf for formats that use each argument once.
func tagPrintf(format string, args ...any) (string, error) {
	if err := errors.Join(fits(args...), fits(format)); err != nil {
		return "", err
	}
	// n is the width or precision being read, total their sum.
	total, n, verb := 0, 0, false
	for _, c := range []byte(format) {
		switch {
		case !verb:
			verb, n = c == '%', 0
		case c >= '0' && c <= '9':
			n = min(10*n+int(c-'0'), padMax+1)
		case c == '*' || c == '[':
			return "", errPrintf
		default:
			if total += n; n > padMax {
				return "", errPrintf
			}
			verb, n = strings.IndexByte("+-# .", c) >= 0, 0
		}
	}
	// A width counts again for each element of a list or map.
	elements := 1
	for _, a := range args {
		elements += (tagArgsMax - room(reflect.ValueOf(a), tagArgsMax)) / elementBytes
	}
	if total > tagArgsMax || total*elements > 16*tagArgsMax {
		return "", errTagLong
	}
	return fmt.Sprintf(format, args...), nil
}
