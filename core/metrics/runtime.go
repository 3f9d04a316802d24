package metrics

import (
	"github.com/prometheus/client_golang/prometheus"

	"github.com/enginebay/enginebay/core"
	"github.com/enginebay/enginebay/core/pluginhost"
)

// runtimeCollector asks the runtime what it knows, each time that it is scraped.
type runtimeCollector struct{ runtime *core.Runtime }

var (
	modelStates  = []string{core.StateToDownload, core.StateDownloading, core.StateReady, core.StateRunning}
	engineStates = []string{pluginhost.StateStopped, pluginhost.StateStarting, pluginhost.StateUp, pluginhost.StateCrashed, pluginhost.StateFailed}

	models         = desc("models", "Models by state.", "state")
	modelLoaded    = desc("model_loaded", "1 for each model in memory, with the engine that has it.", "model", "engine")
	modelRequests  = desc("model_requests_in_flight", "Requests that a loaded model works on.", "model")
	engineState    = desc("engine_state", "1 for the state that an engine's plugin is in.", "engine", "plugin", "state")
	engineRestarts = desc("engine_restarts_total", "Times that an engine's plugin ended without being asked.", "engine")
	engineModels   = desc("engine_models", "Models that an engine has in memory.", "engine")
)

func desc(name, help string, labels ...string) *prometheus.Desc {
	return prometheus.NewDesc("enginebay_"+name, help, labels, nil)
}

// Describe implements prometheus.Collector.
func (c runtimeCollector) Describe(to chan<- *prometheus.Desc) {
	for _, d := range []*prometheus.Desc{models, modelLoaded, modelRequests, engineState, engineRestarts, engineModels} {
		to <- d
	}
}

// Collect implements prometheus.Collector.
func (c runtimeCollector) Collect(to chan<- prometheus.Metric) {
	c.models(to)
	c.engines(to)
}

func gauge(to chan<- prometheus.Metric, d *prometheus.Desc, value float64, labels ...string) {
	to <- prometheus.MustNewConstMetric(d, prometheus.GaugeValue, value, labels...)
}

func counter(to chan<- prometheus.Metric, d *prometheus.Desc, value float64, labels ...string) {
	to <- prometheus.MustNewConstMetric(d, prometheus.CounterValue, value, labels...)
}

func (c runtimeCollector) models(to chan<- prometheus.Metric) {
	count := map[string]int{}
	for _, m := range c.runtime.Models() {
		count[m.State]++
		if m.State == core.StateRunning {
			gauge(to, modelLoaded, 1, m.ID, m.Deployment)
			gauge(to, modelRequests, float64(m.Requests), m.ID)
		}
	}
	for _, state := range modelStates {
		gauge(to, models, float64(count[state]), state)
	}
}

func (c runtimeCollector) engines(to chan<- prometheus.Metric) {
	for _, e := range c.runtime.Engines() {
		for _, state := range engineStates {
			is := 0.0
			if e.Process.State == state {
				is = 1
			}
			gauge(to, engineState, is, e.ID, e.Plugin, state)
		}
		counter(to, engineRestarts, float64(e.Process.Restarts), e.ID)
		gauge(to, engineModels, float64(len(e.Models)), e.ID)
	}
}
