package api_test

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

func TestEngineFile(t *testing.T) {
	t.Setenv("ENGINEBAY_TEST_KEY", "sesame")
	b := newBay(t, map[string]string{"m": `{}`})
	file := filepath.Join(b.home, "engines", "second.json")
	const byHand = `{"engine": "echo", "x_theirs": {"a": 1.50}, "secrets": {"api_key": "env:ENGINEBAY_TEST_KEY"}, "env": {"A": "b"}, "settings": {"ignore_sigterm": false, "tokens": 1, "old_token": "sk-old"}}`
	b.walk(t, []step{
		{"one without a file", "GET", "/v1/engines/echo", "", 200, `"file":null`, ""},
		{"nobody", "GET", "/v1/engines/nope", "", 404, "There is no engine 'nope'", "engine_not_found"},
		{"make", "PUT", "/v1/engines/fast", `{"engine": "echo", "settings": {"tokens": 2}, "parameters": {"top_p": 0.5}, "x_mine": true}`, 200, `"file":{"engine":"echo","parameters":{"top_p":0.5},"settings":{"tokens":2},"x_mine":true}`, ""},
		{"use", "POST", "/v1/models", `{"id": "f", "engine": "fast", "format": "api"}`, 201, "", ""},
		{"is in force", "POST", "/v1/chat/completions", chat("f", "one"), 200, "echo echo", ""},
		{"change while it runs", "PUT", "/v1/engines/fast", `{"settings": {"tokens": 3}}`, 200, `"engine":"echo"`, ""},
		{"is in force at once", "POST", "/v1/chat/completions", chat("f", "one"), 200, "echo echo echo", ""},
		{"change what needs no new process", "PUT", "/v1/engines/fast", `{"settings": {"tokens": 3}, "description": "d"}`, 200, `"state":"up"`, ""},
		{"what runs goes on", "GET", "/v1/models/f", "", 200, `"state":"running"`, ""},
		{"remove while it runs", "DELETE", "/v1/engines/fast", "", 409, "stop 'f' first", "conflict"},
		{"stop again", "PUT", "/v1/models/f/stop", "", 200, "", ""},
		{"remove", "DELETE", "/v1/engines/fast", "", 200, `{"deleted":true,"id":"fast","object":"engine"}`, ""},
		{"is no more", "DELETE", "/v1/engines/fast", "", 404, "There is no engine 'fast'", "engine_not_found"},
		{"remove what has no file", "DELETE", "/v1/engines/echo", "", 409, "has no file", "conflict"},
		{"give the plugin's own one a file", "PUT", "/v1/engines/echo", `{"settings": {"tokens": 5}}`, 200, `"tokens":5`, ""},
		{"and take it away", "DELETE", "/v1/engines/echo", "", 200, "", ""},
		{"it stays", "GET", "/v1/engines/echo", "", 200, `"file":null`, ""},

		{"no such plugin", "PUT", "/v1/engines/other", `{}`, 400, `no plugin \"other\"; installed are echo`, "invalid_request"},
		{"a wrong setting", "PUT", "/v1/engines/other", `{"engine": "echo", "settings": {"tokens": -1}}`, 400, "/tokens: expected an integer ≥ 0, got -1", "invalid_request"},
		{"a misspelt setting", "PUT", "/v1/engines/other", `{"engine": "echo", "settings": {"tokns": 1}}`, 400, "did you mean tokens?", "invalid_request"},
		{"a wrong type", "PUT", "/v1/engines/other", `{"engine": "echo", "settings": 7}`, 400, "/settings: expected an object, got 7", "invalid_request"},
		{"a secret that is written down", "PUT", "/v1/engines/other", `{"engine": "echo", "settings": {"my_api_key": "sk-1"}}`, 400, "would be a secret that is written down", "invalid_request"},
		{"one further down", "PUT", "/v1/engines/other", `{"engine": "echo", "settings": {"deep": {"password": "sk-1"}}}`, 400, "would be a secret that is written down", "invalid_request"},
		{"a secret in the clear", "PUT", "/v1/engines/other", `{"engine": "echo", "secrets": {"api_key": "sk-1"}}`, 400, "/secrets/api_key", "invalid_request"},
		{"a file as a secret", "PUT", "/v1/engines/other", `{"engine": "echo", "secrets": {"api_key": "file:/etc/passwd"}}`, 403, `\"secrets\" says what runs`, "unauthorized"},
		{"an environment", "PUT", "/v1/engines/other", `{"engine": "echo", "env": {"LD_PRELOAD": "/tmp/x.so"}}`, 403, `\"env\" says what runs`, "unauthorized"},
		{"what only a person may set", "PUT", "/v1/engines/other", `{"engine": "echo", "settings": {"ignore_sigterm": true}}`, 403, `\"ignore_sigterm\" says what runs`, "unauthorized"},
		{"what only a person may set, though model files may", "PUT", "/v1/engines/other", `{"engine": "echo", "settings": {"headers": {"Retry-After": "1"}}}`, 403, `\"headers\" says what runs`, "unauthorized"},
		{"a model that has it", "POST", "/v1/models", `{"id": "guarded", "engine": "echo", "format": "api", "settings": {"headers": {"Retry-After": "1"}}}`, 201, "", ""},
		{"answers", "POST", "/v1/chat/completions", chat("guarded", "one two"), 200, `"content":"one two"`, ""},
		{"and goes too", "DELETE", "/v1/models/guarded", "", 200, "", ""},
		{"the older form, which is all settings", "PUT", "/v1/engines/echo", `{"ignore_sigterm": true}`, 400, "stand under \\\"settings\\\"", "invalid_request"},
		{"another plugin than its schema's", "PUT", "/v1/engines/shelf", `{"importer": "echo", "settings": {"headers": {"Retry-After": "1"}}}`, 200, `"plugin":"shelf"`, ""},
		{"which is none", "DELETE", "/v1/engines/shelf", "", 200, "", ""},
		{"its own name in other letters", "PUT", "/v1/engines/other", `{"engine": "echo", "settings": {"Ignore_Sigterm": true}}`, 403, `says what runs`, "unauthorized"},
		{"an environment in other letters", "PUT", "/v1/engines/letters", `{"engine": "echo", "Env": {"ENGINE_ECHO_START": "crash"}, "Settings": {"tokens": 7}, "SECRETS": {"x": "file:/etc/passwd"}}`, 400, "did you mean env?", "invalid_request"},
		{"a misspelt limit", "PUT", "/v1/engines/letters", `{"engine": "echo", "limits": {"keep_alve": "5m"}}`, 400, "did you mean keep_alive?", "invalid_request"},
		{"without them", "PUT", "/v1/engines/letters", `{"engine": "echo"}`, 200, "", ""},
		{"a setting of the model in other letters", "POST", "/v1/models", `{"id": "letters", "engine": "letters", "format": "api", "settings": {"toKens": 7, "Ignore_sigterm": true}}`, 201, "", ""},
		{"says nothing", "PUT", "/v1/models/letters/start", "", 400, "only a deployment file", "invalid_request"},
		{"where it is none of a person's", "PATCH", "/v1/models/letters", `{"settings": {"Ignore_sigterm": null}}`, 200, "", ""},
		{"it is an unknown one", "POST", "/v1/chat/completions", chat("letters", "one two"), 200, `"content":"one two"`, ""},
		{"and it goes", "DELETE", "/v1/models/letters", "", 200, "", ""},
		{"so does its engine", "DELETE", "/v1/engines/letters", "", 200, "", ""},
		{"a plugin that does not start", "PUT", "/v1/engines/other", `{"engine": "echo", "settings": {"crash_on": "configure"}}`, 503, "did not start", "unavailable"},
		{"switched off, it need not", "PUT", "/v1/engines/other", `{"engine": "echo", "enabled": false, "settings": {"crash_on": "configure"}}`, 200, "switched off", ""},
		{"an id with a slash", "PUT", "/v1/engines/a%2Fb", `{"engine": "echo"}`, 400, "no engine name", "invalid_request"},
		{"an id that leaves the folder", "PUT", "/v1/engines/..%2Fx", `{"engine": "echo"}`, 400, "no engine name", "invalid_request"},
		{"a hidden id", "PUT", "/v1/engines/.x", `{"engine": "echo"}`, 400, "no engine name", "invalid_request"},
		{"a name twice", "PUT", "/v1/engines/other", `{"engine": "echo", "engine": "echo"}`, 400, "once", "invalid_json"},
		{"too much", "PUT", "/v1/engines/other", `{"engine": "echo", "description": "` + strings.Repeat("x", 1<<20) + `"}`, 413, "at most 1 MiB", "request_too_large"},
	})
	b.write("engines/second.json", byHand)
	b.walk(t, []step{
		{"what is hidden", "GET", "/v1/engines/second", "", 200, `"file":{"engine":"echo","env":{"A":"(hidden)"},"secrets":{"api_key":"(hidden)"},"settings":{"ignore_sigterm":"(hidden)","old_token":"(hidden)","tokens":1},"x_theirs":{"a":1.50}}`, ""},
		{"what is left out stays", "PUT", "/v1/engines/second", `{"settings": {"tokens": 9}, "description": "d"}`, 200, `"secrets":{"api_key":"(hidden)"}`, ""},
		{"another plugin", "PUT", "/v1/engines/second", `{"engine": "other"}`, 403, `\"engine\" says what runs`, "unauthorized"},
		{"another secret", "PUT", "/v1/engines/second", `{"secrets": {"api_key": "env:HOME"}}`, 403, `\"secrets\" says`, "unauthorized"},
		{"a secret more", "PUT", "/v1/engines/second", `{"secrets": {"api_key": "(hidden)", "b": "env:HOME"}}`, 403, `\"secrets\" says`, "unauthorized"},
	})
	b.write("engines/second.json", byHand)
	b.write("engines/echo.json", `{"tokens": 4, "api_key": "env:ENGINEBAY_TEST_KEY"}`)
	b.walk(t, []step{
		{"an older file", "GET", "/v1/engines/echo", "", 200, `"file":{"secrets":{"api_key":"(hidden)"},"settings":{"tokens":4}}`, ""},
		{"keeps its secret", "PUT", "/v1/engines/echo", `{"settings": {"tokens": 5}}`, 200, `"file":{"secrets":{"api_key":"(hidden)"},"settings":{"tokens":5}}`, ""},
		{"which is still a person's", "PUT", "/v1/engines/echo", `{"secrets": {"api_key": "env:HOME"}}`, 403, `\"secrets\" says`, "unauthorized"},
		{"and goes", "DELETE", "/v1/engines/echo", "", 200, "", ""},
	})
	_, shown := b.do("GET", "/v1/engines/second", "")
	if status, body := b.do("PUT", "/v1/engines/second", shown); status != 200 {
		t.Errorf("what was got cannot be sent back: %d %s", status, body)
	}
	text, err := os.ReadFile(file)
	if err != nil || !sameJSON(t, string(text), byHand) || !strings.Contains(string(text), "1.50") {
		t.Errorf("it is now %s (%v)", text, err)
	}
	if info, _ := os.Stat(file); info.Mode().Perm() != 0o600 {
		t.Errorf("mode %v", info.Mode())
	}
	entries, _ := os.ReadDir(filepath.Join(b.home, "engines"))
	if got := fmt.Sprint(entries); len(entries) != 2 {
		t.Errorf("files: %s", got)
	}
}

// TestPlugin: what a form for an engine's settings is made of.
func TestPlugin(t *testing.T) {
	b := newBay(t, nil)
	b.walk(t, []step{
		{"an engine", "GET", "/v1/plugins/echo", "", 200, `"default":4096,"description":"Context length that it claims, in tokens.","minimum":1,"type":"integer"`, ""},
		{"what only a person may set", "GET", "/v1/plugins/echo", "", 200, `"x-scope":"deployment"`, ""},
		{"an importer without any", "GET", "/v1/plugins/shelf", "", 200, `"settings":null`, ""},
		{"nobody", "GET", "/v1/plugins/nope", "", 404, "There is no plugin 'nope'; GET /v1/plugins lists", "plugin_not_found"},
	})
}
