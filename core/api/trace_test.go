package api_test

import (
	"context"
	"encoding/hex"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/hashicorp/go-hclog"
	collector "go.opentelemetry.io/proto/otlp/collector/trace/v1"
	otlp "go.opentelemetry.io/proto/otlp/trace/v1"
	"google.golang.org/protobuf/proto"

	"github.com/enginebay/enginebay/core/api"
	"github.com/enginebay/enginebay/core/traces"
)

// receiver is a collector that keeps the spans that it is sent.
type receiver struct {
	*httptest.Server
	mu     sync.Mutex
	header http.Header
	spans  map[string]*otlp.Span // by name
}

func newReceiver(t *testing.T) *receiver {
	r := &receiver{spans: map[string]*otlp.Span{}}
	r.Server = httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, req *http.Request) {
		body, err := io.ReadAll(req.Body)
		var sent collector.ExportTraceServiceRequest
		if err != nil || req.URL.Path != "/v1/traces" || proto.Unmarshal(body, &sent) != nil {
			http.Error(w, "not traces", http.StatusBadRequest)
			return
		}
		r.mu.Lock()
		defer r.mu.Unlock()
		r.header = req.Header.Clone()
		for _, resource := range sent.GetResourceSpans() {
			for _, scope := range resource.GetScopeSpans() {
				for _, span := range scope.GetSpans() {
					r.spans[span.GetName()] = span
				}
			}
		}
	}))
	t.Cleanup(r.Close)
	return r
}

// fact returns an attribute of a span as a text.
func fact(s *otlp.Span, name string) string {
	for _, a := range s.GetAttributes() {
		if a.GetKey() == name {
			if text := a.GetValue().GetStringValue(); text != "" {
				return text
			}
			return strings.TrimPrefix(a.GetValue().String(), "int_value:")
		}
	}
	return ""
}

// traced serves with traces to a receiver; close sends what is left.
func traced(t *testing.T, r *receiver, models map[string]string) (b *bay, closeTraces func()) {
	t.Helper()
	sent, err := traces.Open(context.Background(), traces.Config{Endpoint: r.URL, Version: "test", Log: hclog.NewNullLogger()})
	if err != nil {
		t.Fatal(err)
	}
	b = newBay(t, models, func(c *api.Config) { c.Tracer = sent.Tracer() })
	return b, func() {
		ctx, cancel := context.WithTimeout(context.Background(), 5*time.Second)
		defer cancel()
		if err := sent.Close(ctx); err != nil {
			t.Error(err)
		}
	}
}

// TestTraces: a client's trace goes on through the server to the engine, and to
// the plugin that loads the model.
func TestTraces(t *testing.T) {
	t.Setenv("OTEL_EXPORTER_OTLP_HEADERS", "x-tenant=bay")
	r := newReceiver(t)
	b, closeTraces := traced(t, r, map[string]string{"m": `{"tokens": 5}`})
	const trace = "0af7651916cd43dd8448eb211c80319c"
	req, _ := http.NewRequest("POST", b.url+"/v1/chat/completions", strings.NewReader(chat("m", "x", `"stream":true`)))
	req.Header.Set("Content-Type", "application/json")
	req.Header.Set("Traceparent", "00-"+trace+"-b7ad6b7169203331-01")
	resp, err := b.client.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	_, _ = io.Copy(io.Discard, resp.Body)
	resp.Body.Close()
	b.do("GET", "/healthz", "")
	b.log.wait(t, "path=/healthz", 1, 5*time.Second) // the stream's end came before it on the same connection
	closeTraces()

	if got := r.header.Get("X-Tenant"); got != "bay" {
		t.Errorf("the standard headers are not sent: %q", got)
	}
	parents := map[string]string{"POST /v1/chat/completions": "", "acquire": "POST /v1/chat/completions", "load": "acquire", "queue": "acquire", "engine": "POST /v1/chat/completions"}
	for name, parent := range parents {
		span := r.spans[name]
		if span == nil {
			t.Fatalf("no span %q among %v", name, r.spans)
		}
		if id := hex.EncodeToString(span.GetTraceId()); id != trace {
			t.Errorf("%s belongs to %s", name, id)
		}
		want := "b7ad6b7169203331"
		if parent != "" {
			want = hex.EncodeToString(r.spans[parent].GetSpanId())
		}
		if got := hex.EncodeToString(span.GetParentSpanId()); got != want {
			t.Errorf("the parent of %s is %s, want %s %s", name, got, want, parent)
		}
	}
	if len(r.spans) != len(parents) {
		t.Errorf("there are more spans than parts: %v", r.spans)
	}
	server := r.spans["POST /v1/chat/completions"]
	for name, want := range map[string]string{"gen_ai.request.model": "m", "http.route": "/v1/chat/completions",
		"http.response.status_code": "200", "gen_ai.usage.output_tokens": "5"} {
		if got := fact(server, name); got != want {
			t.Errorf("%s is %q, want %q", name, got, want)
		}
	}
	if len(server.GetEvents()) != 1 || server.GetEvents()[0].GetName() != "first byte" {
		t.Errorf("events %v", server.GetEvents())
	}
	for line, span := range map[string]string{"loading: ": "load", "asked: ": "engine"} {
		if want := "00-" + trace + "-" + hex.EncodeToString(r.spans[span].GetSpanId()) + "-01"; !strings.Contains(b.log.String(), want) {
			t.Errorf("%sthe plugin was not told %s:\n%s", line, want, b.log)
		}
	}
}

