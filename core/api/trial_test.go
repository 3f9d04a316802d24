package api_test

import (
	"strings"
	"testing"
)

// TestEngineTrial: the round trip over HTTP.
func TestEngineTrial(t *testing.T) {
	const secret = "sesame-1234"
	t.Setenv("ENGINEBAY_TEST_KEY", secret)
	b := newBay(t, map[string]string{"m": `{}`})
	b.write("engines/keyed.json", `{"engine": "echo", "secrets": {"api_key": "env:ENGINEBAY_TEST_KEY"}, "env": {"MY_TOKEN": "`+secret+`"}}`)
	b.write("models/keyed/model.json", `{"engine": "keyed", "format": "api", "settings": {"refuse": "no such key: `+secret+`", "refuse_code": "unauthorized"}}`)
	b.walk(t, []step{
		{"well", "POST", "/v1/engines/echo/test", "", 200, `{"id":"echo","object":"engine.test","ok":true,"model":"m","steps":[{"name":"plugin","ok":true,"skipped":false,`, ""},
		{"with a model", "POST", "/v1/engines/echo/test", `{"model": "m"}`, 200, `"detail":"m, which is loaded already"`, ""},
		{"with one of another", "POST", "/v1/engines/echo/test", `{"model": "keyed"}`, 200, `"error":"The model 'keyed' is one of the engine keyed;`, ""},
		{"what fails", "POST", "/v1/engines/keyed/test", "", 200, `"detail":"","error":"no such key: (hidden)"}`, ""},
		{"nobody", "POST", "/v1/engines/nope/test", "", 404, "There is no engine 'nope'", "engine_not_found"},
		{"no model's id", "POST", "/v1/engines/echo/test", `{"model": 7}`, 400, "must be the id of a model", "invalid_type"},
		{"no JSON", "POST", "/v1/engines/echo/test", `{`, 400, "cannot be read", "invalid_json"},
		{"another way", "GET", "/v1/engines/echo/test", "", 405, "", "method_not_allowed"},
	})
	for _, path := range []string{"/v1/engines", "/v1/engines/keyed", "/metrics"} {
		if _, body := b.do("GET", path, ""); strings.Contains(body, secret) {
			t.Errorf("GET %s shows a secret: %s", path, body)
		}
	}
	if strings.Contains(b.log.String(), secret) {
		t.Errorf("a secret is in the log:\n%s", b.log)
	}
}
