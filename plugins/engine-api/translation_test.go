package main

import (
	"bytes"
	"encoding/json"
	"flag"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/hashicorp/go-hclog"
	"github.com/rogpeppe/go-internal/txtar"

	"github.com/enginebay/enginebay/schemas"
	"github.com/enginebay/enginebay/sdk"
)

var update = flag.Bool("update", false, "write what the translations give into testdata/translations")

// TestTranslations holds the translating dialects against testdata/translations, an
// archive for each case:
//
//	settings  the model's settings, where there are any; "model" is its name at the service
//	request   of the client, in OpenAI's form
//	events    that the service answers with; default: hello, in the folder
//	asked     what the service gets (golden)
//	answer    the whole answer of the client (golden)
//	stream    the same as a stream, with its usage (golden)
//
// A case without events is about its request: of the answer it has an error only.
//
// Every answer is valid by OpenAI's own document.
func TestTranslations(t *testing.T) {
	files, err := filepath.Glob("testdata/translations/*/*.txtar")
	if err != nil || len(files) == 0 {
		t.Fatal("no translations", err)
	}
	doc := openaiDocument(t)
	for _, file := range files {
		provider := filepath.Base(filepath.Dir(file))
		t.Run(provider+"/"+strings.TrimSuffix(filepath.Base(file), ".txtar"), func(t *testing.T) {
			archive, err := txtar.ParseFile(file)
			if err != nil {
				t.Fatal(err)
			}
			events := section(archive, "events")
			if events == "" {
				events = hello(t, provider)
			}
			got := translate(t, provider, section(archive, "settings"), section(archive, "request"), events)
			doc.checkAll(t, got)
			if section(archive, "events") == "" {
				delete(got, "stream")
				if got["asked"] != "" {
					delete(got, "answer")
				}
			}
			if *update {
				write(t, file, archive, got)
				return
			}
			for _, golden := range []string{"asked", "answer", "stream"} {
				if want := section(archive, golden); want != got[golden] {
					t.Errorf("%s: got\n%s\nwant\n%s", golden, got[golden], want)
				}
			}
		})
	}
}

func section(a *txtar.Archive, name string) string {
	for _, f := range a.Files {
		if f.Name == name {
			return string(f.Data)
		}
	}
	return ""
}

func hello(t *testing.T, provider string) string {
	t.Helper()
	text, err := os.ReadFile("testdata/translations/" + provider + "/hello")
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}

func write(t *testing.T, path string, a *txtar.Archive, got map[string]string) {
	t.Helper()
	kept := a.Files[:0]
	for _, f := range a.Files {
		if f.Name == "settings" || f.Name == "request" || f.Name == "events" {
			kept = append(kept, f)
		}
	}
	for _, name := range []string{"asked", "answer", "stream"} {
		if got[name] == "" {
			continue
		}
		kept = append(kept, txtar.File{Name: name, Data: []byte(got[name])})
	}
	if err := os.WriteFile(path, txtar.Format(&txtar.Archive{Comment: a.Comment, Files: kept}), 0o600); err != nil {
		t.Fatal(err)
	}
}

// translate asks a model with a request, whole and streamed.
func translate(t *testing.T, provider, settings, request, events string) map[string]string {
	t.Helper()
	var body []byte
	service := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		body, _ = io.ReadAll(r.Body)
		w.Header().Set("Content-Type", "text/event-stream")
		fmt.Fprint(w, events)
	}))
	t.Cleanup(service.Close)
	u := openModel(t, provider, service.URL, settings)
	got := map[string]string{"answer": pretty(ask(t, u, sdk.OpChat, request).Body.Bytes()), "asked": pretty(body)}
	var streamed map[string]any
	if err := json.Unmarshal([]byte(request), &streamed); err != nil {
		t.Fatal(err)
	}
	streamed["stream"], streamed["stream_options"] = true, map[string]bool{"include_usage": true}
	got["stream"] = settled(ask(t, u, sdk.OpChat, string(encode(streamed))).Body.Bytes())
	if !strings.HasSuffix(got["stream"], "\n") { // an error before the first byte
		got["stream"] += "\n"
	}
	return got
}

