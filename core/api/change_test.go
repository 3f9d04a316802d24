package api_test

import (
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"sync"
	"testing"
)

// tinyGGUF is a real model.
const tinyGGUF = "../../examples/models/tiny-guide/tiny-guide.gguf"

// weights puts a real weight file beside the home, and returns its path.
func (b *bay) weights(name string) string {
	b.t.Helper()
	data, err := os.ReadFile(tinyGGUF)
	if err != nil {
		b.t.Fatal(err)
	}
	file := filepath.Join(b.t.TempDir(), name)
	if err := os.WriteFile(file, data, 0o600); err != nil {
		b.t.Fatal(err)
	}
	return file
}

// step is a request and what comes of it.
type step struct {
	name, method, path, body string
	status                   int
	says                     string // is in the answer; of an error, in its message
	code                     string // of an error
}

// pluginDir is the one path that answers show: where a plugin lies.
var pluginDir = regexp.MustCompile(`"dir":"[^"]*"`)

func (b *bay) walk(t *testing.T, steps []step) {
	t.Helper()
	for _, s := range steps {
		status, body := b.do(s.method, s.path, s.body)
		if status != s.status || !strings.Contains(body, s.says) {
			t.Errorf("%s: %s %s: %d %.600s\nwant %d, %s", s.name, s.method, s.path, status, body, s.status, s.says)
		}
		if status >= 400 {
			if e := openAIError(t, body); s.code != "" && (e.Error.Code == nil || *e.Error.Code != s.code) {
				t.Errorf("%s: code of %s, want %s", s.name, body, s.code)
			}
		}
		if strings.Contains(pluginDir.ReplaceAllString(body, ""), b.home) {
			t.Errorf("%s: the answer shows a path of the machine: %s", s.name, body)
		}
	}
}

