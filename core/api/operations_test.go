package api_test

import (
	"encoding/json"
	"strings"
	"testing"
)

// asked is what the fake engine says that it was asked.
type asked struct {
	Path        string `json:"path"`
	ContentType string `json:"content_type"`
	Body        string `json:"body"`
}

// TestOperations: each goes to where engines answer it, with the defaults that it knows.
func TestOperations(t *testing.T) {
	b := newBay(t, nil)
	b.write("models/m/model.json", `{"engine": "echo", "format": "api",
		"settings": {"operations": ["responses", "messages", "rerank", "tokenize", "audio/speech", "images/generations", "moderations", "messages/count_tokens"]},
		"parameters": {"temperature": 0.5, "max_tokens": 9, "stop": ["END"], "top_k": 3, "min_p": 1}}`)
	for path, want := range map[string]struct{ path, further string }{
		"/v1/responses":             {"/v1/responses", `"max_output_tokens":9,"temperature":0.5`},
		"/v1/messages":              {"/v1/messages", `"max_tokens":9,"stop_sequences":["END"],"temperature":0.5,"top_k":3`},
		"/v1/messages/count_tokens": {"/v1/messages/count_tokens", ""},
		"/v1/rerank":                {"/v1/rerank", ""},
		"/v1/tokenize":              {"/tokenize", ""},
		"/tokenize":                 {"/tokenize", ""},
		"/v1/audio/speech":          {"/v1/audio/speech", ""},
		"/v1/images/generations":    {"/v1/images/generations", ""},
		"/v1/moderations":           {"/v1/moderations", ""},
	} {
		t.Run(path, func(t *testing.T) {
			code, body := b.do("POST", path, `{"model":"m","keep_alive":"5m"}`)
			var got asked
			if err := json.Unmarshal([]byte(body), &got); err != nil || code != 200 {
				t.Fatalf("status %d: %s", code, body)
			}
			if got.Path != want.path || got.ContentType != "application/json" {
				t.Errorf("got %+v", got)
			}
			var fields map[string]any
			_ = json.Unmarshal([]byte(got.Body), &fields)
			delete(fields, "model")
			further, _ := json.Marshal(fields)
			if string(further) != "{"+want.further+"}" {
				t.Errorf("the engine got %s, want %s", further, want.further)
			}
		})
	}
	for _, path := range []string{"/v1/audio/transcriptions", "/detokenize"} {
		code, body := b.do("POST", path, `{"model":"m"}`)
		if e := openAIError(t, body); code != 400 && code != 415 || path == "/detokenize" && !strings.Contains(e.Error.Message, "/v1/responses") {
			t.Errorf("%s: status %d: %s", path, code, body)
		}
	}
	code, body := b.do("POST", "/v1/messages", `{"model":"none"}`)
	if code != 404 || !strings.HasPrefix(body, `{"type":"error","error":{`) || !strings.Contains(body, `"code":"model_not_found"`) {
		t.Errorf("an error for Anthropic's clients: status %d: %s", code, body)
	}
}
