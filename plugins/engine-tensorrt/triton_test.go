package main

import (
	"bufio"
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"net/http/httptest"
	"reflect"
	"strings"
	"testing"

	"github.com/hashicorp/go-hclog"

	"github.com/enginebay/enginebay/sdk"
)

// loadThere attaches to a model; the test's end detaches.
func loadThere(t *testing.T, settings string, args ...any) sdk.Instance {
	t.Helper()
	inst, err := tryThere(t, newEngine(), fmt.Sprintf(settings, args...))
	if err != nil {
		t.Fatal(err)
	}
	return inst
}

func tryThere(t *testing.T, e *engine, settings string) (sdk.Instance, error) {
	t.Helper()
	inst, err := e.Load(t.Context(), sdk.LoadRequest{Model: sdk.Model{ID: "here"}, Settings: []byte(settings), Log: hclog.NewNullLogger()}, func(sdk.Progress) {})
	if inst != nil {
		t.Cleanup(func() { inst.Close(context.Background()) })
	}
	return inst, err
}

// post asks an instance that answers in this process.
func post(t *testing.T, inst sdk.Instance, path, body string) *httptest.ResponseRecorder {
	t.Helper()
	r := httptest.NewRequestWithContext(t.Context(), http.MethodPost, "/v1/"+path, strings.NewReader(body))
	w := httptest.NewRecorder()
	inst.Endpoint().Handler.ServeHTTP(w, r)
	return w
}

// reply is what tests read of answers.
type reply struct {
	Choices []struct {
		Text    string
		Message struct{ Content string }
		Delta   struct{ Content string }
		Finish  string `json:"finish_reason"`
	}
	Usage struct {
		Prompt     int  `json:"prompt_tokens"`
		Completion int  `json:"completion_tokens"`
		Estimated  bool `json:"estimated"`
	}
	Error struct{ Message, Type, Code, Param string }
	Data  []struct{ Embedding any }
}

func answered(t *testing.T, w *httptest.ResponseRecorder) reply {
	t.Helper()
	var r reply
	if err := json.Unmarshal(w.Body.Bytes(), &r); err != nil {
		t.Fatalf("%v: %s", err, w.Body)
	}
	return r
}

// streamed puts a stream together.
func streamed(t *testing.T, w *httptest.ResponseRecorder) (text, finish string, last reply, done bool) {
	t.Helper()
	for lines := bufio.NewScanner(w.Body); lines.Scan(); {
		data, ok := strings.CutPrefix(lines.Text(), "data: ")
		if done = done || data == "[DONE]"; !ok || done {
			continue
		}
		last = reply{}
		if err := json.Unmarshal([]byte(data), &last); err != nil {
			t.Fatalf("%v: %s", err, data)
		}
		for _, c := range last.Choices {
			text += c.Text + c.Delta.Content
			finish += c.Finish
		}
	}
	return text, finish, last, done
}

// ways are all in which a text can come from a Triton.
func ways(t *testing.T) map[string]string {
	address, calls := fakeTriton(t, "-model", "bls=ensemble,decoupled", "-model", "all=ensemble,decoupled,accumulate", "-model", "llm=llmapi,decoupled", "-model", "v=vllm,decoupled",
		"-model", "whole=ensemble", "-model", "llmwhole=llmapi")
	all := map[string]string{}
	for _, model := range []string{"bls", "all", "llm", "v", "whole", "llmwhole"} {
		all[model] = fmt.Sprintf(`{"base_url": %q, "model": %q, %s}`, address, model, instruct)
		all[model+" by gRPC"] = fmt.Sprintf(`{"grpc_url": %q, "model": %q, %s}`, calls, model, instruct)
	}
	return all
}

