package metrics

import (
	"context"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/enginebay/enginebay/core/database"
)

// databaseTimeout is how long a scrape waits for a database that does not answer.
const databaseTimeout = 2 * time.Second

var (
	databaseUp   = desc("database_up", "1 while the database of conversations can be used, else 0.", "driver")
	databaseSize = desc("database_size_bytes", "Size of the database of conversations.", "driver")
)

// databaseCollector asks a database how it is, each time that it is scraped.
type databaseCollector func(context.Context) database.Status

// Database adds how the database is, which status tells.
func (m *Metrics) Database(status func(context.Context) database.Status) {
	m.registry.MustRegister(databaseCollector(status))
}

// Describe implements prometheus.Collector.
func (c databaseCollector) Describe(to chan<- *prometheus.Desc) { to <- databaseUp; to <- databaseSize }

// Collect implements prometheus.Collector.
func (c databaseCollector) Collect(to chan<- prometheus.Metric) {
	ctx, done := context.WithTimeout(context.Background(), databaseTimeout)
	defer done()
	s := c(ctx)
	if s.Err != nil {
		gauge(to, databaseUp, 0, s.Driver)
		return
	}
	gauge(to, databaseUp, 1, s.Driver)
	gauge(to, databaseSize, float64(s.Size), s.Driver)
}
