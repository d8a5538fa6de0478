package plugin

import (
	"context"
	"encoding/json"
	"errors"
	"iter"
	"net/http"
	"sync"
	"time"

	"github.com/coldtail/coldtail/codec"
	"github.com/coldtail/coldtail/readback"
)

// flushBytes is how many bytes of frames are collected before they are written.
const flushBytes = 64 << 10

// streamType is the media type of a stream of frames, as Docker's examples have it.
const streamType = "application/x-json-stream"

// readConfig is what the daemon asks to read (moby daemon/logger/logger.go).
type readConfig struct {
	Since, Until time.Time
	Tail         *int64 // negative: all; nil, which no daemon sends: all
	Follow       bool
}

// readRequest is the request to read logs. Nothing else of Info is needed.
type readRequest struct {
	Info struct {
		ContainerID      string
		ContainerCreated time.Time
	}
	Config readConfig
}

func (r *readRequest) query() readback.Query {
	q := readback.Query{
		ContainerID: valid(r.Info.ContainerID), Created: r.Info.ContainerCreated,
		Tail: -1, Since: r.Config.Since, Until: r.Config.Until, Follow: r.Config.Follow,
	}
	if r.Config.Tail != nil {
		q.Tail = *r.Config.Tail
	}
	return q
}

var (
	errReadRequest = errors.New("the request to read logs is not what a Docker daemon sends")
	errClosing     = errors.New("the plugin was stopped before the end of this log")
)

// readRequest reads the request to read logs, or answers what is wrong with it.
func (h *Handler) readRequest(w http.ResponseWriter, r *http.Request) (req readRequest, err error) {
	body, release, err := h.readBody(w, r)
	defer release() // a follower stays
	if refused := refusal(err); refused != nil {
		respond(w, "", nil, refused)
		return req, refused
	}
	if err != nil || json.Unmarshal(body, &req) != nil || req.Info.ContainerID == "" || len(req.Info.ContainerID) > idMaxBytes {
		// Not 200, or the daemon would take this for frames.
		w.Header().Set("Content-Type", "application/json")
		w.WriteHeader(http.StatusBadRequest)
		_ = json.NewEncoder(w).Encode(answer{Err: errReadRequest.Error()})
		return req, errReadRequest
	}
	return req, nil
}

// readLogs streams a container's log. It has no bound in time: a follower stays
// as long as the container, and a slow one as long as it likes.
func (h *Handler) readLogs(w http.ResponseWriter, r *http.Request) error {
	req, err := h.readRequest(w, r)
	if err != nil {
		return err
	}
	select {
	case h.readers <- struct{}{}:
		defer func() { <-h.readers }()
	default:
		respond(w, "", nil, errBusy)
		return errBusy
	}
	h.metrics.readers.Inc()
	defer h.metrics.readers.Dec()

	rc := http.NewResponseController(w)
	w.Header().Set("Content-Type", streamType)
	w.WriteHeader(http.StatusOK)
	// At once: docker logs waits for the headers before it shows anything.
	if err := rc.Flush(); err != nil {
		return err
	}
	ctx, cancel := h.untilClosing(r.Context())
	defer cancel()
	// A reader that takes nothing must not hold up the shutdown.
	stop := context.AfterFunc(ctx, func() { _ = rc.SetWriteDeadline(time.Now().Add(closeTimeout / 2)) })
	defer stop()

	fw := &frameWriter{w: w, flush: rc.Flush, cfg: req.Config}
	quiet := func() {}
	if req.Config.Follow {
		quiet = fw.beat(ctx, cancel)
	}
	defer quiet()
	defer func() {
		if v := recover(); v != nil {
			fw.complain(errPanic)
			fw.breakOff(ctx)
			panic(v) // counted and logged by handleRaw
		}
	}()
	q := req.query()
	entries, err := h.cfg.Driver.ReadLogs(ctx, q)
	if err == nil {
		err = fw.copy(entries)
	}
	quiet()
	switch {
	case r.Context().Err() != nil || fw.failed:
		return nil // nobody listens
	case err != nil && ctx.Err() != nil:
		// Not as if the log ended here.
		fw.complain(errClosing)
		fw.breakOff(r.Context())
		return errClosing
	case err != nil:
		fw.complain(err)
	}
	if err = errors.Join(fw.missing, err); err != nil {
		h.cfg.Logger.Error("cannot read all of a container's log", "container", q.ContainerID, "err", err)
		fw.breakOff(ctx)
	}
	return err
}

// frameWriter writes entries as frames, many at once.
type frameWriter struct {
	w     http.ResponseWriter
	flush func() error
	cfg   readConfig
	buf   []byte
	// missing is what the bucket did not give, or only a later version can read.
	missing error

	mu     sync.Mutex // guards w and what follows: beat writes too
	failed bool       // the client is gone
	sent   bool       // something was, since the last beat
}