// TestText: the same words come from each backend, by each protocol.
func TestText(t *testing.T) {
	for name, settings := range ways(t) {
		t.Run(name, func(t *testing.T) {
			inst := loadThere(t, "%s", settings)
			counts := strings.HasPrefix(name, "bls") || strings.HasPrefix(name, "v") || strings.HasPrefix(name, "whole") || strings.HasPrefix(name, "all")
			for _, test := range []struct {
				body, text, finish string
				tokens             int // of the answer; below 0: not told
			}{
				{`"max_tokens": 100`, "one two three four", "stop", 4},
				{`"max_completion_tokens": 2`, "one two ", "length", 2},
				{`"max_tokens": 100, "stop": "thr"`, "one two ", "stop", -1},
				{`"max_tokens": 100, "stop": ["zz", "o thr"]`, "one tw", "stop", -1},
			} {
				body := `{"model": "here", "messages": [{"role": "user", "content": [{"type": "text", "text": "one two "}, {"type": "text", "text": "three four"}]}], ` + test.body
				r := answered(t, post(t, inst, "chat/completions", body+"}"))
				if len(r.Choices) != 1 || r.Choices[0].Message.Content != test.text || r.Choices[0].Finish != test.finish {
					t.Errorf("%s: %+v", test.body, r)
				}
				if r.Usage.Estimated == counts || r.Usage.Prompt == 0 || counts && (r.Usage.Prompt != 4 || test.tokens >= 0 && r.Usage.Completion != test.tokens) {
					t.Errorf("%s: usage is %+v", test.body, r.Usage)
				}
				text, finish, last, done := streamed(t, post(t, inst, "chat/completions", body+`, "stream": true, "stream_options": {"include_usage": true}}`))
				if text != test.text || finish != test.finish || !done || last.Usage.Prompt == 0 || len(last.Choices) > 0 {
					t.Errorf("%s: streamed %q, %q, %+v, %t", test.body, text, finish, last, done)
				}
			}
			r := answered(t, post(t, inst, "completions", `{"prompt": ["a b", "c"], "max_tokens": 9}`))
			if len(r.Choices) != 2 || r.Choices[0].Text != "a b" || r.Choices[1].Text != "c" {
				t.Errorf("completions: %+v", r)
			}
			text, finish, _, done := streamed(t, post(t, inst, "completions", `{"prompt": "a b", "max_tokens": 9, "stream": true}`))
			if text != "a b" || finish != "stop" || !done {
				t.Errorf("completions: streamed %q, %q, %t", text, finish, done)
			}
		})
	}
}

// TestParameters: a request's numbers come to the tensors of each backend.
func TestParameters(t *testing.T) {
	address, calls := fakeTriton(t, "-model", "bls=ensemble,decoupled", "-model", "llm=llmapi,decoupled", "-model", "v=vllm,decoupled")
	const ask = `"prompt": "a b", "max_tokens": 9, "seed": 7, "frequency_penalty": 0.5, "presence_penalty": 0.25, "stop": ["x", "y"]`
	for _, test := range []struct {
		model, body string
		want        map[string]any
	}{
		{"bls", ask + `, "temperature": 0.5, "top_k": 4`, map[string]any{"max_tokens": 9.0, "seed": 7.0, "frequency_penalty": 0.5, "presence_penalty": 0.25, "stop_words": []any{"x", "y"}, "temperature": 0.5, "top_k": 4.0,
			"stream": true, "exclude_input_in_output": true, "return_num_input_tokens": true, "text_input": "a b", "top_p": nil}},
		{"bls", ask + `, "temperature": 0`, map[string]any{"temperature": nil, "top_k": 1.0, "top_p": nil}},
		{"bls", ask + `, "temperature": 0.7`, map[string]any{"temperature": 0.7, "top_p": 1.0}},
		{"bls", ask + `, "top_p": 0.5, "repetition_penalty": 1.5, "min_tokens": 2`, map[string]any{"temperature": nil, "top_p": 0.5, "repetition_penalty": 1.5, "min_tokens": 2.0}},
		{"bls", ask + `, "response_format": {"type": "json_schema", "json_schema": {"name": "x", "schema": {"type":"integer"}}}`, map[string]any{"guided_decoding_guide_type": "json_schema", "guided_decoding_guide": `{"type":"integer"}`}},
		{"bls", `"prompt": "a"`, map[string]any{"max_tokens": 1024.0, "temperature": nil}},
		{"llm", ask + `, "temperature": 0.5`, map[string]any{"sampling_param_max_tokens": 9.0, "sampling_param_seed": 7.0, "sampling_param_temperature": 0.5, "sampling_param_top_p": 1.0, "sampling_param_stop": []any{"x", "y"},
			"streaming": true, "return_finish_reason": true, "sampling_param_exclude_input_from_output": true}},
		{"v", `"prompt": "a b", "max_tokens": 9, "stop": ["x"], "temperature": 0.5`, map[string]any{"sampling_parameters": `{"max_tokens":9,"stop":["x"],"temperature":0.5,"top_p":1}`, "stream": true}},
	} {
		for protocol, settings := range map[string]string{"HTTP": fmt.Sprintf(`{"base_url": %q, "model": %q}`, address, test.model), "gRPC": fmt.Sprintf(`{"grpc_url": %q, "model": %q}`, calls, test.model)} {
			t.Run(test.model+" "+protocol, func(t *testing.T) {
				if w := post(t, loadThere(t, "%s", settings), "completions", "{"+test.body+"}"); w.Code != http.StatusOK {
					t.Fatalf("status %d: %s", w.Code, w.Body)
				}
				seen := seenBy(t, address)
				for name, want := range test.want {
					got := any(seen.Inputs[name])
					if _, list := want.([]any); !list {
						got = seen.one(name)
					}
					if f, ok := got.(float64); ok { // 32 bits on the way
						got = float64(float32(f))
						want = float64(float32(want.(float64)))
					}
					if !reflect.DeepEqual(got, want) {
						t.Errorf("%s is %v, want %v", name, got, want)
					}
				}
			})
		}
	}
}

