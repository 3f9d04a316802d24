package metrics

import (
	"io"
	"slices"
	"sync"
	"sync/atomic"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/collectors"
	"github.com/prometheus/common/expfmt"

	"github.com/enginebay/enginebay/core"
)

// ContentType is that of what Write writes.
const ContentType = "text/plain; version=0.0.4; charset=utf-8"

// Metrics are the counters of one server. All methods may be called concurrently.
type Metrics struct {
	registry *prometheus.Registry
	runtime  *core.Runtime
	families families
	open     atomic.Int64 // requests in flight

	mu     sync.RWMutex
	series map[Key]*series
}

// families are the metrics that have a series for each [Key].
type families struct {
	requests *prometheus.CounterVec
	tokens   *prometheus.CounterVec
	duration *prometheus.HistogramVec
	first    *prometheus.HistogramVec
	rate     *prometheus.HistogramVec
}

// New returns the metrics of a runtime; version is the program's.
func New(r *core.Runtime, version string) *Metrics {
	m := &Metrics{registry: prometheus.NewRegistry(), runtime: r, series: map[Key]*series{}}
	labels := []string{"method", "route", "model"}
	histogram := func(name, help string, buckets ...float64) *prometheus.HistogramVec {
		return prometheus.NewHistogramVec(prometheus.HistogramOpts{Name: name, Help: help, Buckets: buckets}, labels)
	}
	m.families = families{
		requests: prometheus.NewCounterVec(prometheus.CounterOpts{Name: "enginebay_requests_total",
			Help: "Requests answered, by the class of the status; a stream that broke off counts as 5xx, and one whose client left as 4xx."}, append(labels, "status")),
		tokens: prometheus.NewCounterVec(prometheus.CounterOpts{Name: "enginebay_tokens_total",
			Help: "Tokens read (input) and written (output), as the engine reports them; the output of a stream without such a report is its number of events."}, append(labels, "kind")),
		duration: histogram("enginebay_request_duration_seconds", "From the request's arrival to the last byte of the answer, waiting and loading included.",
			.001, .005, .01, .025, .05, .1, .25, .5, 1, 2.5, 5, 10, 30, 60, 120, 300),
		first: histogram("enginebay_time_to_first_token_seconds", "From the request's arrival to the first byte of a stream, waiting and loading included.",
			.01, .025, .05, .1, .25, .5, 1, 2.5, 5, 10, 30, 60),
		rate: histogram("enginebay_tokens_per_second", "Speed of one stream after its first token.",
			1, 2, 5, 10, 20, 30, 50, 75, 100, 150, 200, 300, 500, 1000),
	}
	build := prometheus.NewGauge(prometheus.GaugeOpts{Name: "enginebay_build_info", Help: "The program's version; always 1.",
		ConstLabels: prometheus.Labels{"version": version}})
	build.Set(1)
	m.registry.MustRegister(m.families.requests, m.families.tokens, m.families.duration, m.families.first, m.families.rate, build,
		prometheus.NewGaugeFunc(prometheus.GaugeOpts{Name: "enginebay_requests_in_flight", Help: "Requests that are being answered, streams included."},
			func() float64 { return float64(m.open.Load()) }),
		runtimeCollector{r}, collectors.NewGoCollector(), collectors.NewProcessCollector(collectors.ProcessCollectorOpts{}))
	return m
}

// Write writes all metrics in Prometheus' text form.
func (m *Metrics) Write(w io.Writer) error {
	m.forget()
	all, err := m.registry.Gather()
	if err != nil {
		return err
	}
	for _, family := range all {
		if _, err := expfmt.MetricFamilyToText(w, family); err != nil {
			return err
		}
	}
	return nil
}

// forget drops the series of models that are gone, so that months of trying
// models leave nothing behind. A request that still holds one counts into the void.
func (m *Metrics) forget() {
	there := map[string]bool{"": true}
	for _, model := range slices.Concat(m.runtime.Models(), m.runtime.Editions()) {
		there[model.ID] = true
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	for key := range m.series {
		if !there[key.Model] {
			delete(m.series, key)
			m.families.forget(key.Model)
		}
	}
}

func (f families) forget(model string) {
	gone := prometheus.Labels{"model": model}
	f.requests.DeletePartialMatch(gone)
	f.tokens.DeletePartialMatch(gone)
	for _, h := range []*prometheus.HistogramVec{f.duration, f.first, f.rate} {
		h.DeletePartialMatch(gone)
	}
}
