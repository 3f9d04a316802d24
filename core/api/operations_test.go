package api_test

import (
	"encoding/json"
	"io"
	"mime/multipart"
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
	const messages = `"messages":[{"role":"user","content":"x"}]`
	for path, want := range map[string]struct{ path, given, further string }{
		"/v1/responses":             {"/v1/responses", `"input":"x"`, `"max_output_tokens":9,"store":false,"temperature":0.5`},
		"/v1/messages":              {"/v1/messages", messages, `"max_tokens":9,"stop_sequences":["END"],"temperature":0.5,"top_k":3`},
		"/v1/messages/count_tokens": {"/v1/messages/count_tokens", messages, ""},
		"/v1/rerank":                {"/v1/rerank", `"query":"x","documents":["y"]`, ""},
		"/v1/tokenize":              {"/tokenize", `"content":"x"`, ""},
		"/tokenize":                 {"/tokenize", `"content":"x"`, ""},
		"/v1/audio/speech":          {"/v1/audio/speech", `"input":"x","voice":"y"`, ""},
		"/v1/images/generations":    {"/v1/images/generations", `"prompt":"x"`, ""},
		"/v1/moderations":           {"/v1/moderations", `"input":"x"`, ""},
	} {
		t.Run(path, func(t *testing.T) {
			code, body := b.do("POST", path, `{"model":"m","keep_alive":"5m",`+want.given+`}`)
			var got asked
			if err := json.Unmarshal([]byte(body), &got); err != nil || code != 200 {
				t.Fatalf("status %d: %s", code, body)
			}
			if got.Path != want.path || got.ContentType != "application/json" {
				t.Errorf("got %+v", got)
			}
			var given, sent map[string]any
			_ = json.Unmarshal([]byte(`{"model":"m",`+want.given+`}`), &given)
			_ = json.Unmarshal([]byte(got.Body), &sent)
			for name := range given {
				if _, ok := sent[name]; !ok {
					t.Errorf("%q is lost", name)
				}
				delete(sent, name)
			}
			if further, _ := json.Marshal(sent); string(further) != "{"+want.further+"}" {
				t.Errorf("further fields are %s, want %s", further, want.further)
			}
		})
	}
	code, body := b.do("POST", "/detokenize", `{"model":"m","tokens":[1]}`)
	if e := openAIError(t, body); code != 400 || *e.Error.Code != "unsupported_operation" || !strings.Contains(e.Error.Message, "/v1/responses") {
		t.Errorf("what it cannot do: status %d: %s", code, body)
	}
	code, body = b.do("POST", "/v1/messages", `{"model":"none",`+messages+`}`)
	if code != 404 || !strings.HasPrefix(body, `{"type":"error","error":{`) || !strings.Contains(body, `"code":"model_not_found"`) {
		t.Errorf("an error for Anthropic's clients: status %d: %s", code, body)
	}
}

// TestForms: audio comes in a form, which goes on as it is.
func TestForms(t *testing.T) {
	b := newBay(t, map[string]string{"m": `{"operations": ["audio/transcriptions"]}`})
	form := func(fields ...string) (kind, body string) {
		var text strings.Builder
		w := multipart.NewWriter(&text)
		file, _ := w.CreateFormFile("file", "speech.wav")
		_, _ = file.Write([]byte("RIFF\x00\xff"))
		for i := 0; i < len(fields); i += 2 {
			_ = w.WriteField(fields[i], fields[i+1])
		}
		_ = w.Close()
		return w.FormDataContentType(), text.String()
	}
	for _, test := range []struct {
		name   string
		fields []string
		code   int
		want   string
	}{
		{"goes on", []string{"model", "m", "language", "en"}, 200, ""},
		{"no model", []string{"language", "en"}, 400, "missing_model"},
		{"two models", []string{"model", "m", "model", "other"}, 400, "duplicate_field"},
		{"another model", []string{"model", "other"}, 404, "model_not_found"},
	} {
		t.Run(test.name, func(t *testing.T) {
			kind, body := form(test.fields...)
			resp, err := b.client.Post(b.url+"/v1/audio/transcriptions", kind, strings.NewReader(body))
			if err != nil {
				t.Fatal(err)
			}
			defer resp.Body.Close()
			text, _ := io.ReadAll(resp.Body)
			if resp.StatusCode != test.code || !strings.Contains(string(text), test.want) {
				t.Fatalf("status %d: %s", resp.StatusCode, text)
			}
			var got asked
			if _ = json.Unmarshal(text, &got); test.code == 200 && (got.ContentType != kind || !strings.Contains(got.Body, "speech.wav")) {
				t.Errorf("the engine got %+v", got)
			}
		})
	}
	if code, body := b.do("POST", "/v1/audio/transcriptions", `{"model":"m"}`); code != 400 {
		t.Errorf("JSON: status %d: %s", code, body)
	}
}
