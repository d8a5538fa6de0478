package main

import (
	"context"
	"errors"
	"io/fs"
	"path/filepath"

	"github.com/docker/go-units"
	"golang.org/x/sys/unix"

	"github.com/coldtail/coldtail/archiver/statedir"
	"github.com/coldtail/coldtail/cmd/coldtail/probe"
	"github.com/coldtail/coldtail/plugin"
)

const (
	freeFails = 256 << 20
	// A container's segment, its sidecar and a temporary file.
	inodesFail = 1000
)

// judgeSizes tells of bounds that would keep every container from starting.
func judgeSizes(spool, cache int64, err error) probe.Result {
	if err != nil {
		return failing("correct it: no container starts with it", "%v", err)
	}
	return passing("at most %s wait to be archived, and %s of what is archived stay here",
		units.BytesSize(float64(spool)), units.BytesSize(float64(cache)))
}

// room is what a file system has, and what the state may take of it.
type room struct {
	free, total   int64
	inodes        int64 // free ones; -1: it does not count them
	bound, filled int64 // of the spool and the cache
}

// space looks at the file system of dir, in which the state is, or will be.
func space(ctx context.Context, dir, state string, err error, bound int64) probe.Result {
	if err != nil {
		return skipping("", "there is no state directory to look at")
	}
	var st unix.Statfs_t
	if err := unix.Statfs(dir, &st); err != nil {
		return failing("", "ask for the file system of %s: %v", dir, err)
	}
	r := room{free: int64(st.Bavail) * st.Bsize, total: int64(st.Blocks) * st.Bsize, inodes: -1, bound: bound}
	if st.Files > 0 {
		r.inodes = int64(st.Ffree)
	}
	// Only where it decides: a long walk in a large state.
	if r.free < r.bound {
		r.filled, err = filled(ctx, state)
	}
	switch {
	case err != nil && ctx.Err() != nil:
		return skipping("", "%s free of %s; what is in %s could not be counted in time", units.BytesSize(float64(r.free)), units.BytesSize(float64(r.total)), state)
	case err != nil:
		return skipping(remedyRoot, "%v", err)
	}
	return judgeSpace(r)
}

// filled is how much the spool and the cache take already.
func filled(ctx context.Context, state string) (total int64, err error) {
	for _, dir := range []string{statedir.Path(state).Spool(), statedir.Path(state).Pipes()} {
		err := filepath.WalkDir(dir, func(_ string, e fs.DirEntry, err error) error {
			if err == nil && ctx.Err() != nil {
				return ctx.Err()
			}
			if err == nil && e.Type().IsRegular() {
				var info fs.FileInfo
				if info, err = e.Info(); err == nil {
					total += info.Size()
				}
			}
			if errors.Is(err, fs.ErrNotExist) {
				return nil // it was removed meanwhile
			}
			return err
		})
		if err != nil {
			return total, err
		}
	}
	return total, nil
}

func judgeSpace(r room) probe.Result {
	size := func(n int64) string { return units.BytesSize(float64(n)) }
	switch {
	case r.inodes >= 0 && r.inodes < inodesFail:
		return failing("remove files", "%d inodes left", r.inodes)
	case r.free < freeFails:
		return failing("make room: the spool is full soon when the bucket is away", "%s free of %s", size(r.free), size(r.total))
	case r.free+r.filled < r.bound:
		return warning("make room, or lower "+plugin.EnvSpool+" and "+plugin.EnvCache+": else the disk is full before the spool is, for all that is on it",
			"%s free of %s, but the spool and the cache may take %s more", size(r.free), size(r.total), size(r.bound-r.filled))
	}
	return passing("%s free of %s", size(r.free), size(r.total))
}