// openModel is the model "remote" at a service.
func openModel(t *testing.T, provider, address, settings string) *upstream {
	t.Helper()
	s := usual()
	s.MaxRetries = 0
	if settings != "" {
		if err := json.Unmarshal([]byte(settings), &s); err != nil {
			t.Fatal(err)
		}
	}
	s.Provider, s.BaseURL = provider, address
	if s.Model == "" {
		s.Model = "some-model"
	}
	a, err := newAccount(sdk.Configuration{Deployment: "d", Settings: encode(s), Secrets: map[string]string{"api_key": key}, Log: hclog.NewNullLogger()})
	if err != nil {
		t.Fatal(err)
	}
	u, err := a.open(sdk.Model{ID: "remote"}, s)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { u.Close(t.Context()) })
	return u
}

func ask(t *testing.T, u *upstream, op sdk.Operation, body string) *httptest.ResponseRecorder {
	t.Helper()
	w := httptest.NewRecorder()
	u.ServeHTTP(w, httptest.NewRequest("POST", "/v1/"+string(op), strings.NewReader(body)))
	return w
}

// made are times and ids that are new each time.
var made = regexp.MustCompile(`"created": ?\d{9,}|"(chatcmpl|call)[-_][A-Z2-7]{26}"`)

func settled(text []byte) string {
	return made.ReplaceAllStringFunc(string(text), func(found string) string {
		if strings.HasPrefix(found, `"created"`) {
			return `"created":1`
		}
		return `"new"`
	})
}

func pretty(text []byte) string {
	var out bytes.Buffer
	if len(text) == 0 {
		return ""
	}
	if json.Indent(&out, text, "", "  ") != nil {
		return string(text)
	}
	return settled(bytes.TrimSpace(out.Bytes())) + "\n"
}

// document is what OpenAI's OpenAPI document says of answers.
type document struct {
	defs     map[string]any
	compiled map[string]*schemas.Schema
}

func openaiDocument(t *testing.T) document {
	t.Helper()
	data, err := os.ReadFile("../../cmd/enginebay/testdata/openai/document.json")
	if err != nil {
		t.Fatal(err)
	}
	var doc struct {
		Defs map[string]any `json:"$defs"`
	}
	if err := json.Unmarshal(data, &doc); err != nil {
		t.Fatal(err)
	}
	return document{doc.Defs, map[string]*schemas.Schema{}}
}

// check fails for what is not valid by the schema of that name.
func (d document) check(t *testing.T, name string, data []byte) {
	t.Helper()
	if d.compiled[name] == nil {
		var err error
		if d.compiled[name], err = schemas.Compile(encode(map[string]any{"$ref": "#/$defs/" + name, "$defs": d.defs})); err != nil {
			t.Fatal(err)
		}
	}
	var value any
	dec := json.NewDecoder(bytes.NewReader(data))
	dec.UseNumber()
	if err := dec.Decode(&value); err != nil {
		t.Errorf("%v: %s", err, data)
	} else if err := d.compiled[name].Validate(value).Err(); err != nil {
		t.Errorf("no valid %s: %v\n%s", name, err, data)
	}
}

func (d document) checkAll(t *testing.T, got map[string]string) {
	t.Helper()
	if strings.Contains(got["answer"], `"error"`) {
		d.check(t, "ErrorResponse", []byte(got["answer"]))
	} else {
		d.check(t, "CreateChatCompletionResponse", []byte(got["answer"]))
	}
	events := 0
	for line := range strings.Lines(got["stream"]) {
		event, ok := strings.CutPrefix(strings.TrimSpace(line), "data: ")
		if !ok || event == "[DONE]" {
			continue
		}
		events++
		if strings.HasPrefix(event, `{"error"`) {
			d.check(t, "ErrorResponse", []byte(event))
		} else {
			d.check(t, "CreateChatCompletionStreamResponse", []byte(event))
		}
	}
	if done := strings.HasSuffix(got["stream"], "data: [DONE]\n\n"); events == 0 && done {
		t.Errorf("no events:\n%s", got["stream"])
	}
}
