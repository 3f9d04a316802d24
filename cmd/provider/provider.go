package main

import (
	"encoding/json"
	"fmt"
	"net/http"
	"slices"
	"strings"
)

// created is when all models and deployments were made.
const created = 1715367049

// provider is one account at OpenAI, and one resource at Azure.
type provider struct {
	key         string
	models      []model
	deployments []deployment
	unlisted    bool
	client      string // TENANT/ID=SECRET
	token       string
	faults      faults
}

type model struct {
	ID      string `json:"id"`
	Object  string `json:"object"`
	Created int64  `json:"created"`
	OwnedBy string `json:"owned_by"`
}

func (p *provider) addModel(text string) error {
	name, owner, ok := strings.Cut(text, "=")
	if !ok {
		owner = "system"
	}
	p.models = append(p.models, model{ID: name, Object: "model", Created: created + int64(len(p.models)), OwnedBy: owner})
	return nil
}

// handler has a mux for each protocol.
func (p *provider) handler() http.Handler {
	openai := http.NewServeMux()
	openai.HandleFunc("GET /v1/models", p.list)
	openai.HandleFunc("GET /v1/models/{id...}", p.one)
	openai.HandleFunc("POST /v1/{operation...}", p.operate)
	openai.HandleFunc("/", func(w http.ResponseWriter, r *http.Request) {
		fail(w, http.StatusNotFound, "unknown_url", fmt.Sprintf("Unknown request URL: %s %s. Please check the URL for typos, or see the docs at https://platform.openai.com/docs/api-reference/.", r.Method, r.URL.Path))
	})
	all := http.NewServeMux()
	all.Handle("/", p.openAIKey(openai))
	all.Handle("/openai/", p.azure())
	all.Handle("/anthropic/", p.anthropic())
	all.Handle("/cohere/", p.cohere())
	all.Handle("/google/", http.StripPrefix("/google", p.google()))
	all.HandleFunc("POST /entra/{tenant}/oauth2/v2.0/token", p.entra)
	return all
}

func (p *provider) openAIKey(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		switch key, ok := strings.CutPrefix(r.Header.Get("Authorization"), "Bearer "); {
		case p.key == "" || key == p.key:
			next.ServeHTTP(w, r)
		case !ok:
			fail(w, http.StatusUnauthorized, "", "You didn't provide an API key. You need to provide your API key in an Authorization header using Bearer auth (i.e. Authorization: Bearer YOUR_KEY).")
		default:
			fail(w, http.StatusUnauthorized, "invalid_api_key", "Incorrect API key provided: "+key[:min(3, len(key))]+"***. You can find your API key at https://platform.openai.com/account/api-keys.")
		}
	})
}

func (p *provider) list(w http.ResponseWriter, _ *http.Request) {
	answer(w, map[string]any{"object": "list", "data": p.of("")})
}

// elsewhere are the owners whose models only their own protocol knows.
var elsewhere = []string{"anthropic", "cohere", "google"}

// of are the models of an owner that has a protocol of its own; of "", all others.
func (p *provider) of(owner string) []model {
	all := []model{}
	for _, m := range p.models {
		if m.OwnedBy == owner || owner == "" && !slices.Contains(elsewhere, m.OwnedBy) {
			all = append(all, m)
		}
	}
	return all
}

func (p *provider) one(w http.ResponseWriter, r *http.Request) {
	m, ok := p.model(r.PathValue("id"))
	if !ok {
		fail(w, http.StatusNotFound, "model_not_found", fmt.Sprintf("The model '%s' does not exist", r.PathValue("id")))
		return
	}
	answer(w, m)
}

func (p *provider) model(id string) (model, bool) {
	i := slices.IndexFunc(p.models, func(m model) bool { return m.ID == id })
	if i < 0 {
		return model{}, false
	}
	return p.models[i], true
}

func (p *provider) operate(w http.ResponseWriter, r *http.Request) {
	var q question
	if !q.read(w, r) {
		return
	}
	if _, ok := p.model(q.Model); !ok {
		fail(w, http.StatusNotFound, "model_not_found", fmt.Sprintf("The model `%s` does not exist or you do not have access to it.", q.Model))
		return
	}
	q.serve(w, r.PathValue("operation"), q.Model)
}

func answer(w http.ResponseWriter, v any) {
	w.Header().Set("Content-Type", "application/json")
	json.NewEncoder(w).Encode(v)
}

func fail(w http.ResponseWriter, status int, code, message string) {
	body := map[string]any{"message": message, "type": "invalid_request_error", "param": nil, "code": code}
	if code == "" {
		body["code"] = nil
	}
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(status)
	json.NewEncoder(w).Encode(map[string]any{"error": body})
}
