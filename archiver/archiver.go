package archiver

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"runtime/debug"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"golang.org/x/sys/unix"

	"github.com/coldtail/coldtail/archiver/bucket"
	"github.com/coldtail/coldtail/archiver/chunk"
	"github.com/coldtail/coldtail/archiver/spool"
	"github.com/coldtail/coldtail/codec"
)

// Archiver archives the logs of many containers. Make one with New, then let
// Run do the work. Its methods may be called concurrently.
type Archiver struct {
	cfg      Config
	bucket   bucket.Bucket // each attempt is one: see turn
	state    state
	sameBoot bool
	lock     *os.File
	used     use // as it was at the start
	useMu    sync.Mutex
	unmarked bool         // the last mark could not be made; guarded by useMu
	forgot   atomic.Int64 // see use.Forgot; Unix nanoseconds, 0 for never
	finished *finished
	cache    cacheIndex
	scanMu   sync.Mutex // before the cache's own
	// Of the janitor alone: finished containers to forget, and when these were found.
	dead     []string
	lookedAt time.Time
	pipes    *pipeBudget
	metrics  *metrics
	markers  markers
	health   health
	aside    aside
	attempts attempts
	// uploadedAt is when a segment was archived last, Unix nanoseconds.
	uploadedAt atomic.Int64

	ingests sync.WaitGroup
	commits chan *stream
	uploads chan *stream
	encodes chan struct{} // one place for each chunk in the making: it is in memory
	full    chan struct{} // the disk has no room
	// recovered is closed once Run has looked through the state directory.
	recovered chan struct{}

	mu      sync.Mutex
	streams map[string]*stream     // by container id
	paths   map[string]*attachment // by FIFO
	// unopened are the containers whose log could not be opened.
	unopened map[string]bool
	closing  bool

	poller func() (*poller, error) // newPoller
}

// attachment is a FIFO's entry in paths. Its identity tells it from a later one
// of the same path.
type attachment struct {
	s      *stream
	opened bool // of the goroutine that attaches
}

// New locks the state directory and reads its identity. It does not touch the
// bucket, and reads no log: Attach works at once, Run looks after what an
// earlier process left. Transient errors of b are repeated.
func New(cfg Config, b bucket.Bucket) (*Archiver, error) {
	if err := cfg.setDefaults(); err != nil {
		return nil, err
	}
	st, sameBoot, lock, err := openState(cfg.StateDir, cfg.Now(), cfg.Logger)
	if err != nil {
		return nil, err
	}
	a := &Archiver{
		cfg: cfg, bucket: b, state: st, sameBoot: sameBoot, lock: lock,
		pipes:     newPipeBudget(),
		commits:   make(chan *stream, 1024),
		uploads:   make(chan *stream, 1024),
		encodes:   make(chan struct{}, cfg.Workers),
		full:      make(chan struct{}, 1),
		recovered: make(chan struct{}),
		streams:   map[string]*stream{},
		paths:     map[string]*attachment{},
		unopened:  map[string]bool{},
		poller:    newPoller,
	}
	a.used = st.use
	if !st.use.Forgot.IsZero() {
		a.forgot.Store(codec.UnixNano(st.use.Forgot))
	}
	if a.metrics, err = newMetrics(cfg.Registerer, a); err != nil {
		return nil, errors.Join(err, lock.Close())
	}
	a.attempts.dir = filepath.Join(cfg.StateDir, attemptsDir)
	if err := a.attempts.load(cfg.Logger); err != nil {
		return nil, errors.Join(err, lock.Close())
	}
	a.aside = aside{root: filepath.Join(cfg.StateDir, spoolDir), log: cfg.Logger, removed: a.metrics.asideRemoved}
	if a.finished, err = openFinished(cfg.StateDir); err != nil {
		cfg.Logger.Error("looking at the directories of all containers", "err", err)
	}
	return a, nil
}

// BootID identifies the running boot of the kernel: FIFOs of an earlier one
// have no writer any more.
func (a *Archiver) BootID() string { return a.state.BootID }

// Created is when the state directory was made: containers that are younger
// have no history but what it knows.
func (a *Archiver) Created() time.Time { return a.state.Created }

// stream returns the container's stream with its log open.
func (a *Archiver) stream(containerID string) (*stream, error) {
	s := a.known(chunk.ContainerID(containerID))
	if err := s.open(); err != nil {
		a.forgetFailed(s)
		return nil, err
	}
	a.noteOpen(s)
	return s, nil
}

// forgetFailed forgets a stream that could not be opened, for the next attempt.
// Others may have failed with it, and a later one may be there by now.
func (a *Archiver) forgetFailed(s *stream) {
	a.mu.Lock()
	defer a.mu.Unlock()
	if a.streams[s.id] == s {
		delete(a.streams, s.id)
		a.unopened[s.id] = true
	}
}

// noteOpen takes note that a container's log is open.
func (a *Archiver) noteOpen(s *stream) {
	a.mu.Lock()
	defer a.mu.Unlock()
	delete(a.unopened, s.id)
}

