package archiver

import (
	"errors"
	"fmt"
	"runtime/debug"
	"sync"
	"sync/atomic"
	"time"

	"github.com/coldtail/coldtail/archiver/bucket"
	"github.com/coldtail/coldtail/archiver/encode"
	"github.com/coldtail/coldtail/archiver/fifo"
	"github.com/coldtail/coldtail/archiver/spool"
	"github.com/coldtail/coldtail/archiver/statedir"
	"github.com/coldtail/coldtail/codec/key"
)

// Archiver archives the logs of many containers. Make one with New, then let
// Run do the work, which closes it; else call Close. Its methods may be called concurrently.
type Archiver struct {
	cfg      Config
	bucket   bucket.Bucket // each attempt is one: see turn
	state    *statedir.Dir
	finished *statedir.Finished
	cache    cacheIndex
	scanMu   sync.Mutex // before the cache's own
	pipes    *fifo.Pipes
	metrics  *metrics
	markers  markers
	health   health
	aside    aside
	encoder  *encode.Encoder
	// uploadedAt is when a segment was archived last, Unix nanoseconds.
	uploadedAt atomic.Int64

	ingests sync.WaitGroup
	commits chan *stream
	uploads chan *stream
	encodes chan struct{} // one place for each chunk in the making, which is in memory
	full    chan struct{} // the disk has no room
	// recovered is closed once Run has looked through the state directory.
	recovered chan struct{}

	mu      sync.Mutex
	streams map[string]*stream     // by container id
	paths   map[string]*attachment // by FIFO
	// unopened are the containers whose log could not be opened.
	unopened map[string]bool
	closing  bool

	poller func() (*fifo.Poller, error) // fifo.NewPoller
}

// New locks the state directory and reads its identity. It neither touches the
// bucket nor reads a log: Attach works at once, and Run archives what an earlier
// process left. After transient errors of b, requests are repeated.
func New(cfg Config, b bucket.Bucket) (*Archiver, error) {
	if err := cfg.setDefaults(); err != nil {
		return nil, err
	}
	st, err := statedir.Open(cfg.StateDir, cfg.Now, cfg.Logger)
	if err != nil {
		return nil, err
	}
	a := &Archiver{
		cfg: cfg, bucket: b, state: st,
		pipes:     fifo.NewPipes(),
		commits:   make(chan *stream, 1024),
		uploads:   make(chan *stream, 1024),
		encodes:   make(chan struct{}, cfg.Workers),
		full:      make(chan struct{}, 1),
		recovered: make(chan struct{}),
		streams:   map[string]*stream{},
		paths:     map[string]*attachment{},
		unopened:  map[string]bool{},
		poller:    fifo.NewPoller,
	}
	if a.metrics, err = newMetrics(cfg.Registerer, a); err != nil {
		return nil, errors.Join(err, st.Close())
	}
	if a.encoder, err = encode.New(encode.Config{
		Temp: st.Temp(), Attempts: st.Attempts(), Places: a.encodes, Logger: cfg.Logger,
		Contain: a.contain, Hook: cfg.Hook, NewEncoder: cfg.newEncoder,
	}); err != nil {
		return nil, errors.Join(err, st.Close())
	}
	a.health = health{log: cfg.Logger, now: cfg.Now, errors: a.metrics.uploadErrors}
	a.aside = aside{root: st.Spool(), log: cfg.Logger, removed: a.metrics.asideRemoved}
	if a.finished, err = statedir.OpenFinished(st.Path); err != nil {
		cfg.Logger.Error("looking at the directories of all containers", "err", err)
	}
	return a, nil
}

// BootID identifies the running boot of the kernel. FIFOs of an earlier boot have
// no writer any more.
func (a *Archiver) BootID() string { return a.state.BootID() }

// Created is when the state directory was made. It knows all history of younger
// containers.
func (a *Archiver) Created() time.Time { return a.state.Created() }

// stream returns the container's stream with its log open.
func (a *Archiver) stream(containerID string) (*stream, error) {
	s := a.known(key.ContainerID(containerID))
	if err := s.open(); err != nil {
		a.forgetFailed(s)
		return nil, err
	}
	a.noteOpen(s)
	return s, nil
}

// forgetFailed forgets a stream that could not be opened, so that the next caller
// tries again. By now another caller may have made a new one.
func (a *Archiver) forgetFailed(s *stream) {
	a.mu.Lock()
	defer a.mu.Unlock()
	if a.streams[s.id] == s {
		delete(a.streams, s.id)
		a.unopened[s.id] = true
	}
}

// noteOpen notes that a container's log is open.
func (a *Archiver) noteOpen(s *stream) {
	a.mu.Lock()
	defer a.mu.Unlock()
	delete(a.unopened, s.id)
}

// known returns a container's stream, and makes it if there is none. The id is as
// key.ContainerID returns it.
func (a *Archiver) known(id string) *stream {
	a.mu.Lock()
	defer a.mu.Unlock()
	s := a.streams[id]
	if s == nil {
		s = a.newStream(id)
		a.streams[id] = s
	}
	s.use()
	return s
}

// Snapshot returns what the spool holds of a container.
func (a *Archiver) Snapshot(containerID string) (*spool.Snapshot, error) {
	s, err := a.stream(containerID)
	if err != nil {
		return nil, err
	}
	sn := s.log.Snapshot()
	sn.Away = func(created time.Time) bool { return a.state.Away(sn.SpoolID, created) }
	return sn, nil
}

// all returns the open streams.
func (a *Archiver) all() []*stream {
	a.mu.Lock()
	defer a.mu.Unlock()
	out := make([]*stream, 0, len(a.streams))
	for _, s := range a.streams {
		if s.opening.ready.Load() {
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

// noteLost counts and logs bytes that were not frames.
func (a *Archiver) noteLost(s *stream, n int64) {
	if n == 0 {
		return
	}
	a.metrics.lostBytes.Add(float64(n))
	a.cfg.Logger.Error("passed over bytes that are no whole frame: their writer died", "container", s.id, "bytes", n)
}
