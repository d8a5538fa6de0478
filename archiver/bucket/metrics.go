package bucket

import (
	"context"
	"errors"
	"fmt"
	"io"
	"iter"
	"time"

	"github.com/prometheus/client_golang/prometheus"
)

// Metrics counts what goes to a store and comes from it. Put it directly
// around the store, inside Retry, so that every attempt counts.
type Metrics struct {
	requests *prometheus.CounterVec   // op
	errors   *prometheus.CounterVec   // op, class
	duration *prometheus.HistogramVec // op
	inFlight *prometheus.GaugeVec     // op
	sent     prometheus.Counter
	received prometheus.Counter
}

// NewMetrics registers the metrics with reg.
func NewMetrics(reg prometheus.Registerer) (*Metrics, error) {
	const ns, sub = "coldtail", "bucket"
	m := &Metrics{
		requests: prometheus.NewCounterVec(prometheus.CounterOpts{
			Namespace: ns, Subsystem: sub, Name: "requests_total",
			Help: "Operations on the bucket, each attempt counted; a listing counts once whatever its pages.",
		}, []string{"op"}),
		errors: prometheus.NewCounterVec(prometheus.CounterOpts{
			Namespace: ns, Subsystem: sub, Name: "errors_total",
			Help: "Failed operations on the bucket, by class: transient, permanent, not_found, changed, canceled.",
		}, []string{"op", "class"}),
		duration: prometheus.NewHistogramVec(prometheus.HistogramOpts{
			Namespace: ns, Subsystem: sub, Name: "request_duration_seconds",
			Help:    "Duration of operations on the bucket; of a get, until its body begins.",
			Buckets: prometheus.ExponentialBuckets(0.002, 4, 8), // 2 ms to 33 s
		}, []string{"op"}),
		inFlight: prometheus.NewGaugeVec(prometheus.GaugeOpts{
			Namespace: ns, Subsystem: sub, Name: "requests_in_flight",
			Help: "Operations on the bucket that have not ended; a get has when its body is closed.",
		}, []string{"op"}),
		sent: prometheus.NewCounter(prometheus.CounterOpts{
			Namespace: ns, Subsystem: sub, Name: "sent_bytes_total",
			Help: "Content bytes of successful puts.",
		}),
		received: prometheus.NewCounter(prometheus.CounterOpts{
			Namespace: ns, Subsystem: sub, Name: "received_bytes_total",
			Help: "Content bytes read from the bucket.",
		}),
	}
	for _, c := range []prometheus.Collector{m.requests, m.errors, m.duration, m.inFlight, m.sent, m.received} {
		if err := reg.Register(c); err != nil {
			return nil, fmt.Errorf("register bucket metrics: %w", err)
		}
	}
	return m, nil
}

// Bucket returns b, measured.
func (m *Metrics) Bucket(b Bucket) Bucket { return &measured{b: b, m: m} }

type measured struct {
	b Bucket
	m *Metrics
}

// start counts a beginning operation; the result is to be called at its end.
func (m *Metrics) start(op Op) func(error) {
	began := time.Now()
	m.requests.WithLabelValues(string(op)).Inc()
	m.inFlight.WithLabelValues(string(op)).Inc()
	return func(err error) {
		m.inFlight.WithLabelValues(string(op)).Dec()
		m.duration.WithLabelValues(string(op)).Observe(time.Since(began).Seconds())
		m.failed(op, err)
	}
}

func (m *Metrics) failed(op Op, err error) {
	if err != nil {
		m.errors.WithLabelValues(string(op), class(err)).Inc()
	}
}

func class(err error) string {
	switch {
	case errors.Is(err, ErrNotFound):
		return "not_found"
	case errors.Is(err, ErrChanged):
		return "changed"
	case errors.Is(err, context.Canceled):
		return "canceled"
	case Permanent(err):
		return "permanent"
	}
	return "transient"
}

func (b *measured) Put(ctx context.Context, key string, r io.ReaderAt, sizeBytes int64, opts PutOptions) error {
	end := b.m.start(OpPut)
	err := b.b.Put(ctx, key, r, sizeBytes, opts)
	end(err)
	if err == nil {
		b.m.sent.Add(float64(sizeBytes))
	}
	return err
}

func (b *measured) Get(ctx context.Context, key string, opts GetOptions) (Body, error) {
	end := b.m.start(OpGet)
	body, err := b.b.Get(ctx, key, opts)
	end(err)
	if err != nil {
		return Body{}, err
	}
	b.m.inFlight.WithLabelValues(string(OpGet)).Inc()
	body.ReadCloser = &measuredBody{ReadCloser: body.ReadCloser, m: b.m}
	return body, nil
}

func (b *measured) List(ctx context.Context, prefix string, opts ListOptions) iter.Seq2[Object, error] {
	return func(yield func(Object, error) bool) {
		end := b.m.start(OpList)
		var failure error
		defer func() { end(failure) }()
		for o, err := range b.b.List(ctx, prefix, opts) {
			failure = err
			if !yield(o, err) {
				return
			}
		}
	}
}

func (b *measured) Delete(ctx context.Context, key string) error {
	end := b.m.start(OpDelete)
	err := b.b.Delete(ctx, key)
	end(err)
	return err
}

type measuredBody struct {
	io.ReadCloser
	m      *Metrics
	closed bool
}

func (b *measuredBody) Read(p []byte) (int, error) {
	n, err := b.ReadCloser.Read(p)
	b.m.received.Add(float64(n))
	if err != io.EOF {
		b.m.failed(OpRead, err)
	}
	return n, err
}

func (b *measuredBody) Close() error {
	if !b.closed {
		b.closed = true
		b.m.inFlight.WithLabelValues(string(OpGet)).Dec()
	}
	return b.ReadCloser.Close()
}
