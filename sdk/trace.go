package sdk

import (
	"context"

	"google.golang.org/grpc/metadata"
)

// traceKey is the metadata of a call that W3C's Trace Context has its header for.
const traceKey = "traceparent"

// Traceparent is for an engine whose Load wants to go on with the trace of the
// request that it loads a model for; empty where there is none.
func Traceparent(ctx context.Context) string {
	if values := metadata.ValueFromIncomingContext(ctx, traceKey); len(values) > 0 {
		return values[0]
	}
	return ""
}
