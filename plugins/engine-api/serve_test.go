package main

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"mime/multipart"
	"net/http"
	"net/http/httptest"
	"reflect"
	"strings"
	"testing"
	"time"

	"github.com/enginebay/enginebay/sdk"
)

// loaded is a model at a service, and the address where the core would ask for it.
type loaded struct {
	*upstream
	url string
}

// load loads a model by a deployment of a provider's row, whose address is that of
// the test's service.
func load(t *testing.T, provider, address, file string, settings ...string) *loaded {
	t.Helper()
	quiet(t)
	of := fmt.Sprintf(`{"provider": %q, "base_url": %q, "max_retries": 0%s}`, provider, address, strings.Join(append([]string{""}, settings...), ","))
	a := configured(t, "deployed", of, map[string]string{"api_key": key})
	u, err := a.opened(t, "m", file)
	if err != nil {
		t.Fatal(err)
	}
	s := httptest.NewServer(u)
	t.Cleanup(func() {
		s.CloseClientConnections()
		s.Close()
		ctx, cancel := context.WithTimeout(context.Background(), 10*time.Second)
		defer cancel()
		if err := u.Close(ctx); err != nil {
			t.Errorf("close: %v", err)
		}
	})
	return &loaded{u, s.URL}
}

// ask sends a request as the core does.
func (l *loaded) ask(t *testing.T, op sdk.Operation, body string) *http.Response {
	t.Helper()
	req, err := http.NewRequestWithContext(t.Context(), http.MethodPost, l.url+op.Path(), strings.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	req.Header.Set("Content-Type", "application/json")
	req.Header.Set("X-Request-Id", "ours-1")
	req.Header.Set("Authorization", "Bearer of-a-client")
	resp, err := (&http.Transport{DisableKeepAlives: true}).RoundTrip(req)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { resp.Body.Close() })
	return resp
}

func said(t *testing.T, resp *http.Response) string {
	t.Helper()
	body, err := io.ReadAll(resp.Body)
	if err != nil {
		t.Errorf("read the answer: %v", err)
	}
	return string(body)
}

// TestRequest: what the service gets, and what the core gets back.
func TestRequest(t *testing.T) {
	s := newService(t)
	l := load(t, "openai", s.URL+"/v1", `{"settings": {"model": "gpt-4o"}}`, `"organization": "org-1"`, `"headers": {"X-Title": "bay", "X-More": "{api_key}!"}`)
	resp := l.ask(t, sdk.OpChat, `{"model":"m","messages":[{"role":"user","content":"<hi> 1.50"}],"temperature":0.70,"top_k":40}`)
	if answer := said(t, resp); resp.StatusCode != 200 || !strings.Contains(answer, `"model":"gpt-4o"`) || resp.Header.Get("X-Upstream-Request-Id") != "req_123" {
		t.Errorf("%d %s %v", resp.StatusCode, answer, resp.Header)
	}
	got := s.last(t)
	for name, want := range map[string]string{"Authorization": "Bearer " + key, "Openai-Organization": "org-1", "X-Title": "bay", "X-More": key + "!", "X-Request-Id": "ours-1",
		"Accept-Encoding": "identity", "Content-Type": "application/json", "User-Agent": "enginebay-engine-api", "Traceparent": ""} {
		if got.header.Get(name) != want {
			t.Errorf("%s is %q, want %q", name, got.header.Get(name), want)
		}
	}
	if got.path != "/v1/chat/completions" || got.body["model"] != "gpt-4o" || got.body["top_k"] != nil || got.body["temperature"] != 0.7 {
		t.Errorf("%s %v", got.path, got.body)
	}
}