// copy writes entries until they end. Its error is theirs, or the client's where
// failed is set. What is corrupt or missing is named in its place, and the rest goes on.
func (f *frameWriter) copy(entries iter.Seq2[codec.Entry, error]) error {
	for e, err := range entries {
		if corrupt := (*codec.CorruptError)(nil); errors.As(err, &corrupt) {
			f.complain(err)
			continue
		}
		if missing := (*readback.MissingError)(nil); errors.As(err, &missing) || errors.Is(err, codec.ErrNewer) {
			f.missing = err
			f.complain(err)
			continue
		}
		if err != nil {
			return err
		}
		// An entry without a number says that nothing more is ready for now.
		if e.Seq != 0 {
			f.add(&e)
			if len(f.buf) < flushBytes {
				continue
			}
		}
		if err := f.send(); err != nil {
			return err
		}
	}
	return f.send()
}

func (f *frameWriter) add(e *codec.Entry) {
	if e.Source != codec.Stdout && e.Source != codec.Stderr {
		e.Source = codec.Stderr // the daemon drops entries of any other source
	}
	f.buf = codec.AppendReadFrame(f.buf, e)
}

// send writes what was collected.
func (f *frameWriter) send() error {
	if len(f.buf) == 0 {
		return nil
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	f.sent = true
	err := f.write(f.buf)
	f.buf = f.buf[:0]
	return err
}

// write is called with mu held.
func (f *frameWriter) write(b []byte) error {
	_, err := f.w.Write(b)
	if err == nil {
		err = f.flush()
	}
	f.failed = f.failed || err != nil
	return err
}

// beatTime is how long a follower may hear nothing.
const beatTime = time.Second

// beat lets a follower of a silent container end when its client goes away. The
// daemon's adapter looks for that only behind an entry, and so would stay until
// the container writes. So it gets one, that nobody prints, where there is none
// for beatTime. gone is called when it cannot be sent; stop ends and joins this.
func (f *frameWriter) beat(ctx context.Context, gone func()) (stop func()) {
	ctx, cancel := context.WithCancel(ctx)
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		t := time.NewTicker(beatTime)
		defer t.Stop()
		for {
			select {
			case <-ctx.Done():
				return
			case <-t.C:
			}
			f.mu.Lock()
			var err error
			if !f.sent {
				err = f.write(f.unseen())
			}
			f.sent = false
			f.mu.Unlock()
			if err != nil {
				gone()
				return
			}
		}
	}()
	return func() { cancel(); <-ended }
}

// unseen is the frame of an entry that the daemon passes on and nobody prints.
func (f *frameWriter) unseen() []byte {
	return codec.AppendReadFrame(nil, &codec.Entry{TimeNano: codec.UnixNano(f.now()), Source: fillSource})
}

// complain adds a line on stderr: the status has been sent, so nothing else can
// tell the user what is missing.
func (f *frameWriter) complain(err error) {
	f.add(&codec.Entry{TimeNano: codec.UnixNano(f.now()), Source: codec.Stderr, Line: []byte("coldtail: " + codec.OneLine(err))})
}

// now is the time, or the nearest to it in the range that was asked for: the
// daemon drops entries outside of it.
func (f *frameWriter) now() time.Time {
	now := time.Now()
	if !f.cfg.Until.IsZero() && now.After(f.cfg.Until) {
		now = f.cfg.Until
	}
	if now.Before(f.cfg.Since) {
		now = f.cfg.Since
	}
	return now
}

const (
	// daemonQueue is how many entries the daemon holds for its client (moby's
	// daemon/logger.logWatcherBufferSize).
	daemonQueue = 4096
	// drainTime is what the daemon is given to get through an empty queue.
	drainTime = 50 * time.Millisecond
	// fillSource is of entries that the daemon passes on and nobody prints.
	fillSource = "coldtail"
)

// breakOff ends the stream so that docker logs fails: with a cut frame, which is
// the only error that the daemon's adapter knows. The daemon lets an error
// overtake the entries in its queue, so the queue is filled first with entries
// that are not shown. It has no one to tell of an error: the client is gone then.
func (f *frameWriter) breakOff(ctx context.Context) {
	fill := f.unseen()
	for range daemonQueue + 1 {
		f.buf = append(f.buf, fill...)
	}
	if f.send() != nil {
		return
	}
	select {
	case <-ctx.Done():
		return
	case <-time.After(drainTime):
	}
	f.buf = append(f.buf, 0, 0) // of a length of four bytes
	_ = f.send()
}
