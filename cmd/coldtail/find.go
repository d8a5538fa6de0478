package main

import (
	"cmp"
	"context"
	"encoding/hex"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/coldtail/coldtail/archiver/bucket"
	"github.com/coldtail/coldtail/archiver/chunk"
)

// findTimeout bounds the search for a container's objects.
const findTimeout = time.Minute

// idLen is the length of a container's id, in hexadecimal digits.
const idLen = 64

// found is a container and its objects.
type found struct {
	id     string
	chunks []chunk.Chunk // in the order of chunk.List
	tail   int64         // how many of the last entries to print; negative: all
}

func (f *found) lastSeq() (n int64) {
	for _, c := range f.chunks {
		n = max(n, c.LastSeq)
	}
	return n
}

// after counts the entries of the objects that end after a number.
func (f *found) after(seq int64) (n int64) {
	for _, c := range f.chunks {
		if c.LastSeq > seq {
			n += c.Entries
		}
	}
	return n
}

// sortFound puts the containers in the order in which they began.
func sortFound(fs []found) {
	slices.SortFunc(fs, func(a, b found) int {
		return cmp.Or(cmp.Compare(a.chunks[0].FirstSeq, b.chunks[0].FirstSeq), cmp.Compare(a.id, b.id))
	})
}

// tails shares the last tail entries among containers that follow each other,
// and leaves out those that have no part in it.
func tails(fs []found, tail int64) []found {
	var out []found
	for _, f := range slices.Backward(fs) {
		f.tail = -1
		if tail >= 0 {
			f.tail = min(tail, f.after(0))
			tail -= f.tail
		}
		if f.tail != 0 {
			out = append(out, f)
		}
	}
	slices.Reverse(out)
	return out
}

func parseTail(s string) (int64, error) {
	if s == "all" {
		return -1, nil
	}
	n, err := strconv.ParseInt(s, 10, 64)
	if err != nil {
		return 0, fmt.Errorf("%q: must be a number or all", s)
	}
	return n, nil
}

// containers returns the ids that who stands for: a whole id, else a name that
// containers bore, else the start of one id. A name comes before an id's start,
// as for docker.
func containers(ctx context.Context, b bucket.Bucket, who string) ([]string, error) {
	if who == "" {
		return nil, usagef("the name is empty")
	}
	if _, err := hex.DecodeString(who); err == nil && len(who) == idLen {
		return []string{strings.ToLower(who)}, nil
	}
	names, err := chunk.Names(ctx, b, chunk.Name{Name: who})
	if err != nil {
		return nil, fmt.Errorf("look for container %q: %w", who, err)
	}
	if ids := idsOf(names, ""); len(ids) > 0 {
		return ids, nil
	}
	if names, err = chunk.Names(ctx, b, chunk.Name{}); err != nil {
		return nil, fmt.Errorf("look for container %q: %w", who, err)
	}
	ids := idsOf(names, strings.ToLower(who))
	if len(ids) > 1 {
		return nil, usagef("%q is the start of %d containers' ids: give more of it", who, len(ids))
	}
	return ids, nil
}

// idsOf returns the containers' ids that start with prefix, each once.
func idsOf(names []chunk.Name, prefix string) []string {
	var ids []string
	for _, n := range names {
		if strings.HasPrefix(n.ContainerID, prefix) {
			ids = append(ids, n.ContainerID)
		}
	}
	slices.Sort(ids)
	return slices.Compact(ids)
}