// TestParameters: what becomes of a request's parameters.
func TestParameters(t *testing.T) {
	const question = `"messages":[]`
	for name, test := range map[string]struct{ provider, file, body, want string }{
		"openai":            {"openai", `{"settings":{"model":"gpt-4o"}}`, `"max_tokens":5,"min_p":0.1,"repeat_penalty":1.1,"seed":-1,"logit_bias":{}`, `"max_tokens":5,"logit_bias":{}`},
		"unlimited":         {"openai", `{"settings":{"model":"gpt-4o"}}`, `"max_tokens":-1,"seed":7`, `"seed":7`},
		"reasoning":         {"openai", `{"settings":{"model":"o3-mini"}}`, `"max_tokens":5,"temperature":0.7,"top_p":1,"reasoning_effort":"low"`, `"max_completion_tokens":5,"reasoning_effort":"low"`},
		"gpt-5":             {"openai", `{"settings":{"model":"gpt-5-mini"}}`, `"max_tokens":5,"temperature":0.7`, `"max_completion_tokens":5`},
		"gpt-5-chat":        {"openai", `{"settings":{"model":"gpt-5-chat-latest"}}`, `"max_tokens":5,"temperature":0.7`, `"max_completion_tokens":5,"temperature":0.7`},
		"both names":        {"openai", `{"settings":{"model":"o3"}}`, `"max_tokens":5,"max_completion_tokens":6`, `"max_tokens":5,"max_completion_tokens":6`},
		"mistral":           {"mistral", `{}`, `"seed":1,"user":"x","max_completion_tokens":9,"top_k":3`, `"random_seed":1,"max_tokens":9`},
		"vllm":              {"vllm", `{}`, `"top_k":3,"min_p":0.1,"repeat_penalty":1.1,"mirostat":2`, `"top_k":3,"min_p":0.1,"repetition_penalty":1.1`},
		"a stranger's":      {"acme", `{}`, `"top_k":3,"anything":{"a":[1]}`, `"top_k":3,"anything":{"a":[1]}`},
		"drop":              {"acme", `{"settings":{"drop_parameters":["user"]}}`, `"user":"x","top_p":1`, `"top_p":1`},
		"rename":            {"openai", `{"settings":{"model":"gpt-4o","rename_parameters":{"repeat_penalty":"repetition_penalty"}}}`, `"repeat_penalty":2`, `"repetition_penalty":2`},
		"allow":             {"acme", `{"settings":{"allow_parameters":["top_p"]}}`, `"user":"x","top_p":1,"tools":[]`, `"top_p":1`},
		"allow what is not": {"openai", `{"settings":{"model":"gpt-4o","allow_parameters":["top_k"]}}`, `"top_k":1,"top_p":1`, `"top_k":1`},
		"a second model":    {"acme", `{"settings":{"rename_parameters":{"user":"model"}}}`, `"user":"evil"`, ``},
	} {
		t.Run(name, func(t *testing.T) {
			s := newService(t)
			l := load(t, test.provider, s.URL+"/v1", test.file)
			if resp := l.ask(t, sdk.OpChat, `{"model":"m",`+question+`,`+test.body+`}`); resp.StatusCode != 200 {
				t.Fatal(said(t, resp))
			}
			var want map[string]any
			if err := json.Unmarshal([]byte(`{`+question+strings.TrimSuffix(`,`+test.want, `,`)+`,"model":"`+l.name+`"}`), &want); err != nil {
				t.Fatal(err)
			}
			if got := s.last(t).body; !reflect.DeepEqual(got, want) {
				t.Errorf("got %v, want %v", got, want)
			}
		})
	}
}

// TestThoughtsOfResponses: of a model that thinks they come back encrypted, where the
// service stores nothing.
func TestThoughtsOfResponses(t *testing.T) {
	for name, test := range map[string]struct{ model, more, want string }{
		"nothing stored":         {"o3", `,"store":false`, `["reasoning.encrypted_content"]`},
		"stored":                 {"o3", ``, `null`},
		"a wish of the client's": {"gpt-5", `,"store":false,"include":[]`, `[]`},
		"no thoughts":            {"gpt-4o", `,"store":false`, `null`},
	} {
		s := newService(t)
		l := load(t, "openai", s.URL+"/v1", `{"settings":{"model":"`+test.model+`"}}`)
		if resp := l.ask(t, sdk.OpResponses, `{"model":"m","input":"x"`+test.more+`}`); resp.StatusCode != 200 {
			t.Fatal(said(t, resp))
		}
		if got, _ := json.Marshal(s.last(t).body["include"]); string(got) != test.want {
			t.Errorf("%s: include is %s, want %s", name, got, test.want)
		}
	}
}

