package plugin

import (
	"context"
	"time"

	"golang.org/x/sys/unix"

	"github.com/coldtail/coldtail/archiver"
)

// settleTime bounds settle: a busy container's FIFO may never be seen empty.
const settleTime = 2 * time.Second

// settle waits until each FIFO was empty at some moment.
//
// It is the answer to a StopLogging that does not say of what: every FIFO is
// drained, none is closed, as the others' containers would block. The one that
// was meant ends by itself when the daemon closes it, for the plugin's own
// descriptor keeps what is in it until it is read.
func (d *Driver) settle(ctx context.Context, srcs []archiver.Source) {
	ctx, cancel := context.WithTimeout(ctx, settleTime)
	defer cancel()
	for _, src := range srcs {
		if !waitEmpty(ctx, src.Path) {
			d.cfg.Logger.Warn("a fifo was not empty yet when an unnamed log was stopped", "container", src.Meta.ContainerID)
		}
	}
}

// waitEmpty reports whether the FIFO at path was empty, or gone, before ctx ended.
func waitEmpty(ctx context.Context, path string) bool {
	// Reading it is the archiver's: this descriptor only asks.
	fd, err := unix.Open(path, unix.O_RDONLY|unix.O_NONBLOCK|unix.O_CLOEXEC, 0)
	if err != nil {
		return true
	}
	defer func() { _ = unix.Close(fd) }()
	for {
		n, err := unix.IoctlGetInt(fd, unix.TIOCINQ) // FIONREAD
		if err != nil || n == 0 {
			return true
		}
		select {
		case <-ctx.Done():
			return false
		case <-time.After(5 * time.Millisecond):
		}
	}
}
