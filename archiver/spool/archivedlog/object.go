package archivedlog

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

// Name is the list's in a container's folder.
const Name = "archived.log"

var castagnoli = crc32.MakeTable(crc32.Castagnoli)

// Object is an archived object.
type Object struct {
	Segment   int64 // its segment's number
	SizeBytes int64
	Key       string
	// SHA256 is its content's, in hexadecimal digits, and ETag what the store called
	// it; both are empty where it was there before, or an early version archived it.
	SHA256, ETag string
}

// Append adds objects to the list in a container's folder, durably.
func Append(dir string, objs []Object) error {
	f, err := os.OpenFile(filepath.Join(dir, Name), os.O_RDWR|os.O_CREATE|os.O_APPEND|unix.O_CLOEXEC, 0o600)
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

// unfinishedLine reports whether a power loss cut the file's last line.
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
