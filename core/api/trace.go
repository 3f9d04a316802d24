package api

import (
	"context"
	"net/http"
	"strings"

	"github.com/gofiber/fiber/v2"
	"github.com/valyala/fasthttp"
	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/codes"
	"go.opentelemetry.io/otel/propagation"
	"go.opentelemetry.io/otel/trace"
)

// probes are asked every few seconds, and tell nothing in a trace.
var probes = map[string]bool{"/healthz": true, "/readyz": true, "/metrics": true}

// headers are those of a request, as the trace of a client is found in them.
type headers struct{ *fasthttp.RequestHeader }

// Get implements propagation.TextMapCarrier.
func (h headers) Get(name string) string { return string(h.Peek(name)) }

// Keys implements propagation.TextMapCarrier; nobody asks for them here.
func (h headers) Keys() []string { return nil }

// beginSpan begins the span of a request, within the client's own trace if it has one.
func (o *observation) beginSpan(c *fiber.Ctx) {
	if o.server.config.Tracer == nil || probes[o.path] {
		return
	}
	ctx := propagation.TraceContext{}.Extract(context.Background(), headers{&c.Request().Header})
	_, o.span = o.server.config.Tracer.Start(ctx, o.method, trace.WithTimestamp(o.began), trace.WithSpanKind(trace.SpanKindServer),
		trace.WithAttributes(attribute.String("http.request.method", o.method), attribute.String("url.path", strings.Clone(o.path)),
			attribute.String("enginebay.request_id", o.id)))
}

// beginInnerSpan begins the span of a request that the server makes itself, within the
// span of ctx.
func (o *observation) beginInnerSpan(ctx context.Context) {
	if o.server.config.Tracer != nil {
		_, o.span = o.server.config.Tracer.Start(ctx, o.method+" "+o.route, trace.WithTimestamp(o.began),
			trace.WithAttributes(attribute.String("enginebay.request_id", o.id)))
	}
}

// within returns ctx as a part of the request's trace.
func (o *observation) within(ctx context.Context) context.Context {
	if o.span == nil {
		return ctx
	}
	return trace.ContextWithSpan(ctx, o.span)
}

func (o *observation) spanEvent(name string) {
	if o.span != nil {
		o.span.AddEvent(name)
	}
}

func (o *observation) endSpan(status, input, output int) {
	if o.span == nil {
		return
	}
	facts := []attribute.KeyValue{attribute.Int("http.response.status_code", status)}
	if o.route != "" {
		o.span.SetName(o.method + " " + o.route)
		facts = append(facts, attribute.String("http.route", o.route))
	}
	if o.model != "" {
		facts = append(facts, attribute.String("gen_ai.request.model", o.model))
	}
	if input+output > 0 {
		facts = append(facts, attribute.Int("gen_ai.usage.input_tokens", input), attribute.Int("gen_ai.usage.output_tokens", output))
	}
	o.span.SetAttributes(facts...)
	if status >= http.StatusInternalServerError {
		o.span.SetStatus(codes.Error, http.StatusText(status))
	}
	o.span.End()
}
