package plugin

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/docker/go-plugins-helpers/sdk"
	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/promhttp"
	"golang.org/x/sync/semaphore"
)

// How long requests may take. The daemon gives docker stop some 30 s in all, and
// holds the container's lock meanwhile.
const (
	bodyTimeout   = 10 * time.Second
	startTimeout  = 10 * time.Second
	stopTimeout   = 20 * time.Second
	statusTimeout = 5 * time.Second
	closeTimeout  = time.Second // for requests under way at shutdown: SIGKILL comes after 10 s
)

// Bounds of requests. Those of the daemon are far below: it starts no more containers at
// once, and a body is some kilobytes.
const (
	bodyMaxBytes   = 16 << 20 // of one: it holds a container's whole environment
	bodiesMaxBytes = 64 << 20 // of all that are being answered
	bodySmallBytes = 8 << 10  // not counted: StopLogging's, which must not wait for others
	startsMax      = 4096     // at once
	asksMax        = 64       // at once of status, flush or metrics
	readersMax     = 4096     // logs being read
)

// Results of requests, as a label of their metric.
const (
	resultOK    = "ok"
	resultError = "error"
	resultPanic = "panic" // contained
)

// activation is what a plugin on a plain socket says that it implements.
const activation = `{"Implements": ["LogDriver"]}`

// stopPath is the endpoint that answers no error, see doc.go.
const stopPath = "/LogDriver.StopLogging"

// HandlerConfig is what a Handler serves.
type HandlerConfig struct {
	Driver   *Driver
	Registry *prometheus.Registry // of /metrics; the handler adds its own
	Logger   *slog.Logger
	Version  string // of /status
}

// Handler serves the driver over HTTP.
type Handler struct {
	cfg     HandlerConfig
	sdk     sdk.Handler
	metrics handlerMetrics
	closing chan struct{} // closed when Serve's context ends
	bodies  *semaphore.Weighted
	readers chan struct{} // one place for each log being read

	mu      sync.Mutex
	serving sync.WaitGroup // requests under way
	closed  bool
}

type handlerMetrics struct {
	requests *prometheus.CounterVec
	panics   prometheus.Counter
	readers  prometheus.Gauge
}

// NewHandler returns a handler of the log driver's protocol and of coldtail's
// own endpoints.
func NewHandler(cfg HandlerConfig) (*Handler, error) {
	h := &Handler{cfg: cfg, sdk: sdk.NewHandler(activation), closing: make(chan struct{}),
		bodies: semaphore.NewWeighted(bodiesMaxBytes), readers: make(chan struct{}, readersMax), metrics: handlerMetrics{
			requests: prometheus.NewCounterVec(prometheus.CounterOpts{
				Name: "coldtail_plugin_requests_total", Help: "Requests answered, by endpoint and result.",
			}, []string{"endpoint", "result"}),
			panics: prometheus.NewCounter(prometheus.CounterOpts{
				Name: "coldtail_plugin_panics_total", Help: "Panics that were contained in a request.",
			}),
			readers: prometheus.NewGauge(prometheus.GaugeOpts{
				Name: "coldtail_plugin_readers", Help: "Logs being read.",
			}),
		}}
	for _, c := range []prometheus.Collector{h.metrics.requests, h.metrics.panics, h.metrics.readers} {
		if err := cfg.Registry.Register(c); err != nil {
			return nil, fmt.Errorf("register metrics: %w", err)
		}
	}
	h.handle("/LogDriver.StartLogging", startTimeout, startsMax, h.startLogging)
	h.handle(stopPath, stopTimeout, 0, h.stopLogging) // the driver bounds these
	h.handle("/LogDriver.Capabilities", statusTimeout, startsMax, h.capabilities)
	h.handle("/status", statusTimeout, asksMax, h.status)
	h.handle("/flush", 0, asksMax, h.flush)
	h.handleRaw("/LogDriver.ReadLogs", h.readLogs)
	metrics := promhttp.HandlerFor(cfg.Registry, promhttp.HandlerOpts{Timeout: statusTimeout, MaxRequestsInFlight: asksMax, ErrorHandling: promhttp.ContinueOnError})
	h.handleRaw("/metrics", func(w http.ResponseWriter, r *http.Request) error {
		metrics.ServeHTTP(w, r)
		return nil
	})
	return h, nil
}

// Serve answers requests on l until ctx ends; then it closes l, ends readers and
// gives other requests a moment. It always closes l.
func (h *Handler) Serve(ctx context.Context, l net.Listener) error {
	served := make(chan error, 1)
	go func() { served <- h.sdk.Serve(l) }()
	select {
	case err := <-served:
		return errors.Join(fmt.Errorf("serve: %w", err), l.Close())
	case <-ctx.Done():
	}
	err := l.Close()
	if serr := <-served; !errors.Is(serr, net.ErrClosed) {
		err = errors.Join(err, serr)
	}
	h.mu.Lock()
	h.closed = true
	h.mu.Unlock()
	close(h.closing)
	done := make(chan struct{})
	go func() { h.serving.Wait(); close(done) }()
	select {
	case <-done:
	case <-time.After(closeTimeout):
		h.cfg.Logger.Warn("requests are still under way at shutdown")
	}
	return err
}

