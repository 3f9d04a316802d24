package main

import (
	"cmp"
	"encoding/json"
	"fmt"
	"net/http"
	"slices"
	"strconv"
	"strings"
)

// google is the Gemini API, whose models are those of the owner "google". What
// it refuses, and in which words, is as the real service does.
func (p *provider) google() http.Handler {
	mux := http.NewServeMux()
	mux.HandleFunc("GET /v1beta/models", p.googleModels)
	mux.HandleFunc("GET /v1beta/models/{id}", func(w http.ResponseWriter, r *http.Request) {
		if m, ok := p.googleModel(r.PathValue("id")); ok {
			answer(w, m.google())
			return
		}
		googleFail(w, http.StatusNotFound, "NOT_FOUND", fmt.Sprintf("Model is not found: models/%s for api version v1beta", r.PathValue("id")))
	})
	mux.HandleFunc("POST /v1beta/models/{call}", p.googleCall)
	mux.HandleFunc("/", func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusNotFound) })
	return p.googleKey(mux)
}

// googleKey takes the key where the real one does: as a header, or in the query.
func (p *provider) googleKey(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		switch key := cmp.Or(r.Header.Get("X-Goog-Api-Key"), r.URL.Query().Get("key")); {
		case p.key == "" || key == p.key:
			next.ServeHTTP(w, r)
		case key != "":
			googleFail(w, http.StatusBadRequest, "INVALID_ARGUMENT", "API key not valid. Please pass a valid API key.",
				map[string]any{"@type": "type.googleapis.com/google.rpc.ErrorInfo", "reason": "API_KEY_INVALID", "domain": "googleapis.com", "metadata": map[string]string{"service": "generativelanguage.googleapis.com"}})
		case r.Header.Get("Authorization") != "":
			googleFail(w, http.StatusUnauthorized, "UNAUTHENTICATED", "Request had invalid authentication credentials. Expected OAuth 2 access token, login cookie or other valid authentication credential.")
		default:
			googleFail(w, http.StatusForbidden, "PERMISSION_DENIED", "Method doesn't allow unregistered callers (callers without established identity). Please use API Key or other form of API consumer identity to call this API.")
		}
	})
}

// googleFail writes an error as google.rpc.Status. Its details have the id of the request.
func googleFail(w http.ResponseWriter, status int, code, message string, details ...any) {
	w.Header().Set("Content-Type", "application/json; charset=UTF-8")
	w.WriteHeader(status)
	json.NewEncoder(w).Encode(googleError(status, code, message, details...))
}

// googleRequest is the id that the details of an error have.
const googleRequest = "google-request-1"

func googleError(status int, code, message string, details ...any) map[string]any {
	details = append(details, map[string]any{"@type": "type.googleapis.com/google.rpc.RequestInfo", "requestId": googleRequest})
	return map[string]any{"error": map[string]any{"code": status, "message": message, "status": code, "details": details}}
}

// googleFault is what a fault of the tests looks like here: how long to wait is
// among the details, and not in a header.
func googleFault(w http.ResponseWriter, status int) {
	switch status {
	case http.StatusTooManyRequests:
		googleFail(w, status, "RESOURCE_EXHAUSTED", "You exceeded your current quota, please check your plan and billing details. Please retry in 1.2s.",
			map[string]any{"@type": "type.googleapis.com/google.rpc.RetryInfo", "retryDelay": "1.2s"})
	case http.StatusServiceUnavailable:
		googleFail(w, status, "UNAVAILABLE", "The model is overloaded. Please try again later.")
	default:
		googleFail(w, status, "INTERNAL", "An internal error has occurred. Please retry or report in https://developers.generativeai.google/guide/troubleshooting")
	}
}

func (p *provider) googleModel(id string) (model, bool) {
	m, ok := p.model(id)
	return m, ok && m.OwnedBy == "google"
}

// googleModels lists page by page, 50 where nobody says how many.
func (p *provider) googleModels(w http.ResponseWriter, r *http.Request) {
	list := []any{}
	for _, m := range p.of("google") {
		list = append(list, m.google())
	}
	size, err := strconv.Atoi(cmp.Or(r.URL.Query().Get("pageSize"), "50"))
	from, err2 := strconv.Atoi(cmp.Or(r.URL.Query().Get("pageToken"), "0"))
	if err != nil || err2 != nil || size < 0 || from < 0 || from > len(list) {
		googleFail(w, http.StatusBadRequest, "INVALID_ARGUMENT", "Invalid page token or page size.")
		return
	}
	to := min(from+min(cmp.Or(size, 50), 1000), len(list))
	page := map[string]any{"models": list[from:to]}
	if to < len(list) {
		page["nextPageToken"] = strconv.Itoa(to)
	}
	answer(w, page)
}

func (m model) embeds() bool { return strings.Contains(m.ID, "embedding") }

// thinks and signs are what the newer ones do; those of the third generation must
// have their signatures back.
func (m model) thinks() bool { return m.signs() || strings.HasPrefix(m.ID, "gemini-2.5") }
func (m model) signs() bool  { return strings.HasPrefix(m.ID, "gemini-3") }

func (m model) google() map[string]any {
	all := map[string]any{"name": "models/" + m.ID, "version": "001", "displayName": "The " + m.ID, "description": "A model of the tests", "inputTokenLimit": 1048576, "outputTokenLimit": 65536,
		"supportedGenerationMethods": []string{"generateContent", "countTokens", "createCachedContent", "batchGenerateContent"}, "temperature": 1, "topP": 0.95, "topK": 64, "maxTemperature": 2, "thinking": m.thinks()}
	if m.embeds() {
		for _, name := range []string{"temperature", "topP", "topK", "maxTemperature", "thinking"} {
			delete(all, name)
		}
		all["inputTokenLimit"], all["outputTokenLimit"] = 2048, 1
		all["supportedGenerationMethods"] = []string{"embedContent", "countTextTokens", "countTokens", "asyncBatchEmbedContent"}
	}
	return all
}

// googleCall is a POST to models/NAME:METHOD.
func (p *provider) googleCall(w http.ResponseWriter, r *http.Request) {
	id, method, ok := strings.Cut(r.PathValue("call"), ":")
	serve, known := map[string]func(*googleQuestion, http.ResponseWriter, *http.Request){
		"generateContent": (*googleQuestion).whole, "streamGenerateContent": (*googleQuestion).stream, "countTokens": (*googleQuestion).count,
		"embedContent": (*googleQuestion).embed, "batchEmbedContents": (*googleQuestion).embedBatch,
	}[method]
	if !ok || !known {
		w.WriteHeader(http.StatusNotFound)
		return
	}
	m, there := p.googleModel(id)
	if !there || m.embeds() != slices.Contains([]string{"embedContent", "batchEmbedContents"}, method) && method != "countTokens" {
		googleFail(w, http.StatusNotFound, "NOT_FOUND", fmt.Sprintf("models/%s is not found for API version v1beta, or is not supported for %s. Call ListModels to see the list of available models and their supported methods.", id, method))
		return
	}
	q := &googleQuestion{model: m}
	if err := q.read(w, r, method); err != nil {
		googleFail(w, http.StatusBadRequest, "INVALID_ARGUMENT", err.Error())
		return
	}
	serve(q, w, r)
}
