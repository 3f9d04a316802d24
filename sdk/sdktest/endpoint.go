package sdktest

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"net/http"
	"slices"
	"strings"

	"github.com/enginebay/enginebay/sdk"
)

// bodies are requests for the operations that sdk names.
var bodies = map[sdk.Operation]json.RawMessage{
	sdk.OpChat:        json.RawMessage(`{"messages":[{"role":"user","content":"Hello, who are you?"}],"max_tokens":16}`),
	sdk.OpCompletion:  json.RawMessage(`{"prompt":"Hello, who are you?","max_tokens":16}`),
	sdk.OpEmbedding:   json.RawMessage(`{"input":["Hello","world"]}`),
	sdk.OpRerank:      json.RawMessage(`{"query":"Hello","documents":["Hello","world"]}`),
	sdk.OpResponses:   json.RawMessage(`{"input":"Hello, who are you?","max_output_tokens":16}`),
	sdk.OpMessages:    json.RawMessage(`{"messages":[{"role":"user","content":"Hello, who are you?"}],"max_tokens":16}`),
	sdk.OpCountTokens: json.RawMessage(`{"messages":[{"role":"user","content":"Hello, who are you?"}]}`),
	sdk.OpTokenize:    json.RawMessage(`{"content":"Hello, who are you?"}`),
	sdk.OpDetokenize:  json.RawMessage(`{"tokens":[1,2,3]}`),
	sdk.OpModeration:  json.RawMessage(`{"input":"Hello, who are you?"}`),
	sdk.OpImage:       json.RawMessage(`{"prompt":"A cat"}`),
	sdk.OpSpeech:      json.RawMessage(`{"input":"Hello, who are you?","voice":"alloy"}`),
}

// anyOperation is the one that a test uses which needs just one.
func anyOperation(e sdk.Endpoint) sdk.Operation {
	for _, op := range []sdk.Operation{sdk.OpChat, sdk.OpCompletion, sdk.OpEmbedding} {
		if slices.Contains(e.Operations, op) {
			return op
		}
	}
	if len(e.Operations) > 0 {
		return e.Operations[0]
	}
	return sdk.OpChat
}

// body is a request of the case, for a model.
func (e *engine) body(t T, op sdk.Operation, model string, stream bool) []byte {
	t.Helper()
	if takesForm(op) {
		return recording(model)
	}
	request, ok := e.Requests[op]
	if !ok {
		request, ok = bodies[op]
	}
	if !ok {
		t.Fatalf("there is no request for the operation %q; give one in Case.Requests", op)
	}
	further := map[string]any{"model": model}
	if stream {
		further["stream"] = true
	}
	return merge(t, further, request)
}

// post sends a request as the core does: where the endpoint has a Detour, one that
// does not stream goes there, and so does a stream that it is to answer, or that the
// endpoint refused.
func post(ctx context.Context, e sdk.Endpoint, op sdk.Operation, body []byte) (*http.Response, error) {
	if e.DetourSocket == "" {
		return send(ctx, e, e.Socket, op, body)
	}
	if straight(e, op, body) {
		resp, err := send(ctx, e, e.Socket, op, body)
		if err != nil || resp.StatusCode < http.StatusBadRequest {
			return resp, err
		}
		resp.Body.Close()
	}
	return send(ctx, e, e.DetourSocket, op, body)
}

// straight says whether a request is a stream that makes no detour.
func straight(e sdk.Endpoint, op sdk.Operation, body []byte) bool {
	var fields map[string]json.RawMessage
	_ = json.Unmarshal(body, &fields) // nonsense does not stream
	for name, value := range fields {
		if string(value) != "null" && e.Detours(op, name) {
			return false
		}
	}
	return string(fields["stream"]) == "true"
}

// send sends a request to a socket of the endpoint, or to its URL.
func send(ctx context.Context, e sdk.Endpoint, socket string, op sdk.Operation, body []byte) (*http.Response, error) {
	transport := &http.Transport{DisableKeepAlives: true}
	base := strings.TrimSuffix(e.URL, "/")
	if socket != "" {
		base = "http://localhost"
		transport.DialContext = func(ctx context.Context, _, _ string) (net.Conn, error) {
			return (&net.Dialer{}).DialContext(ctx, "unix", socket)
		}
	}
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, base+op.Path(), bytes.NewReader(body))
	if err != nil {
		return nil, err
	}
	req.Header.Set("Content-Type", contentType(op))
	for name, value := range e.Headers {
		req.Header.Set(name, value)
	}
	return transport.RoundTrip(req)
}

// ask sends the case's request and reads the whole answer.
func (e *engine) ask(t T, inst sdk.Instance, op sdk.Operation, stream bool) (status int, err error) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 2*patience)
	defer cancel()
	resp, err := post(ctx, inst.Endpoint(), op, e.body(t, op, e.Model.ID, stream))
	if err != nil {
		return 0, err
	}
	defer resp.Body.Close()
	_, err = io.Copy(io.Discard, resp.Body)
	return resp.StatusCode, err
}

// begin sends a request and leaves it open; end says whether it comes to an end
// when the instance does.
func (e *engine) begin(t T, inst sdk.Instance) (end func() error) {
	t.Helper()
	op := anyOperation(inst.Endpoint())
	ctx, cancel := context.WithTimeout(context.Background(), 2*patience)
	resp, err := post(ctx, inst.Endpoint(), op, e.body(t, op, e.Model.ID, streams(op)))
	if err != nil {
		cancel()
		t.Fatalf("a request: %v", err)
	}
	return func() error {
		defer cancel()
		defer resp.Body.Close()
		_, _ = io.Copy(io.Discard, resp.Body)
		if ctx.Err() != nil {
			return fmt.Errorf("a request goes on after Close")
		}
		return nil
	}
}

func streams(op sdk.Operation) bool {
	return op == sdk.OpChat || op == sdk.OpCompletion || op == sdk.OpResponses || op == sdk.OpMessages
}
