package main

import (
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
)

// standin is a server of one model, m, that can be changed and removed.
func standin(t testing.TB) string {
	var mu sync.Mutex
	fresh := func() map[string]any {
		return map[string]any{"id": "m", "object": "model", "state": "ready", "name": "M <|x|>", "engine": "llamacpp",
			"settings": map[string]any{"ctx_len": 2048, "api_key": "(hidden)"}, "sources": []any{map[string]any{"filename": "m.gguf"}}, "metadata": map[string]any{"size": 883200.0}}
	}
	model := fresh()
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		mu.Lock()
		defer mu.Unlock()
		var patch map[string]any
		switch r.Method {
		case "PATCH":
			if err := json.NewDecoder(r.Body).Decode(&patch); err != nil {
				t.Error(err)
			}
			if settings, _ := patch["settings"].(map[string]any); settings["n_parallel"] == 77.0 {
				w.WriteHeader(400)
				_, _ = w.Write([]byte(`{"error": {"message": "/settings/n_parallel: the server says no"}}`))
				return
			}
			model = merged(model, patch)
		case "DELETE":
			state := "to_download"
			if strings.Contains(r.URL.RawQuery, "purge=true") {
				state = ""
			}
			model = fresh()
			_ = json.NewEncoder(w).Encode(map[string]any{"id": "m", "object": "model", "deleted": true, "state": state})
			return
		}
		_ = json.NewEncoder(w).Encode(model)
	}))
	t.Cleanup(server.Close)
	return server.Listener.Addr().String()
}

func merged(target, patch map[string]any) map[string]any {
	for name, value := range patch {
		inner, isObject := value.(map[string]any)
		there, _ := target[name].(map[string]any)
		switch {
		case value == nil:
			delete(target, name)
		case isObject && there != nil:
			target[name] = merged(there, inner)
		default:
			target[name] = value
		}
	}
	return target
}
