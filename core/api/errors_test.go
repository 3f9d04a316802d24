package api_test

import (
	"os"
	"strings"
	"testing"
)

func TestErrors(t *testing.T) {
	b := newBay(t, map[string]string{
		"m":        `{}`,
		"refused":  `{"refuse": "No, and here is why."}`,
		"short":    `{"refuse": "Too large for here.", "refuse_code": "exhausted"}`,
		"wrong":    `{"ctx_len": "many"}`,
		"panics":   `{"panic_on": "load"}`,
		"crashes":  `{"crash_on": "load"}`,
		"powerful": `{"ignore_sigterm": true}`,
	})
	b.write("models/broken/model.json", "{\n  \"settings\": {\"ctx_len\": }\n}")
	b.write("models/away/model.json", `{"sources": [{"url": "https://models.example/x.gguf"}]}`)
	b.write("models/half/x.gguf", halfGGUF(t))
	b.write("models/half/model.json", `{"engine": "echo"}`)
	b.write("models/lost/model.json", `{"engine": "nowhere", "format": "api"}`)
	waitFor(t, b, "lost")
	for _, test := range []struct {
		name, method, path, body string
		status                   int
		says, code               string
	}{
		{"no such model", "POST", "/v1/chat/completions", chat("nope", "x"), 404, "The model 'nope' does not exist", "model_not_found"},
		{"a near miss", "POST", "/v1/chat/completions", chat("crashed", "x"), 404, "did you mean 'crashes'?", "model_not_found"},
		{"no such model to show", "GET", "/v1/models/nope", "", 404, "does not exist", "model_not_found"},
		{"no such model to start", "PUT", "/v1/models/a/b/c/start", "", 404, "does not exist", "model_not_found"},
		{"an id that leaves the folder", "GET", "/v1/models/..%2f..%2fetc", "", 404, "", ""},
		{"an encoded id that leaves the folder", "GET", "/v1/models/x%2f%2e%2e%2fy", "", 404, "", ""},
		{"no JSON", "POST", "/v1/chat/completions", `{"model":`, 400, "not valid JSON", "invalid_json"},
		{"no object", "POST", "/v1/chat/completions", `[1]`, 400, "must be a JSON object", "invalid_json"},
		{"an empty body", "POST", "/v1/chat/completions", ``, 400, "not valid JSON", "invalid_json"},
		{"no model", "POST", "/v1/chat/completions", `{"messages":[]}`, 400, "must provide a model", "missing_model"},
		{"a number for a model", "POST", "/v1/chat/completions", `{"model":7}`, 400, "must be a string", "invalid_type"},
		{"two models", "POST", "/v1/chat/completions", `{"model":"m","model":"refused"}`, 400, "stands twice", "duplicate_field"},
		{"two models, one in disguise", "POST", "/v1/chat/completions", `{"model":"m","mod\u0065l":"refused"}`, 400, "stands twice", "duplicate_field"},
		{"a text for stream", "POST", "/v1/chat/completions", `{"model":"m","stream":"yes"}`, 400, "must be true or false", "invalid_type"},
		{"the engine refuses", "POST", "/v1/chat/completions", chat("refused", "x"), 400, "No, and here is why.", "invalid_request"},
		{"memory is short", "POST", "/v1/chat/completions", chat("short", "x"), 507, "Too large for here.", "exhausted"},
		{"a wrong setting", "POST", "/v1/chat/completions", chat("wrong", "x"), 400, `models/wrong/model.json:1:61: /settings/ctx_len: expected an integer ≥ 0, got "many"`, "invalid_request"},
		{"a wrong setting at start", "PUT", "/v1/models/m/start", `{"first_token_ms": -1}`, 400, "/first_token_ms: expected an integer ≥ 0, got -1", "invalid_request"},
		{"no settings at start", "PUT", "/v1/models/m/start", `[1]`, 400, "The body cannot be read: ", "invalid_json"},
		{"settings without end at start", "PUT", "/v1/models/m/start", `{"refuse": "` + strings.Repeat("x", 1<<20) + `"}`, 413, "at most 1 MiB", "request_too_large"},
		{"a model file sets what only a deployment may", "POST", "/v1/chat/completions", chat("powerful", "x"), 400, "only a deployment file", "invalid_request"},
		{"the plugin panics", "POST", "/v1/chat/completions", chat("panics", "x"), 500, "met a fault of its own", "internal_error"},
		{"the plugin crashes", "POST", "/v1/chat/completions", chat("crashes", "x"), 503, "ended while it was asked", "unavailable"},
		{"a broken model file", "POST", "/v1/chat/completions", chat("broken", "x"), 400, "models/broken/model.json:2:27", "invalid_request"},
		{"weights that are not here", "POST", "/v1/chat/completions", chat("away", "x"), 404, "x.gguf is not here yet", "model_not_found"},
		{"half of the weights", "POST", "/v1/chat/completions", chat("half", "x"), 400, "x.gguf: gguf: ", "invalid_request"},
		{"an engine that is not installed", "POST", "/v1/chat/completions", chat("lost", "x"), 503, `there is no engine "nowhere"`, "unavailable"},
		{"no such route", "GET", "/v1/nothing", "", 404, "no such route", "unknown_url"},
		{"a route in capitals", "GET", "/V1/models", "", 404, "no such route", "unknown_url"},
		{"a method that a route does not take", "DELETE", "/v1/chat/completions", "", 405, "does not take that method", "method_not_allowed"},
		{"an unknown state", "GET", "/v1/models?state=asleep", "", 400, "to_download", "invalid_state"},
	} {
		t.Run(test.name, func(t *testing.T) {
			status, body := b.do(test.method, test.path, test.body)
			if status != test.status {
				t.Errorf("status %d, want %d: %s", status, test.status, body)
			}
			e := openAIError(t, body)
			if !strings.Contains(e.Error.Message, test.says) {
				t.Errorf("says %q, want %q in it", e.Error.Message, test.says)
			}
			if test.code != "" && (e.Error.Code == nil || *e.Error.Code != test.code) {
				t.Errorf("code of %s, want %s", body, test.code)
			}
			if strings.Contains(body, b.home) || strings.Contains(body, "goroutine") {
				t.Errorf("the answer shows a path or a stack: %s", body)
			}
		})
	}
}

