package main

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"strings"
)

// maxRequest bounds a request, in bytes: the core's own bound, and room for the
// defaults that it adds.
const maxRequest = 65 << 20

// whole answers the requests that do not stream. It asks llama-server for a
// stream and puts the answer together: llama-server looks only once a second
// whether somebody still waits for an answer that does not stream, and not at
// all as long as another request gets tokens (measured on b11669), so that one
// whose client has left would be computed to its end.
type whole struct {
	transport *http.Transport
}

func newWhole(socket string) *whole {
	return &whole{&http.Transport{
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
	body, err := io.ReadAll(http.MaxBytesReader(w, r.Body, maxRequest))
	if err != nil {
		refuse(w, http.StatusBadRequest, "the request could not be read")
		return
	}
	object := objects[r.URL.Path]
	if object != "" {
		if body, err = streamed(body); err != nil {
			refuse(w, http.StatusBadRequest, "the body must be a JSON object")
			return
		}
	}
	req, err := http.NewRequestWithContext(r.Context(), r.Method, "http://localhost"+r.URL.Path, bytes.NewReader(body))
	if err != nil {
		refuse(w, http.StatusBadRequest, "the request could not be passed on")
		return
	}
	req.Header.Set("Content-Type", "application/json")
	resp, err := h.transport.RoundTrip(req)
	if err != nil {
		panic(http.ErrAbortHandler)
	}
	defer resp.Body.Close()
	if object == "" || !strings.HasPrefix(resp.Header.Get("Content-Type"), "text/event-stream") {
		w.Header().Set("Content-Type", resp.Header.Get("Content-Type"))
		w.WriteHeader(resp.StatusCode)
		_, _ = io.Copy(w, resp.Body)
		return
	}
	h.answer(w, resp.Body, object)
}

// objects are the operations whose streams can be put together, with the name of
// what comes out.
var objects = map[string]string{
	"/v1/chat/completions": "chat.completion",
	"/v1/completions":      "text_completion",
}

func (h *whole) answer(w http.ResponseWriter, events io.Reader, object string) {
	answer, err := assemble(events, object)
	var said *streamError
	switch {
	case errors.As(err, &said):
		w.Header().Set("Content-Type", "application/json")
		w.WriteHeader(said.status)
		_, _ = w.Write(said.body)
		return
	case err != nil:
		panic(http.ErrAbortHandler)
	}
	w.Header().Set("Content-Type", "application/json")
	enc := json.NewEncoder(w)
	enc.SetEscapeHTML(false)
	_ = enc.Encode(answer)
}

// streamed is the body with a stream asked for, and the usage that belongs into
// an answer.
func streamed(body []byte) ([]byte, error) {
	var fields map[string]json.RawMessage
	if err := json.Unmarshal(body, &fields); err != nil || fields == nil {
		return nil, fmt.Errorf("no object: %w", err)
	}
	fields["stream"] = json.RawMessage("true")
	fields["stream_options"] = json.RawMessage(`{"include_usage":true}`)
	return json.Marshal(fields)
}

func refuse(w http.ResponseWriter, status int, message string) {
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(status)
	_ = json.NewEncoder(w).Encode(map[string]any{"error": map[string]any{"message": message, "type": "server_error", "param": nil, "code": nil}})
}
