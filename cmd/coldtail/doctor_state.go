package main

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"time"

	"golang.org/x/sys/unix"

	"github.com/coldtail/coldtail/archiver"
	"github.com/coldtail/coldtail/cmd/coldtail/probe"
	"github.com/coldtail/coldtail/plugin"
)

// fsyncWarns is what leaves a few containers the 500 ms of a group commit, which
// syncs twice.
const fsyncWarns = 100 * time.Millisecond

const remedyRoot = "run doctor as root, as whom the plugin runs"

// checkState checks the state directory's place, room and speed.
func (d *doctor) checkState(ctx context.Context) {
	inside := d.c.state
	want := d.hostPath(inside)
	type found struct {
		dir string
		err error
	}
	f, ok := within(ctx, d.timeout, func(context.Context) found {
		dir, err := existing(want)
		return found{dir, err}
	})
	if !ok {
		f.err = fmt.Errorf("%s does not answer within %v", want, d.timeout)
	}
	if d.managed != nil && !d.managed.mounted(inside) {
		d.reportAs("state", warning("set "+plugin.EnvState+" to a path below "+pluginState+", or to nothing",
			"%s is inside of the plugin's own root file system: an upgrade loses what is not archived", inside))
	} else {
		d.check(ctx, "state", func(context.Context) probe.Result { return placed(f.dir, want, f.err) })
	}
	spool, cache, err := d.c.sizes(d.app)
	spool, cache = cmp.Or(spool, archiver.DefaultSpoolBytes), cmp.Or(cache, archiver.DefaultCacheBytes)
	d.reportAs("sizes", judgeSizes(spool, cache, err))
	d.check(ctx, "disk space", func(ctx context.Context) probe.Result { return space(ctx, f.dir, want, f.err, spool+cache) })
	d.check(ctx, "fsync", func(ctx context.Context) probe.Result { return syncSpeed(ctx, f.dir, f.err) })
}

// existing is the deepest directory on the way to path that is there, and an
// error if it may not be looked into.
func existing(path string) (string, error) {
	for {
		info, err := os.Stat(path)
		switch {
		case err == nil && !info.IsDir():
			return path, fmt.Errorf("%s is not a directory", path)
		case err == nil:
			return path, nil
		case !errors.Is(err, fs.ErrNotExist):
			return path, err
		}
		path = filepath.Dir(path)
	}
}

func placed(dir, want string, err error) probe.Result {
	if errors.Is(err, fs.ErrPermission) {
		return skipping(remedyRoot, "%v", err)
	}
	if err != nil {
		return failing("name another directory with "+plugin.EnvState, "%v", err)
	}
	var st unix.Statfs_t
	if err := unix.Statfs(dir, &st); err != nil {
		return failing("", "ask for the file system of %s: %v", dir, err)
	}
	switch uint32(st.Type) { // whose width differs between architectures
	case unix.TMPFS_MAGIC, unix.RAMFS_MAGIC:
		return warning("put it on a disk", "%s is in memory: what is not archived when the host goes down is lost", want)
	case unix.NFS_SUPER_MAGIC, unix.SMB2_SUPER_MAGIC, unix.CIFS_SUPER_MAGIC:
		return warning("put it on a local disk", "%s is on the network: containers wait for it", want)
	}
	if dir != want {
		return passing("%s, which is made at the first start", want)
	}
	return passing("%s", want)
}

// syncSpeed times what a group commit does. The file has no name once it is
// open, so that nothing is left of it.
func syncSpeed(ctx context.Context, dir string, err error) probe.Result {
	if err != nil {
		return skipping("", "there is no state directory to look at")
	}
	f, err := os.CreateTemp(dir, ".tmp-doctor-*")
	if errors.Is(err, fs.ErrPermission) && os.Geteuid() != 0 {
		return skipping(remedyRoot, "%s is not writable for this user", dir)
	}
	if err != nil {
		return failing("make the directory writable", "%v", err)
	}
	defer f.Close()
	if err := os.Remove(f.Name()); err != nil {
		return failing("", "%v", err)
	}
	const rounds = 10
	buf := make([]byte, 64<<10)
	took := make([]time.Duration, 0, rounds)
	for range rounds {
		if ctx.Err() != nil {
			break
		}
		if _, err := f.Write(buf); err != nil {
			return failing("see to the disk", "%v", err)
		}
		began := time.Now()
		if err := unix.Fdatasync(int(f.Fd())); err != nil {
			return failing("see to the disk", "sync %s: %v", dir, err)
		}
		took = append(took, time.Since(began))
	}
	return judgeSync(took)
}

func judgeSync(took []time.Duration) probe.Result {
	if len(took) == 0 {
		return skipping("", "interrupted")
	}
	slices.Sort(took)
	median := took[len(took)/2]
	detail := fmt.Sprintf("64 KiB in %v (median of %d; slowest %v)", median.Round(10*time.Microsecond), len(took), took[len(took)-1].Round(10*time.Microsecond))
	if median > fsyncWarns {
		return warning("put the state on a faster disk: more is lost in a power failure than the 500 ms of a group commit", "%s", detail)
	}
	return passing("%s", detail)
}
