package main

import (
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"testing"
)

// TestFaultsHaveTheFormOfTheService that was asked.
func TestFaultsHaveTheFormOfTheService(t *testing.T) {
	for path, test := range map[string]struct {
		status int
		field  string
	}{
		"/v1/models":             {503, "error"},
		"/anthropic/v1/messages": {529, "request_id"},
		"/cohere/v2/chat":        {429, "message"},
	} {
		t.Run(path, func(t *testing.T) {
			f := faults{all: []*fault{{path, test.status, 1}}}
			w := httptest.NewRecorder()
			f.before(http.NotFoundHandler()).ServeHTTP(w, httptest.NewRequest("POST", path, nil))
			var body map[string]any
			if err := json.Unmarshal(w.Body.Bytes(), &body); err != nil || w.Code != test.status || body[test.field] == nil {
				t.Errorf("%d %s, %v", w.Code, w.Body, err)
			}
		})
	}
}