func TestCreateModel(t *testing.T) {
	b := newBay(t, map[string]string{"there": `{}`})
	from := newSource(t)
	path := b.weights("Tiny Guide.Q8_0.gguf")
	b.walk(t, []step{
		{"remote", "POST", "/v1/models", `{"id": "far", "engine": "echo", "format": "api"}`, 201, `{"id":"far","object":"model","state":"ready"}`, ""},
		{"at once", "POST", "/v1/chat/completions", chat("far", "hi"), 200, "echo", ""},
		{"a route whose targets are yet to come", "POST", "/v1/models", `{"id": "early", "targets": [{"model": "late"}]}`, 201, `"id":"early"`, ""},
		{"an id with a slash", "POST", "/v1/models", `{"id": "a/b", "engine": "echo", "format": "api"}`, 201, `"id":"a/b"`, ""},
		{"a link", "POST", "/v1/models", fmt.Sprintf(`{"source": %q, "engine": "echo"}`, path), 201, `{"id":"Tiny-Guide.Q8_0","object":"model","state":"ready"}`, ""},
		{"a link, again", "POST", "/v1/models", fmt.Sprintf(`{"source": %q}`, path), 409, "The model 'Tiny-Guide.Q8_0' has these weights already", "conflict"},
		{"a link, with its scheme", "POST", "/v1/models", fmt.Sprintf(`{"id": "scheme", "model": "file://%s", "engine": "echo"}`, path), 201, `"state":"ready"`, ""},
		{"to be downloaded", "POST", "/v1/models", `{"source_url": "https://models.example/x.Q4_K_M.gguf"}`, 201, `{"id":"x.Q4_K_M","object":"model","state":"to_download","warnings":["nothing here runs it yet: there is no engine \"llamacpp\"; installed are echo"]}`, ""},
		{"the draft's shape", "POST", "/v1/models", `{"id": "old", "source_url": "https://models.example/y.gguf", "parameters": {"init": {"ctx_len": "2048"}, "runtime": {"temperature": "0.7"}}, "metadata": {"engine": "nitro"}, "state": "ready"}`, 201, `"state":"to_download"`, ""},
		{"is read", "GET", "/v1/models/old", "", 200, `"engine":"llamacpp"`, ""},
		{"and coerced", "GET", "/v1/models/old", "", 200, `"settings":{"ctx_len":2048}`, ""},

		{"an id that is taken", "POST", "/v1/models", `{"id": "there", "format": "api"}`, 409, "There is a model 'there' already", "conflict"},
		{"a folder that is taken", "POST", "/v1/models", `{"id": "a", "format": "api"}`, 409, "already", "conflict"},
		{"below a model", "POST", "/v1/models", `{"id": "there/x", "format": "api"}`, 409, "is a model itself", "conflict"},
		{"an importer", "POST", "/v1/models", `{"source": "hf://owner/repo"}`, 400, "no importer for hf:// is installed", "unsupported"},
		{"an importer, as pull said it", "POST", "/v1/models", `{"model": "hf://owner/repo"}`, 400, "no importer for hf:// is installed", "unsupported"},
		{"a page", "POST", "/v1/models", fmt.Sprintf(`{"source": "%s/page"}`, from.URL), 400, "is a web page", "invalid_request"},
		{"a path that is not there", "POST", "/v1/models", `{"source": "/nowhere/x.gguf"}`, 404, "There is no file /nowhere/x.gguf", "source_not_found"},
		{"a path that is no model", "POST", "/v1/models", `{"id": "passwd", "source": "/etc/passwd"}`, 400, "is neither a GGUF file nor a zip", "invalid_request"},
		{"a relative path", "POST", "/v1/models", `{"source": "../../etc/x.gguf"}`, 400, "use the absolute path", "invalid_request"},
		{"a name that leaves the folder", "POST", "/v1/models", `{"id": "m", "sources": [{"filename": "../../etc/passwd", "url": "https://models.example/x.gguf"}]}`, 400, "sources/0/filename: expected a path inside the folder", "invalid_request"},
		{"an id that leaves the folder", "POST", "/v1/models", `{"id": "../m", "format": "api"}`, 400, "no model id", "invalid_request"},
		{"a hidden id", "POST", "/v1/models", `{"id": ".staging/m", "format": "api"}`, 400, "no model id", "invalid_request"},
		{"an id too deep", "POST", "/v1/models", `{"id": "a/b/c/d/e", "format": "api"}`, 400, "too many parts", "invalid_request"},
		{"no id", "POST", "/v1/models", `{"format": "api"}`, 400, "The model needs an id", "invalid_request"},
		{"a misspelt source", "POST", "/v1/models", `{"sorce": "hf://owner/repo"}`, 400, "There is no field 'sorce'; did you mean 'source'? The model needs an id", "invalid_request"},
		{"a source by another name", "POST", "/v1/models", `{"ref": "hf://owner/repo", "x_mine": 7}`, 400, "There is no field 'ref'; did you mean 'source'?", "invalid_request"},
		{"a misspelt field of the model", "POST", "/v1/models", `{"id": "m", "engin": "echo"}`, 400, "There is no field 'engin'; did you mean 'engine'?", "invalid_request"},
		{"a field of one's own", "POST", "/v1/models", `{"id": "mine", "engine": "echo", "format": "api", "resources": 7}`, 201, `"id":"mine"`, ""},
		{"nothing to run", "POST", "/v1/models", `{"id": "m"}`, 400, "there are no weights here", "invalid_request"},
		{"a wrong type", "POST", "/v1/models", `{"id": "m", "format": "api", "settings": {"ctx_len": "many"}}`, 400, `body:1:54: /settings/ctx_len: expected an integer ≥ 0, got \"many\"`, "invalid_request"},
		{"a wrong type of id", "POST", "/v1/models", `{"id": [7], "format": "api"}`, 400, "/id: expected", "invalid_request"},
		{"a wrong type of source", "POST", "/v1/models", `{"id": "m", "source": 7}`, 400, "", "invalid_type"},
		{"a name twice", "POST", "/v1/models", `{"id": "m", "id": "n", "format": "api"}`, 400, `expected \"id\" once`, "invalid_json"},
		{"no JSON", "POST", "/v1/models", `{"id"`, 400, "The body cannot be read", "invalid_json"},
		{"a list", "POST", "/v1/models", `[]`, 400, "expected an object", "invalid_json"},
		{"nothing", "POST", "/v1/models", ``, 400, "The model needs an id", "invalid_request"},
		{"too much", "POST", "/v1/models", `{"id": "m", "format": "api", "description": "` + strings.Repeat("x", 1<<20) + `"}`, 413, "at most 1 MiB", "request_too_large"},
	})
	if left, _ := os.ReadDir(filepath.Join(b.home, "models", ".staging")); len(left) > 0 {
		t.Errorf("left behind: %v", left)
	}
}

