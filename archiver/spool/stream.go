package spool

import (
	"bufio"
	"encoding/json"
	"errors"
	"fmt"
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
}

func readStream(dir string) (streamState, error) {
	var st streamState
	b, err := os.ReadFile(filepath.Join(dir, streamFile))
	if errors.Is(err, os.ErrNotExist) {
		return st, nil
	}
	if err != nil {
		return st, fmt.Errorf("read stream state: %w", err)
	}
	if err := json.Unmarshal(b, &st); err != nil || st.LastSeq < 0 || st.LastSegment < 0 {
		return streamState{}, fmt.Errorf("read stream state: %w", errors.Join(err, errors.New("not a stream state")))
	}
	return st, nil
}

func (st streamState) write(dir string) error {
	b, err := json.Marshal(st)
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
		fmt.Fprintf(&sb, "%d %d %s\n", o.Segment, o.SizeBytes, o.Key)
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

// readObjects reads archived.log, each key once, in the order of archiving.
// Lines that are not whole are passed over: their segment is archived again.
func readObjects(dir string) ([]Object, error) {
	f, err := os.Open(filepath.Join(dir, archivedFile))
	if errors.Is(err, os.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, fmt.Errorf("read archived objects: %w", err)
	}
	defer f.Close()
	var objs []Object
	seen := map[string]bool{}
	r := bufio.NewReader(f)
	for {
		line, err := r.ReadString('\n')
		if err != nil {
			return objs, nil // the end; a line without newline is not whole
		}
		o, ok := parseObject(strings.TrimSuffix(line, "\n"))
		if ok && !seen[o.Key] {
			seen[o.Key] = true
			objs = append(objs, o)
		}
	}
}

func parseObject(line string) (Object, bool) {
	f := strings.SplitN(line, " ", 3)
	if len(f) != 3 || f[2] == "" {
		return Object{}, false
	}
	seg, err1 := strconv.ParseInt(f[0], 10, 64)
	size, err2 := strconv.ParseInt(f[1], 10, 64)
	return Object{Segment: seg, SizeBytes: size, Key: f[2]}, err1 == nil && err2 == nil && seg > 0 && size >= 0
}
