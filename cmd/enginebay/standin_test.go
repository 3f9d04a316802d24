package main

import (
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
)

// standin is a server of one model, m, that can be changed and removed, and of
// one, again, that can be downloaded again.
func standin(t testing.TB) string {
	var mu sync.Mutex
	model := map[string]any{"id": "m", "object": "model", "state": "ready", "name": "M <|x|>", "engine": "llamacpp",
		"settings": map[string]any{"ctx_len": 2048, "api_key": "(hidden)"}, "sources": []any{map[string]any{"filename": "m.gguf"}}, "metadata": map[string]any{"size": 883200.0}}
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
			answer := map[string]any{"id": r.URL.Path[len("/v1/models/"):], "object": "model", "deleted": true}
			switch purge := r.URL.RawQuery == "purge=true"; {
			case !purge && answer["id"] == "m":
				t.Errorf("an only copy is removed without purge")
			case !purge:
				answer["state"] = "to_download"
			}
			_ = json.NewEncoder(w).Encode(answer)
			return
		}
		if strings.HasSuffix(r.URL.Path, "/again") {
			_ = json.NewEncoder(w).Encode(map[string]any{"id": "again", "state": "ready", "sources": []any{map[string]any{"url": "https://models.example/x.gguf"}}})
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
