package main

import (
	"context"
	"time"

	"github.com/hashicorp/go-hclog"

	"github.com/enginebay/enginebay/core/traces"
)

// flushTimeout is how long the end of the program waits for the collector.
const flushTimeout = 2 * time.Second

// openTraces also returns what sends the last spans, at the end.
func (c *config) openTraces(log hclog.Logger) (*traces.Traces, func(), error) {
	log = log.Named("traces")
	sent, err := traces.Open(context.Background(), traces.Config{Endpoint: c.OTLPEndpoint, Version: version, Log: log})
	return sent, func() {
		ctx, cancel := context.WithTimeout(context.Background(), flushTimeout)
		defer cancel()
		if err := sent.Close(ctx); err != nil {
			log.Warn("the last traces were not sent", "error", err)
		}
	}, err
}
