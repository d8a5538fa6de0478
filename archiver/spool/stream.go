package spool

import (
	"errors"
	"fmt"
	"hash/crc32"
	"net/url"
	"os"
	"path/filepath"
	"strconv"
	"strings"

	"golang.org/x/sys/unix"

	"github.com/coldtail/coldtail/archiver/durable"
)

// streamState is what outlives a container's segments: stream.json.
type streamState struct {
	LastSeq     int64 `json:"last_seq"`     // 0 while there were no entries
	LastSegment int64 `json:"last_segment"` // 0 while there were no segments
	// NextSeq, if higher than what follows LastSeq, is the next entry's number:
	// those in between may have been given to entries that were lost.
	NextSeq int64 `json:"next_seq,omitempty"`
	// SpoolID is the one that the numbers were given under. Those of an earlier one
	// end below Floor.
	SpoolID string `json:"spool_id,omitempty"`
	Floor   int64  `json:"floor,omitempty"`
}

// streamJSON is the kind of file that stream.json is.
var streamJSON = durable.JSON{Body: "stream", Version: 1}

// maxStreamBytes is far more than a stream.json has.
const maxStreamBytes = 1 << 20

func readStream(dir string) (streamState, error) {
	b, err := readBounded(filepath.Join(dir, streamFile), maxStreamBytes)
	if errors.Is(err, os.ErrNotExist) {
		return streamState{}, nil
	}
	if err != nil {
		return streamState{}, fmt.Errorf("read stream state: %w", err)
	}
	var st streamState
	if _, err := streamJSON.Decode(b, &st); err != nil {
		return streamState{}, fmt.Errorf("read stream state: %w", err)
	}
	if !st.valid() {
		return streamState{}, fmt.Errorf("read stream state: %w: numbers beyond their bounds", durable.ErrDamaged)
	}
	return st, nil
}

// valid reports whether the numbers are within their bounds.
func (st streamState) valid() bool {
	for _, n := range []int64{st.LastSeq, st.LastSegment, st.NextSeq, st.Floor} {
		if n != 0 && !plausible(n) {
			return false
		}
	}
	return true
}

// NextNumber returns what the numbers of a log without segments are below, as
// stream.json in its directory has it; 0 where it cannot be read.
func NextNumber(dir string) int64 {
	st, err := readStream(dir)
	if err != nil {
		return 0
	}
	return max(st.LastSeq+1, st.NextSeq, st.Floor)
}

func (st streamState) write(dir string) error {
	if !st.valid() {
		return fmt.Errorf("encode stream state: numbers beyond their bounds: %+v", st)
	}
	b, err := streamJSON.Encode(st)
	if err != nil {
		return fmt.Errorf("encode stream state: %w", err)
	}
	return durable.WriteFile(filepath.Join(dir, streamFile), b, 0o600)
}

// Object is an archived object, as archived.log lists it.
type Object struct {
	Segment   int64 // its segment's number
	SizeBytes int64
	Key       string
	// SHA256 is its content's, in hexadecimal digits, and ETag what the store called
	// it; both are empty where it was there before, or an early version archived it.
	SHA256, ETag string
}

// appendObjects adds lines to archived.log and syncs it.
func appendObjects(dir string, objs []Object) error {
	f, err := os.OpenFile(filepath.Join(dir, archivedFile), os.O_RDWR|os.O_CREATE|os.O_APPEND|unix.O_CLOEXEC, 0o600)
	if err != nil {
		return fmt.Errorf("record archived objects: %w", err)
	}
	var sb strings.Builder
	if torn, err := unfinishedLine(f); err != nil {
		return errors.Join(fmt.Errorf("record archived objects: %w", err), f.Close())
	} else if torn {
		sb.WriteByte('\n')
	}
	for _, o := range objs {
		line := o.line()
		if back, ok := parseObject(strings.TrimSuffix(line, "\n")); !ok || back != o || strings.Count(line, "\n") > 1 || len(line) > maxLineBytes {
			return errors.Join(fmt.Errorf("record archived objects: %q of segment %d could not be read again", o.Key, o.Segment), f.Close())
		}
		sb.WriteString(line)
	}
	_, err = f.WriteString(sb.String())
	if err == nil {
		err = f.Sync()
	}
	if err := errors.Join(err, f.Close()); err != nil {
		return fmt.Errorf("record archived objects: %w", err)
	}
	return durable.SyncDir(dir)
}

// unfinishedLine tells whether a power loss cut the file's last line.
func unfinishedLine(f *os.File) (bool, error) {
	fi, err := f.Stat()
	if err != nil || fi.Size() == 0 {
		return false, err
	}
	var b [1]byte
	_, err = f.ReadAt(b[:], fi.Size()-1)
	return b[0] != '\n', err
}

// maxLineBytes is more than a key may have, in a store or here.
const maxLineBytes = 16 << 10

// readObjects returns the objects of archived.log, each key once, in the order of
// archiving, and whether all lines are whole.
func readObjects(dir string) (objs []Object, whole bool, err error) {
	seen := map[string]bool{}
	whole, err = eachObject(dir, func(o Object) {
		if !seen[o.Key] {
			seen[o.Key] = true
			objs = append(objs, o)
		}
	})
	return objs, whole, err
}

// sum protects a line of archived.log: a key that was changed would name an
// object that is not there.
func (o Object) sum() uint32 {
	b := fmt.Appendf(nil, "%d %d %s", o.Segment, o.SizeBytes, o.Key)
	if o.SHA256 != "" {
		b = fmt.Appendf(b, " %s %s", o.SHA256, url.QueryEscape(o.ETag))
	}
	return crc32.Checksum(b, castagnoli)
}

func (o Object) line() string {
	if o.SHA256 == "" {
		return fmt.Sprintf("%d %d:%08x %s\n", o.Segment, o.SizeBytes, o.sum(), o.Key)
	}
	return fmt.Sprintf("%d %d:%08x:%s:%s %s\n", o.Segment, o.SizeBytes, o.sum(), o.SHA256, url.QueryEscape(o.ETag), o.Key)
}

// parseObject is line's inverse.
func parseObject(line string) (Object, bool) {
	f := strings.SplitN(line, " ", 3)
	if len(f) != 3 || f[2] == "" {
		return Object{}, false
	}
	seg, err1 := strconv.ParseInt(f[0], 10, 64)
	of := strings.Split(f[1], ":")
	sizeBytes, err2 := strconv.ParseInt(of[0], 10, 64)
	o := Object{Segment: seg, SizeBytes: sizeBytes, Key: f[2]}
	var err3 error
	if len(of) == 4 {
		o.SHA256 = of[2]
		o.ETag, err3 = url.QueryUnescape(of[3])
	}
	return o, errors.Join(err1, err2, err3) == nil && seg > 0 && sizeBytes >= 0 && o.line() == line+"\n"
}
