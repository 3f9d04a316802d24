package main

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"io"
	"net"
	"net/http"
	"strings"

	"github.com/enginebay/enginebay/sdk/openai"
)

// maxError bounds what is read of a refusal, in bytes.
const maxError = 64 << 10

// whole answers the requests that do not stream, and the streams that need a
// change. For the first it asks llama-server for a stream and puts the answer
// together: llama-server looks only once a second whether somebody still waits for
// an answer that does not stream, and not at all as long as another request gets
// tokens (measured on b11669), so that one whose client has left would be computed
// to its end.
type whole struct {
	transport *http.Transport
	traits    traits
}

func newWhole(socket string) *whole {
	return &whole{transport: &http.Transport{
		DisableKeepAlives:  true, // a new connection costs 50 µs, and an old one may be dead
		DisableCompression: true,
		DialContext: func(ctx context.Context, _, _ string) (net.Conn, error) {
			return (&net.Dialer{}).DialContext(ctx, "unix", socket)
		},
	}}
}

// ServeHTTP implements http.Handler. When llama-server ends, the connection is cut
// as llama-server's own would be: the core tells that from an answer.
func (h *whole) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	err := h.serve(w, r)
	var refused *openai.Error
	switch {
	case errors.As(err, &refused):
		refused.Write(w)
	case err != nil:
		panic(http.ErrAbortHandler)
	}
}

func (h *whole) serve(w http.ResponseWriter, r *http.Request) error {
	b, err := openai.ReadBody(r)
	if err != nil {
		return err
	}
	var stream bool
	b.Read("stream", &stream)
	var edit editor
	if form := forms[r.URL.Path]; form != nil {
		edit = form(b)
		if !stream {
			b.Set("stream", true)
			b.Set("stream_options", map[string]bool{"include_usage": true})
		}
	}
	if err := h.traits.prepare(r.URL.Path, b); err != nil {
		return err
	}
	resp, err := h.post(r, b)
	if err != nil {
		return err
	}
	defer resp.Body.Close()
	switch {
	case resp.StatusCode >= http.StatusBadRequest:
		said, _ := io.ReadAll(io.LimitReader(resp.Body, maxError)) // half of it may say enough
		return meant(resp.StatusCode, said)
	case !strings.HasPrefix(resp.Header.Get("Content-Type"), "text/event-stream"):
		w.Header().Set("Content-Type", resp.Header.Get("Content-Type"))
		_, err := io.Copy(w, resp.Body)
		return err
	case edit == nil:
		return copyOut(w, resp.Body)
	case stream:
		return relay(w, resp.Body, edit)
	}
	return collect(w, resp.Body, edit)
}

// forms are the operations whose streams are changed, and whose answers are put
// together of one.
var forms = map[string]func(openai.Body) editor{
	"/v1/chat/completions": newChat,
	"/v1/completions":      newCompletion,
	"/v1/responses":        newResponse,
}

func (h *whole) post(r *http.Request, b openai.Body) (*http.Response, error) {
	sent, err := json.Marshal(b)
	if err != nil {
		return nil, err
	}
	req, err := http.NewRequestWithContext(r.Context(), r.Method, "http://localhost"+r.URL.Path, bytes.NewReader(sent))
	if err != nil {
		return nil, err
	}
	req.Header.Set("Content-Type", "application/json")
	for _, name := range []string{"X-Request-Id", "Traceparent"} {
		if value := r.Header.Get(name); value != "" {
			req.Header.Set(name, value)
		}
	}
	return h.transport.RoundTrip(req)
}