func TestPatchModel(t *testing.T) {
	b := newBay(t, nil)
	b.write("models/m/model.json", `{"engine": "echo", "format": "api", "x_theirs": {"a": 1.50}, "settings": {"tokens": 1, "my_api_key": "sk-secret"}, "parameters": {"temperature": 0.5}}`)
	b.write("models/broken/model.json", `{"settings": [`)
	b.write("models/a/b/model.json", `{"engine": "echo", "format": "api"}`)
	waitFor(t, b, "m")
	b.walk(t, []step{
		{"a value", "PATCH", "/v1/models/m", `{"parameters": {"temperature": 0.9}}`, 200, `"temperature":0.9`, ""},
		{"is there", "GET", "/v1/models/m", "", 200, `"temperature":0.9`, ""},
		{"null takes away", "PATCH", "/v1/models/m", `{"parameters": {"temperature": null}}`, 200, `"parameters":{}`, ""},
		{"an older name", "PATCH", "/v1/models/m", `{"engine_parameters": {"tokens": "2"}}`, 400, "another value beside it", "invalid_request"},
		{"coerced", "PATCH", "/v1/models/m", `{"parameters": {"max_tokens": "7"}}`, 200, `"max_tokens":7`, ""},
		{"a key that nobody knows", "PATCH", "/v1/models/m", `{"metadata": {"mine": [1]}}`, 200, `"mine":[1]`, ""},
		{"a misspelt one is told", "PATCH", "/v1/models/m", `{"settings": {"ctx_length": 10}}`, 200, "did you mean ctx_len?", ""},
		{"its own id", "PATCH", "/v1/models/m", `{"id": "m", "object": "model", "name": "M"}`, 200, `"name":"M"`, ""},
		{"an id with a slash", "PATCH", "/v1/models/a%2Fb", `{"name": "AB"}`, 200, `"name":"AB"`, ""},
		{"another id", "PATCH", "/v1/models/m", `{"id": "n"}`, 400, "cannot be changed", "invalid_request"},
		{"no id", "PATCH", "/v1/models/m", `{"id": null}`, 400, "cannot be changed", "invalid_request"},
		{"a wrong type", "PATCH", "/v1/models/m", `{"settings": {"ctx_len": "many"}}`, 400, `like this: /settings/ctx_len: expected an integer`, "invalid_request"},
		{"a wrong object", "PATCH", "/v1/models/m", `{"object": "list"}`, 400, "/object", "invalid_request"},
		{"a name that leaves the folder", "PATCH", "/v1/models/m", `{"sources": [{"filename": "../../etc/passwd"}]}`, 400, "inside the folder", "invalid_request"},
		{"a broken file", "PATCH", "/v1/models/broken", `{"name": "x"}`, 400, "models/broken/model.json:1:", "invalid_request"},
		{"nobody", "PATCH", "/v1/models/nope", `{}`, 404, "does not exist", "model_not_found"},
		{"nobody outside", "PATCH", "/v1/models/..%2F..%2Fetc", `{}`, 404, "", ""},
		{"no JSON", "PATCH", "/v1/models/m", `{"name"`, 400, "The body cannot be read", "invalid_json"},
	})
	_, whole := b.do("GET", "/v1/models/m?effective=true", "")
	if status, body := b.do("PATCH", "/v1/models/m", whole); status != 200 || strings.Contains(body, `"effective"`) {
		t.Errorf("what was got cannot be sent back: %d %s", status, body)
	}
	file, err := os.ReadFile(filepath.Join(b.home, "models/m/model.json"))
	if err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{`"a": 1.50`, `"sk-secret"`, `"name": "M"`} {
		if !strings.Contains(string(file), want) {
			t.Errorf("%s is lost: %s", want, file)
		}
	}
	for _, no := range []string{`"effective"`, `"state"`, `"warnings"`, `"id"`, `"version"`, "(hidden)"} {
		if strings.Contains(string(file), no) {
			t.Errorf("%s is in the file: %s", no, file)
		}
	}
	if info, _ := os.Stat(filepath.Join(b.home, "models/m/model.json")); info.Mode().Perm() != 0o600 {
		t.Errorf("mode %v", info.Mode())
	}
}

