package main

import (
	"bufio"
	"bytes"
	"encoding/json"
	"errors"
	"io"
	"net/http"
	"strings"

	"github.com/enginebay/enginebay/sdk"
	"github.com/enginebay/enginebay/sdk/openai"
)

// relay passes requests on to a server that speaks OpenAI's form, but has another name
// for the model, or wants a key. Beside that it mends what clients of OpenAI's rely on:
// trtllm-serve (1.3) gives errors a form of its own, and leaves out what is null.
type relay struct {
	server      *remote
	there, here string
}

// serve decides on the way that requests take. Where neither a key nor another name
// stands between, the streams go straight to the server; what is refused there, and what
// is no stream, goes through here.
func (h *relay) serve(e *sdk.Endpoint) {
	if h.there == h.here && len(h.server.headers) == 0 {
		e.URL, e.Detour = h.server.base, h
		return
	}
	e.URL, e.Handler = "", h
}

// ServeHTTP implements http.Handler.
func (h *relay) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	body, err := openai.ReadBody(r)
	if err != nil {
		openai.From(err).Write(w)
		return
	}
	body.Set("model", h.there)
	text, err := json.Marshal(body)
	if err != nil {
		openai.From(err).Write(w)
		return
	}
	resp, err := h.server.send(r.Context(), http.MethodPost, r.URL.Path, bytes.NewReader(text))
	if err != nil {
		openai.From(err).Write(w)
		return
	}
	defer resp.Body.Close()
	if retry := resp.Header.Get("Retry-After"); retry != "" {
		w.Header().Set("Retry-After", retry)
	}
	switch kind := resp.Header.Get("Content-Type"); {
	case resp.StatusCode >= http.StatusMultipleChoices:
		h.refuse(w, resp)
	case strings.HasPrefix(kind, "text/event-stream"):
		h.stream(w, resp, kind)
	default:
		h.whole(w, resp)
	}
}

// refuse gives an error the form that OpenAI's have, and its own words. That the server
// does not take our key is no fault of the client's.
func (h *relay) refuse(w http.ResponseWriter, resp *http.Response) {
	text, _ := io.ReadAll(io.LimitReader(resp.Body, 1<<20)) // what is there says enough
	if resp.StatusCode == http.StatusUnauthorized || resp.StatusCode == http.StatusForbidden {
		openai.From(h.server.refused(resp.StatusCode, nil)).Write(w)
		return
	}
	if resp.StatusCode < http.StatusBadRequest {
		resp.StatusCode = http.StatusBadGateway // a redirect, with our key, to who knows where
	}
	(&openai.Error{Status: resp.StatusCode, Message: said(resp.StatusCode, text)}).Write(w)
}

func (h *relay) whole(w http.ResponseWriter, resp *http.Response) {
	text, err := io.ReadAll(io.LimitReader(resp.Body, maxAnswer+1))
	if err == nil && len(text) > maxAnswer {
		openai.From(tooLarge(h.server.host())).Write(w)
		return
	}
	if err != nil {
		openai.From(h.server.away(err)).Write(w)
		return
	}
	w.Header().Set("Content-Type", "application/json")
	_, _ = w.Write(mended(h.renamed(text))) // a client that left needs no answer
}

// mended adds what OpenAI's document requires of the choices of an answer.
func mended(text []byte) []byte {
	var answer struct {
		Choices []map[string]json.RawMessage `json:"choices"`
	}
	var all map[string]json.RawMessage
	if json.Unmarshal(text, &answer) != nil || len(answer.Choices) == 0 || json.Unmarshal(text, &all) != nil {
		return text
	}
	for _, choice := range answer.Choices {
		add(choice, "logprobs")
		var message map[string]json.RawMessage
		if json.Unmarshal(choice["message"], &message) == nil && message != nil {
			add(message, "refusal")
			add(message, "content")
			choice["message"], _ = json.Marshal(message) // of what came from JSON
		}
	}
	all["choices"], _ = json.Marshal(answer.Choices)
	text, _ = json.Marshal(all)
	return text
}

// add puts null where there is nothing.
func add(object map[string]json.RawMessage, name string) {
	if _, ok := object[name]; !ok {
		object[name] = json.RawMessage("null")
	}
}

// stream passes events on as they come.
func (h *relay) stream(w http.ResponseWriter, resp *http.Response, kind string) {
	w.Header().Set("Content-Type", kind)
	flush := http.NewResponseController(w)
	lines := bufio.NewReader(resp.Body)
	for {
		line, err := readLine(lines)
		if data, ok := bytes.CutPrefix(line, []byte("data: {")); ok {
			data = append([]byte("{"), data...)
			line = append(append([]byte("data: "), h.renamed(bytes.TrimSpace(data))...), '\n')
		}
		if _, failed := w.Write(line); failed != nil {
			return
		}
		if len(bytes.TrimSpace(line)) == 0 || err != nil {
			_ = flush.Flush()
		}
		if errors.Is(err, io.EOF) {
			return
		} else if err != nil {
			panic(http.ErrAbortHandler) // half a stream must not look like a whole one
		}
	}
}

// maxEvent bounds an event of a stream.
const maxEvent = 16 << 20

// readLine reads a line with its end, which must come within maxEvent.
func readLine(from *bufio.Reader) ([]byte, error) {
	var line []byte
	for {
		piece, err := from.ReadSlice('\n')
		line = append(line, piece...)
		if !errors.Is(err, bufio.ErrBufferFull) || len(line) > maxEvent {
			return line, err
		}
	}
}

// tooLarge is an answer that is more than there is memory for.
func tooLarge(host string) error {
	return sdk.Errorf(sdk.CodeUnavailable, "the server at %s answers with more than %d MiB", host, maxAnswer>>20)
}

// renamed gives an answer the model's name of here, where it has one.
func (h *relay) renamed(text []byte) []byte {
	var answer map[string]json.RawMessage
	if json.Unmarshal(text, &answer) != nil {
		return text
	}
	changed := false
	if _, ok := answer["model"]; ok {
		answer["model"], changed = quoted(h.here), true
	}
	if inner, ok := answer["response"]; ok && bytes.HasPrefix(inner, []byte("{")) { // an event of /v1/responses
		answer["response"], changed = h.renamed(inner), true
	}
	if !changed {
		return text
	}
	text, _ = json.Marshal(answer) // of what came from JSON: it cannot fail
	return text
}

func quoted(s string) json.RawMessage {
	text, _ := json.Marshal(s) // a text is always written
	return text
}

// body is a request, by its top level fields.
type body struct{ openai.Body }

func readBody(r *http.Request) (body, error) {
	b, err := openai.ReadBody(r)
	return body{b}, err
}
