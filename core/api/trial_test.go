package api_test

import (
	"encoding/json"
	"strings"
	"testing"
)

// TestEngineTrial: the round trip over HTTP.
func TestEngineTrial(t *testing.T) {
	const secret = "sesame-1234"
	t.Setenv("ENGINEBAY_TEST_KEY", secret)
	b := newBay(t, map[string]string{"m": `{}`})
	b.write("engines/keyed.json", `{"engine": "echo", "secrets": {"api_key": "env:ENGINEBAY_TEST_KEY"}, "env": {"MY_TOKEN": "`+secret+`"}}`)
	b.walk(t, []step{
		{"a model of it", "POST", "/v1/models", `{"id": "keyed", "engine": "keyed", "format": "api", "settings": {"refuse": "no such key: ` + secret + `", "refuse_code": "unauthorized"}}`, 201, "", ""},
		{"well", "POST", "/v1/engines/echo/test", "", 200, `{"id":"echo","object":"engine.test","ok":true,"model":"m","steps":[{"name":"plugin","ok":true,"skipped":false,`, ""},
		{"with a model", "POST", "/v1/engines/echo/test", `{"model": "m"}`, 200, `"detail":"m, which is loaded already"`, ""},
		{"with one of another", "POST", "/v1/engines/keyed/test", `{"model": "m"}`, 200, `"model":"m@keyed"`, ""},
		{"what fails", "POST", "/v1/engines/keyed/test", "", 200, `"detail":"","error":"no such key: (hidden)"}`, ""},
		{"nobody", "POST", "/v1/engines/nope/test", "", 404, "There is no engine 'nope'", "engine_not_found"},
		{"no model's id", "POST", "/v1/engines/echo/test", `{"model": 7}`, 400, "must be the id of a model", "invalid_type"},
		{"no JSON", "POST", "/v1/engines/echo/test", `{`, 400, "cannot be read", "invalid_json"},
		{"another way", "GET", "/v1/engines/echo/test", "", 405, "", "method_not_allowed"},
	})
	b.write("engines/unset.json", `{"engine": "echo", "secrets": {"api_key": "env:NOT_SET_ANYWHERE"}}`)
	b.write("engines/settings.json", `{"engine": "echo", "settings": {"tokens": 3, "ignore_sigterm": true, "my_token": "`+secret+`"}, "parameters": {"top_p": 0.5}}`)
	b.walk(t, []step{
		{"a secret that is there", "GET", "/v1/engines/keyed?effective=true", "", 200, `"secrets":{"api_key":{"set":true,"origin":"engine"}}`, ""},
		{"one that is not", "GET", "/v1/engines/unset?effective=true", "", 200, `"secrets":{"api_key":{"set":false,"origin":"engine","error":"the environment variable NOT_SET_ANYWHERE is not set"}}`, ""},
		{"a setting of the file", "GET", "/v1/engines/settings?effective=true", "", 200, `"tokens":{"value":3,"origin":"engine"}`, ""},
		{"a default", "GET", "/v1/engines/settings?effective=true", "", 200, `"ctx_len":{"value":4096,"origin":"default"}`, ""},
		{"a parameter", "GET", "/v1/engines/settings?effective=true", "", 200, `"top_p":{"value":0.5,"origin":"engine"}`, ""},
		{"what only a person may change", "GET", "/v1/engines/settings?effective=true", "", 200, `"ignore_sigterm":{"value":"(hidden)","origin":"engine"}`, ""},
	})
	for _, path := range []string{"/v1/engines", "/v1/engines/keyed", "/v1/engines/keyed?effective=true", "/v1/engines/settings?effective=true", "/metrics"} {
		if _, body := b.do("GET", path, ""); strings.Contains(body, secret) {
			t.Errorf("GET %s shows a secret: %s", path, body)
		}
	}
	if strings.Contains(b.log.String(), secret) {
		t.Errorf("a secret is in the log:\n%s", b.log)
	}
}

// TestEngineRefresh: the list of a service's models, on demand.
func TestEngineRefresh(t *testing.T) {
	b := newBay(t, map[string]string{"m": `{}`})
	b.write("engines/far.json", `{"engine": "echo", "settings": {"offers": ["b", "a"]}, "models": ["*"]}`)
	b.write("engines/cut.json", `{"engine": "echo", "settings": {"offers": [""]}}`)
	b.walk(t, []step{
		{"the list", "POST", "/v1/engines/far/refresh", "", 200, `{"object":"list","data":[{"id":"far/a","object":"model"`, ""},
		{"is in the models", "GET", "/v1/models", "", 200, `"id":"far/b"`, ""},
		{"it cannot be had", "POST", "/v1/engines/cut/refresh", "", 503, "the list cannot be had, as asked", "unavailable"},
		{"there is none", "POST", "/v1/engines/echo/refresh", "", 400, "it offers nothing", "unsupported"},
		{"nobody", "POST", "/v1/engines/nope/refresh", "", 404, "There is no engine 'nope'", "engine_not_found"},
	})
	b.write("engines/far.json", `{"engine": "echo", "settings": {"offers": ["c"]}}`)
	if _, body := b.do("POST", "/v1/engines/far/refresh", ""); strings.Contains(body, `"far/a"`) || !strings.Contains(body, `"far/c"`) {
		t.Errorf("after a change: %s", body)
	}
}

// TestEngineRestart: a new process, and what was asked of the old one is answered.
func TestEngineRestart(t *testing.T) {
	b := newBay(t, map[string]string{"m": `{}`})
	b.write("engines/wrong.json", `{"engine": "echo", "settings": {"crash_on": "configure"}}`)
	pid := func() int {
		t.Helper()
		_, body := b.do("GET", "/v1/engines/echo", "")
		var e struct{ Pid int }
		if err := json.Unmarshal([]byte(body), &e); err != nil {
			t.Fatalf("%v: %s", err, body)
		}
		return e.Pid
	}
	b.walk(t, []step{{"use", "POST", "/v1/chat/completions", chat("m", "one"), 200, "", ""}})
	before := pid()
	b.walk(t, []step{
		{"again", "POST", "/v1/engines/echo/restart", "", 200, `"id":"echo","object":"engine"`, ""},
		{"use it", "POST", "/v1/chat/completions", chat("m", "one"), 200, "", ""},
		{"one that does not start", "POST", "/v1/engines/wrong/restart", "", 503, "did not start", "unavailable"},
		{"nobody", "POST", "/v1/engines/nope/restart", "", 404, "There is no engine 'nope'", "engine_not_found"},
	})
	if after := pid(); before == 0 || after == 0 || after == before {
		t.Errorf("the process was %d and is %d", before, after)
	}
}
