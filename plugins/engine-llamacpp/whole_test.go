package main

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"testing"

	"github.com/hashicorp/go-hclog"

	"github.com/enginebay/enginebay/sdk"
)

// TestWholeAnswersAsLlamaServerDoes sends requests to llama-server itself and
// through the handler that puts its streams together: the answers are the same, but
// for members that are null.
func TestWholeAnswersAsLlamaServerDoes(t *testing.T) {
	template, err := os.ReadFile("../../cmd/enginebay/testdata/clients/tools.jinja")
	if err != nil {
		t.Fatal(err)
	}
	plain := load(t, "")
	tools := load(t, string(template))
	const ask = `"messages":[{"role":"user","content":"What is a plugin?"}],"temperature":0,"max_tokens":60`
	const tool = `"tools":[{"type":"function","function":{"name":"add","parameters":{"type":"object","properties":{"a":{"enum":[1,2]}},"required":["a"],"additionalProperties":false}}}],"tool_choice":"required"`
	for _, test := range []struct {
		name, path, body string
		endpoint         sdk.Endpoint
	}{
		{"chat", "/v1/chat/completions", `{` + ask + `}`, plain},
		{"stream is false", "/v1/chat/completions", `{"stream":false,` + ask + `}`, plain},
		{"cut by length", "/v1/chat/completions", `{` + ask + `,"max_tokens":3}`, plain},
		{"stop word", "/v1/chat/completions", `{` + ask + `,"stop":["program"]}`, plain},
		{"likelihoods", "/v1/chat/completions", `{` + ask + `,"logprobs":true,"top_logprobs":2}`, plain},
		{"schema", "/v1/chat/completions", `{` + ask + `,"response_format":{"type":"json_schema","json_schema":{"name":"x","schema":{"type":"object","properties":{"n":{"enum":[1,2]}},"required":["n"],"additionalProperties":false}}}}`, plain},
		{"tool call", "/v1/chat/completions", `{` + ask + `,"parallel_tool_calls":false,` + tool + `}`, tools},
		{"several tool calls", "/v1/chat/completions", `{` + ask + `,"parallel_tool_calls":true,"max_tokens":400,` + tool + `}`, tools},
		{"completion", "/v1/completions", `{"prompt":"a b c","temperature":0,"max_tokens":8}`, plain},
		{"a list of prompts", "/v1/completions", `{"prompt":["a b"],"temperature":0,"max_tokens":8}`, plain},
		{"embeddings", "/v1/embeddings", `{"input":["a","b"]}`, plain},
	} {
		t.Run(test.name, func(t *testing.T) {
			wantStatus, want := direct(t, test.endpoint.Socket, test.path, test.body)
			recorder := httptest.NewRecorder()
			test.endpoint.Detour.ServeHTTP(recorder, httptest.NewRequest("POST", test.path, strings.NewReader(test.body)))
			got := steady(t, recorder.Body.Bytes())
			if recorder.Code != wantStatus || !reflect.DeepEqual(got, want) {
				t.Errorf("status %d, want %d\n got %v\nwant %v", recorder.Code, wantStatus, got, want)
			}
		})
	}
}

// load loads tiny-guide in this process.
func load(t *testing.T, template string) sdk.Endpoint {
	t.Helper()
	return loadModel(t, tinyGuide(t), template)
}

func loadModel(t *testing.T, m sdk.Model, template string) sdk.Endpoint {
	t.Helper()
	settings, err := json.Marshal(map[string]any{"llama_server": llamaServer(t), "ctx_len": 512, "cpu_threads": 1, "embedding": true,
		"chat_template": template, "flash_attn": "auto", "n_parallel": 1})
	if err != nil {
		t.Fatal(err)
	}
	e := newEngine(t)
	inst, err := e.Load(context.Background(), sdk.LoadRequest{Model: m, Settings: settings, RunPath: runPath(t), Log: hclog.NewNullLogger()}, func(sdk.Progress) {})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = inst.Close(context.Background()) })
	return inst.Endpoint()
}

