package main

import (
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"strings"
)

// question is a request for a chat or embeddings.
type question struct {
	Model    string `json:"model"`
	Stream   bool   `json:"stream"`
	Messages []struct {
		Content string `json:"content"`
	} `json:"messages"`
	Input json.RawMessage `json:"input"`
}

func (q *question) read(w http.ResponseWriter, r *http.Request) bool {
	body, err := io.ReadAll(http.MaxBytesReader(w, r.Body, 1<<20))
	if err == nil {
		err = json.Unmarshal(body, q)
	}
	if err != nil {
		fail(w, http.StatusBadRequest, "", "We could not parse the JSON body of your request.")
	}
	return err == nil
}

func (q *question) serve(w http.ResponseWriter, operation, model string) {
	switch {
	case operation == "chat/completions" && strings.Contains(model, "embedding"), operation == "embeddings" && !strings.Contains(model, "embedding"):
		fail(w, http.StatusBadRequest, "OperationNotSupported", fmt.Sprintf("The %s operation does not work with the specified model, %s. Please choose different model and try again.", operation, model))
	case operation == "chat/completions":
		q.chat(w, model)
	case operation == "embeddings":
		q.embed(w, model)
	default:
		fail(w, http.StatusNotFound, "404", "Resource not found")
	}
}

func (q *question) chat(w http.ResponseWriter, model string) {
	if len(q.Messages) == 0 {
		fail(w, http.StatusBadRequest, "missing_required_parameter", "Missing required parameter: 'messages'.")
		return
	}
	words := strings.Fields(q.Messages[len(q.Messages)-1].Content)
	if !q.Stream {
		message := map[string]any{"role": "assistant", "content": strings.Join(words, " ")}
		answer(w, chunk(model, "chat.completion", map[string]any{"index": 0, "message": message, "finish_reason": "stop"}))
		return
	}
	w.Header().Set("Content-Type", "text/event-stream")
	send := func(delta map[string]any, finish any) {
		text, _ := json.Marshal(chunk(model, "chat.completion.chunk", map[string]any{"index": 0, "delta": delta, "finish_reason": finish}))
		fmt.Fprintf(w, "data: %s\n\n", text)
		http.NewResponseController(w).Flush()
	}
	for i, word := range words {
		if i > 0 {
			word = " " + word
		}
		send(map[string]any{"role": "assistant", "content": word}, nil)
	}
	send(map[string]any{}, "stop")
	fmt.Fprint(w, "data: [DONE]\n\n")
}

func chunk(model, object string, choice map[string]any) map[string]any {
	return map[string]any{"id": "chatcmpl-1", "object": object, "created": created, "model": model, "choices": []any{choice}}
}

func (q *question) embed(w http.ResponseWriter, model string) {
	if len(q.Input) == 0 {
		fail(w, http.StatusBadRequest, "missing_required_parameter", "Missing required parameter: 'input'.")
		return
	}
	texts := []string{""}
	if json.Unmarshal(q.Input, &texts) != nil {
		texts = texts[:1]
	}
	data := []any{}
	for i, text := range texts {
		data = append(data, map[string]any{"object": "embedding", "index": i, "embedding": []float64{float64(len(text)), 1}})
	}
	answer(w, map[string]any{"object": "list", "model": model, "data": data, "usage": map[string]int{"prompt_tokens": 1, "total_tokens": 1}})
}
