package archiver

import (
	"errors"
	"sync"
	"sync/atomic"
	"time"

	"github.com/coldtail/coldtail/archiver/spool"
)

// stream is one container's log. The type of each part says who may touch it.
type stream struct {
	a       *Archiver
	id      string // the container's, as in keys
	opening opening
	log     *spool.Log // set by open

	inlet  inlet
	ingest ingest
	quota  quota
	rest   rest
	// upload is the upload token: it holds one value, which is taken while the
	// container's segments are archived.
	upload chan *uploading

	queued   atomic.Bool  // for commit
	waiting  atomic.Bool  // queued for upload
	unsynced trouble      // failing to sync the log
	lastUsed atomic.Int64 // Unix nanoseconds
}

func (a *Archiver) newStream(id string) *stream {
	s := &stream{a: a, id: id, upload: make(chan *uploading, 1)}
	s.ingest.s = s
	s.inlet.use(a.cfg.Defaults)
	s.upload <- &uploading{s: s}
	return s
}

// trouble is what is logged once when it begins and once when it ends, however often
// it is seen.
type trouble struct{ is atomic.Bool }

// begins notes the trouble. It reports whether that is new.
func (t *trouble) begins() bool { return !t.is.Swap(true) }

// ends notes that there is no trouble. It reports whether that is new.
func (t *trouble) ends() bool { return t.is.Swap(false) }

// opening belongs to the first caller of open. Others wait for it, or look at ready.
type opening struct {
	once   sync.Once
	err    error
	afresh bool        // what is there is removed, as it is finished
	ready  atomic.Bool // the log is open
}

var errOpening = errors.New("opening the log did not end")

// open recovers the container's log, once.
func (s *stream) open() error {
	s.opening.once.Do(func() {
		s.opening.err = errOpening // also after a panic that is contained
		s.opening.err = s.recover()
		s.opening.ready.Store(s.opening.err == nil) // from now on it is held to its options
	})
	return s.opening.err
}

func (s *stream) recover() error {
	state := s.a.state
	if s.opening.afresh {
		if err := state.RemoveLog(s.id); err != nil {
			return err
		}
	}
	log, quarantined, err := spool.Open(spool.Config{
		Dir:         state.Log(s.id),
		ContainerID: s.id,
		SpoolID:     state.SpoolID(),
		FreshID:     state.FreshID(),
		After:       time.Unix(0, state.Forgot()),
		OfState:     state.OfState,
		Renewed:     state.Renewed(),
		Logger:      s.a.cfg.Logger,
		Now:         s.a.cfg.Now,
		Trust:       state.SameBoot(),
		Hook:        s.a.cfg.Hook,
	})
	if quarantined > 0 {
		s.a.metrics.quarantined.Add(float64(quarantined))
		s.a.aside.look(s.id)
		if err := s.a.finished.Begin(s.id); err != nil { // so that a start finds it
			s.a.cfg.Logger.Error("cannot list a container with something in quarantine", "container", s.id, "err", err)
		}
	}
	if err != nil {
		return err
	}
	s.log = log
	s.a.noteLost(s, log.Info().LostBytes)
	if f, ok := log.Frozen(); ok {
		s.inlet.found(s.a.cfg.Defaults.restored(f))
	}
	return nil
}

// use notes that the stream is used now.
func (s *stream) use() { s.lastUsed.Store(s.a.cfg.Now().UnixNano()) }
