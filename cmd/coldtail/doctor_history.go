package main

import (
	"context"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"time"

	"github.com/coldtail/coldtail/archiver/bucket"
	"github.com/coldtail/coldtail/archiver/spool/archivedlog"
	"github.com/coldtail/coldtail/archiver/statedir"
	"github.com/coldtail/coldtail/cmd/coldtail/probe"
	"github.com/coldtail/coldtail/codec/key"
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
func archivedKeys(state string) ([]key.Meta, error) {
	states := []string{state}
	pipes, err := os.ReadDir(statedir.Path(state).Pipes())
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return nil, err
	}
	for _, p := range pipes {
		states = append(states, filepath.Join(statedir.Path(state).Pipes(), p.Name()))
	}
	var lists []archivedlog.Ends
	for _, dir := range states {
		found, err := statedir.ArchivedLists(dir, sampledLogs)
		if err != nil {
			return nil, err
		}
		lists = append(lists, found...)
	}
	slices.SortStableFunc(lists, func(a, b archivedlog.Ends) int { return b.Modified.Compare(a.Modified) })
	var keys []key.Meta
	for _, l := range lists[:min(len(lists), sampledLogs)] {
		for _, o := range []archivedlog.Object{l.First, l.Last} {
			m, err := key.Parse(o.Key)
			if err == nil && (len(keys) == 0 || keys[len(keys)-1].Key() != m.Key()) {
				keys = append(keys, m)
			}
		}
	}
	return keys, nil
}