// TestStream: the client sees the stream as it would have come, and the core can
// count it all the same.
func TestStream(t *testing.T) {
	plain := "data: {\"id\":\"c\",\"object\":\"chat.completion.chunk\",\"created\":1,\"model\":\"m\",\"choices\":[{\"index\":0,\"delta\":{\"role\":\"assistant\",\"content\":\"hello\"},\"finish_reason\":null}]}\n\n" +
		"data: {\"id\":\"c\",\"object\":\"chat.completion.chunk\",\"created\":1,\"model\":\"m\",\"choices\":[{\"index\":0,\"delta\":{},\"finish_reason\":\"stop\"}]}\n\n"
	total := `{"id":"c","object":"chat.completion.chunk","created":1,"model":"m","choices":[],"usage":{"prompt_tokens":3,"completion_tokens":1,"total_tokens":4}}` + "\n"
	for name, test := range map[string]struct{ provider, more, want string }{
		"not asked for":  {"vllm", ``, plain + ": " + total + "data: [DONE]\n\n"},
		"asked for":      {"vllm", `,"stream_options":{"include_usage":true}`, strings.ReplaceAll(plain, "}]}\n", "}],\"usage\":null}\n") + "data: " + total + "\ndata: [DONE]\n\n"},
		"a stranger's":   {"acme", ``, plain + "data: [DONE]\n\n"},
		"asked for none": {"vllm", `,"stream_options":{}`, strings.ReplaceAll(plain, "}]}\n", "}],\"usage\":null}\n") + "data: " + total + "\ndata: [DONE]\n\n"},
	} {
		t.Run(name, func(t *testing.T) {
			l := load(t, test.provider, newService(t).URL+"/v1", `{}`)
			resp := l.ask(t, sdk.OpChat, `{"model":"m","messages":[],"stream":true`+test.more+`}`)
			if got := said(t, resp); got != test.want || !strings.HasPrefix(resp.Header.Get("Content-Type"), "text/event-stream") {
				t.Errorf("got\n%s\nwant\n%s", got, test.want)
			}
		})
	}
}

// TestCounterInPieces: however a stream is cut, the same comes of it.
func TestCounterInPieces(t *testing.T) {
	stream := "data: {\"choices\":[{\"delta\":{\"content\":\"\\\"choices\\\":[] ,\\\"usage\\\":null\"}}],\"usage\":null}\r\n\r\n: a comment\n\ndata: {\"choices\":[],\"usage\":{\"prompt_tokens\":3}}\r\n\r\ndata: [DONE]\n\nhalf"
	want := "data: {\"choices\":[{\"delta\":{\"content\":\"\\\"choices\\\":[] ,\\\"usage\\\":null\"}}]}\r\n\r\n: a comment\n\n: {\"choices\":[],\"usage\":{\"prompt_tokens\":3}}\r\ndata: [DONE]\n\n"
	for size := 1; size <= len(stream); size++ {
		var out bytes.Buffer
		c := &counter{w: &out}
		for rest := stream; len(rest) > 0; {
			n := min(size, len(rest))
			if _, err := io.WriteString(c, rest[:n]); err != nil {
				t.Fatal(err)
			}
			rest = rest[n:]
		}
		if err := c.flush(); err != nil || out.String() != want+"half" {
			t.Fatalf("in pieces of %d:\n%s", size, out.String())
		}
	}
}

