package main

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"strings"
	"time"

	"github.com/hashicorp/go-hclog"

	"github.com/enginebay/enginebay/sdk/openai"
)

// handler speaks as much of the OpenAI API as tests need.
type handler struct {
	model    string
	settings settings
	log      hclog.Logger
}

func newHandler(model string, s settings, log hclog.Logger) http.Handler {
	h := &handler{model: model, settings: s, log: log}
	mux := http.NewServeMux()
	mux.HandleFunc("POST /v1/chat/completions", h.chat)
	mux.HandleFunc("POST /v1/completions", h.chat)
	mux.HandleFunc("POST /v1/embeddings", h.embed)
	mux.HandleFunc("POST /v1/responses", h.respond)
	mux.HandleFunc("POST /", h.other)
	return mux
}

// left reports a client that did not wait for the end; tests look for the line.
func (h *handler) left() { h.log.Info("client left") }

type chatRequest struct {
	Messages []struct {
		Content any `json:"content"`
	} `json:"messages"`
	Prompt any  `json:"prompt"`
	Stream bool `json:"stream"`
}

func (h *handler) chat(w http.ResponseWriter, r *http.Request) {
	var req chatRequest
	if err := json.NewDecoder(r.Body).Decode(&req); err != nil {
		openai.Errorf("", "", "%v", err).Write(w)
		return
	}
	if h.misbehaves(w, r) {
		return
	}
	words := h.answer(req)
	if sleep(r.Context(), time.Duration(h.settings.FirstTokenMS)*time.Millisecond) != nil {
		h.left()
		return
	}
	send := h.whole
	if req.Stream {
		send = h.stream
	}
	if send(r.Context(), w, r.URL.Path, words) != nil {
		h.left()
	}
}

// misbehaves does what the knobs ask for before an answer; true says that there is none.
func (h *handler) misbehaves(w http.ResponseWriter, r *http.Request) bool {
	for name, value := range h.settings.Headers {
		w.Header().Set(name, value)
	}
	h.log.Debug("asked", "request_id", r.Header.Get("X-Request-Id"), "traceparent", r.Header.Get("Traceparent"))
	crashIf(h.settings.CrashOn == "request")
	if h.settings.PanicOn == "request" {
		panic("as asked")
	}
	if h.settings.HangOn == "request" {
		<-r.Context().Done()
		h.left()
		return true
	}
	if h.settings.Status != 0 {
		(&openai.Error{Status: h.settings.Status, Message: "no, as asked"}).Write(w)
		return true
	}
	return false
}

// answer is the last message's words, or as many as the knob says.
func (h *handler) answer(req chatRequest) []string {
	if h.settings.Tokens > 0 {
		words := make([]string, h.settings.Tokens)
		for i := range words {
			words[i] = "echo "
		}
		return words
	}
	asked := fmt.Sprint(req.Prompt)
	if n := len(req.Messages); n > 0 {
		asked = fmt.Sprint(req.Messages[n-1].Content)
	}
	return strings.SplitAfter(asked, " ")
}

func (h *handler) pace(ctx context.Context, i int) error {
	crashIf(i == h.settings.CrashAfter)
	if h.settings.TokensPerSecond > 0 {
		return sleep(ctx, time.Duration(float64(time.Second)/h.settings.TokensPerSecond))
	}
	return ctx.Err()
}

func (h *handler) whole(ctx context.Context, w http.ResponseWriter, path string, words []string) error {
	for i := range words {
		if err := h.pace(ctx, i); err != nil {
			return err
		}
	}
	object, field := "chat.completion", map[string]any{"message": map[string]any{"role": "assistant", "content": strings.Join(words, ""), "refusal": nil}}
	if path == "/v1/completions" {
		object, field = "text_completion", map[string]any{"text": strings.Join(words, "")}
	}
	field["index"], field["finish_reason"], field["logprobs"] = 0, "stop", nil
	w.Header().Set("Content-Type", "application/json")
	return json.NewEncoder(w).Encode(map[string]any{
		"id": "echo-1", "object": object, "created": time.Now().Unix(), "model": h.model,
		"choices": []any{field},
		"usage":   map[string]int{"prompt_tokens": 1, "completion_tokens": len(words), "total_tokens": len(words) + 1},
	})
}

func (h *handler) stream(ctx context.Context, w http.ResponseWriter, path string, words []string) error {
	w.Header().Set("Content-Type", "text/event-stream")
	flush := w.(http.Flusher).Flush
	if h.settings.Comment != "" {
		fmt.Fprintf(w, ": %s\n\n", h.settings.Comment)
	}
	flush()
	switch {
	case h.settings.HangOn == "body":
		<-ctx.Done()
		return ctx.Err()
	case h.settings.FirstEvent == "none":
		return nil
	case h.settings.FirstEvent != "":
		fmt.Fprintf(w, "data: %s\n\n", h.settings.FirstEvent)
		flush()
	}
	object := "chat.completion.chunk"
	piece := `"delta":{"content":%s},"finish_reason":null}]}` + "\n\n"
	last := `"delta":{},"finish_reason":"stop"}]}` + "\n\ndata: [DONE]\n\n"
	if path == "/v1/completions" {
		object = "text_completion"
		piece = `"text":%s,"logprobs":null,"finish_reason":null}]}` + "\n\n"
		last = `"text":"","logprobs":null,"finish_reason":"stop"}]}` + "\n\ndata: [DONE]\n\n"
	}
	head := fmt.Sprintf(`data: {"id":"echo-1","object":%q,"created":%d,"model":%q,"choices":[{"index":0,`, object, time.Now().Unix(), h.model)
	for i, word := range words {
		if err := h.pace(ctx, i); err != nil {
			return err
		}
		quoted, err := json.Marshal(word)
		if err != nil {
			return err
		}
		if _, err := fmt.Fprintf(w, "%s"+piece, head, quoted); err != nil {
			return err
		}
		flush()
	}
	_, err := fmt.Fprint(w, head+last)
	return err
}

// embed gives each text a small vector of its own length.
func (h *handler) embed(w http.ResponseWriter, r *http.Request) {
	var req struct {
		Input any `json:"input"`
	}
	if err := json.NewDecoder(r.Body).Decode(&req); err != nil {
		openai.Errorf("", "", "%v", err).Write(w)
		return
	}
	texts, ok := req.Input.([]any)
	if !ok {
		texts = []any{req.Input}
	}
	var data []any
	for i, text := range texts {
		n := float64(len(fmt.Sprint(text)))
		data = append(data, map[string]any{"object": "embedding", "index": i, "embedding": []float64{n, 1, 1 / (1 + n)}})
	}
	w.Header().Set("Content-Type", "application/json")
	_ = json.NewEncoder(w).Encode(map[string]any{"object": "list", "model": h.model, "data": data,
		"usage": map[string]int{"prompt_tokens": len(texts), "total_tokens": len(texts)}})
}

// other answers any further operation with what it was asked.
func (h *handler) other(w http.ResponseWriter, r *http.Request) {
	body, err := io.ReadAll(r.Body)
	if err != nil {
		openai.Errorf("", "", "%v", err).Write(w)
		return
	}
	w.Header().Set("Content-Type", "application/json")
	_ = json.NewEncoder(w).Encode(map[string]any{"path": r.URL.Path, "content_type": r.Header.Get("Content-Type"), "body": string(body)})
}
