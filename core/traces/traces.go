// Package traces sends the spans of requests to an OpenTelemetry collector (OTLP
// over HTTP), where one is configured. It is the only home of the SDK: whoever
// makes spans uses no more than go.opentelemetry.io/otel/trace.
package traces

import (
	"cmp"
	"context"
	"fmt"
	"net/url"
	"os"
	"strings"
	"time"

	"github.com/hashicorp/go-hclog"
	"go.opentelemetry.io/otel"
	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/exporters/otlp/otlptrace/otlptracehttp"
	"go.opentelemetry.io/otel/sdk/resource"
	sdktrace "go.opentelemetry.io/otel/sdk/trace"
	"go.opentelemetry.io/otel/trace"
	"golang.org/x/time/rate"
)

// Config says where spans go.
type Config struct {
	// Endpoint is the collector's address, such as http://127.0.0.1:4318. Where it
	// is empty, the standard OTEL_EXPORTER_OTLP_ENDPOINT counts, and without that
	// nothing is sent. Headers, certificates, sampling and further facts of the
	// service come from the standard variables OTEL_… in any case.
	Endpoint string
	Version  string // of the program
	Log      hclog.Logger
}

// Traces are what is sent. A nil one sends nothing.
type Traces struct{ provider *sdktrace.TracerProvider }

// Open returns nil where no collector is configured. It does not wait for the
// collector: one that is not there costs spans, and nothing else.
func Open(ctx context.Context, c Config) (*Traces, error) {
	var options []otlptracehttp.Option
	if c.Endpoint != "" {
		if u, err := url.Parse(c.Endpoint); err != nil || u.Host == "" || u.Scheme != "http" && u.Scheme != "https" {
			return nil, fmt.Errorf("otlp_endpoint %q is no address such as http://127.0.0.1:4318", c.Endpoint)
		}
		options = append(options, otlptracehttp.WithEndpointURL(strings.TrimSuffix(c.Endpoint, "/")+"/v1/traces"))
	} else if cmp.Or(os.Getenv("OTEL_EXPORTER_OTLP_ENDPOINT"), os.Getenv("OTEL_EXPORTER_OTLP_TRACES_ENDPOINT")) == "" {
		return nil, nil
	}
	otel.SetErrorHandler(complaints(c.Log))
	exporter, err := otlptracehttp.New(ctx, options...)
	if err != nil {
		return nil, fmt.Errorf("traces: %w", err)
	}
	service, err := resource.New(ctx, resource.WithAttributes(attribute.String("service.name", "enginebay"),
		attribute.String("service.version", c.Version)), resource.WithTelemetrySDK(), resource.WithFromEnv())
	if err != nil {
		c.Log.Warn("the variables OTEL_… are not all as they should be", "error", err)
	}
	return &Traces{sdktrace.NewTracerProvider(sdktrace.WithBatcher(exporter), sdktrace.WithResource(service))}, nil
}

// complaints logs what goes wrong with sending, now and then.
func complaints(log hclog.Logger) otel.ErrorHandlerFunc {
	now := rate.Sometimes{Interval: time.Minute}
	return func(err error) { now.Do(func() { log.Warn("traces not sent", "error", err) }) }
}

// Tracer makes the spans; nil where nothing is sent.
func (t *Traces) Tracer() trace.Tracer {
	if t == nil {
		return nil
	}
	return t.provider.Tracer("github.com/enginebay/enginebay")
}

// Close sends what is left, within ctx.
func (t *Traces) Close(ctx context.Context) error {
	if t == nil {
		return nil
	}
	return t.provider.Shutdown(ctx)
}
