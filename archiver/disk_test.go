package archiver // see rig

import (
	"errors"
	"os"
	"path/filepath"
	"testing"

	"golang.org/x/sys/unix"

	"github.com/coldtail/coldtail/archiver/bucket"
)

// TestDiskFull has a state directory on a file system of 8 MiB and a bucket that
// is away: the container goes on, and the gaps say what was dropped.
func TestDiskFull(t *testing.T) {
	if testing.Short() {
		t.Skip("skipped by -short: it fills a disk")
	}
	g, away, d := newSmallDisk(t)
	lines := numbers(400_000) // some 16 MB
	d.print(lines...)
	check(t, g.a.Detach(t.Context(), d.path))
	g.comeBack(away)
	g.flush()
	got, dropped := g.wantGaps(idA, lines)
	if got[len(got)-1] != lines[len(lines)-1] {
		t.Fatal("the newest line was dropped")
	}
	t.Logf("%d lines kept, %d dropped", len(got), dropped)
}

// TestArchiveFromFullDisk has a container that has stopped on a disk that others
// have filled: nobody writes, and all is archived although a chunk on its way needs
// room, too. At first there is the ballast, then what was archived.
func TestArchiveFromFullDisk(t *testing.T) {
	g, away, d := newSmallDisk(t)
	lines := numbers(100_000) // some 4 MB
	d.print(lines...)
	check(t, g.a.Detach(t.Context(), d.path))
	if _, err := g.a.Flush(t.Context(), false); err == nil {
		t.Fatal("flushed into a bucket that refuses")
	}
	f, err := os.Create(filepath.Join(g.cfg.StateDir, "others"))
	check(t, err)
	t.Cleanup(func() { f.Close() })
	for err == nil {
		_, err = f.Write(make([]byte, 4096))
	}
	if !errors.Is(err, unix.ENOSPC) {
		t.Fatal(err)
	}
	g.comeBack(away)
	g.flush()
	g.want(idA, lines)
}

// newSmallDisk has an archiver whose state directory is on a file system of 8 MiB
// and whose bucket is away, and an attached container.
func newSmallDisk(t *testing.T) (*rig, *awayBucket, *daemon) {
	t.Helper()
	if os.Getuid() != 0 {
		t.Skip("skipped: only root can mount a small file system")
	}
	dir := t.TempDir()
	if err := unix.Mount("coldtail-test", dir, "tmpfs", 0, "size=8m"); err != nil {
		t.Skipf("skipped: a small file system cannot be mounted: %v", err)
	}
	t.Cleanup(func() { check(t, unix.Unmount(dir, unix.MNT_DETACH)) })
	g := newRig(t)
	away := &awayBucket{Bucket: g.bucket}
	away.set(&bucket.Error{Op: bucket.OpPut, Permanent: true, Err: errors.New("access denied")})
	g.stop()
	g.bucket, g.cfg.StateDir = away, dir
	g.start()
	d := newDaemon(t)
	src := source(d.path, idA)
	src.Options.RollBytes = 512 << 10
	check(t, g.a.Attach(t.Context(), src))
	return g, away, d
}
