package bucket

import (
	"context"
	"errors"
	"io"
	"slices"
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

// TestErrorClasses: each class that the metric's help names is reached, and no other.
func TestErrorClasses(t *testing.T) {
	reg := prometheus.NewRegistry()
	m, err := NewMetrics(reg)
	if err != nil {
		t.Fatal(err)
	}
	f := &flaky{}
	b := m.Bucket(f)
	gone, cancel := context.WithCancel(t.Context())
	cancel()
	expired, cancel := context.WithTimeout(t.Context(), 0)
	defer cancel()
	for _, is := range []struct {
		ctx       context.Context
		err       error
		permanent bool
	}{
		{t.Context(), errWeather, false}, {t.Context(), errWeather, true}, {t.Context(), ErrNotFound, false},
		{t.Context(), ErrChanged, false}, {gone, errWeather, false}, {expired, errWeather, false},
	} {
		f.fail = 1
		f.with = WrapError(is.ctx, OpGet, "k", is.err, func(error) (bool, string) { return is.permanent, "" })
		if _, err := b.Get(t.Context(), "k", GetOptions{}); err == nil {
			t.Errorf("%v: no error", is)
		}
	}
	families, err := reg.Gather()
	if err != nil {
		t.Fatal(err)
	}
	for _, family := range families {
		if family.GetName() != "coldtail_bucket_errors_total" {
			continue
		}
		var classes []string
		for _, metric := range family.GetMetric() {
			classes = append(classes, metric.GetLabel()[0].GetValue())
		}
		_, list, _ := strings.Cut(strings.TrimSuffix(family.GetHelp(), "."), "by class: ")
		named := strings.Split(list, ", ")
		slices.Sort(named)
		if !slices.Equal(classes, named) {
			t.Errorf("classes %q, the help names %q", classes, named)
		}
		return
	}
	t.Error("no errors are counted")
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