// TestRefused: what a model cannot do is refused, and not read over.
func TestRefused(t *testing.T) {
	address, calls := fakeTriton(t, "-model", "bls=ensemble,decoupled", "-model", "llm=llmapi,decoupled", "-longest", "50")
	long := strings.Repeat("word ", 60)
	tests := map[string]struct {
		path, body  string
		status      int
		param, code string
	}{
		"tools":           {"chat/completions", `{"messages": [{"role": "user", "content": "a"}], "tools": [{"type": "function"}]}`, 400, "tools", "unsupported_parameter"},
		"n":               {"chat/completions", `{"messages": [{"role": "user", "content": "a"}], "n": 2}`, 400, "n", "unsupported_parameter"},
		"logprobs":        {"chat/completions", `{"messages": [{"role": "user", "content": "a"}], "logprobs": true}`, 400, "logprobs", "unsupported_parameter"},
		"logit_bias":      {"completions", `{"prompt": "a", "logit_bias": {"1": 2}}`, 400, "logit_bias", "unsupported_parameter"},
		"echo":            {"completions", `{"prompt": "a", "echo": true}`, 400, "echo", "unsupported_parameter"},
		"image":           {"chat/completions", `{"messages": [{"role": "user", "content": [{"type": "image_url", "image_url": {"url": "data:,"}}]}]}`, 400, "messages", "unsupported_content"},
		"no messages":     {"chat/completions", `{}`, 400, "messages", "missing_required_parameter"},
		"no role":         {"chat/completions", `{"messages": [{"content": "a"}]}`, 400, "messages", "invalid_value"},
		"tokens":          {"completions", `{"prompt": [1, 2]}`, 400, "prompt", "invalid_type"},
		"temperature":     {"completions", `{"prompt": "a", "temperature": "hot"}`, 400, "temperature", "invalid_type"},
		"max_tokens":      {"completions", `{"prompt": "a", "max_tokens": 0}`, 400, "max_tokens", "invalid_value"},
		"stop":            {"completions", `{"prompt": "a", "stop": 1}`, 400, "stop", "invalid_type"},
		"format":          {"completions", `{"prompt": "a", "response_format": {"type": "yaml"}}`, 400, "response_format", "invalid_value"},
		"no JSON":         {"completions", `{`, 400, "", "invalid_json"},
		"another path":    {"embeddings", `{"input": "a"}`, 404, "", ""},
		"long":            {"completions", `{"prompt": "` + long + `"}`, 400, "", "context_length_exceeded"},
		"long, as stream": {"completions", `{"stream": true, "prompt": "` + long + `"}`, 400, "", "context_length_exceeded"},
	}
	for protocol, settings := range map[string]string{"HTTP": fmt.Sprintf(`{"base_url": %q, "model": "bls"}`, address), "gRPC": fmt.Sprintf(`{"grpc_url": %q, "model": "bls"}`, calls)} {
		inst := loadThere(t, "%s", settings)
		for name, test := range tests {
			t.Run(protocol+" "+name, func(t *testing.T) {
				w := post(t, inst, test.path, test.body)
				if r := answered(t, w); w.Code != test.status || r.Error.Code != test.code || r.Error.Param != test.param || r.Error.Message == "" || r.Error.Type != "invalid_request_error" {
					t.Errorf("status %d: %+v", w.Code, r.Error)
				}
			})
		}
	}
	llm := loadThere(t, `{"base_url": %q, "model": "llm"}`, address)
	if w := post(t, llm, "completions", `{"prompt": "a", "response_format": {"type": "json_object"}}`); w.Code != 400 || !strings.Contains(w.Body.String(), "response_format") {
		t.Errorf("a format that the model has no place for: %d %s", w.Code, w.Body)
	}
}

