package main

import (
	"crypto/rand"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"slices"
	"strconv"
	"strings"
)

// cohere is the API that stands below /cohere: version 2 of chats, embeddings and
// rankings, and the list of models, which is of version 1 still.
func (p *provider) cohere() http.Handler {
	mux := http.NewServeMux()
	mux.HandleFunc("GET /cohere/v1/models", p.cohereModels)
	mux.HandleFunc("GET /cohere/v1/models/{id}", func(w http.ResponseWriter, r *http.Request) {
		if m, ok := p.cohereModel(w, r.PathValue("id"), ""); ok {
			answer(w, cohereInfo(m))
		}
	})
	mux.HandleFunc("POST /cohere/v2/chat", func(w http.ResponseWriter, r *http.Request) {
		ask := &cohereAsk{}
		if cohereRead(w, r, ask, ask.judge) {
			if _, ok := p.cohereModel(w, ask.Model, "chat"); ok {
				ask.answer().write(w, r, ask.Stream)
			}
		}
	})
	mux.HandleFunc("POST /cohere/v2/embed", func(w http.ResponseWriter, r *http.Request) {
		ask := &cohereEmbed{}
		if cohereRead(w, r, ask, ask.judge) {
			if _, ok := p.cohereModel(w, ask.Model, "embed"); ok {
				answer(w, ask.answer())
			}
		}
	})
	mux.HandleFunc("POST /cohere/v2/rerank", func(w http.ResponseWriter, r *http.Request) {
		ask := &cohereRerank{}
		if cohereRead(w, r, ask, ask.judge) {
			if _, ok := p.cohereModel(w, ask.Model, "rerank"); ok {
				answer(w, ask.answer())
			}
		}
	})
	mux.HandleFunc("/cohere/", http.NotFound)
	return p.cohereDoor(mux)
}

func (p *provider) cohereDoor(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("X-Debug-Trace-Id", strings.ToLower(rand.Text()))
		switch key, ok := strings.CutPrefix(r.Header.Get("Authorization"), "Bearer "); {
		case p.key == "" || key == p.key:
			next.ServeHTTP(w, r)
		case !ok:
			cohereFail(w, http.StatusUnauthorized, "no api key supplied")
		default:
			cohereFail(w, http.StatusUnauthorized, "invalid api token")
		}
	})
}

func cohereFail(w http.ResponseWriter, status int, message string) {
	w.Header().Set("X-Debug-Trace-Id", strings.ToLower(rand.Text()))
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(status)
	json.NewEncoder(w).Encode(map[string]any{"id": strings.ToLower(rand.Text()), "message": message})
}

// cohereRead reads a request strictly and judges it.
func cohereRead(w http.ResponseWriter, r *http.Request, into any, judge func() error) bool {
	body, err := io.ReadAll(http.MaxBytesReader(w, r.Body, 20<<20))
	if err != nil {
		cohereFail(w, http.StatusRequestEntityTooLarge, "request body too large")
		return false
	}
	if err := strict("", body, into); err != nil {
		if field, _, unknown := strings.Cut(err.Error(), ": Extra inputs"); unknown {
			cohereFail(w, http.StatusUnprocessableEntity, fmt.Sprintf("unknown field: parameter '%s' is not a valid field", field))
		} else {
			cohereFail(w, http.StatusBadRequest, "invalid json syntax: "+err.Error())
		}
		return false
	}
	if err := judge(); err != nil {
		cohereFail(w, http.StatusBadRequest, "invalid request: "+err.Error())
		return false
	}
	return true
}

func (p *provider) cohereModel(w http.ResponseWriter, id, endpoint string) (model, bool) {
	all := p.of("cohere")
	i := slices.IndexFunc(all, func(m model) bool { return m.ID == id })
	if i < 0 {
		cohereFail(w, http.StatusNotFound, fmt.Sprintf("model '%s' not found, make sure the correct model ID was used and that you have access to the model.", id))
		return model{}, false
	}
	if endpoint != "" && !slices.Contains(cohereEndpoints(all[i]), endpoint) {
		cohereFail(w, http.StatusBadRequest, fmt.Sprintf("invalid request: model '%s' is not supported by the %s API", id, endpoint))
		return model{}, false
	}
	return all[i], true
}

func cohereEndpoints(m model) []string {
	switch {
	case strings.HasPrefix(m.ID, "embed"):
		return []string{"embed", "embed_image"}
	case strings.HasPrefix(m.ID, "rerank"):
		return []string{"rerank"}
	}
	return []string{"generate", "chat"}
}

func cohereInfo(m model) map[string]any {
	return map[string]any{"name": m.ID, "is_deprecated": strings.Contains(m.ID, "-old"), "endpoints": cohereEndpoints(m), "finetuned": false, "context_length": 128000,
		"tokenizer_url": "", "default_endpoints": []string{}, "features": []string{"tools", "json_mode", "json_schema"}}
}

// cohereModels is a page of the list; its token is where the next one begins.
func (p *provider) cohereModels(w http.ResponseWriter, r *http.Request) {
	query := r.URL.Query()
	size, begin := 20, 0
	for name, number := range map[string]*int{"page_size": &size, "page_token": &begin} {
		if said := query.Get(name); said != "" {
			var err error
			if *number, err = strconv.Atoi(said); err != nil || *number < 0 || *number > 1000 {
				cohereFail(w, http.StatusBadRequest, "invalid request: "+name)
				return
			}
		}
	}
	infos := []any{}
	for _, m := range p.of("cohere") {
		if of := query.Get("endpoint"); of == "" || slices.Contains(cohereEndpoints(m), of) {
			infos = append(infos, cohereInfo(m))
		}
	}
	begin = min(begin, len(infos))
	end := min(begin+max(1, size), len(infos))
	list := map[string]any{"models": infos[begin:end]}
	if end < len(infos) {
		list["next_page_token"] = strconv.Itoa(end)
	}
	answer(w, list)
}
