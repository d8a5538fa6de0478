package bucket

import (
	"errors"
	"io"
	"strings"
	"testing"

	"github.com/prometheus/client_golang/prometheus"
)

func TestMetrics(t *testing.T) {
	reg := prometheus.NewRegistry()
	m, err := NewMetrics(reg)
	if err != nil {
		t.Fatal(err)
	}
	f := &flaky{content: "0123456789"}
	b := m.Bucket(f)
	if err := b.Put(t.Context(), "k", strings.NewReader("abc"), 3, PutOptions{}); err != nil {
		t.Fatal(err)
	}
	f.fail, f.with = 1, &Error{Op: OpPut, Err: errWeather}
	if err := b.Put(t.Context(), "k", strings.NewReader("abc"), 3, PutOptions{}); !errors.Is(err, errWeather) {
		t.Fatal(err)
	}
	body, err := b.Get(t.Context(), "k", GetOptions{Offset: 4})
	if err != nil {
		t.Fatal(err)
	}
	want(t, reg, "coldtail_bucket_requests_in_flight", "get", 1)
	if _, err := io.ReadAll(body); err != nil {
		t.Fatal(err)
	}
	for range 2 { // a second Close counts no more
		if err := body.Close(); err != nil {
			t.Fatal(err)
		}
	}
	for range b.List(t.Context(), "", ListOptions{}) {
		break
	}
	want(t, reg, "coldtail_bucket_requests_in_flight", "get", 0)
	want(t, reg, "coldtail_bucket_requests_total", "put", 2)
	want(t, reg, "coldtail_bucket_requests_total", "list", 1)
	want(t, reg, "coldtail_bucket_errors_total", "put", 1)
	want(t, reg, "coldtail_bucket_sent_bytes_total", "", 3)
	want(t, reg, "coldtail_bucket_received_bytes_total", "", 6)
	if _, err := NewMetrics(reg); err == nil {
		t.Fatal("registered twice")
	}
}

// want checks the sum of a metric over its labels other than op.
func want(t *testing.T, reg *prometheus.Registry, name, op string, value float64) {
	t.Helper()
	families, err := reg.Gather()
	if err != nil {
		t.Fatal(err)
	}
	var sum float64
	for _, f := range families {
		if f.GetName() != name {
			continue
		}
		for _, m := range f.GetMetric() {
			match := op == ""
			for _, l := range m.GetLabel() {
				match = match || l.GetName() == "op" && l.GetValue() == op
			}
			if match {
				sum += m.GetCounter().GetValue() + m.GetGauge().GetValue()
			}
		}
	}
	if sum != value {
		t.Errorf("%s{op=%q} = %v, want %v", name, op, sum, value)
	}
}
