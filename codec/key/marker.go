package key

import (
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/coldtail/coldtail/codec"
)

const (
	daysPrefix = "index/day/"
	namePrefix = "index/name/"
)

// Day tells that a container has chunks of a format on a day.
type Day struct {
	ContainerID string
	Day         time.Time // its start, UTC
	Format      codec.Format
}

// Key is the day marker's key.
func (d Day) Key() string {
	return daysPrefix + d.ContainerID + "/" + d.Day.UTC().Format(dayLayout) + "/" + string(d.Format)
}

// DaysPrefix is what the keys of day markers of containers start with whose ids start
// with containerID.
func DaysPrefix(containerID string) string { return daysPrefix + containerID }

// AfterDays is after the keys of a container's day markers, and before those of the
// next container.
func AfterDays(containerID string) string { return daysPrefix + containerID + "0" } // the byte after the slash

// DayKey is the key of the marker that finds m's chunk.
func (m Meta) DayKey() string {
	return Day{ContainerID: m.ContainerID, Day: startOfDay(m.Hour), Format: m.Format}.Key()
}

var errMarker = errors.New("not a marker's key")

// ParseDay is the inverse of Day.Key, as strict as Parse.
func ParseDay(key string) (Day, error) {
	rest, ok := strings.CutPrefix(key, daysPrefix)
	parts := strings.Split(rest, "/")
	if !ok || len(parts) != 3 || !isHex(parts[0], containerLen) {
		return Day{}, keyError(key, errMarker)
	}
	t, err := time.Parse(dayLayout, parts[1])
	if err != nil {
		return Day{}, keyError(key, fmt.Errorf("%w: no such day", errMarker))
	}
	f, err := codec.ParseFormat(parts[2])
	if err != nil {
		return Day{}, keyError(key, err)
	}
	return Day{ContainerID: parts[0], Day: t, Format: f}, nil
}

// Name tells who a container was.
type Name struct {
	Service     string
	Name        string
	Host        string
	ContainerID string
}

// Key is the name marker's key.
func (n Name) Key() string {
	return namePrefix + escape(n.Service) + "/" + escape(n.Name) + "/" + escape(n.Host) + "/" + n.ContainerID
}

// ParseName is the inverse of Name.Key, as strict as Parse, but that a
// part that was too long comes back cut, with an ellipsis at its end.
func ParseName(key string) (Name, error) {
	rest, ok := strings.CutPrefix(key, namePrefix)
	parts := strings.Split(rest, "/")
	if !ok || len(parts) != 4 || !isHex(parts[3], containerLen) {
		return Name{}, keyError(key, errMarker)
	}
	n := Name{ContainerID: parts[3]}
	for i, to := range []*string{&n.Service, &n.Name, &n.Host} {
		var err error
		if *to, err = unescape(parts[i]); err != nil {
			return Name{}, keyError(key, err)
		}
	}
	return n, nil
}

// Prefix is what the keys of the markers that have n's parts start with, as far as
// parts are given from the left; an empty part is any.
func (n Name) Prefix() string {
	prefix := namePrefix
	for _, part := range []string{n.Service, n.Name, n.Host} {
		if part == "" {
			break
		}
		prefix += escape(part) + "/"
	}
	return prefix
}

// Matches reports whether key, a name marker's, has n's parts; an empty part matches
// all. It compares escaped parts, so that names too long for a key are found.
func (n Name) Matches(key string) bool {
	parts := strings.Split(strings.TrimPrefix(key, namePrefix), "/")
	for i, want := range []string{n.Service, n.Name, n.Host} {
		if want != "" && parts[i] != escape(want) {
			return false
		}
	}
	return n.ContainerID == "" || parts[3] == n.ContainerID
}

const (
	maxPart   = 200 // bytes of an escaped part; file names end at 255
	cutMark   = "~-"
	cutDigits = 16
	ellipsis  = "…"
)

// escape makes a name one part of a key: bytes other than A-Z a-z 0-9 _ . -
// and a dot at the start become ~ and two hexadecimal digits, the empty name is
// ~ alone, and one that would exceed 200 bytes is cut and ends in ~- and 16
// digits of its SHA-256.
func escape(s string) string {
	if s == "" {
		return "~"
	}
	var b strings.Builder
	cut := 0 // the longest whole escape that leaves room for the mark
	for i := range len(s) {
		if b.Len() <= maxPart-len(cutMark)-cutDigits {
			cut = b.Len()
		}
		if c := s[i]; plain(c) && (c != '.' || i > 0) {
			b.WriteByte(c)
		} else {
			fmt.Fprintf(&b, "~%02x", c)
		}
	}
	if b.Len() <= maxPart {
		return b.String()
	}
	sum := sha256.Sum256([]byte(s))
	return b.String()[:cut] + cutMark + hex.EncodeToString(sum[:])[:cutDigits]
}

func plain(c byte) bool {
	return 'a' <= c && c <= 'z' || 'A' <= c && c <= 'Z' || '0' <= c && c <= '9' || c == '_' || c == '.' || c == '-'
}

// unescape is the inverse of escape, but for parts that were cut.
func unescape(part string) (string, error) {
	if part == "~" {
		return "", nil
	}
	rest := part
	text, sum, wasCut := strings.Cut(part, cutMark)
	if wasCut {
		if !isHex(sum, cutDigits) || len(part) > maxPart {
			return "", fmt.Errorf("%w: part %q", errMarker, part)
		}
		rest = text
	}
	var b strings.Builder
	for i := 0; i < len(rest); i++ {
		if rest[i] != '~' {
			b.WriteByte(rest[i])
			continue
		}
		c, err := hex.DecodeString(rest[i+1 : min(i+3, len(rest))])
		if err != nil || len(c) != 1 {
			return "", fmt.Errorf("%w: part %q", errMarker, part)
		}
		b.WriteByte(c[0])
		i += 2
	}
	if rest == "" || escape(b.String()) != rest {
		return "", fmt.Errorf("%w: part %q", errMarker, part)
	}
	if wasCut {
		return b.String() + ellipsis, nil
	}
	return b.String(), nil
}
