package plugin

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"runtime/debug"
	"strings"
	"sync"
	"time"

	"github.com/docker/go-plugins-helpers/sdk"

	"github.com/coldtail/coldtail/codec"
)

// answer is what a request led to. Err is the daemon's field.
type answer struct {
	Err string
}

// statusError is an error that coldtail's own endpoints answer with this status.
type statusError struct {
	status int
	text   string
}

func (e *statusError) Error() string { return e.text }

// errPanic is the answer to a request that panicked.
var errPanic = errors.New("internal error: see the log of the plugin")

// grace is how much longer than its context a request may take to notice that
// the context has ended.
const grace = time.Second

// bounded returns what f does, or an error once ctx ended and f did not notice:
// a system call that hangs on a bad disk cannot be interrupted.
func (h *Handler) bounded(ctx context.Context, path string, f func() (any, error)) (any, error) {
	type result struct {
		v   any
		err error
	}
	done := make(chan result, 1)
	go func() {
		res := result{err: errPanic} // unless f returns
		defer func() { done <- res }()
		defer h.contain(path)
		res.v, res.err = f()
	}()
	select {
	case res := <-done:
		return res.v, res.err
	case <-ctx.Done():
	}
	select {
	case res := <-done:
		return res.v, res.err
	case <-time.After(grace):
		return nil, errors.New("coldtail could not answer in time: its disk may hang")
	}
}

// contain stops a panic; defer it.
func (h *Handler) contain(path string) {
	v := recover()
	if v == nil {
		return
	}
	h.metrics.panics.Inc()
	// Neither the value nor the arguments: they may hold a container's log.
	h.cfg.Logger.Error("panic in a request", "endpoint", path, "type", fmt.Sprintf("%T", v), "stack", string(debug.Stack()))
}

// Answers to what is not done.
var (
	errBusy  = &statusError{http.StatusServiceUnavailable, "coldtail has too many requests under way: its disk may hang"}
	errLarge = &statusError{http.StatusRequestEntityTooLarge, "the request is larger than 16 MiB: the container has too large labels or variables for coldtail"}
)

// refusal is the answer to a request whose body was not read for this reason, nil
// where it counts as empty: the daemon repeats requests without their bodies.
func refusal(err error) error {
	if large := (*http.MaxBytesError)(nil); errors.As(err, &large) {
		return errLarge
	}
	if errors.Is(err, errBusy) {
		return errBusy
	}
	return nil
}

// readBody reads a request's body; what could not be read is as good as empty. It
// waits until there is room for it, which release gives back.
func (h *Handler) readBody(w http.ResponseWriter, r *http.Request) (body []byte, release func(), err error) {
	size := r.ContentLength
	if size < 0 || size > bodyMaxBytes {
		size = bodyMaxBytes
	}
	if size <= bodySmallBytes {
		size = 0
	}
	ctx, cancel := context.WithTimeout(r.Context(), bodyTimeout)
	defer cancel()
	// To acquire nothing would wait for those before it.
	if size > 0 && h.bodies.Acquire(ctx, size) != nil {
		return nil, func() {}, errBusy
	}
	release = sync.OnceFunc(func() { h.bodies.Release(size) })
	defer func() {
		if held := int64(len(body)); held < size {
			h.bodies.Release(size - held)
			size = held
		}
	}()
	rc := http.NewResponseController(w)
	_ = rc.SetReadDeadline(time.Now().Add(bodyTimeout)) // not supported in some tests
	body, err = io.ReadAll(http.MaxBytesReader(w, r.Body, bodyMaxBytes))
	if err != nil {
		return nil, release, err
	}
	// A deadline that stays would end the request when it passes.
	_ = rc.SetReadDeadline(time.Time{})
	return body, release, nil
}

// respond answers with JSON, never with an empty body.
func respond(w http.ResponseWriter, path string, res any, err error) {
	w.Header().Set("Content-Type", sdk.DefaultContentTypeV1_1)
	if err != nil {
		res = answer{Err: codec.OneLine(err)}
		switch {
		case path == stopPath:
			res = answer{} // invariant 3
		case strings.HasPrefix(path, "/LogDriver."):
			// The daemon shows Err as it is only with status 200.
		default:
			status := http.StatusInternalServerError
			if se := (*statusError)(nil); errors.As(err, &se) {
				status = se.status
			}
			w.WriteHeader(status)
		}
	}
	_ = json.NewEncoder(w).Encode(res) // the client is gone
}
