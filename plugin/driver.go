package plugin

import (
	"context"
	"errors"
	"fmt"
	"iter"
	"log/slog"
	"os"
	"sync"
	"time"

	"github.com/coldtail/coldtail/archiver"
	"github.com/coldtail/coldtail/codec"
	"github.com/coldtail/coldtail/readback"
)

// DriverConfig is what a Driver needs from the start.
type DriverConfig struct {
	Defaults map[string]string // of log-opts: EnvDefaults
	HostName string            // of the host, for the archive
	Logger   *slog.Logger      // never sees a log line
}

// Parts are what a Driver works with once they could be opened.
type Parts struct {
	Archiver *archiver.Archiver
	Reader   *readback.Reader
	Registry *Registry
	// Problem is what is wrong with the plugin's settings, nil where nothing is.
	// StartLogging answers it. It holds no credentials.
	Problem error
}

// Driver is the log driver behind the protocol. It answers before it has its
// Parts, so that the socket can listen before anything slow happens.
type Driver struct {
	cfg   DriverConfig
	ready chan struct{}  // closed by Open
	work  sync.WaitGroup // what goes on after its request was answered

	mu      sync.Mutex
	parts   Parts
	unready error                      // why Open has not been called yet
	pending map[string]archiver.Source // by path: could not be attached again yet
	// stopping are the FIFOs being drained, by path: closed when one is done.
	stopping map[string]chan struct{}
}

// NewDriver returns a driver whose methods wait for Open.
func NewDriver(cfg DriverConfig) *Driver {
	return &Driver{cfg: cfg, ready: make(chan struct{}), unready: errors.New("it is starting"), pending: map[string]archiver.Source{}, stopping: map[string]chan struct{}{}}
}

// Unready tells why Open is not called yet, for those who wait.
func (d *Driver) Unready(err error) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.unready = err
}

// Open attaches the FIFOs of the registry again and then lets requests in. It is
// called once. FIFOs that cannot be attached are tried again until ctx ends;
// Wait joins that.
func (d *Driver) Open(ctx context.Context, parts Parts) {
	d.mu.Lock()
	d.parts = parts // FIFOEnded needs it from the first attached FIFO on
	for _, src := range parts.Registry.Sources() {
		if gone(src.Path) {
			d.forget(parts.Registry, src.Path)
			continue
		}
		src.Resume = true
		d.pending[src.Path] = src
	}
	d.mu.Unlock()
	if n := d.attachPending(ctx); n > 0 {
		d.work.Go(func() { d.retryPending(ctx) })
	}
	close(d.ready)
}

// Wait joins what Open and requests left behind. Cancel Open's context first.
func (d *Driver) Wait() { d.work.Wait() }

// gone tells that there is no FIFO at path, as far as can be known.
func gone(path string) bool {
	fi, err := os.Stat(path)
	if err != nil {
		return errors.Is(err, os.ErrNotExist)
	}
	return fi.Mode()&os.ModeNamedPipe == 0
}

// removeFIFO removes a FIFO that nobody will write to again: the daemon gives each
// start of a container a new one. One that is left is an empty file, no more.
func removeFIFO(path string) {
	if fi, err := os.Lstat(path); err == nil && fi.Mode()&os.ModeNamedPipe != 0 {
		_ = os.Remove(path)
	}
}

// attachPending attaches what an earlier process had attached, and returns how
// many FIFOs are left.
func (d *Driver) attachPending(ctx context.Context) (left int) {
	d.mu.Lock()
	var srcs []archiver.Source
	for _, src := range d.parts.Registry.Sources() { // for their order
		if p, ok := d.pending[src.Path]; ok {
			srcs = append(srcs, p)
		}
	}
	a := d.parts.Archiver
	d.mu.Unlock()
	if len(srcs) == 0 {
		return 0
	}
	// All at once, so that a container's FIFOs are read oldest first. Only where
	// that fails, one by one, to know which.
	err := a.Attach(ctx, srcs...)
	for _, src := range srcs {
		if err == nil || a.Attach(ctx, src) == nil {
			d.mu.Lock()
			delete(d.pending, src.Path)
			d.mu.Unlock()
			continue
		}
		left++
	}
	if left > 0 {
		d.cfg.Logger.Error("cannot attach fifos again; trying on", "fifos", left, "err", err)
	} else {
		d.cfg.Logger.Info("attached fifos again", "fifos", len(srcs))
	}
	return left
}

