package metrics

import (
	"sync"
	"time"

	"github.com/prometheus/client_golang/prometheus"
)

// A Key names the requests that are counted together. All three come from a
// closed set: Model is empty, or the id of a model that there is.
type Key struct{ Method, Route, Model string }

// A series counts the requests of one Key.
type series struct {
	classes       [6]func() prometheus.Counter // by the first digit of the status
	duration      prometheus.Observer
	first, rate   func() prometheus.Observer
	input, output func() prometheus.Counter
}

// of returns the series of a key.
func (m *Metrics) of(k Key) *series {
	m.mu.RLock()
	s, ok := m.series[k]
	m.mu.RUnlock()
	if ok {
		return s
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	if s, ok = m.series[k]; !ok {
		s = m.families.of(k)
		m.series[k] = s
	}
	return s
}

// of resolves the labels once. What a kind of request never has (an embedding has
// no first token) gets no line.
func (f families) of(k Key) *series {
	counter := func(of *prometheus.CounterVec, last string) func() prometheus.Counter {
		return sync.OnceValue(func() prometheus.Counter { return of.WithLabelValues(k.Method, k.Route, k.Model, last) })
	}
	observer := func(of *prometheus.HistogramVec) func() prometheus.Observer {
		return sync.OnceValue(func() prometheus.Observer { return of.WithLabelValues(k.Method, k.Route, k.Model) })
	}
	s := &series{duration: f.duration.WithLabelValues(k.Method, k.Route, k.Model), first: observer(f.first), rate: observer(f.rate),
		input: counter(f.tokens, "input"), output: counter(f.tokens, "output")}
	for class := range s.classes {
		s.classes[class] = counter(f.requests, string(rune('0'+class))+"xx")
	}
	return s
}

// Began counts a request as in flight; Ended must follow.
func (m *Metrics) Began() { m.open.Add(1) }

// Ended counts a request in its series.
func (m *Metrics) Ended(k Key, a Answer) {
	m.open.Add(-1)
	m.of(k).count(a)
}

// An Answer is what is counted of one request.
type Answer struct {
	Status        int
	Took          time.Duration
	First         time.Duration // to the first byte of a stream; 0 for what was none
	Input, Output int           // tokens; 0 where nobody knows
}

func (s *series) count(a Answer) {
	s.classes[min(max(a.Status/100, 0), len(s.classes)-1)]().Inc()
	s.duration.Observe(a.Took.Seconds())
	if a.Input > 0 {
		s.input().Add(float64(a.Input))
	}
	if a.Output > 0 {
		s.output().Add(float64(a.Output))
	}
	if a.First == 0 {
		return
	}
	s.first().Observe(a.First.Seconds())
	if writing := a.Took - a.First; a.Output > 1 && writing > 0 {
		s.rate().Observe(float64(a.Output-1) / writing.Seconds())
	}
}
