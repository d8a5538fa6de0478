package archiver

import (
	"errors"
	"os"
	"syscall"

	"golang.org/x/sys/unix"

	"github.com/coldtail/coldtail/archiver/spool"
)

// ballastBytes is what is kept back for when the disk is full: a gap, or a chunk on
// its way, then fits.
const ballastBytes = 1 << 20

// makeBallast takes disk space that can be given up when there is no other. That
// it fails on a full disk does not matter.
func (a *Archiver) makeBallast() {
	f, err := os.OpenFile(a.state.Ballast(), os.O_WRONLY|os.O_CREATE|unix.O_CLOEXEC, 0o600)
	if err != nil {
		return
	}
	defer f.Close()
	_ = unix.Fallocate(int(f.Fd()), 0, 0, ballastBytes)
}

// withBallast calls f and, if the disk has no room for it, once more with the room
// of the ballast.
func (a *Archiver) withBallast(f func() error) error {
	err := f()
	if !noRoom(err) {
		return err
	}
	if rerr := os.Remove(a.state.Ballast()); rerr != nil {
		return errors.Join(err, rerr)
	}
	defer a.makeBallast()
	return f()
}

// noRoom reports whether the local disk is full.
func noRoom(err error) bool {
	return errors.Is(err, spool.ErrFull) || local(err) && (errors.Is(err, syscall.ENOSPC) || errors.Is(err, syscall.EDQUOT))
}