// TestTemplateRefuses: what a template says of a conversation is the client's fault.
func TestTemplateRefuses(t *testing.T) {
	address, _ := fakeTriton(t, "-model", "bls=ensemble,decoupled")
	inst := loadThere(t, `{"base_url": %q, "model": "bls", "chat_template": "{{ raise_exception('Roles must alternate') }}"}`, address)
	if w := post(t, inst, "chat/completions", `{"messages": [{"role": "user", "content": "a"}]}`); w.Code != 400 || !strings.Contains(answered(t, w).Error.Message, "Roles must alternate") {
		t.Errorf("%d %s", w.Code, w.Body)
	}
	if _, err := tryThere(t, newEngine(), fmt.Sprintf(`{"base_url": %q, "model": "bls", "chat_template": "{%% if %%}"}`, address)); sdk.CodeOf(err) != sdk.CodeInvalid {
		t.Errorf("a template that is none: %v", err)
	}
}

// TestCancel: a client that leaves ends the generation at the server.
func TestCancel(t *testing.T) {
	address, calls := fakeTriton(t, "-model", "bls=ensemble,decoupled", "-pause", "20ms")
	words := strings.Repeat("word ", 3000)
	for protocol, settings := range map[string]string{"HTTP": fmt.Sprintf(`{"base_url": %q, "model": "bls"}`, address), "gRPC": fmt.Sprintf(`{"grpc_url": %q, "model": "bls"}`, calls)} {
		for _, stream := range []bool{true, false} {
			t.Run(fmt.Sprint(protocol, " stream ", stream), func(t *testing.T) {
				inst := loadThere(t, "%s", settings)
				before := seenBy(t, address)
				ctx, cancel := context.WithCancel(t.Context())
				r := httptest.NewRequestWithContext(ctx, http.MethodPost, "/v1/completions", strings.NewReader(fmt.Sprintf(`{"prompt": %q, "stream": %t, "max_tokens": 100000}`, words, stream)))
				answered := make(chan bool)
				go func() {
					inst.Endpoint().Handler.ServeHTTP(httptest.NewRecorder(), r)
					close(answered)
				}()
				eventually(t, "the request at the server", func() bool { return seenBy(t, address).Running == 1 })
				cancel()
				<-answered
				eventually(t, "the end of the generation", func() bool {
					now := seenBy(t, address)
					return now.Running == 0 && now.Cancelled == before.Cancelled+1
				})
			})
		}
	}
}

func TestEmbeddings(t *testing.T) {
	address, calls := fakeTriton(t, "-model", "vectors=embedding")
	for _, settings := range []string{fmt.Sprintf(`{"base_url": %q, "model": "vectors"}`, address), fmt.Sprintf(`{"grpc_url": %q, "model": "vectors"}`, calls)} {
		inst := loadThere(t, "%s", settings)
		if ops := inst.Endpoint().Operations; len(ops) != 1 || ops[0] != sdk.OpEmbedding {
			t.Errorf("operations are %v", ops)
		}
		r := answered(t, post(t, inst, "embeddings", `{"input": ["a", "bc"]}`))
		if len(r.Data) != 2 || fmt.Sprint(r.Data[1].Embedding) != "[2 1 0.5]" || r.Usage.Prompt == 0 || !r.Usage.Estimated {
			t.Errorf("%+v", r)
		}
		if r := answered(t, post(t, inst, "embeddings", `{"input": "a", "encoding_format": "base64"}`)); r.Data[0].Embedding != "AACAPwAAgD8AAAA/" {
			t.Errorf("%+v", r)
		}
		if w := post(t, inst, "embeddings", `{"input": "a", "dimensions": 2}`); w.Code != 400 {
			t.Errorf("dimensions: %d", w.Code)
		}
	}
}

