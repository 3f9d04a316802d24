package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strings"
)

// http has the paths of the HTTP front end.
func (s *server) http() http.Handler {
	mux := http.NewServeMux()
	ok := func(http.ResponseWriter, *http.Request) {}
	mux.HandleFunc("GET /v2", func(w http.ResponseWriter, _ *http.Request) {
		answer(w, map[string]any{"name": "triton", "version": "2.71.0", "extensions": []string{"model_repository", "model_configuration", "generate", "statistics"}})
	})
	mux.HandleFunc("GET /v2/health/live", ok)
	mux.HandleFunc("GET /v2/health/ready", ok)
	mux.HandleFunc("POST /v2/repository/index", func(w http.ResponseWriter, _ *http.Request) { answer(w, s.index()) })
	mux.HandleFunc("POST /v2/repository/models/{name}/{verb}", func(w http.ResponseWriter, r *http.Request) {
		if f := s.change(r.PathValue("name"), r.PathValue("verb") == "load"); f != nil {
			fail(w, f)
		}
	})
	mux.HandleFunc("GET /v2/models/{name}", s.with(func(w http.ResponseWriter, m *model) {
		answer(w, map[string]any{"name": m.name, "versions": []string{"1"}, "platform": m.kind, "inputs": m.inputs, "outputs": m.outputs})
	}))
	mux.HandleFunc("GET /v2/models/{name}/ready", s.with(func(http.ResponseWriter, *model) {}))
	mux.HandleFunc("GET /v2/models/{name}/config", s.with(func(w http.ResponseWriter, m *model) {
		answer(w, map[string]any{"name": m.name, "backend": "python", "model_transaction_policy": map[string]bool{"decoupled": m.decoupled},
			"parameters": map[string]any{"accumulate_tokens": map[string]string{"string_value": fmt.Sprint(m.accumulate)}}})
	}))
	mux.HandleFunc("POST /v2/models/{name}/generate", s.generated(false))
	mux.HandleFunc("POST /v2/models/{name}/generate_stream", s.generated(true))
	mux.HandleFunc("GET /fake", func(w http.ResponseWriter, _ *http.Request) {
		s.mu.Lock()
		defer s.mu.Unlock()
		answer(w, s.seen)
	})
	return s.restricted(mux)
}

// restricted asks for the header, where there is one.
func (s *server) restricted(next http.Handler) http.Handler {
	name, value, _ := strings.Cut(s.header, "=")
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if s.header != "" && r.URL.Path != "/fake" && r.Header.Get(name) != value {
			fail(w, &fault{http.StatusForbidden, fmt.Sprintf("This API is restricted, expecting header '%s'", name)})
			return
		}
		next.ServeHTTP(w, r)
	})
}

func (s *server) with(do func(http.ResponseWriter, *model)) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		m, f := s.loaded(r.PathValue("name"))
		if f != nil {
			fail(w, f)
			return
		}
		do(w, m)
	}
}

func answer(w http.ResponseWriter, v any) {
	w.Header().Set("Content-Type", "application/json")
	json.NewEncoder(w).Encode(v)
}

func fail(w http.ResponseWriter, f *fault) {
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(f.status)
	json.NewEncoder(w).Encode(map[string]string{"error": f.text})
}

// generated is the extension generate: members of the body that are inputs of the model
// become tensors, the others parameters.
func (s *server) generated(stream bool) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		m, f := s.loaded(r.PathValue("name"))
		var in map[string][]any
		if f == nil {
			in, f = m.read(r.Body)
		}
		if f != nil {
			fail(w, f)
			return
		}
		var answers []map[string]any
		err := s.generate(r.Context(), m, in, func(out map[string][]any) error {
			one := m.written(out)
			if !stream {
				answers = append(answers, one)
				return nil
			}
			w.Header().Set("Content-Type", "text/event-stream; charset=utf-8")
			return event(w, one)
		})
		switch {
		case errors.As(err, &f) && stream && w.Header().Get("Content-Type") == "":
			w.Header().Set("Content-Type", "text/event-stream; charset=utf-8")
			w.WriteHeader(f.status)
			event(w, map[string]any{"error": f.text})
		case errors.As(err, &f):
			fail(w, f)
		case err != nil || stream:
		case len(answers) != 1:
			answer(w, map[string]string{"error": "generate expects model to produce exactly 1 response, use generate stream for model that generates various number of responses"})
		default:
			answer(w, answers[0])
		}
	}
}

func event(w http.ResponseWriter, v any) error {
	text, err := json.Marshal(v)
	if err == nil {
		_, err = fmt.Fprintf(w, "data: %s\n\n", text)
	}
	if err == nil {
		err = http.NewResponseController(w).Flush()
	}
	return err
}

func (m *model) read(from io.Reader) (map[string][]any, *fault) {
	var all map[string]any
	if err := json.NewDecoder(from).Decode(&all); err != nil {
		return nil, &fault{400, "failed to parse the request JSON buffer: " + err.Error()}
	}
	in := map[string][]any{}
	for _, t := range m.inputs {
		switch v := all[t.Name].(type) {
		case nil:
		case []any:
			in[t.Name] = v
		default:
			in[t.Name] = []any{v}
		}
	}
	return in, nil
}

// written are tensors as generate writes them: one element without its list.
func (m *model) written(out map[string][]any) map[string]any {
	all := map[string]any{"model_name": m.name, "model_version": "1"}
	for name, values := range out {
		if all[name] = any(values); len(values) == 1 {
			all[name] = values[0]
		}
	}
	return all
}
