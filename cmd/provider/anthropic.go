package main

import (
	"crypto/rand"
	"encoding/json"
	"io"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"time"
)

// anthropic is the Messages API, which stands below /anthropic, so that a client's
// base address is that.
func (p *provider) anthropic() http.Handler {
	mux := http.NewServeMux()
	mux.HandleFunc("GET /anthropic/v1/models", p.anthropicModels)
	mux.HandleFunc("GET /anthropic/v1/models/{id}", func(w http.ResponseWriter, r *http.Request) {
		if m, ok := p.anthropicModel(w, r.PathValue("id")); ok {
			answer(w, anthropicInfo(m))
		}
	})
	mux.HandleFunc("POST /anthropic/v1/messages", func(w http.ResponseWriter, r *http.Request) {
		if ask, ok := p.anthropicAsk(w, r); ok {
			ask.answer().write(w, r, ask.Stream)
		}
	})
	mux.HandleFunc("POST /anthropic/v1/messages/count_tokens", func(w http.ResponseWriter, r *http.Request) {
		if ask, ok := p.anthropicAsk(w, r); ok {
			answer(w, map[string]int{"input_tokens": ask.tokens()})
		}
	})
	mux.HandleFunc("/anthropic/", func(w http.ResponseWriter, r *http.Request) {
		anthropicFail(w, http.StatusNotFound, "not_found_error", "Not found")
	})
	return p.anthropicDoor(mux)
}

// anthropicDoor looks at the headers that each request must have, and gives each
// answer the id that support asks for.
func (p *provider) anthropicDoor(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Request-Id", "req_"+rand.Text())
		token, bearer := strings.CutPrefix(r.Header.Get("Authorization"), "Bearer ")
		key := r.Header.Get("X-Api-Key")
		switch {
		case r.Header.Get("Anthropic-Version") == "":
			anthropicFail(w, http.StatusBadRequest, "invalid_request_error", "anthropic-version: header is required")
		case p.key == "", key == p.key, key == "" && bearer && token == p.key:
			next.ServeHTTP(w, r)
		case key == "" && !bearer:
			anthropicFail(w, http.StatusUnauthorized, "authentication_error", "x-api-key header is required")
		case bearer:
			anthropicFail(w, http.StatusUnauthorized, "authentication_error", "Invalid bearer token")
		default:
			anthropicFail(w, http.StatusUnauthorized, "authentication_error", "invalid x-api-key")
		}
	})
}

func anthropicFail(w http.ResponseWriter, status int, kind, message string) {
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(status)
	json.NewEncoder(w).Encode(anthropicError(kind, message, w.Header().Get("Request-Id")))
}

func anthropicError(kind, message, id string) map[string]any {
	return map[string]any{"type": "error", "request_id": id, "error": map[string]any{"type": kind, "message": message}}
}

// anthropicKinds are the errors that a fault of the tests is told as.
var anthropicKinds = map[int]string{400: "invalid_request_error", 401: "authentication_error", 402: "billing_error", 403: "permission_error", 404: "not_found_error",
	413: "request_too_large", 429: "rate_limit_error", 504: "timeout_error", 529: "overloaded_error"}

func anthropicFault(w http.ResponseWriter, status int) {
	w.Header().Set("Request-Id", "req_"+rand.Text())
	kind := anthropicKinds[status]
	if kind == "" {
		kind = "api_error"
	}
	anthropicFail(w, status, kind, "A fault of the tests.")
}

// anthropicModels is a page of the list: "limit" of them after or before one.
func (p *provider) anthropicModels(w http.ResponseWriter, r *http.Request) {
	all := p.of("anthropic")
	query, limit := r.URL.Query(), 20
	if said := query.Get("limit"); said != "" {
		var err error
		if limit, err = strconv.Atoi(said); err != nil || limit < 1 || limit > 1000 {
			anthropicFail(w, http.StatusBadRequest, "invalid_request_error", "limit: Input should be between 1 and 1000")
			return
		}
	}
	if after := query.Get("after_id"); after != "" {
		at := slices.IndexFunc(all, func(m model) bool { return m.ID == after })
		if at < 0 {
			anthropicFail(w, http.StatusBadRequest, "invalid_request_error", "after_id: unknown id "+after)
			return
		}
		all = all[at+1:]
	}
	page := all[:min(limit, len(all))]
	data := []any{}
	for _, m := range page {
		data = append(data, anthropicInfo(m))
	}
	list := map[string]any{"data": data, "has_more": len(all) > len(page), "first_id": nil, "last_id": nil}
	if len(page) > 0 {
		list["first_id"], list["last_id"] = page[0].ID, page[len(page)-1].ID
	}
	answer(w, list)
}

func (p *provider) anthropicModel(w http.ResponseWriter, id string) (model, bool) {
	all := p.of("anthropic")
	i := slices.IndexFunc(all, func(m model) bool { return m.ID == id })
	if i < 0 {
		anthropicFail(w, http.StatusNotFound, "not_found_error", "model: "+id)
		return model{}, false
	}
	return all[i], true
}

func anthropicInfo(m model) map[string]any {
	yes := map[string]bool{"supported": true}
	return map[string]any{"type": "model", "id": m.ID, "display_name": strings.ToUpper(m.ID[:1]) + m.ID[1:], "created_at": time.Unix(m.Created, 0).UTC().Format(time.RFC3339),
		"lifecycle": "active", "max_input_tokens": 200000, "max_tokens": 64000, "capabilities": map[string]any{"image_input": yes, "structured_outputs": yes}}
}

// anthropicAsk reads a request, and refuses it as the real service would.
func (p *provider) anthropicAsk(w http.ResponseWriter, r *http.Request) (*anthropicAsk, bool) {
	ask := anthropicAsk{counting: strings.HasSuffix(r.URL.Path, "/count_tokens")}
	body, err := io.ReadAll(http.MaxBytesReader(w, r.Body, 32<<20))
	if err != nil {
		anthropicFail(w, http.StatusRequestEntityTooLarge, "request_too_large", "Request exceeds the maximum size")
		return nil, false
	}
	if err := ask.read(body); err != nil {
		anthropicFail(w, http.StatusBadRequest, "invalid_request_error", err.Error())
		return nil, false
	}
	_, ok := p.anthropicModel(w, ask.Model)
	return &ask, ok
}