func direct(t *testing.T, socket, path, body string) (int, any) {
	t.Helper()
	client := http.Client{Transport: &http.Transport{DisableKeepAlives: true, DialContext: func(ctx context.Context, _, _ string) (net.Conn, error) {
		return (&net.Dialer{}).DialContext(ctx, "unix", socket)
	}}}
	resp, err := client.Post("http://localhost"+path, "application/json", strings.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	data, err := io.ReadAll(resp.Body)
	if err != nil {
		t.Fatal(err)
	}
	return resp.StatusCode, steady(t, data)
}

// steady is an answer without what differs from one to the next: names, times,
// and what was in the cache.
func steady(t *testing.T, data []byte) any {
	t.Helper()
	var v any
	if err := json.Unmarshal(bytes.TrimSpace(data), &v); err != nil {
		t.Fatalf("%v: %s", err, data)
	}
	var drop func(any)
	drop = func(v any) {
		switch v := v.(type) {
		case map[string]any:
			for _, name := range []string{"id", "created", "timings", "prompt_tokens_details"} {
				delete(v, name)
			}
			for name, member := range v {
				if drop(member); member == nil {
					delete(v, name)
				}
			}
		case []any:
			for _, member := range v {
				drop(member)
			}
		}
	}
	drop(v)
	return v
}

// TestLargeRequest: how large one may be is a setting of the core, which has looked.
func TestLargeRequest(t *testing.T) {
	h := newWhole(answering(t, func(r *http.Request) any {
		n, _ := io.Copy(io.Discard, r.Body)
		return n
	}))
	recorder := httptest.NewRecorder()
	h.ServeHTTP(recorder, httptest.NewRequest("POST", "/v1/embeddings", strings.NewReader(`{"input":"`+strings.Repeat("x", 66<<20)+`"}`)))
	if got := strings.TrimSpace(recorder.Body.String()); recorder.Code != 200 || got != fmt.Sprint(66<<20+len(`{"input":""}`)) {
		t.Errorf("status %d: %.200s", recorder.Code, got)
	}
}

// TestNamesOfARequest: llama-server gets those that the core gives out.
func TestNamesOfARequest(t *testing.T) {
	h := newWhole(answering(t, func(r *http.Request) any { return []string{r.Header.Get("X-Request-Id"), r.Header.Get("Traceparent")} }))
	recorder, request := httptest.NewRecorder(), httptest.NewRequest("POST", "/v1/embeddings", strings.NewReader(`{"input":"x"}`))
	request.Header.Set("X-Request-Id", "req_1")
	request.Header.Set("Traceparent", "00-1-2-01")
	h.ServeHTTP(recorder, request)
	if got := strings.TrimSpace(recorder.Body.String()); got != `["req_1","00-1-2-01"]` {
		t.Errorf("status %d: %s", recorder.Code, got)
	}
}

// answering is the socket of a server that answers with what is told of a request.
func answering(t *testing.T, tell func(*http.Request) any) string {
	t.Helper()
	socket := filepath.Join(t.TempDir(), "s")
	listener, err := net.Listen("unix", socket)
	if err != nil {
		t.Fatal(err)
	}
	server := &http.Server{Handler: http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Content-Type", "application/json")
		_ = json.NewEncoder(w).Encode(tell(r))
	})}
	go func() { _ = server.Serve(listener) }()
	t.Cleanup(func() { server.Close() })
	return socket
}

// TestBrokenStreams: what is no whole stream is no answer.
func TestBrokenStreams(t *testing.T) {
	const event = `data: {"choices":[{"index":0,"delta":{"content":"a"}}]}` + "\n\n"
	for name, test := range map[string]struct{ events, want string }{
		"nothing":       {"", "unexpected EOF"},
		"no end":        {event + event, "unexpected EOF"},
		"half an event": {event + `data: {"choi`, "unexpected EOF"},
		"nonsense":      {event + "data: {\"choi\n\n", "read event"},
		"an error":      {event + `data: {"error":{"code":400,"message":"no"}}` + "\n\n", "no"},
	} {
		t.Run(name, func(t *testing.T) {
			recorder := httptest.NewRecorder()
			if err := collect(recorder, strings.NewReader(test.events), newChat(nil)); err == nil || !strings.Contains(fmt.Sprint(err), test.want) || recorder.Body.Len() > 0 {
				t.Errorf("got %v, %q; want %q", err, recorder.Body, test.want)
			}
		})
	}
}
