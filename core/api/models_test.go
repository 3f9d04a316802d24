package api_test

import (
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

func TestModels(t *testing.T) {
	b := newBay(t, map[string]string{"b": `{}`, "a": `{}`})
	b.write("models/many/one.json", `{"engine":"echo","format":"api","name":"One"}`)
	b.write("models/many/two.json", `{"engine":"echo","format":"api"}`)
	b.write("models/wrong/model.json", `{"settings": []}`)
	waitFor(t, b, "wrong")
	waitFor(t, b, "many/two")

	var list struct {
		Object string
		Data   []map[string]any
	}
	_, body := b.do("GET", "/v1/models", "")
	if err := json.Unmarshal([]byte(body), &list); err != nil {
		t.Fatalf("%v: %s", err, body)
	}
	var ids []string
	for _, m := range list.Data {
		ids = append(ids, m["id"].(string))
		for _, key := range []string{"object", "created", "owned_by", "name", "version", "format", "engine", "description", "settings", "parameters", "metadata", "sources", "state"} {
			if _, ok := m[key]; !ok {
				t.Errorf("%v has no %s", m["id"], key)
			}
		}
	}
	if got := strings.Join(ids, " "); got != "a b many/one many/two wrong" || list.Object != "list" {
		t.Errorf("list of %q, object %q", got, list.Object)
	}
	for _, path := range []string{"/v1/models/many/one", "/v1/models/many%2Fone"} {
		if status, body := b.do("GET", path, ""); status != 200 || !strings.Contains(body, `"name":"One"`) {
			t.Errorf("GET %s: %d %s", path, status, body)
		}
	}
	if _, body := b.do("GET", "/v1/models/wrong", ""); !strings.Contains(body, "models/wrong/model.json:1:14: /settings: expected an object, got an array") {
		t.Errorf("the error of a wrong file: %s", body)
	}
}

func TestReadOnlyModels(t *testing.T) {
	b := newBay(t, map[string]string{"m": `{}`})
	file := filepath.Join(b.shared, "fixed", "model.json")
	if err := os.Mkdir(filepath.Dir(file), 0o700); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(file, []byte(`{"engine": "echo", "format": "api"}`), 0o600); err != nil {
		t.Fatal(err)
	}
	waitFor(t, b, "fixed")
	for _, path := range []string{"/v1/models/fixed", "/v1/models"} {
		if _, body := b.do("GET", path, ""); strings.Count(body, `"read_only":true`) != 1 {
			t.Errorf("GET %s: %s", path, body)
		}
	}
	var answer map[string]any
	_, body := b.do("GET", "/v1/models/fixed?effective=true", "")
	if err := json.Unmarshal([]byte(body), &answer); err != nil {
		t.Fatal(err)
	}
	known := described(t, b).Components.Schemas["Model"].Value.Properties
	for name := range answer {
		if known[name] == nil {
			t.Errorf("%s is not in openapi.yaml", name)
		}
	}
	for method, body := range map[string]string{"PATCH": `{}`, "DELETE": ""} {
		if status, body := b.do(method, "/v1/models/fixed", body); status != 409 || !strings.Contains(body, "only read") {
			t.Errorf("%s: %d %s", method, status, body)
		}
	}
}

func TestStartAndStop(t *testing.T) {
	b := newBay(t, map[string]string{"m": `{}`, "n": `{}`, "x/y": `{}`})
	for _, step := range []struct{ method, path, want string }{
		{"PUT", "/v1/models/m/start", `{"id":"m","object":"model","state":"running"}`},
		{"PUT", "/v1/models/m/start", `{"id":"m","object":"model","state":"running"}`},
		{"PUT", "/v1/models/x/y/start", `{"id":"x/y","object":"model","state":"running"}`},
		{"PUT", "/v1/models/x%2Fy/stop", `{"id":"x/y","object":"model","state":"ready"}`},
		{"PUT", "/v1/models/m/stop", `{"id":"m","object":"model","state":"ready"}`},
		{"PUT", "/v1/models/m/stop", `{"id":"m","object":"model","state":"ready"}`},
	} {
		status, body := b.do(step.method, step.path, "")
		if status != 200 || !sameJSON(t, body, step.want) {
			t.Errorf("%s %s: %d %s, want %s", step.method, step.path, status, body, step.want)
		}
	}
}

func sameJSON(t *testing.T, a, b string) bool {
	t.Helper()
	var x, y any
	if json.Unmarshal([]byte(a), &x) != nil || json.Unmarshal([]byte(b), &y) != nil {
		return false
	}
	p, _ := json.Marshal(x)
	q, _ := json.Marshal(y)
	return string(p) == string(q)
}

func TestListByState(t *testing.T) {
	b := newBay(t, map[string]string{"m": `{}`, "n": `{}`})
	b.do("PUT", "/v1/models/m/start", "")
	_, running := b.do("GET", "/v1/models?state=running", "")
	_, ready := b.do("GET", "/v1/models?state=ready", "")
	if !strings.Contains(running, `"id":"m"`) || strings.Contains(running, `"id":"n"`) || !strings.Contains(ready, `"id":"n"`) || strings.Contains(ready, `"id":"m"`) {
		t.Errorf("running: %s\nready: %s", running, ready)
	}
}

func TestEnginesAndPlugins(t *testing.T) {
	b := newBay(t, map[string]string{"m": `{}`})
	b.write("engines/second.json", `{"engine": "echo", "settings": {"tokens": 1}, "secrets": {"api_key": "env:ENGINEBAY_TEST_SECRET"}}`)
	b.write("engines/bad.json", `{"settings": 7}`)
	t.Setenv("ENGINEBAY_TEST_SECRET", "sesame")
	b.do("PUT", "/v1/models/m/start", "")
	_, engines := b.do("GET", "/v1/engines", "")
	for _, want := range []string{`"id":"echo"`, `"state":"up"`, `"models":["m"]`, `"id":"second"`, `"id":"bad"`, "/settings: expected an object, got 7"} {
		if !strings.Contains(engines, want) {
			t.Errorf("no %s in %s", want, engines)
		}
	}
	if strings.Contains(engines, "sesame") {
		t.Errorf("a secret is shown: %s", engines)
	}
	if _, plugins := b.do("GET", "/v1/plugins", ""); !strings.Contains(plugins, `"full_name":"enginebay/echo"`) {
		t.Errorf("plugins: %s", plugins)
	}
}

// TestNoSecretsInAnswers: not even what somebody wrote down against all advice,
// and nothing that only a deployment may set.
func TestNoSecretsInAnswers(t *testing.T) {
	b := newBay(t, map[string]string{"m": `{"my_api_key": "sk-model"}`})
	b.write("engines/echo.json", `{"settings": {"other_token": "sk-deployment", "ignore_sigterm": false, "deep": {"password": "sk-deep"}}}`)
	b.do("PUT", "/v1/models/m/start", "")
	for _, path := range []string{"/v1/models", "/v1/models/m", "/v1/engines", "/v1/plugins"} {
		if _, body := b.do("GET", path, ""); strings.Contains(body, "sk-") || strings.Contains(body, "ignore_sigterm") {
			t.Errorf("GET %s shows what it must not: %s", path, body)
		}
	}
}

// TestDeploymentThatCannotBeRead is no reason to run without it.
func TestDeploymentThatCannotBeRead(t *testing.T) {
	b := newBay(t, map[string]string{"m": `{}`})
	b.write("engines/echo.json", `{"secrets": {"api_key": "file:/nowhere/key"}}`)
	if status, body := b.do("PUT", "/v1/models/m/start", ""); status != 400 || !strings.Contains(body, "api_key") {
		t.Errorf("%d %s", status, body)
	}
}

// TestFlatDeployment: the older form of a deployment file is nothing but settings.
func TestFlatDeployment(t *testing.T) {
	b := newBay(t, map[string]string{"m": `{}`})
	b.write("engines/echo.json", `{"tokens": 2, "ctx_len": 100}`)
	status, body := b.do("POST", "/v1/chat/completions", chat("m", "one"))
	if n := strings.Count(body, "echo "); status != 200 || n != 2 {
		t.Errorf("%d with %d tokens, want 2: %s", status, n, body)
	}
}

// TestModelThatCameAMomentAgo is there at once, not when the watching has settled.
func TestModelThatCameAMomentAgo(t *testing.T) {
	b := newBay(t, nil)
	b.write("models/new/model.json", `{"engine":"echo","format":"api"}`)
	if status, body := b.do("POST", "/v1/chat/completions", chat("new", "hi")); status != 200 {
		t.Errorf("%d %s", status, body)
	}
}

// TestChangedSinceItWasLoaded: a running model whose file was edited says so.
func TestChangedSinceItWasLoaded(t *testing.T) {
	b := newBay(t, map[string]string{"m": `{}`})
	b.do("PUT", "/v1/models/m/start", "")
	if _, body := b.do("GET", "/v1/models/m", ""); strings.Contains(body, `"changed"`) {
		t.Errorf("changed already: %s", body)
	}
	b.write("models/m/model.json", `{"engine":"echo","format":"api","settings":{"tokens":7}}`)
	for deadline := time.Now().Add(5 * time.Second); ; time.Sleep(10 * time.Millisecond) {
		if _, body := b.do("GET", "/v1/models/m", ""); strings.Contains(body, `"changed":true`) {
			break
		}
		if time.Now().After(deadline) {
			t.Fatal("the change is not told")
		}
	}
}

// TestMisspeltSettings are refused where nobody else could have meant them.
func TestMisspeltSettings(t *testing.T) {
	b := newBay(t, map[string]string{"m": `{"settings_of_another_engine": 1, "tokns": 2}`, "n": `{}`})
	if status, body := b.do("PUT", "/v1/models/m/start", `{"tokns": 1}`); status != 400 || !strings.Contains(body, `has no setting \"tokns\"; did you mean tokens?`) {
		t.Errorf("%d %s", status, body)
	}
	const ignored = `["engine echo has no setting \"settings_of_another_engine\"; it is not used","engine echo has no setting \"tokns\" (did you mean tokens?); it is not used"]`
	if status, body := b.do("PUT", "/v1/models/m/start", ""); status != 200 || !strings.Contains(body, `"warnings":`+ignored) {
		t.Errorf("%d %s", status, body)
	}
	if _, body := b.do("GET", "/v1/models?state=running", ""); !strings.Contains(body, `"ignored":`+ignored) || strings.Count(body, "tokns") != 2 {
		t.Errorf("not told, or shown as if it were in force: %s", body)
	}
	b.write("engines/second.json", `{"engine": "echo", "settings": {"tokns": 1}}`)
	b.write("models/s/model.json", `{"engine":"second","format":"api"}`)
	if status, body := b.do("PUT", "/v1/models/s/start", ""); status != 400 || !strings.Contains(body, "did you mean tokens?") {
		t.Errorf("%d %s", status, body)
	}
}
