package metrics

import (
	"time"

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
	modelWaiting   = desc("model_requests_waiting", "Requests that wait for a model: for a slot of its engine, or for its load.", "model")
	modelMemory    = desc("model_memory_bytes", "Memory of a loaded model, by its engine's estimate; 0 where unknown.", "model")
	modelWaits     = desc("model_wait_seconds", "How long requests waited for a slot of the engine; those that found one at once are not among them.", "model")
	modelLoads     = desc("model_load_seconds", "How long loads took that went well.", "model")
	modelFailures  = desc("model_load_failures_total", "Loads that did not go well.", "model")
	modelEvictions = desc("model_evictions_total", "Times that a model left for others, or because nobody used it.", "model")
	modelEnds      = desc("model_ends_total", "Times that a model's instance ended by itself.", "model")
	engineState    = desc("engine_state", "1 for the state that an engine's plugin is in.", "engine", "plugin", "state")
	engineRestarts = desc("engine_restarts_total", "Times that an engine's plugin ended without being asked.", "engine")
	engineModels   = desc("engine_models", "Models that an engine has in memory.", "engine")
	engineRequests = desc("engine_requests_total", "Requests that an engine has answered.", "engine")
	engineFailures = desc("engine_failures_total", "Requests that an engine has answered with status 500 or above, or not at all.", "engine")
	engineTokens   = desc("engine_tokens_total", "Tokens read (input) and written (output) by an engine's models.", "engine", "kind")
	engineCost     = desc("engine_cost_total", "What those tokens cost, by the prices of the engine's file.", "engine")

	downloads        = desc("downloads_in_progress", "Models whose files are being downloaded; those that wait for their turn are not among them.")
	downloadBytes    = desc("download_bytes_total", "Bytes that came over the network for models.")
	downloadFiles    = desc("download_files_total", "Files of models that were downloaded whole.")
	downloadFailures = desc("download_failures_total", "Downloads of models that ended badly; canceled ones are not among them.")
)

func desc(name, help string, labels ...string) *prometheus.Desc {
	return prometheus.NewDesc("enginebay_"+name, help, labels, nil)
}

// Describe implements prometheus.Collector.
func (c runtimeCollector) Describe(to chan<- *prometheus.Desc) {
	for _, d := range []*prometheus.Desc{models, modelLoaded, modelRequests, modelWaiting, modelMemory, modelWaits, modelLoads, modelFailures, modelEvictions, modelEnds,
		engineState, engineRestarts, engineModels, engineRequests, engineFailures, engineTokens, engineCost, downloads, downloadBytes, downloadFiles, downloadFailures} {
		to <- d
	}
}

// Collect implements prometheus.Collector.
func (c runtimeCollector) Collect(to chan<- prometheus.Metric) {
	c.models(to)
	c.engines(to)
	c.downloads(to)
}

func gauge(to chan<- prometheus.Metric, d *prometheus.Desc, value float64, labels ...string) {
	to <- prometheus.MustNewConstMetric(d, prometheus.GaugeValue, value, labels...)
}

func counter(to chan<- prometheus.Metric, d *prometheus.Desc, value float64, labels ...string) {
	to <- prometheus.MustNewConstMetric(d, prometheus.CounterValue, value, labels...)
}

// summary is a number of times and what they took together.
func summary(to chan<- prometheus.Metric, d *prometheus.Desc, count int, took time.Duration, labels ...string) {
	to <- prometheus.MustNewConstSummary(d, uint64(count), took.Seconds(), nil, labels...)
}

func (c runtimeCollector) models(to chan<- prometheus.Metric) {
	count := map[string]int{}
	for _, m := range c.runtime.Models() {
		count[m.State]++
	}
	for m := range c.runtime.EachLoadable {
		if m.State == core.StateRunning {
			gauge(to, modelLoaded, 1, m.ID, m.Deployment)
			gauge(to, modelRequests, float64(m.Requests), m.ID)
			gauge(to, modelMemory, float64(m.Memory), m.ID)
		}
		if m.History != (core.History{}) || m.Waiting > 0 { // the others were never asked for
			c.history(to, m)
		}
	}
	for _, state := range modelStates {
		gauge(to, models, float64(count[state]), state)
	}
}

func (c runtimeCollector) history(to chan<- prometheus.Metric, m core.Model) {
	gauge(to, modelWaiting, float64(m.Waiting), m.ID)
	summary(to, modelWaits, m.History.Waits, m.History.Waiting, m.ID)
	summary(to, modelLoads, m.History.Loads, m.History.Loading, m.ID)
	counter(to, modelFailures, float64(m.History.Failures), m.ID)
	counter(to, modelEvictions, float64(m.History.Evictions), m.ID)
	counter(to, modelEnds, float64(m.History.Ends), m.ID)
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
		counter(to, engineRequests, float64(e.Usage.Requests), e.ID)
		counter(to, engineFailures, float64(e.Usage.Failures), e.ID)
		counter(to, engineTokens, float64(e.Usage.Input), e.ID, "input")
		counter(to, engineTokens, float64(e.Usage.Output), e.ID, "output")
		counter(to, engineCost, e.Usage.Cost, e.ID)
	}
}

func (c runtimeCollector) downloads(to chan<- prometheus.Metric) {
	counts := c.runtime.Downloads()
	gauge(to, downloads, float64(counts.Active))
	counter(to, downloadBytes, float64(counts.Bytes))
	counter(to, downloadFiles, float64(counts.Files))
	counter(to, downloadFailures, float64(counts.Failures))
}
