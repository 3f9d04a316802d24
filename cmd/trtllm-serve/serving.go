package main

import (
	"encoding/json"
	"fmt"
	"net/http"
	"os"
	"strings"
	"time"
)

// serving answers in OpenAI's form.
type serving struct {
	model string
	pause time.Duration
}

func (s *serving) handler() http.Handler {
	mux := http.NewServeMux()
	health := "/health"
	if knob("front") {
		health = "/health/ready"
	}
	mux.HandleFunc("GET "+health, func(http.ResponseWriter, *http.Request) {})
	mux.HandleFunc("GET /version", func(w http.ResponseWriter, _ *http.Request) { give(w, map[string]string{"version": "1.3.0"}) })
	mux.HandleFunc("GET /v1/models", func(w http.ResponseWriter, _ *http.Request) {
		give(w, map[string]any{"object": "list", "data": []any{map[string]any{"id": s.model, "object": "model", "created": 1763798400, "owned_by": "tensorrt_llm"}}})
	})
	mux.HandleFunc("GET /openapi.json", func(w http.ResponseWriter, _ *http.Request) {
		give(w, map[string]any{"openapi": "3.1.0", "paths": map[string]any{"/v1/chat/completions": map[string]any{}, "/v1/completions": map[string]any{}}})
	})
	mux.HandleFunc("POST /v1/chat/completions", s.answer)
	mux.HandleFunc("POST /v1/completions", s.answer)
	return keyed(mux)
}

func keyed(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if key := knobValue("key"); key != "" && r.Header.Get("Authorization") != "Bearer "+key {
			refuse(w, http.StatusUnauthorized, "Unauthorized")
			return
		}
		next.ServeHTTP(w, r)
	})
}

func give(w http.ResponseWriter, v any) {
	w.Header().Set("Content-Type", "application/json")
	json.NewEncoder(w).Encode(v)
}

func refuse(w http.ResponseWriter, status int, text string) {
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(status)
	json.NewEncoder(w).Encode(map[string]any{"object": "error", "message": text, "type": "BadRequestError", "param": nil, "code": status})
}

// question is a chat or a completion.
type question struct {
	Model    string `json:"model"`
	Messages []struct {
		Content string `json:"content"`
	} `json:"messages"`
	Prompt    string `json:"prompt"`
	MaxTokens int    `json:"max_tokens"`
	Stream    bool   `json:"stream"`
}

func (s *serving) answer(w http.ResponseWriter, r *http.Request) {
	if knob("crash") {
		os.Exit(139)
	}
	var q question
	chat := strings.HasPrefix(r.URL.Path, "/v1/chat")
	switch err := json.NewDecoder(r.Body).Decode(&q); {
	case err != nil, chat && len(q.Messages) == 0, !chat && q.Prompt == "":
		refuse(w, http.StatusBadRequest, "[{'type': 'missing', 'loc': ('body', 'messages'), 'msg': 'Field required'}]")
		return
	case knob("front") && q.Model != s.model:
		refuse(w, http.StatusBadRequest, "Unknown model: "+q.Model)
		return
	}
	text := q.Prompt
	if chat {
		text = q.Messages[len(q.Messages)-1].Content
	}
	words, reason := strings.SplitAfter(text, " "), "stop"
	if q.MaxTokens > 0 && q.MaxTokens < len(words) {
		words, reason = words[:q.MaxTokens], "length"
	}
	s.say(w, r, q.Stream, chat, words, reason)
}

func (s *serving) say(w http.ResponseWriter, r *http.Request, stream, chat bool, words []string, reason string) {
	object := map[bool]string{true: "chat.completion", false: "text_completion"}[chat]
	whole := func(choice map[string]any) map[string]any {
		choice["index"] = 0
		return map[string]any{"id": "cmpl-1", "object": object, "created": time.Now().Unix(), "model": s.model, "choices": []any{choice},
			"usage": map[string]int{"prompt_tokens": 1, "completion_tokens": len(words), "total_tokens": len(words) + 1}}
	}
	if !stream {
		choice := map[string]any{"text": strings.Join(words, ""), "finish_reason": reason, "logprobs": nil}
		if chat {
			choice = map[string]any{"message": map[string]any{"role": "assistant", "content": strings.Join(words, "")}, "finish_reason": reason, "logprobs": nil}
		}
		give(w, whole(choice))
		return
	}
	w.Header().Set("Content-Type", "text/event-stream; charset=utf-8")
	if chat {
		object = "chat.completion.chunk"
	}
	for i, word := range append(words, "") {
		select {
		case <-r.Context().Done():
			tell("%s is disconnected, abort 1", r.RemoteAddr)
			return
		case <-time.After(s.pause):
		}
		var end any
		if i == len(words) {
			end = reason
		}
		choice := map[string]any{"text": word, "finish_reason": end}
		if chat {
			choice = map[string]any{"delta": map[string]any{"role": "assistant", "content": word}, "finish_reason": end}
		}
		text, _ := json.Marshal(whole(choice)) // of texts and numbers
		fmt.Fprintf(w, "data: %s\n\n", text)
		http.NewResponseController(w).Flush()
	}
	fmt.Fprint(w, "data: [DONE]\n\n")
}