// TestTraceOfFailure: what went wrong is said where it did.
func TestTraceOfFailure(t *testing.T) {
	r := newReceiver(t)
	b, closeTraces := traced(t, r, map[string]string{"bad": `{"refuse": "not today", "refuse_code": "unavailable"}`})
	b.do("POST", "/v1/chat/completions", chat("bad", "x"))
	closeTraces()
	for name, want := range map[string]string{"load": "not today", "acquire": "not today", "POST /v1/chat/completions": "Service Unavailable"} {
		if got := r.spans[name].GetStatus(); got.GetCode() != otlp.Status_STATUS_CODE_ERROR || got.GetMessage() != want {
			t.Errorf("%s: %v", name, got)
		}
	}
}

// TestTracesOff: without a collector nothing is made, and a client's header changes nothing.
func TestTracesOff(t *testing.T) {
	off, err := traces.Open(context.Background(), traces.Config{Log: hclog.NewNullLogger()})
	if off != nil || err != nil || off.Tracer() != nil || off.Close(context.Background()) != nil {
		t.Errorf("%v, %v", off, err)
	}
	if _, err := traces.Open(context.Background(), traces.Config{Endpoint: "collector:4318", Log: hclog.NewNullLogger()}); err == nil {
		t.Error("an address without http:// is taken")
	}
}

// TestTracesWithoutCollector: one that is not there costs spans and nothing else.
func TestTracesWithoutCollector(t *testing.T) {
	r := newReceiver(t)
	r.Close()
	log := &journal{}
	sent, err := traces.Open(context.Background(), traces.Config{Endpoint: r.URL, Log: hclog.New(&hclog.LoggerOptions{Output: log})})
	if err != nil {
		t.Fatal(err)
	}
	_, span := sent.Tracer().Start(context.Background(), "x")
	span.End()
	ctx, cancel := context.WithTimeout(context.Background(), 200*time.Millisecond)
	defer cancel()
	began := time.Now()
	_ = sent.Close(ctx) // what goes wrong is logged
	if !strings.Contains(log.String(), "traces not sent") {
		t.Errorf("nobody says that spans are lost: %s", log)
	}
	if took := time.Since(began); took > 2*time.Second {
		t.Errorf("the end waited for %v", took)
	}
}

// TestTraceOfARun: what it asks its model belongs to the request that made it.
func TestTraceOfARun(t *testing.T) {
	r := newReceiver(t)
	b, closeTraces := traced(t, r, map[string]string{"m": `{"tokens": 5}`})
	thread := b.thread("x")
	b.reaches(thread+"/runs/"+b.made(thread+"/runs", `{"model": "m"}`), "completed")
	b.log.wait(t, "method=RUN", 1, 5*time.Second)
	closeTraces()
	parents := map[string]string{"RUN /v1/chat/completions": "POST /v1/threads/:thread/runs", "acquire": "RUN /v1/chat/completions", "engine": "RUN /v1/chat/completions"}
	for name, parent := range parents {
		if r.spans[name] == nil || r.spans[parent] == nil || string(r.spans[name].GetParentSpanId()) != string(r.spans[parent].GetSpanId()) {
			t.Errorf("%s is not within %s: %v", name, parent, r.spans)
		}
	}
	if got := fact(r.spans["RUN /v1/chat/completions"], "gen_ai.usage.output_tokens"); got != "5" {
		t.Errorf("the answer has %q tokens", got)
	}
}