// retryPending tries on, as a container whose FIFO nobody reads blocks.
func (d *Driver) retryPending(ctx context.Context) {
	for delay := time.Second; ; delay = min(2*delay, 30*time.Second) {
		select {
		case <-ctx.Done():
			return
		case <-time.After(delay):
		}
		if d.attachPending(ctx) == 0 {
			return
		}
	}
}

// await returns the parts once there are any.
func (d *Driver) await(ctx context.Context) (Parts, error) {
	select {
	case <-d.ready:
	case <-ctx.Done():
		d.mu.Lock()
		defer d.mu.Unlock()
		return Parts{}, fmt.Errorf("coldtail is not ready: %w", d.unready)
	}
	d.mu.Lock()
	defer d.mu.Unlock()
	return d.parts, nil
}

// Bounds of what identifies a log: Linux's of a path, and far beyond the daemon's
// 64 digits of an id.
const (
	pathMaxBytes = 4096
	idMaxBytes   = 256
)

var errStartRequest = errors.New("the request to start logging is not what a Docker daemon sends")

// StartLogging attaches a FIFO. A repeated call for one FIFO does nothing. Its
// errors are for the user: one sentence, an *OptionError where a log-opt is wrong.
func (d *Driver) StartLogging(ctx context.Context, file string, info Info) error {
	info.hostName = d.cfg.HostName
	if file == "" || info.ContainerID == "" {
		return errors.New("the request to start logging names no container: start it again")
	}
	if len(file) > pathMaxBytes || len(info.ContainerID) > idMaxBytes {
		return errStartRequest
	}
	opts, err := ParseOptions(info.Config, d.cfg.Defaults)
	if err != nil {
		return err
	}
	meta, cut, err := info.meta(opts)
	if err != nil {
		return err
	}
	parts, err := d.await(ctx)
	if err != nil {
		return err
	}
	if parts.Problem != nil {
		return parts.Problem
	}
	src := archiver.Source{Path: file, Meta: meta, Options: opts.Stream}
	fresh, err := parts.Registry.Add(src, info.ContainerCreated)
	if err != nil {
		return fmt.Errorf("start logging: %w", err)
	}
	if err := parts.Archiver.Attach(ctx, src); err != nil {
		if fresh {
			d.forget(parts.Registry, file)
		}
		return fmt.Errorf("start logging: %w", err)
	}
	if fresh && cut != (codec.Cut{}) {
		d.cfg.Logger.Warn("a container's metadata is beyond its bounds: it is archived without what was cut",
			"container", meta.ContainerID, "name", meta.ContainerName, "cut", cut)
	}
	return nil
}

// ReadLogs yields a container's entries; see readback.Reader.
func (d *Driver) ReadLogs(ctx context.Context, q readback.Query) (iter.Seq2[codec.Entry, error], error) {
	waiting, cancel := context.WithTimeout(ctx, startTimeout)
	defer cancel()
	parts, err := d.await(waiting)
	if err != nil {
		return nil, err
	}
	return parts.Reader.Entries(ctx, q), nil
}

// Flush archives everything that is spooled, and drops the local cache where
// evict is set.
func (d *Driver) Flush(ctx context.Context, evict bool) (archiver.FlushResult, error) {
	waiting, cancel := context.WithTimeout(ctx, startTimeout)
	defer cancel()
	parts, err := d.await(waiting)
	if err != nil {
		return archiver.FlushResult{}, err
	}
	return parts.Archiver.Flush(ctx, evict)
}

// Status is the plugin's state, as /status answers it.
type Status struct {
	Version     string           `json:"version"`
	Ready       bool             `json:"ready"`
	Problem     string           `json:"problem,omitempty"` // what a user has to mend
	FIFOs       int              `json:"fifos"`             // attached
	Unattached  int              `json:"unattached_fifos"`  // could not be attached again yet
	Quarantined int              `json:"quarantined_fifos"` // whose records were damaged at the start
	Archiver    *archiver.Status `json:"archiver,omitempty"`
}

// Status returns the driver's state at once.
func (d *Driver) Status() Status {
	ready := false
	select {
	case <-d.ready: // before parts are looked at: they are there since
		ready = true
	default:
	}
	d.mu.Lock()
	parts, unready, pending := d.parts, d.unready, len(d.pending)
	d.mu.Unlock()
	if !ready {
		return Status{Problem: unready.Error()}
	}
	as := parts.Archiver.Status()
	s := Status{Ready: true, FIFOs: parts.Registry.Len(), Unattached: pending, Quarantined: parts.Registry.Quarantined(), Archiver: &as}
	if parts.Problem != nil {
		s.Problem = parts.Problem.Error()
	}
	return s
}