// TestForm: a recording goes on with the model's name in its form changed.
func TestForm(t *testing.T) {
	s := newService(t)
	l := load(t, "openai", s.URL+"/v1", `{"settings": {"model": "whisper-1"}}`)
	send := func(body io.Reader, kind string) *http.Response {
		resp, err := http.Post(l.url+"/v1/audio/transcriptions", kind, body)
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { resp.Body.Close(); http.DefaultClient.CloseIdleConnections() })
		return resp
	}
	for _, first := range []bool{true, false} {
		var body bytes.Buffer
		form := multipart.NewWriter(&body)
		if first {
			_ = form.WriteField("model", "m")
		}
		file, _ := form.CreateFormFile("file", "a.wav")
		_, _ = file.Write(bytes.Repeat([]byte("RIFF\r\n--"), 40_000))
		_ = form.WriteField("language", "en")
		if !first {
			_ = form.WriteField("model", "m")
		}
		form.Close()
		resp := send(&body, form.FormDataContentType())
		if answer := said(t, resp); resp.StatusCode != 200 || !strings.Contains(answer, `"text":"hello"`) {
			t.Errorf("%d %s", resp.StatusCode, answer)
		}
		if got := s.last(t); got.body["model"] != "whisper-1" || got.body["file"] != int64(320_000) || got.body["language"] != "en" || got.header.Get("Authorization") != "Bearer "+key {
			t.Errorf("got %v", got.body)
		}
	}
	for name, test := range map[string]struct{ body, kind string }{
		"no form":  {"{}", "application/json"},
		"half":     {"--x\r\nContent-Disposition: form-data; name=\"file\"\r\n\r\nabc", "multipart/form-data; boundary=x"},
		"no bound": {"--x--", "multipart/form-data"},
	} {
		resp := send(strings.NewReader(test.body), test.kind)
		if answer := said(t, resp); resp.StatusCode != 400 || !strings.Contains(answer, "invalid_form") {
			t.Errorf("%s: %d %s", name, resp.StatusCode, answer)
		}
	}
}

// TestModels: the live list, each model once.
func TestModels(t *testing.T) {
	quiet(t)
	s := newService(t)
	e := &engine{}
	configure := func(settings, key string) {
		t.Helper()
		if err := e.Configure(t.Context(), sdk.Configuration{Deployment: "mine", Settings: json.RawMessage(settings), Secrets: map[string]string{"api_key": key}, Log: configured(t, "x", `{}`, nil).log}); err != nil {
			t.Fatal(err)
		}
	}
	configure(fmt.Sprintf(`{"base_url": "%s/v1"}`, s.URL), key)
	offered, err := e.Models(t.Context())
	if err != nil || len(offered) != 2 {
		t.Fatalf("%v, %v", offered, err)
	}
	if m := offered[0]; m.ID != "gpt-4o" || m.Settings["model"] != "gpt-4o" || m.Metadata["type"] != "chat" || m.OwnedBy != "system" || m.Created != 1715367049 || m.Format != "api" {
		t.Errorf("%+v", m)
	}
	if m := offered[1]; m.Metadata["type"] != "embedding" || m.Settings["embedding"] != true {
		t.Errorf("%+v", m)
	}
	if got := s.last(t); got.header.Get("Authorization") != "Bearer "+key || got.path != "/v1/models" {
		t.Errorf("%+v", got)
	}
	configure(`{}`, "")
	if _, err := e.Models(t.Context()); sdk.CodeOf(err) != sdk.CodeUnsupported {
		t.Errorf("a deployment of nothing: %v", err)
	}
	configure(`{"base_url": "http://127.0.0.1:1/v1", "max_retries": 0}`, "")
	if _, err := e.Models(t.Context()); sdk.CodeOf(err) != sdk.CodeUnavailable {
		t.Errorf("a service that is not there: %v", err)
	}
	configure(`{"provider": "groq"}`, "")
	if _, err := e.Models(t.Context()); sdk.CodeOf(err) != sdk.CodeUnauthorized {
		t.Errorf("no key: %v", err)
	}
}