// enter counts a request in, unless the handler is closing.
func (h *Handler) enter() bool {
	h.mu.Lock()
	defer h.mu.Unlock()
	if h.closed {
		return false
	}
	h.serving.Add(1)
	return true
}

// handle serves an endpoint that answers JSON. f gets the request's body and
// returns what to answer. It is given up after limit, where that is not zero:
// what it waits for then goes on without an asker. At most most go on at once,
// where that is not zero, those without an asker included.
func (h *Handler) handle(path string, limit time.Duration, most int, f func(ctx context.Context, r *http.Request, body []byte) (any, error)) {
	under := make(chan struct{}, most)
	h.handleRaw(path, func(w http.ResponseWriter, r *http.Request) error {
		body, release, err := h.readBody(w, r)
		if err != nil {
			// The connection is of no more use, and an answer may still arrive.
			w.Header().Set("Connection", "close")
		}
		if refused := refusal(err); refused != nil && path != stopPath {
			release()
			respond(w, path, nil, refused)
			return refused
		}
		ctx := r.Context()
		if limit > 0 {
			var cancel context.CancelFunc
			// A client that goes away must not undo what it asked for.
			ctx, cancel = context.WithTimeout(context.WithoutCancel(ctx), limit)
			defer cancel()
		}
		res, err := h.bounded(ctx, path, func() (any, error) {
			defer release()
			if most > 0 {
				select {
				case under <- struct{}{}:
					defer func() { <-under }()
				default:
					return nil, errBusy
				}
			}
			return f(ctx, r, body)
		})
		respond(w, path, res, err)
		return err
	})
}

// handleRaw serves an endpoint that writes its answer itself. Any HTTP verb is
// as good as POST: the daemon's are not promised.
func (h *Handler) handleRaw(path string, f func(w http.ResponseWriter, r *http.Request) error) {
	h.sdk.HandleFunc(path, func(w http.ResponseWriter, r *http.Request) {
		if !h.enter() {
			// Better no answer than a wrong one: the daemon repeats the request,
			// and the next process can do what it asks.
			panic(http.ErrAbortHandler)
		}
		defer h.serving.Done()
		result := resultPanic // unless f returns
		defer func() { h.metrics.requests.WithLabelValues(strings.TrimPrefix(path, "/"), result).Inc() }()
		defer h.contain(path)
		switch err := f(w, r); {
		case err == nil:
			result = resultOK
		case !errors.Is(err, errPanic):
			result = resultError
		}
	})
}

func (h *Handler) startLogging(ctx context.Context, _ *http.Request, body []byte) (any, error) {
	var req struct {
		File string
		Info Info
	}
	// The decoder's own error may quote the body, which holds secrets.
	if len(body) > 0 && json.Unmarshal(body, &req) != nil {
		return nil, errStartRequest
	}
	return answer{}, h.cfg.Driver.StartLogging(ctx, req.File, req.Info)
}

func (h *Handler) stopLogging(ctx context.Context, _ *http.Request, body []byte) (any, error) {
	var req struct{ File string }
	if json.Unmarshal(body, &req) != nil {
		req.File = "" // as if it were empty
	}
	h.cfg.Driver.StopLogging(ctx, req.File)
	return answer{}, nil
}

func (h *Handler) capabilities(context.Context, *http.Request, []byte) (any, error) {
	type capability struct{ ReadLogs bool }
	return struct {
		Cap capability
		Err string
	}{Cap: capability{ReadLogs: true}}, nil
}

func (h *Handler) status(context.Context, *http.Request, []byte) (any, error) {
	s := h.cfg.Driver.Status()
	s.Version = h.cfg.Version
	return s, nil
}

// flush archives everything now. It lasts as long as the uploads and ends when
// the client goes away.
func (h *Handler) flush(ctx context.Context, r *http.Request, _ []byte) (any, error) {
	if r.Method != http.MethodPost {
		return nil, &statusError{http.StatusMethodNotAllowed, "flush: use POST"}
	}
	evict := false
	if v := r.URL.Query().Get("evict"); v != "" {
		var err error
		if evict, err = strconv.ParseBool(v); err != nil {
			return nil, &statusError{http.StatusBadRequest, fmt.Sprintf("flush: evict=%q: must be true or false", v)}
		}
	}
	ctx, cancel := h.untilClosing(ctx)
	defer cancel()
	return h.cfg.Driver.Flush(ctx, evict)
}

// untilClosing derives a context that also ends when the handler closes.
func (h *Handler) untilClosing(ctx context.Context) (context.Context, context.CancelFunc) {
	ctx, cancel := context.WithCancel(ctx)
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		select {
		case <-h.closing:
			cancel()
		case <-ctx.Done():
		}
	}()
	return ctx, func() { cancel(); <-ended }
}
