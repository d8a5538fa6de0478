package key

import (
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/coldtail/coldtail/codec"
)

// Meta is what a chunk's key says about it.
type Meta struct {
	Format      codec.Format
	ContainerID string // of the form that ContainerID gives
	SpoolID     string // 16 hexadecimal digits
	SegmentSeq  int64  // counts a container's segments from 1
	FirstSeq    int64  // sequence numbers of the first and the last entry;
	LastSeq     int64  // not all between them need be in this chunk
	Entries     int64
	MinNano     int64     // smallest and largest entry time, Unix nanoseconds;
	MaxNano     int64     // negative ones count as 0 in the key
	Hour        time.Time // the start of the hour under which it is filed, UTC
}

const (
	dayLayout    = "2006-01-02"
	containerLen = 64
	spoolLen     = 16
	shortLen     = 10 // digits of segment numbers and counts
	longLen      = 19 // digits of sequence numbers and nanoseconds
)

// Key is the chunk's key. Numbers have a fixed width, so that lexical order is
// sequence order within a partition.
func (m Meta) Key() string {
	b := make([]byte, 0, 256)
	b = appendPartition(b, m.Format, m.Hour)
	b = append(b, m.ContainerID...)
	b = append(b, '-')
	b = append(b, m.SpoolID...)
	b = appendDigits(b, m.SegmentSeq, shortLen)
	b = appendDigits(b, m.FirstSeq, longLen)
	b = appendDigits(b, m.LastSeq, longLen)
	b = appendDigits(b, m.Entries, shortLen)
	b = appendDigits(b, max(0, m.MinNano), longLen)
	b = appendDigits(b, max(0, m.MaxNano), longLen)
	b = append(b, '.')
	return string(append(b, m.Format.Ext()...))
}

// appendDigits appends a dash and n, which is not negative, with zeros before it.
func appendDigits(b []byte, n int64, digits int) []byte {
	b = append(b, '-')
	start := len(b)
	b = strconv.AppendInt(b, n, 10)
	missing := digits - (len(b) - start)
	if missing <= 0 {
		return b
	}
	const zeros = "0000000000000000000"
	return slices.Insert(b, start, []byte(zeros[:missing])...)
}

// appendPartition appends what the keys of all chunks of an hour start with.
func appendPartition(b []byte, f codec.Format, hour time.Time) []byte {
	b = append(b, f...)
	return hour.UTC().AppendFormat(b, "/dt=2006-01-02/hour=15/")
}

// FormatPrefix is what the keys of all chunks of a format start with.
func FormatPrefix(f codec.Format) string { return string(f) + "/dt=" }

// DayPrefix is what the keys of all chunks of a day start with.
func DayPrefix(f codec.Format, day time.Time) string {
	return FormatPrefix(f) + day.UTC().Format(dayLayout) + "/"
}

// PartitionPrefix is what the keys of all chunks of an hour start with.
func PartitionPrefix(f codec.Format, hour time.Time) string {
	return string(appendPartition(nil, f, hour))
}

// HourPrefix is what the keys of a container's chunks of an hour start with.
func HourPrefix(f codec.Format, containerID string, hour time.Time) string {
	return PartitionPrefix(f, hour) + containerID + "-"
}

// DayOf returns the day under which any key of the format's tree is.
func DayOf(f codec.Format, key string) (day time.Time, ok bool) {
	text, ok := strings.CutPrefix(key, FormatPrefix(f))
	if !ok || len(text) < len(dayLayout) {
		return day, false
	}
	day, err := time.Parse(dayLayout, text[:len(dayLayout)])
	return day, err == nil
}

var errKey = errors.New("not a chunk's key")

// Parse is the inverse of Meta.Key. It accepts nothing that Key does not
// make: keys are read from buckets that others can write to. The error of a key
// of a later version is codec.ErrNewer.
func Parse(key string) (Meta, error) {
	m, err := parseKey(key)
	if err != nil {
		return Meta{}, keyError(key, err)
	}
	return m, nil
}