// TestMessagesErrors: Anthropic's clients go by the type.
func TestMessagesErrors(t *testing.T) {
	b := newBay(t, map[string]string{"short": `{"refuse": "x", "refuse_code": "exhausted"}`, "away": `{"refuse": "x", "refuse_code": "unavailable"}`, "m": `{}`})
	for _, test := range []struct {
		body   string
		status int
		kind   string
	}{
		{chat("nope", "x", `"max_tokens":5`), 404, "not_found_error"},
		{chat("m", "x", `"max_tokens":5`), 400, "invalid_request_error"}, // it answers no messages
		{chat("away", "x", `"max_tokens":5`), 503, "overloaded_error"},
		{chat("short", "x", `"max_tokens":5`), 507, "api_error"},
		{"{", 400, "invalid_request_error"},
	} {
		status, body := b.do("POST", "/v1/messages", test.body)
		if status != test.status || !strings.HasPrefix(body, `{"type":"error","error":{`) || !strings.Contains(body, `"type":"`+test.kind+`"`) {
			t.Errorf("status %d, want %d and %s: %s", status, test.status, test.kind, body)
		}
	}
	status, body := b.do("POST", "/v1/messages", strings.Repeat(" ", 65<<20))
	if status != 413 || !strings.Contains(body, `"type":"request_too_large"`) {
		t.Errorf("status %d: %s", status, body)
	}
}

// halfGGUF is a real model of which only the first half arrived.
func halfGGUF(t *testing.T) string {
	t.Helper()
	data, err := os.ReadFile("../../examples/models/tiny-guide/tiny-guide.gguf")
	if err != nil {
		t.Fatal(err)
	}
	return string(data[:len(data)/2])
}