// TestAttachFails is what a user is told.
func TestAttachFails(t *testing.T) {
	address, calls := fakeTriton(t, "-model", "bls=ensemble,decoupled", "-model", "resnet=image", "-model", "cold=ensemble,unloaded")
	guarded, guardedCalls := fakeTriton(t, "-model", "bls=ensemble", "-header", "triton-key=x")
	web := httptest.NewServer(http.NotFoundHandler())
	t.Cleanup(web.Close)
	gone := httptest.NewServer(nil)
	gone.Close()
	tests := map[string]struct {
		settings string
		code     sdk.Code
		says     string
	}{
		"no such model":      {`{"base_url": "` + address + `", "model": "blz"}`, sdk.CodeNotFound, "did you mean 'bls'"},
		"by gRPC":            {`{"grpc_url": "` + calls + `", "model": "blz"}`, sdk.CodeNotFound, "did you mean 'bls'"},
		"pictures":           {`{"base_url": "` + address + `", "model": "resnet"}`, sdk.CodeUnsupported, "takes data_0 (FP32)"},
		"not loaded":         {`{"base_url": "` + address + `", "model": "cold"}`, sdk.CodeUnavailable, "model_control"},
		"not to be loaded":   {`{"base_url": "` + address + `", "model": "cold", "model_control": "explicit"}`, sdk.CodeUnavailable, "explicit model load"},
		"wants a key":        {`{"base_url": "` + guarded + `", "model": "bls"}`, sdk.CodeUnauthorized, "secrets.api_key"},
		"wants a key, gRPC":  {`{"grpc_url": "` + guardedCalls + `", "model": "bls"}`, sdk.CodeUnauthorized, "secrets.api_key"},
		"a web server":       {`{"base_url": "` + web.URL + `"}`, sdk.CodeUnavailable, "neither a Triton nor a trtllm-serve"},
		"said to be Triton":  {`{"base_url": "` + web.URL + `", "server": "triton"}`, sdk.CodeUnavailable, "is no Triton"},
		"nobody":             {`{"base_url": "` + gone.URL + `"}`, sdk.CodeUnavailable, "does not answer"},
		"nobody by gRPC":     {`{"grpc_url": "` + strings.TrimPrefix(gone.URL, "http://") + `"}`, sdk.CodeUnavailable, "does not answer"},
		"gRPC of another":    {`{"grpc_url": "` + strings.TrimPrefix(web.URL, "http://") + `"}`, sdk.CodeUnavailable, ""},
		"no address":         {`{"base_url": "localhost:8000"}`, sdk.CodeInvalid, "no address"},
		"a key in it":        {`{"base_url": "http://user:secret@localhost"}`, sdk.CodeInvalid, "no address"},
		"template of no use": {`{"base_url": "` + address + `", "model": "bls", "prompt_template": "no marker"}`, sdk.CodeInvalid, "{prompt}"},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			_, err := tryThere(t, newEngine(), test.settings)
			if sdk.CodeOf(err) != test.code || !strings.Contains(fmt.Sprint(err), test.says) || strings.Contains(fmt.Sprint(err), "secret") && test.code == sdk.CodeInvalid {
				t.Errorf("got %s, %v; want %s, %q", sdk.CodeOf(err), err, test.code, test.says)
			}
		})
	}
}

// TestModelControl: the first instance loads a model, the last one unloads it, and what
// was loaded before stays.
func TestModelControl(t *testing.T) {
	address, calls := fakeTriton(t, "-model", "cold=ensemble,unloaded", "-model", "warm=ensemble", "-explicit")
	for _, base := range []string{`"base_url": "` + address + `"`, `"grpc_url": "` + calls + `"`} {
		e, before := newEngine(), seenBy(t, address)
		var all []sdk.Instance
		for _, name := range []string{"cold", "cold", "warm"} {
			inst, err := tryThere(t, e, fmt.Sprintf(`{%s, "model": %q, "model_control": "explicit"}`, base, name))
			if err != nil {
				t.Fatal(err)
			}
			all = append(all, inst)
		}
		for i, unloads := range []int{0, 1, 1} {
			if err := all[i].Close(t.Context()); err != nil {
				t.Error(err)
			}
			if now := seenBy(t, address); now.Loads-before.Loads != 1 || now.Unloads-before.Unloads != unloads {
				t.Errorf("after %d ends: %+v, before %+v", i+1, now, before)
			}
		}
	}
}

// TestModels lists what answers texts.
func TestModels(t *testing.T) {
	address, calls := fakeTriton(t, "-model", "bls=ensemble", "-model", "resnet=image", "-model", "vectors=embedding", "-model", "cold=llmapi,unloaded")
	for settings, want := range map[string]string{
		`{"base_url": "` + address + `"}`:                     "bls chat, vectors embedding, cold <nil>",
		`{"grpc_url": "` + calls + `"}`:                       "bls chat, vectors embedding, cold <nil>",
		`{"base_url": "` + serving(t, "theirs", "") + `"}`:    "theirs chat",
		`{"base_url": "` + serving(t, "f", "front") + `/v1"}`: "f chat",
	} {
		e := newEngine()
		if err := e.Configure(t.Context(), sdk.Configuration{Settings: []byte(settings)}); err != nil {
			t.Fatal(err)
		}
		all, err := e.Models(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		var got []string
		for _, m := range all {
			got = append(got, fmt.Sprint(m.ID, " ", m.Metadata["type"]))
			if m.Settings["model"] != m.ID || m.Format != "api" {
				t.Errorf("%+v", m)
			}
		}
		if strings.Join(got, ", ") != want {
			t.Errorf("got %q, want %q", got, want)
		}
	}
	if _, err := newEngine().Models(t.Context()); sdk.CodeOf(err) != sdk.CodeUnsupported {
		t.Errorf("without a server: %v", err)
	}
}