// keyError is why a key is none of this version.
func keyError(key string, err error) error {
	if _, ok := OfLaterVersion(key); ok {
		return LaterVersionError(key)
	}
	return fmt.Errorf("parse key %q: %w", key, err)
}

func parseKey(key string) (Meta, error) {
	var m Meta
	parts := strings.Split(key, "/")
	if len(parts) != 4 {
		return m, errKey
	}
	f, err := codec.ParseFormat(parts[0])
	if err != nil {
		return m, err
	}
	m.Format = f
	day, ok1 := strings.CutPrefix(parts[1], "dt=")
	hour, ok2 := strings.CutPrefix(parts[2], "hour=")
	name, ok3 := strings.CutSuffix(parts[3], "."+f.Ext())
	if !ok1 || !ok2 || !ok3 {
		return m, errKey
	}
	if m.Hour, err = time.Parse(dayLayout+"T15", day+"T"+hour); err != nil {
		return m, fmt.Errorf("%w: no such hour", errKey)
	}
	fields := strings.Split(name, "-")
	if len(fields) != 8 {
		return m, errKey
	}
	m.ContainerID, m.SpoolID = fields[0], fields[1]
	if !isHex(m.ContainerID, containerLen) || !isHex(m.SpoolID, spoolLen) {
		return m, fmt.Errorf("%w: malformed container or spool id", errKey)
	}
	for i, n := range []struct {
		to     *int64
		digits int
	}{
		{&m.SegmentSeq, shortLen}, {&m.FirstSeq, longLen}, {&m.LastSeq, longLen},
		{&m.Entries, shortLen}, {&m.MinNano, longLen}, {&m.MaxNano, longLen},
	} {
		if *n.to, err = parseDigits(fields[2+i], n.digits); err != nil {
			return m, err
		}
	}
	if err := m.check(); err != nil {
		return m, err
	}
	if m.Key() != key {
		return m, errKey // another spelling of it
	}
	return m, nil
}

// check finds numbers that no segment can have.
func (m *Meta) check() error {
	switch {
	case m.SegmentSeq < 1:
		return fmt.Errorf("%w: segment 0", errKey)
	case m.FirstSeq > m.LastSeq:
		return fmt.Errorf("%w: first sequence number after the last", errKey)
	case m.Entries < 1 || m.Entries-1 > m.LastSeq-m.FirstSeq:
		return fmt.Errorf("%w: %d entries do not fit its sequence numbers", errKey, m.Entries)
	case m.MinNano > m.MaxNano:
		return fmt.Errorf("%w: smallest time after the largest", errKey)
	}
	return nil
}

func parseDigits(s string, digits int) (int64, error) {
	if len(s) != digits {
		return 0, fmt.Errorf("%w: %q has not %d digits", errKey, s, digits)
	}
	// A sign would pass ParseInt, and have the right length.
	if s[0] < '0' || s[0] > '9' {
		return 0, fmt.Errorf("%w: %q is not a number", errKey, s)
	}
	n, err := strconv.ParseInt(s, 10, 64)
	if err != nil {
		return 0, fmt.Errorf("%w: %q is not a number", errKey, s)
	}
	return n, nil
}

// ContainerID is id where it is one of Docker's, 64 hexadecimal digits in
// lower case, and else the SHA-256 of it: `coldtail pipe` and other sources
// name their streams as they like.
func ContainerID(id string) string {
	if isHex(id, containerLen) {
		return id
	}
	sum := sha256.Sum256([]byte(id))
	return hex.EncodeToString(sum[:])
}

func isHex(s string, digits int) bool {
	if len(s) != digits {
		return false
	}
	for _, c := range []byte(s) {
		if (c < '0' || c > '9') && (c < 'a' || c > 'f') {
			return false
		}
	}
	return true
}
