package main

import (
	"bufio"
	"cmp"
	"context"
	"errors"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/coldtail/coldtail/archiver/bucket"
	"github.com/coldtail/coldtail/archiver/bucket/probe"
	"github.com/coldtail/coldtail/archiver/chunk"
)

// sampledLogs bounds how many containers' lists are looked into.
const sampledLogs = 25

// earlierBucket asks for objects that this state archived. The state does not
// record the bucket, but their keys. A bounded bucket removes objects by itself.
func (d *doctor) earlierBucket(ctx context.Context, b bucket.Bucket, bounded bool) probe.Result {
	keys, err := archivedKeys(d.hostPath(d.c.state))
	switch {
	case errors.Is(err, fs.ErrPermission):
		return skipping(remedyRoot, "%v", err)
	case err != nil:
		return skipping("", "%v", err)
	case len(keys) == 0:
		return passing("this state has archived nothing yet")
	}
	missing := 0
	var newest time.Time // hour of those that are missing
	for _, m := range keys {
		body, err := b.Get(ctx, m.Key(), bucket.GetOptions{Length: 1})
		switch {
		case err == nil:
			_ = body.Close()
		case errors.Is(err, bucket.ErrNotFound):
			missing++
			if m.Hour.After(newest) {
				newest = m.Hour
			}
		case bucket.Permanent(err):
			return skipping("", "objects may not be read with these credentials")
		default:
			return skipping("", "the bucket does not answer as it should, see above")
		}
	}
	switch {
	case bounded && missing < len(keys):
		return passing("of what this state has archived, %d of %d objects that were looked for are there; a bounded folder removes the oldest", len(keys)-missing, len(keys))
	case missing == 0:
		return passing("of what this state has archived, %d objects were looked for and are there", len(keys))
	}
	return warning("if the bucket was changed: copy the older objects over, keys unchanged, or read them with coldtail logs --bucket; docker logs finds only what is in this one",
		"of what this state has archived, %d of %d objects are not in this bucket, the newest of %s: it was another one then, or they were removed since (a lifecycle rule, max-size)",
		missing, len(keys), newest.Format("2006-01-02 15:04Z"))
}

// archivedKeys are the first and the last key of the lists of the containers,
// and pipes, that archived last.
func archivedKeys(state string) ([]chunk.Meta, error) {
	if _, err := os.ReadDir(state); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return nil, err // which Glob ignores
	}
	var logs []string
	for _, spool := range []string{"spool", "pipes/*/spool"} {
		found, err := filepath.Glob(filepath.Join(escapeGlob(state), spool, "*", "archived.log")) // docs/format.md
		if err != nil {
			return nil, err
		}
		logs = append(logs, found...)
	}
	modified := map[string]time.Time{}
	for _, log := range logs {
		if info, err := os.Stat(log); err == nil {
			modified[log] = info.ModTime()
		}
	}
	slices.SortFunc(logs, func(a, b string) int {
		return cmp.Or(modified[b].Compare(modified[a]), strings.Compare(a, b))
	})
	var keys []chunk.Meta
	for _, log := range logs[:min(len(logs), sampledLogs)] {
		ends, err := logEnds(log)
		if err != nil {
			return nil, err
		}
		keys = append(keys, ends...)
	}
	return keys, nil
}

// escapeGlob keeps a directory's name from being a pattern.
func escapeGlob(dir string) string {
	return strings.NewReplacer(`\`, `\\`, `*`, `\*`, `?`, `\?`, `[`, `\[`).Replace(dir)
}

// lastBytes holds at least one line of a list.
const lastBytes = 4096

// logEnds returns the objects on a list's first and last whole line.
func logEnds(path string) ([]chunk.Meta, error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	var ends []chunk.Meta
	add := func(line string) {
		// "<segment> <size in bytes> <key>"
		fields := strings.SplitN(strings.TrimSuffix(line, "\n"), " ", 3)
		if len(fields) != 3 || !strings.HasSuffix(line, "\n") {
			return
		}
		m, err := chunk.ParseKey(fields[2])
		if err == nil && (len(ends) == 0 || ends[len(ends)-1].Key() != m.Key()) {
			ends = append(ends, m)
		}
	}
	line, err := bufio.NewReader(io.NewSectionReader(f, 0, lastBytes)).ReadString('\n')
	if err != nil && !errors.Is(err, io.EOF) {
		return nil, err
	}
	add(line)
	info, err := f.Stat()
	if err != nil {
		return nil, err
	}
	b := make([]byte, min(lastBytes, info.Size()))
	if _, err := f.ReadAt(b, info.Size()-int64(len(b))); err != nil && !errors.Is(err, io.EOF) {
		return nil, err
	}
	whole := b[:strings.LastIndexByte(string(b), '\n')+1]
	if len(whole) > 0 {
		add(string(whole[strings.LastIndexByte(string(whole[:len(whole)-1]), '\n')+1:]))
	}
	return ends, nil
}
