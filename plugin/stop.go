package plugin

import (
	"context"
	"errors"

	"github.com/coldtail/coldtail/archiver"
)

// StopLogging drains a FIFO into the spool and closes it. Where that takes
// longer than ctx allows it goes on by itself, so it has no error to tell the
// daemon, which would leak the FIFO. An empty file means that the daemon's
// request lost its body when it was repeated: see settle.
func (d *Driver) StopLogging(ctx context.Context, file string) {
	parts, err := d.await(ctx)
	if err != nil {
		d.cfg.Logger.Error("stopped a log that could not be drained", "err", err)
		return
	}
	if file == "" {
		d.settle(ctx, parts.Registry.Sources())
		return
	}
	select {
	case <-d.drain(context.WithoutCancel(ctx), parts, file):
	case <-ctx.Done():
		d.cfg.Logger.Warn("a fifo takes long to drain; going on after the answer")
	}
}

// drain detaches a FIFO and closes the channel when that is done. Where one is
// being drained, a repeated request waits for the same end.
func (d *Driver) drain(ctx context.Context, parts Parts, file string) <-chan struct{} {
	d.mu.Lock()
	defer d.mu.Unlock()
	done, going := d.stopping[file]
	if going {
		return done
	}
	done = make(chan struct{})
	d.stopping[file] = done
	d.work.Go(func() {
		defer close(done)
		defer func() {
			d.mu.Lock()
			defer d.mu.Unlock()
			delete(d.stopping, file)
		}()
		d.detach(ctx, parts, file)
	})
	return done
}

func (d *Driver) detach(ctx context.Context, parts Parts, file string) {
	d.mu.Lock()
	src, pending := d.pending[file]
	delete(d.pending, file)
	d.mu.Unlock()
	if pending {
		// The last chance to save what is in it.
		if err := parts.Archiver.Attach(ctx, src); err != nil {
			d.cfg.Logger.Error("cannot attach a fifo again that is being stopped", "container", src.Meta.ContainerID, "err", err)
		}
	}
	err := parts.Archiver.Detach(ctx, file)
	if errors.Is(err, archiver.ErrClosing) {
		return // the next start drains it: it must not be forgotten
	}
	if err != nil {
		d.cfg.Logger.Error("cannot drain a fifo", "err", err)
	}
	d.forget(parts.Registry, file)
}

// FIFOEnded forgets a FIFO whose writer is gone without StopLogging, as a daemon
// that died or was restarted with live-restore, and removes it in that daemon's
// stead. It does not wait for the disk: see archiver.Config.OnEnd.
func (d *Driver) FIFOEnded(path string) {
	d.mu.Lock()
	registry := d.parts.Registry
	d.mu.Unlock()
	if registry != nil {
		d.work.Go(func() {
			d.forget(registry, path)
			removeFIFO(path)
		})
	}
}

func (d *Driver) forget(registry *Registry, path string) {
	if err := registry.Remove(path); err != nil {
		d.cfg.Logger.Error("cannot forget a fifo; the next start will", "err", err)
	}
}
