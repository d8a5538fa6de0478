package archiver

import (
	"context"
	"errors"
	"fmt"
	"path/filepath"
	"sync/atomic"

	"github.com/coldtail/coldtail/archiver/fifo"
	"github.com/coldtail/coldtail/codec"
	"github.com/coldtail/coldtail/codec/key"
)

// attachment is a FIFO's entry in paths; a later one of the same path is another.
// Once it is opened, its ingest owns it, but for the atomic fields and Shrink.
type attachment struct {
	*fifo.FIFO // nil until it is opened
	s          *stream
	detach     atomic.Bool   // Detach asks to drain and close it
	done       chan struct{} // closed once it is closed
	drained    bool          // it was empty then; read it after done
	release    func()        // ends the followers' waiting
	busyAt     atomic.Int64  // Unix nanoseconds: when it was last found nearly full
}

// Attach starts to read the sources' FIFOs, each opened once: attaching a path
// again does nothing. After a restart, give all sources at once, oldest first,
// and before Run, which gives up frames that no attached FIFO goes on with. Attach
// needs the local disk only. Sources without an error are attached, even if others
// have one.
func (a *Archiver) Attach(ctx context.Context, srcs ...Source) error {
	var errs []error
	byContainer := map[string][]Source{}
	var order []string
	for _, src := range srcs {
		if err := src.Options.Validate(); err != nil {
			errs = append(errs, fmt.Errorf("attach %s: %w", src.Path, err))
			continue
		}
		src.Meta.ContainerID = key.ContainerID(src.Meta.ContainerID)
		id := src.Meta.ContainerID
		var cut codec.Cut
		if src.Meta, cut = src.Meta.Bound(src.Options.Format); cut != (codec.Cut{}) {
			a.cfg.Logger.Warn("a container's metadata is beyond its bounds: it is archived without what was cut",
				"container", id, "name", src.Meta.ContainerName, "cut", cut)
		}
		if byContainer[id] == nil {
			order = append(order, id)
		}
		byContainer[id] = append(byContainer[id], src)
	}
	for _, id := range order {
		if err := ctx.Err(); err != nil {
			return errors.Join(append(errs, err)...)
		}
		errs = append(errs, a.attach(id, byContainer[id]))
	}
	return errors.Join(errs...)
}

func (a *Archiver) attach(id string, srcs []Source) error {
	for {
		s, err := a.stream(id)
		if err != nil {
			return err
		}
		claims, err := a.claim(s, srcs)
		if err != nil || len(claims) == 0 {
			return err
		}
		if err = a.finished.Begin(id); err == nil {
			err = s.attach(claims...)
		}
		for _, c := range claims {
			if c.at.FIFO == nil {
				a.release(c.Path, c.at)
			}
		}
		if !errors.Is(err, errForgotten) {
			return err
		}
	}
}

// claim is a source with its entry in paths.
type claim struct {
	Source
	at *attachment
}

// claim enters those of the sources that are not attached yet.
func (a *Archiver) claim(s *stream, srcs []Source) (claims []claim, err error) {
	a.mu.Lock()
	defer a.mu.Unlock()
	if a.closing {
		return nil, fmt.Errorf("attach fifo: %w", ErrClosing)
	}
	for _, src := range srcs {
		if a.paths[src.Path] == nil {
			at := &attachment{s: s, done: make(chan struct{})}
			a.paths[src.Path] = at
			claims = append(claims, claim{src, at})
		}
	}
	return claims, nil
}

// release forgets a FIFO that is no longer attached. A new one of its path stays.
func (a *Archiver) release(path string, at *attachment) {
	a.mu.Lock()
	defer a.mu.Unlock()
	if a.paths[path] == at {
		delete(a.paths, path)
	}
}

// attached returns the FIFO's entry, and whether Run is ending.
func (a *Archiver) attached(path string) (at *attachment, closing bool) {
	a.mu.Lock()
	defer a.mu.Unlock()
	return a.paths[path], a.closing
}

// Detach drains a FIFO and closes it: after it returned nil, all entries that
// were written to it are in the spool. A FIFO that is not attached is emptied, if
// there is one: whose entries these are is unknown, but their writer must not stay
// blocked. The error is ErrClosing if the FIFO was closed before it was empty, as
// Run is ending.
func (a *Archiver) Detach(ctx context.Context, path string) error {
	at, closing := a.attached(path)
	switch {
	case closing:
		return ErrClosing
	case at == nil:
		return a.discard(path)
	}
	err := at.s.inlet.detach(ctx, path, at)
	if errors.Is(err, errUnknown) {
		err = nil // it has ended by itself
	}
	if err == nil {
		a.release(path, at)
	}
	return err
}

// discard empties a FIFO that is not attached.
func (a *Archiver) discard(path string) error {
	f, err := a.pipes.Open(path)
	if err != nil {
		return nil // there is none: nothing to do
	}
	defer f.Close()
	buf := make([]byte, 64<<10)
	total := 0
	for {
		n, err := f.Read(buf)
		if err != nil {
			break
		}
		total += n
	}
	if total > 0 {
		a.metrics.lostBytes.Add(float64(total))
		a.cfg.Logger.Error("emptied a fifo that no container was started with", "fifo", filepath.Base(path), "bytes", total)
	}
	return nil
}