// known returns the stream of a container id of the form that
// chunk.ContainerID gives, and makes it where there is none.
func (a *Archiver) known(id string) *stream {
	a.mu.Lock()
	defer a.mu.Unlock()
	s := a.streams[id]
	if s == nil {
		s = a.newStream(id)
		a.streams[id] = s
	}
	s.lastUsed.Store(a.cfg.Now().UnixNano())
	return s
}

func (a *Archiver) newStream(id string) *stream {
	s := &stream{a: a, id: id, opts: a.cfg.Defaults, upload: make(chan struct{}, 1)}
	s.roll.Store(s.opts.rollBytes())
	return s
}

// Attach starts to read the sources' FIFOs, each opened once: attaching a path
// again does nothing. After a restart, give all sources at once, oldest first,
// and before Run: that gives up frames which no attached FIFO goes on with. It
// needs the local disk only. What could be attached is, whatever it returns.
func (a *Archiver) Attach(ctx context.Context, srcs ...Source) error {
	var errs []error
	byContainer := map[string][]Source{}
	var order []string
	for _, src := range srcs {
		if err := src.Options.Validate(); err != nil {
			errs = append(errs, fmt.Errorf("attach %s: %w", src.Path, err))
			continue
		}
		src.Meta.ContainerID = chunk.ContainerID(src.Meta.ContainerID)
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
		if err = a.finished.begin(id); err == nil {
			err = s.attach(claims...)
		}
		for _, c := range claims {
			if !c.at.opened {
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
			at := &attachment{s: s}
			a.paths[src.Path] = at
			claims = append(claims, claim{src, at})
		}
	}
	return claims, nil
}

// release forgets a FIFO that is attached no longer, unless its path is
// attached anew.
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

// Detach drains a FIFO and closes it: when it returns nil, all entries that
// were written to it are in the spool. A FIFO that is not attached is emptied
// and closed, if there is one: nobody knows whose entries these are, but who
// writes them must not stay blocked. ErrClosing tells that the FIFO was closed
// before it was empty, as Run is ending.
func (a *Archiver) Detach(ctx context.Context, path string) error {
	at, closing := a.attached(path)
	switch {
	case closing:
		return ErrClosing
	case at == nil:
		return a.discard(path)
	}
	err := at.s.detach(ctx, path, at)
	if errors.Is(err, errUnknown) {
		err = nil // it has ended by itself
	}
	if err == nil {
		a.release(path, at)
	}
	return err
}

// DetachAll is Detach for every attached FIFO.
func (a *Archiver) DetachAll(ctx context.Context) error {
	var errs []error
	for _, p := range a.allPaths() {
		errs = append(errs, a.Detach(ctx, p))
	}
	return errors.Join(errs...)
}

// allPaths returns the paths of the attached FIFOs.
func (a *Archiver) allPaths() []string {
	a.mu.Lock()
	defer a.mu.Unlock()
	return slices.Collect(maps.Keys(a.paths))
}

// discard empties a FIFO that nobody has attached.
func (a *Archiver) discard(path string) error {
	f, err := openFIFO(path)
	if err != nil {
		return nil // there is none: nothing to do
	}
	defer unix.Close(f.fd)
	buf := make([]byte, 64<<10)
	total := 0
	for {
		n, err := unix.Read(f.fd, buf)
		if errors.Is(err, unix.EINTR) {
			continue
		}
		if n <= 0 {
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

// Snapshot returns what the spool holds of a container.
func (a *Archiver) Snapshot(containerID string) (*spool.Snapshot, error) {
	s, err := a.stream(containerID)
	if err != nil {
		return nil, err
	}
	sn := s.log.Snapshot()
	sn.Away = func(created time.Time) bool {
		return a.used.away(created) || sn.SpoolID != a.state.SpoolID && codec.UnixNano(created) <= a.forgot.Load()
	}
	return sn, nil
}

// all returns the open streams.
func (a *Archiver) all() []*stream {
	a.mu.Lock()
	defer a.mu.Unlock()
	out := make([]*stream, 0, len(a.streams))
	for _, s := range a.streams {
		if s.ready.Load() {
			out = append(out, s)
		}
	}
	return out
}

// contain runs f and survives its panic.
func (a *Archiver) contain(what, containerID string, f func()) (panicked bool) {
	defer func() {
		if r := recover(); r != nil {
			panicked = true
			a.metrics.panics.Inc()
			// The value may hold a line's bytes; the stack does not.
			a.cfg.Logger.Error("recovered from a panic; please report it", "while", what, "container", containerID,
				"type", fmt.Sprintf("%T", r), "stack", string(debug.Stack()))
		}
	}()
	f()
	return false
}

// noteLost counts bytes that were no frames, and logs them.
func (a *Archiver) noteLost(s *stream, n int64) {
	if n == 0 {
		return
	}
	a.metrics.lostBytes.Add(float64(n))
	a.cfg.Logger.Error("passed over bytes that are no whole frame: their writer died", "container", s.id, "bytes", n)
}
