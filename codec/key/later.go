package key

import (
	"fmt"
	"strings"
	"time"

	"github.com/coldtail/coldtail/codec"
)

// OfLaterVersion reports whether key is one that a later version may give an object or a
// marker, and whose. docs/format.md, "Names of later versions", promises it: such
// a name keeps the directories, and the container's id before what has changed.
// A name of this version's form is not one of them, even if its numbers are
// impossible: nobody makes these.
func OfLaterVersion(key string) (containerID string, ok bool) {
	if rest, isDay := strings.CutPrefix(key, daysPrefix); isDay {
		id, after, found := strings.Cut(rest, "/")
		return id, found && isHex(id, containerLen) && startsWithDay(after) && !knownFormat(after[len(dayLayout):])
	}
	if rest, isName := strings.CutPrefix(key, namePrefix); isName {
		parts := strings.SplitN(rest, "/", 5)
		return parts[min(3, len(parts)-1)], len(parts) == 5 && isHex(parts[3], containerLen)
	}
	if id, ok := newerSeen(key); ok {
		return id, true
	}
	tree, rest, found := strings.Cut(key, "/dt=")
	if !found || strings.Contains(tree, "/") || !startsWithDay(rest) {
		return "", false
	}
	for part := range strings.SplitSeq(rest, "/") {
		if len(part) > containerLen && part[containerLen] == '-' && isHex(part[:containerLen], containerLen) {
			return part[:containerLen], !ofThisForm(tree, rest, part)
		}
	}
	return "", false
}

// newerSeen is OfLaterVersion for markers by name and by host, of which only levels behind
// the container's id may be new.
func newerSeen(key string) (containerID string, ok bool) {
	rest, byName := strings.CutPrefix(key, byNamePrefix)
	if !byName {
		rest, ok = strings.CutPrefix(key, ByHostPrefix)
	}
	parts := strings.SplitN(rest, "/", 6)
	if !byName && !ok || len(parts) < 6 || !isHex(parts[4], containerLen) {
		return "", false
	}
	return parts[4], true
}

func startsWithDay(s string) bool {
	if len(s) < len(dayLayout) {
		return false
	}
	_, err := time.Parse(dayLayout, s[:len(dayLayout)])
	return err == nil
}

// knownFormat reports whether what follows a marker's day is nothing, or one of
// this version's formats.
func knownFormat(rest string) bool {
	_, err := codec.ParseFormat(strings.TrimPrefix(rest, "/"))
	return err == nil || rest == "" || rest == "/"
}

// keyForm is how a chunk's name looks: 0 is a decimal digit, a a hexadecimal one.
var keyForm = strings.Repeat("a", containerLen) + "-" + strings.Repeat("a", spoolLen) +
	"-" + strings.Repeat("0", shortLen) + "-" + strings.Repeat("0", longLen) + "-" + strings.Repeat("0", longLen) +
	"-" + strings.Repeat("0", shortLen) + "-" + strings.Repeat("0", longLen) + "-" + strings.Repeat("0", longLen)

// ofThisForm reports whether a name looks like a key of this version.
func ofThisForm(tree, rest, name string) bool {
	f, err := codec.ParseFormat(tree)
	if err != nil {
		return false
	}
	dirs, named := strings.CutSuffix(rest, name)
	stem, extended := strings.CutSuffix(name, "."+f.Ext())
	if !named || !extended || len(stem) != len(keyForm) || len(dirs) != len("2006-01-02/hour=15/") {
		return false
	}
	for i := range len(stem) {
		c, decimal := stem[i], '0' <= stem[i] && stem[i] <= '9'
		switch keyForm[i] {
		case '0':
			if !decimal {
				return false
			}
		case 'a':
			if !decimal && (c < 'a' || c > 'f') {
				return false
			}
		case '-':
			if c != '-' {
				return false
			}
		}
	}
	return true
}

// LaterVersionError is the error about a key of a later version. It wraps codec.ErrNewer.
func LaterVersionError(key string) error { return fmt.Errorf("object %q was %w", key, codec.ErrNewer) }