// TestPatchesAtOnce: none loses what another did.
func TestPatchesAtOnce(t *testing.T) {
	b := newBay(t, map[string]string{"m": `{}`})
	var all sync.WaitGroup
	for i := range 20 {
		all.Go(func() {
			if status, body := b.do("PATCH", "/v1/models/m", fmt.Sprintf(`{"metadata": {"k%d": true}}`, i)); status != 200 {
				t.Errorf("%d %s", status, body)
			}
		})
	}
	all.Wait()
	var m struct{ Metadata map[string]any }
	_, body := b.do("GET", "/v1/models/m", "")
	if err := json.Unmarshal([]byte(body), &m); err != nil || len(m.Metadata) != 20 {
		t.Errorf("%d of 20: %s", len(m.Metadata), body)
	}
}

func TestDeleteModel(t *testing.T) {
	b := newBay(t, map[string]string{"remote": `{}`})
	original := b.weights("x.gguf")
	data, err := os.ReadFile(original)
	if err != nil {
		t.Fatal(err)
	}
	for id, file := range map[string]string{"again": `{"engine":"echo","sources":[{"url":"https://models.example/x.gguf"}]}`, "only": `{"engine":"echo"}`, "v/a": "", "v/b": ""} {
		if file != "" {
			b.write("models/"+id+"/model.json", file)
			b.write("models/"+id+"/x.gguf", string(data))
		}
	}
	b.write("models/linked/model.json", fmt.Sprintf(`{"engine":"echo","sources":[{"url":%q}]}`, original))
	b.write("models/v/a.json", `{"engine":"echo"}`)
	b.write("models/v/b.json", `{"engine":"echo"}`)
	b.write("models/v/x.gguf", string(data))
	waitFor(t, b, "v/b")
	waitFor(t, b, "linked")
	b.do("PUT", "/v1/models/again/start", "")
	b.do("PUT", "/v1/models/only/start", "")
	b.walk(t, []step{
		{"what can be fetched again", "DELETE", "/v1/models/again", "", 200, `{"deleted":true,"id":"again","object":"model","state":"to_download"}`, ""},
		{"is not loaded", "GET", "/v1/models?state=running", "", 200, `"data":[{"id":"only"`, ""},
		{"is to be downloaded", "GET", "/v1/models/again", "", 200, `"state":"to_download"`, ""},
		{"once more", "DELETE", "/v1/models/again", "", 200, `"state":"to_download"`, ""},
		{"the only copy", "DELETE", "/v1/models/only", "", 409, "purge the model (?purge=true)", "conflict"},
		{"is loaded still", "GET", "/v1/models/only", "", 200, `"state":"running"`, ""},
		{"a word that is none", "DELETE", "/v1/models/only?purge=maybe", "", 400, "purge is true or false", "invalid_value"},
		{"purged", "DELETE", "/v1/models/only?purge=true", "", 200, `{"deleted":true,"id":"only","object":"model"}`, ""},
		{"is no more", "GET", "/v1/models/only", "", 404, "does not exist", "model_not_found"},
		{"a link", "DELETE", "/v1/models/linked", "", 200, `{"deleted":true,"id":"linked","object":"model"}`, ""},
		{"a remote one", "DELETE", "/v1/models/remote", "", 200, `{"deleted":true,"id":"remote","object":"model"}`, ""},
		{"a variant", "DELETE", "/v1/models/v%2Fa", "", 200, `{"deleted":true,"id":"v/a","object":"model"}`, ""},
		{"the other one", "GET", "/v1/models/v", "", 200, `"state":"ready"`, ""},
		{"nobody", "DELETE", "/v1/models/nope", "", 404, "does not exist", "model_not_found"},
		{"nobody outside", "DELETE", "/v1/models/..%2F..%2Fetc?purge=true", "", 404, "", ""},
		{"all", "DELETE", "/v1/models/", "", 404, "", ""},
	})
	if _, err := os.Stat(original); err != nil {
		t.Errorf("a linked original is gone: %v", err)
	}
}

