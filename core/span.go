package core

import (
	"context"

	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/codes"
	"go.opentelemetry.io/otel/trace"

	"github.com/enginebay/enginebay/sdk/host"
)

// span begins a part of the trace that ctx belongs to, and returns what ends it.
// Without a trace it costs a look into ctx.
func span(ctx context.Context, name, model string) (context.Context, func(error)) {
	parent := trace.SpanFromContext(ctx)
	if !parent.IsRecording() {
		return ctx, func(error) {}
	}
	ctx, s := parent.TracerProvider().Tracer("github.com/enginebay/enginebay").Start(ctx, name,
		trace.WithAttributes(attribute.String("gen_ai.request.model", model)))
	return ctx, func(err error) {
		if err != nil {
			s.SetStatus(codes.Error, Reason(err))
		}
		s.End()
	}
}

// sameTrace returns a context for work that goes on when its caller leaves, but
// belongs to its trace.
func sameTrace(ctx context.Context) context.Context {
	return trace.ContextWithSpan(context.Background(), trace.SpanFromContext(ctx))
}

// traceparent names the span of ctx to an engine; empty where there is no trace.
func traceparent(ctx context.Context) string {
	s := trace.SpanContextFromContext(ctx)
	if !s.IsValid() {
		return ""
	}
	return "00-" + s.TraceID().String() + "-" + s.SpanID().String() + "-" + s.TraceFlags().String()
}

// toPlugin has the calls of ctx tell a plugin of the trace.
func toPlugin(ctx context.Context) context.Context {
	if parent := traceparent(ctx); parent != "" {
		return host.WithTraceparent(ctx, parent)
	}
	return ctx
}