func TestEffective(t *testing.T) {
	b := newBay(t, nil)
	b.write("engines/echo.json", `{"settings": {"tokens": 2, "load_ms": 5, "my_token": "sk-1", "ignore_sigterm": false}, "parameters": {"temperature": 0.1, "top_p": 0.5}}`)
	b.write("models/m/model.json", `{"engine": "echo", "format": "api", "settings": {"load_ms": 6, "ctx_len": 100, "ngl": 5}, "parameters": {"top_p": 0.6, "stream": true}}`)
	b.write("models/lost/model.json", `{"engine": "nowhere", "format": "api", "parameters": {"top_p": 0.6}}`)
	b.write("models/wrong/model.json", `{"engine": "echo", "format": "api", "settings": {"tokens": -1, "ignore_sigterm": true}}`)
	waitFor(t, b, "wrong")
	effective := func(id string) (e struct {
		Settings, Parameters map[string]struct {
			Value  any
			Origin string
		}
		Error string
	}) {
		t.Helper()
		var m struct{ Effective json.RawMessage }
		_, body := b.do("GET", "/v1/models/"+id+"?effective=true", "")
		if err := json.Unmarshal([]byte(body), &m); err != nil || json.Unmarshal(m.Effective, &e) != nil {
			t.Fatalf("%v: %s", err, body)
		}
		if strings.Contains(string(m.Effective), "sk-1") || strings.Contains(string(m.Effective), "ignore_sigterm\":{") {
			t.Errorf("it shows what it must not: %s", m.Effective)
		}
		return e
	}
	check := func(id, when string, settings map[string]string) {
		t.Helper()
		e := effective(id)
		for name, want := range settings {
			if v := e.Settings[name]; fmt.Sprint(v.Value, " ", v.Origin) != want {
				t.Errorf("%s: %s is %v from %q, want %s", when, name, v.Value, v.Origin, want)
			}
		}
		if _, known := e.Settings["ngl"]; known {
			t.Errorf("%s: a setting that the engine does not know", when)
		}
		if v, _ := json.Marshal(e.Parameters); !sameJSON(t, string(v), `{"temperature":{"Value":0.1,"Origin":"engine"},"top_p":{"Value":0.6,"Origin":"model"}}`) {
			t.Errorf("%s: parameters %s", when, v)
		}
	}
	check("m", "before", map[string]string{"tokens": "2 engine", "load_ms": "6 model", "ctx_len": "100 model", "first_token_ms": "0 default", "my_token": "<nil> "})
	if _, engines := b.do("GET", "/v1/engines/echo", ""); !strings.Contains(engines, `"models":[]`) { // it may run: it was asked what it offers
		t.Errorf("looking has loaded the model: %s", engines)
	}
	b.do("PUT", "/v1/models/m/start", `{"tokens": 3, "ctx_len": 1024}`)
	check("m", "running", map[string]string{"tokens": "3 request", "load_ms": "6 model", "ctx_len": "1024 request", "first_token_ms": "0 default"})
	if status, body := b.do("PATCH", "/v1/models/m", `{"settings": {"load_ms": 7}}`); status != 200 {
		t.Fatalf("%d %s", status, body)
	}
	check("m", "as it was loaded", map[string]string{"load_ms": "6 model", "ctx_len": "1024 request"})
	b.do("PUT", "/v1/models/m/stop", "")
	check("m", "stopped", map[string]string{"load_ms": "7 model", "ctx_len": "100 model"})
	if e := effective("lost"); !strings.Contains(e.Error, `there is no engine "nowhere"`) || e.Settings != nil || e.Parameters["top_p"].Origin != "model" {
		t.Errorf("of a model whose engine is not there: %+v", e)
	}
	if e := effective("wrong"); !strings.Contains(e.Error, "model 'wrong'") || e.Settings["tokens"].Origin != "model" {
		t.Errorf("of a model with wrong settings: %+v", e)
	}
}

// TestOlderPaths: what older clients call does what they expect.
func TestOlderPaths(t *testing.T) {
	b := newBay(t, map[string]string{"m": `{}`, "a/b": `{}`, "download/x": `{}`})
	from := newSource(t)
	b.write("models/away/model.json", fmt.Sprintf(`{"sources": [{"url": "%s/nowhere.gguf"}]}`, from.URL))
	waitFor(t, b, "away")
	for i, above := range []string{"/v1", ""} {
		b.walk(t, []step{
			{"start", "PUT", above + "/models/start", `{"model": "m"}`, 200, `{"id":"m","object":"model","state":"running"}`, ""},
			{"with settings", "POST", above + "/models/start", `{"model": "m", "tokens": 2}`, 200, `"state":"running"`, ""},
			{"are in force", "GET", "/v1/models/m", "", 200, `"tokens":2`, ""},
			{"stop", "POST", above + "/models/stop", `{"model": "m"}`, 200, `{"id":"m","object":"model","state":"ready"}`, ""},
			{"stop again", "PUT", above + "/models/stop", `{"model": "a/b"}`, 200, `"state":"ready"`, ""},
			{"start nobody", "POST", above + "/models/start", `{"model": "nope"}`, 404, "does not exist", "model_not_found"},
			{"start what is outside", "POST", above + "/models/start", `{"model": "../../etc"}`, 404, "does not exist", "model_not_found"},
			{"start nothing", "POST", above + "/models/start", `{}`, 400, "must be the id of a model", "missing_model"},
			{"start a number", "POST", above + "/models/start", `{"model": 7}`, 400, "must be the id of a model", "missing_model"},
			{"download", "GET", above + "/models/download/m", "", 200, "is here already", ""},
			{"download with a slash", "GET", above + "/models/download/a%2Fb", "", 200, `"id":"a/b"`, ""},
			{"download what is not here", "GET", above + "/models/download/away", "", 202, `{"id":"away","object":"model","state":"downloading","warnings":["nothing here runs it yet`, ""},
			{"download nobody", "GET", above + "/models/download/nope", "", 404, "does not exist", "model_not_found"},
			{"pull", "POST", above + "/models/pull", `{"model": "m"}`, 200, "is here already", ""},
			{"pull by id", "POST", above + "/models/pull", `{"id": "m"}`, 200, "is here already", ""},
			{"pull what needs an importer", "POST", above + "/models/pull", `{"model": "hf://owner/repo"}`, 400, "no importer for hf://", "unsupported"},
			{"pull nobody", "POST", above + "/models/pull", `{"model": "llama3.2"}`, 404, "does not exist", "model_not_found"},
			{"pull a repository", "POST", above + "/models/pull", `{"model": "owner/repo:Q4_K_M"}`, 404, "The model 'owner/repo:Q4_K_M' does not exist; did you mean the source 'hf://owner/repo:Q4_K_M'?", "model_not_found"},
			{"pull a misspelt model", "POST", above + "/models/pull", `{"model": "download/y"}`, 404, "did you mean 'download/x'?", "model_not_found"},
			{"pull an address", "POST", above + "/models/pull", fmt.Sprintf(`{"model": "%s/p%d.gguf"}`, from.URL, i), 202, `"state":"downloading"`, ""},
			{"add", "POST", above + "/models/add", fmt.Sprintf(`{"model": "added%d", "engine": "echo", "format": "api", "inference_params": {"max_tokens": 5}}`, i), 201, `"state":"ready"`, ""},
			{"is there", "GET", fmt.Sprintf("/v1/models/added%d", i), "", 200, `"max_tokens":5`, ""},
		})
	}
	b.walk(t, []step{{"a model of such an id", "GET", "/v1/models/download/x", "", 200, `"id":"download/x"`, ""}})
}
