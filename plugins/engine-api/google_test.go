package main

import (
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"testing"

	"github.com/hashicorp/go-hclog"
	"github.com/tidwall/gjson"

	"github.com/enginebay/enginebay/sdk"
	"github.com/enginebay/enginebay/sdk/sdktest"
)

const googleKey = "google-key-0123456789"

// loadGoogle serves a model of a service that speaks as Google does.
func loadGoogle(t *testing.T, base, model string) string {
	t.Helper()
	settings := json.RawMessage(fmt.Sprintf(`{"provider": "google", "base_url": %q, "model": %q, "max_retries": 0}`, base, model))
	e := &engine{}
	if err := e.Configure(t.Context(), sdk.Configuration{Deployment: "google", Settings: settings, Secrets: map[string]string{"api_key": googleKey}, Log: hclog.NewNullLogger()}); err != nil {
		t.Fatal(err)
	}
	instance, err := e.Load(t.Context(), sdk.LoadRequest{Model: sdk.Model{ID: "mine"}, Settings: settings, Log: hclog.NewNullLogger()}, nil)
	if err != nil {
		t.Fatal(err)
	}
	s := httptest.NewServer(instance.Endpoint().Handler)
	t.Cleanup(func() {
		s.Close()
		if err := instance.Close(t.Context()); err != nil && t.Context().Err() == nil {
			t.Error(err)
		}
	})
	return s.URL
}

// recorder answers every request with the same, and keeps what was asked last.
type recorder struct {
	*httptest.Server
	answer string
	path   string
	body   string
	header http.Header
}

func newRecorder(t *testing.T, answer string) *recorder {
	t.Helper()
	r := &recorder{answer: answer}
	r.Server = httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, req *http.Request) {
		text, _ := io.ReadAll(req.Body)
		r.path, r.body, r.header = req.URL.RequestURI(), string(text), req.Header
		w.Header().Set("Content-Type", "text/event-stream")
		io.WriteString(w, r.answer)
	}))
	t.Cleanup(r.Close)
	return r
}

const googleSaid = `data: {"candidates":[{"index":0,"content":{"role":"model","parts":[{"text":"hello"}]},"finishReason":"STOP"}],"usageMetadata":{"promptTokenCount":3,"candidatesTokenCount":1,"totalTokenCount":4},"responseId":"r1"}` + "\r\n\r\n"

func askGoogle(t *testing.T, url, path, body string) (*http.Response, string) {
	t.Helper()
	resp, err := http.Post(url+"/v1/"+path, "application/json", strings.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	text, err := io.ReadAll(resp.Body)
	if err != nil {
		t.Fatal(err)
	}
	return resp, string(text)
}

// TestGoogleRequests are the documents of testdata/google: a request in OpenAI's
// form, and what of it is sent, or the words in which it is refused.
func TestGoogleRequests(t *testing.T) {
	files, err := filepath.Glob("testdata/google/*.json")
	if err != nil || len(files) < 10 {
		t.Fatalf("%d documents, %v", len(files), err)
	}
	for _, file := range files {
		t.Run(strings.TrimSuffix(filepath.Base(file), ".json"), func(t *testing.T) {
			text, err := os.ReadFile(file)
			if err != nil {
				t.Fatal(err)
			}
			var doc struct {
				Model         string
				Request, Sent json.RawMessage
				Refused       string
			}
			if err := json.Unmarshal(text, &doc); err != nil {
				t.Fatal(err)
			}
			if doc.Model == "" {
				doc.Model = "gemini-2.5-flash"
			}
			service := newRecorder(t, googleSaid)
			resp, said := askGoogle(t, loadGoogle(t, service.URL, doc.Model), "chat/completions", string(doc.Request))
			if doc.Refused != "" {
				if resp.StatusCode != 400 || !strings.Contains(said, doc.Refused) || service.body != "" {
					t.Errorf("%d %s, want %q; %q was sent", resp.StatusCode, said, doc.Refused, service.body)
				}
				return
			}
			var sent, want any
			if resp.StatusCode != 200 || json.Unmarshal([]byte(service.body), &sent) != nil || json.Unmarshal(doc.Sent, &want) != nil {
				t.Fatalf("%d %s; sent %q", resp.StatusCode, said, service.body)
			}
			if !reflect.DeepEqual(sent, want) {
				t.Errorf("sent %s\nwant %s", service.body, doc.Sent)
			}
		})
	}
}

// TestGoogleHead: where a request goes, and with which key.
func TestGoogleHead(t *testing.T) {
	t.Setenv("GOOGLE_API_KEY", "another-key")
	t.Setenv("GOOGLE_GEMINI_BASE_URL", "http://127.0.0.1:1")
	t.Setenv("GOOGLE_GENAI_USE_VERTEXAI", "true")
	for base, want := range map[string]string{"": "/v1beta", "/v1beta": "/v1beta", "/v1": "/v1", "/proxy": "/proxy/v1beta", "/proxy/v1alpha": "/proxy/v1alpha"} {
		service := newRecorder(t, googleSaid)
		askGoogle(t, loadGoogle(t, service.URL+base, "gemini-2.5-flash"), "chat/completions", `{"messages":[{"role":"user","content":"x"}]}`)
		if service.path != want+"/models/gemini-2.5-flash:streamGenerateContent?alt=sse" || service.header.Get("X-Goog-Api-Key") != googleKey {
			t.Errorf("%q: asked %s by %q", base, service.path, service.header.Get("X-Goog-Api-Key"))
		}
	}
}

// TestGoogleKeepsOrder of the properties of schemas, which answers keep to.
func TestGoogleKeepsOrder(t *testing.T) {
	service := newRecorder(t, googleSaid)
	const schema = `{"type":"object","properties":{"why":{"type":"string"},"answer":{"type":"integer","maximum":12345678901234567890}}}`
	askGoogle(t, loadGoogle(t, service.URL, "gemini-3-pro"), "chat/completions", `{"messages":[{"role":"user","content":"x"}],
		"response_format":{"type":"json_schema","json_schema":{"name":"n","schema":`+schema+`}},
		"tools":[{"type":"function","function":{"name":"none"}},{"type":"function","function":{"name":"f","parameters":`+schema+`}}]}`)
	if strings.Count(service.body, schema) != 2 {
		t.Errorf("sent %s", service.body)
	}
}

// TestGoogleNames that would lead elsewhere are not asked for.
func TestGoogleNames(t *testing.T) {
	service := newRecorder(t, googleSaid)
	for _, name := range []string{"../files", "a/../b", "a?key=b", "a%2f", "a:embedContent", "-"} {
		if resp, text := askGoogle(t, loadGoogle(t, service.URL, name), "chat/completions", `{"messages":[{"role":"user","content":"x"}]}`); resp.StatusCode != 400 || service.path != "" {
			t.Errorf("%s: %d %s; asked %s", name, resp.StatusCode, text, service.path)
		}
	}
}

// TestGoogleAnswers are events of Google's, and what is at some paths of the answer.
func TestGoogleAnswers(t *testing.T) {
	event := func(text string) string { return "data: " + text + "\r\n\r\n" }
	candidate := func(parts, more string) string {
		return event(`{"candidates":[{"content":{"role":"model","parts":[` + parts + `]}` + more + `}]}`)
	}
	const stop = `,"finishReason":"STOP"`
	for name, test := range map[string]struct {
		more, events string
		status       int
		want         map[string]string // by path; in both forms, where "message" is "delta" in pieces
	}{
		"text": {"", candidate(`{"text":"a"}`, "") + candidate(`{"text":"b"}`, stop), 200,
			map[string]string{"choices.0.message.content": `"ab"`, "choices.0.finish_reason": `"stop"`, "object": `"chat.completion"`, "model": `"mine"`}},
		"thoughts": {"", candidate(`{"text":"hm","thought":true},{"text":"a"}`, stop), 200,
			map[string]string{"choices.0.message.content": `"a"`, "choices.0.message.reasoning_content": `"hm"`}},
		"two": {`,"n":2`, event(`{"candidates":[{"index":1,"content":{"parts":[{"text":"b"}]},"finishReason":"STOP"},{"content":{"parts":[{"text":"a"}]},"finishReason":"MAX_TOKENS"}]}`), 200,
			map[string]string{"choices.#.index": `[0,1]`, "choices.#.message.content": `["a","b"]`, "choices.#.finish_reason": `["length","stop"]`}},
		"calls": {"", candidate(`{"text":"so"},{"functionCall":{"name":"f","args":{"a":[1,"<"]}},"thoughtSignature":"AAAA"},{"functionCall":{"name":"g"}}`, stop), 200,
			map[string]string{"choices.0.message.tool_calls.#.function.name": `["f","g"]`, "choices.0.message.tool_calls.0.function.arguments": `"{\"a\":[1,\"\u003c\"]}"`,
				"choices.0.message.tool_calls.1.function.arguments": `"{}"`, "choices.0.message.tool_calls.0.extra_content.google.thought_signature": `"AAAA"`,
				"choices.0.finish_reason": `"tool_calls"`, "choices.0.message.tool_calls.#.index": `[]`, "choices.0.message.tool_calls.#.type": `["function","function"]`}},
		"one call": {`,"parallel_tool_calls":false`, candidate(`{"functionCall":{"name":"f"}},{"functionCall":{"name":"g"}}`, stop), 200,
			map[string]string{"choices.0.message.tool_calls.#.function.name": `["f"]`, "choices.0.message.content": `null`}},
		"image": {"", candidate(`{"inlineData":{"mimeType":"image/png","data":"AAAA"}}`, stop), 200,
			map[string]string{"choices.0.message.images.0.image_url.url": `"data:image/png;base64,AAAA"`}},
		"unsafe":  {"", candidate(`{"text":"a"}`, `,"finishReason":"SAFETY"`), 200, map[string]string{"choices.0.finish_reason": `"content_filter"`, "choices.0.message.content": `"a"`}},
		"recited": {"", event(`{"candidates":[{"finishReason":"RECITATION"}]}`), 200, map[string]string{"choices.0.finish_reason": `"content_filter"`, "choices.0.message.content": `""`}},
		"blocked": {"", event(`{"promptFeedback":{"blockReason":"PROHIBITED_CONTENT"},"usageMetadata":{"promptTokenCount":3}}`), 200,
			map[string]string{"choices.0.finish_reason": `"content_filter"`, "choices.0.message.content": `null`, "choices.0.message.refusal": `"google does not answer this, and gives as its reason PROHIBITED_CONTENT"`, "usage.prompt_tokens": `3`}},
		"odd end, with words":    {"", candidate(`{"text":"a"}`, `,"finishReason":"LANGUAGE"`), 200, map[string]string{"choices.0.finish_reason": `"stop"`}},
		"odd end, without words": {"", event(`{"candidates":[{"finishReason":"MALFORMED_FUNCTION_CALL"}]}`), 502, map[string]string{"error.code": `"upstream_broken"`}},
		"usage": {"", event(`{"candidates":[{"content":{"parts":[{"text":"a"}]},"finishReason":"STOP"}],"usageMetadata":{"promptTokenCount":5,"toolUsePromptTokenCount":1,"cachedContentTokenCount":2,"candidatesTokenCount":3,"thoughtsTokenCount":4,"totalTokenCount":13}}`), 200,
			map[string]string{"usage.prompt_tokens": `6`, "usage.completion_tokens": `7`, "usage.total_tokens": `13`, "usage.prompt_tokens_details.cached_tokens": `2`, "usage.completion_tokens_details.reasoning_tokens": `4`}},
		"likelihoods": {`,"logprobs":true,"top_logprobs":1`, candidate(`{"text":"é"}`, stop+`,"logprobsResult":{"chosenCandidates":[{"token":"é","logProbability":-0.5}],"topCandidates":[{"candidates":[{"token":"e","logProbability":-1}]}]}`), 200,
			map[string]string{"choices.0.logprobs.content.0": `{"bytes":[195,169],"logprob":-0.5,"token":"é","top_logprobs":[{"bytes":[101],"logprob":-1,"token":"e"}]}`}},
		"id": {"", strings.Replace(candidate(`{"text":"a"}`, stop), `{`, `{"responseId":"r-1",`, 1), 200, map[string]string{"id": `"chatcmpl-r-1"`}},
	} {
		t.Run(name, func(t *testing.T) {
			url := loadGoogle(t, newRecorder(t, test.events).URL, "gemini-2.5-flash")
			for _, stream := range []bool{false, true} {
				body := `{"messages":[{"role":"user","content":"x"}]` + test.more
				if stream {
					body += `,"stream":true,"stream_options":{"include_usage":true}`
				}
				resp, text := askGoogle(t, url, "chat/completions", body+"}")
				if resp.StatusCode != test.status {
					t.Fatalf("%d %s", resp.StatusCode, text)
				}
				if stream && test.status == 200 {
					text = joined(t, text)
				}
				for path, want := range test.want {
					if got := gjson.Get(text, path).Raw; got != want {
						t.Errorf("stream %v: %s is %s, want %s in\n%s", stream, path, got, want, text)
					}
				}
			}
		})
	}
}

// joined puts the pieces of a stream together, as clients do.
func joined(t *testing.T, events string) string {
	t.Helper()
	answer := map[string]any{}
	var choices []map[string]any
	for line := range strings.Lines(events) {
		data, ok := strings.CutPrefix(strings.TrimSpace(line), "data: ")
		if !ok || data == "[DONE]" {
			continue
		}
		var piece map[string]any
		if err := json.Unmarshal([]byte(data), &piece); err != nil {
			t.Fatalf("%v: %s", err, data)
		}
		list, _ := piece["choices"].([]any)
		for name, value := range piece {
			if name != "choices" {
				answer[name] = value
			}
		}
		for _, c := range list {
			c := c.(map[string]any)
			i := int(c["index"].(float64))
			for len(choices) <= i {
				choices = append(choices, map[string]any{"index": len(choices), "message": map[string]any{"content": nil}})
			}
			merge(choices[i], c)
		}
	}
	if answer["error"] == nil && !strings.HasSuffix(events, "data: [DONE]\n\n") {
		t.Errorf("no end in %s", events)
	}
	if answer["object"] == "chat.completion.chunk" {
		answer["object"] = "chat.completion"
	}
	answer["choices"] = choices
	return string(encode(answer))
}

func merge(choice, piece map[string]any) {
	message := choice["message"].(map[string]any)
	for name, value := range piece["delta"].(map[string]any) {
		text, isText := value.(string)
		list, isList := value.([]any)
		switch before := message[name].(type) {
		case string:
			message[name] = before + text
		case []any:
			message[name] = append(before, list...)
		default:
			if name != "content" || isText && text != "" || isList {
				message[name] = value
			}
		}
		for _, one := range list {
			delete(one.(map[string]any), "index")
		}
	}
	if piece["finish_reason"] != nil {
		choice["finish_reason"] = piece["finish_reason"]
		if message["content"] == nil && message["tool_calls"] == nil && message["refusal"] == nil {
			message["content"] = "" // which a stream's first piece said
		}
	}
	if piece["logprobs"] != nil {
		choice["logprobs"] = piece["logprobs"]
	}
}

// TestGoogleHostile: what is no answer of the API becomes an error in OpenAI's form,
// and nothing of it is repeated.
func TestGoogleHostile(t *testing.T) {
	long := strings.Repeat("x", 1<<20)
	for name, answer := range map[string]string{
		"nothing":          "",
		"no JSON":          "data: SECRET-" + googleKey + "\n\n",
		"a list":           "data: [1,2]\n\n",
		"candidates":       "data: {\"candidates\":\"SECRET\"}\n\n",
		"candidate":        "data: {\"candidates\":[\"SECRET\"]}\n\n",
		"null":             "data: {\"candidates\":[null]}\n\n",
		"parts":            "data: {\"candidates\":[{\"content\":{\"parts\":[\"SECRET\"]},\"finishReason\":\"STOP\"}]}\n\n",
		"index":            "data: {\"candidates\":[{\"index\":2000000000,\"finishReason\":\"STOP\"}]}\n\n",
		"number":           "data: {\"candidates\":[{\"index\":1e300,\"finishReason\":\"SECRET\"}]}\n\n",
		"no end":           "data: {\"candidates\":[{\"content\":{\"parts\":[{\"text\":\"SECRET\"}]}}]}\n\n",
		"signature":        "data: {\"candidates\":[{\"content\":{\"parts\":[{\"functionCall\":{\"name\":\"f\"},\"thoughtSignature\":\"?SECRET\"}]},\"finishReason\":\"STOP\"}]}\n\n",
		"deep":             "data: " + strings.Repeat(`{"candidates":[`, 20000) + "\n\n",
		"a page":           "<html>SECRET</html>",
		"end of its own":   "data: {\"candidates\":[{\"finishReason\":\"SECRET" + googleKey + long + "\"}]}\n\n",
		"error":            "data: {\"error\":{\"code\":200,\"message\":\"" + googleKey + "\"}}\n\n",
		"error of a shape": "data: {\"error\":{\"code\":\"SECRET\"}}\n\n",
	} {
		t.Run(name, func(t *testing.T) {
			url := loadGoogle(t, newRecorder(t, answer).URL, "gemini-3-pro")
			resp, text := askGoogle(t, url, "chat/completions", `{"messages":[{"role":"user","content":"x"}]}`)
			secret := strings.Contains(text, "SECRET") && name != "end of its own"
			if resp.StatusCode != 502 || gjson.Get(text, "error.message").Str == "" || strings.Contains(text, googleKey) || secret || len(text) > 2000 {
				t.Errorf("%d %.2000s", resp.StatusCode, text)
			}
		})
	}
}

// fakeGoogle is cmd/provider, which is as strict as the real service.
func fakeGoogle(t *testing.T, more ...string) string {
	t.Helper()
	return sdktest.Program(t, "../../cmd/provider", 1, append([]string{"-key", googleKey, "-model", "gemini-2.5-flash=google", "-model", "gemini-2.0-flash=google",
		"-model", "gemini-3-pro=google", "-model", "gemini-3-flash=google", "-model", "gemini-embedding-001=google"}, more...)...)[0] + "/google"
}

// TestGoogle is all of it against cmd/provider, which is as strict as the real
// service.
func TestGoogle(t *testing.T) {
	service := fakeGoogle(t)
	doc := openaiDocument(t)
	chat := func(t *testing.T, url, body string) string {
		t.Helper()
		resp, text := askGoogle(t, url, "chat/completions", body)
		if resp.StatusCode != 200 {
			t.Fatalf("%d %s", resp.StatusCode, text)
		}
		doc.check(t, "CreateChatCompletionResponse", []byte(text))
		streamed, events := askGoogle(t, url, "chat/completions", `{"stream":true,"stream_options":{"include_usage":true},`+body[1:])
		if streamed.StatusCode != 200 || streamed.Header.Get("Content-Type") != "text/event-stream" {
			t.Fatalf("%d %s", streamed.StatusCode, events)
		}
		for line := range strings.Lines(events) {
			if data, ok := strings.CutPrefix(strings.TrimSpace(line), "data: "); ok && data != "[DONE]" {
				doc.check(t, "CreateChatCompletionStreamResponse", []byte(data))
			}
		}
		for _, path := range []string{"choices.#.message.content", "choices.#.message.tool_calls.#.function.name", "choices.#.message.tool_calls.#.function.arguments", "choices.#.finish_reason", "usage", "model"} {
			if a, b := gjson.Get(text, path).String(), gjson.Get(joined(t, events), path).String(); a != b {
				t.Errorf("%s: %s, and streamed %s", path, a, b)
			}
		}
		return text
	}
	flash, newest := loadGoogle(t, service, "gemini-2.5-flash"), loadGoogle(t, service, "gemini-3-flash")
	const tools = `"tools":[{"type":"function","function":{"name":"add","parameters":{"type":"object","properties":{"a":{"type":"integer","minimum":4}},"required":["a"],"additionalProperties":false}}},{"type":"function","function":{"name":"now"}}]`
	for name, test := range map[string]struct{ body, path, want string }{
		"text":        {`{"messages":[{"role":"system","content":"Be short."},{"role":"user","content":"a b c"}],"temperature":0,"top_p":1,"top_k":3,"seed":7,"stop":["z"],"presence_penalty":2,"frequency_penalty":-2}`, "choices.0.message.content", `"a b c"`},
		"cut short":   {`{"messages":[{"role":"user","content":"a b c"}],"max_tokens":2}`, "choices.0.finish_reason", `"length"`},
		"several":     {`{"messages":[{"role":"user","content":"a b c"}],"n":3}`, "choices.#.message.content", `["a b c","a b c","a b c"]`},
		"likelihoods": {`{"messages":[{"role":"user","content":"a b"}],"logprobs":true,"top_logprobs":2}`, "choices.0.logprobs.content.#.top_logprobs.#", `[2,2]`},
		"image":       {`{"messages":[{"role":"user","content":[{"type":"image_url","image_url":{"url":"data:image/png;base64,iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk+M9QDwADhgGAWjR9awAAAABJRU5ErkJggg=="}}]}]}`, "choices.0.message.content", `"image/png 1x1"`},
		"JSON":        {`{"messages":[{"role":"user","content":"x"}],"response_format":{"type":"json_schema","json_schema":{"name":"n","schema":{"type":"object","properties":{"n":{"type":"integer"}}}}}}`, "choices.0.message.content", `"{\"n\":1}"`},
		"effort":      {`{"messages":[{"role":"user","content":"a"}],"reasoning_effort":"low"}`, "usage.completion_tokens_details.reasoning_tokens", `3`},
		"required":    {`{"messages":[{"role":"user","content":"x"}],"tool_choice":"required",` + tools + `}`, "choices.0.message.tool_calls.#.function", `[{"name":"add","arguments":"{\"a\":4}"}]`},
		"by name":     {`{"messages":[{"role":"user","content":"x"}],"tool_choice":{"type":"function","function":{"name":"now"}},` + tools + `}`, "choices.0.message.tool_calls.#.function.name", `["now"]`},
		"parallel":    {`{"messages":[{"role":"user","content":"add now"}],` + tools + `}`, "choices.0.message.tool_calls.#.function.name", `["add","now"]`},
		"no tool":     {`{"messages":[{"role":"user","content":"add now"}],"tool_choice":"none",` + tools + `}`, "choices.0.message.content", `"add now"`},
		"refused":     {`{"messages":[{"role":"user","content":"REFUSE"}]}`, "choices.0.finish_reason", `"content_filter"`},
		"recited":     {`{"messages":[{"role":"user","content":"a FINISH:RECITATION"}]}`, "choices.0.finish_reason", `"content_filter"`},
		"model first": {`{"messages":[{"role":"assistant","content":"hello"},{"role":"user","content":"a"}]}`, "choices.0.message.content", `"a"`},
	} {
		t.Run(name, func(t *testing.T) {
			for _, url := range []string{flash, newest} {
				if text := chat(t, url, test.body); gjson.Get(text, test.path).Raw != test.want {
					t.Errorf("%s is %s, want %s in %s", test.path, gjson.Get(text, test.path).Raw, test.want, text)
				}
			}
		})
	}
	t.Run("results of tools", func(t *testing.T) {
		question := `{"role":"user","content":"add now"}`
		for _, url := range []string{flash, newest} {
			said := gjson.Get(chat(t, url, `{"messages":[`+question+`],`+tools+`}`), "choices.0.message").Raw
			calls := gjson.Get(said, "tool_calls.#.id").Array()
			results := fmt.Sprintf(`{"role":"tool","tool_call_id":%q,"content":"noon"},{"role":"tool","tool_call_id":%q,"content":"{\"sum\":5}"}`, calls[1].Str, calls[0].Str)
			bare := fmt.Sprintf(`{"role":"assistant","content":null,"tool_calls":[{"id":%q,"type":"function","function":{"name":"add","arguments":"{}"}},{"id":%q,"type":"function","function":{"name":"now","arguments":"{}"}}]}`, calls[0].Str, calls[1].Str)
			foreign := strings.NewReplacer(calls[0].Str, "toolu_1", calls[1].Str, "toolu_2").Replace(bare + "," + results)
			for way, turns := range map[string]string{"as it came": said + "," + results, "without its signature": bare + "," + results, "of another model": foreign} {
				text := chat(t, url, `{"messages":[`+question+`,`+turns+`],`+tools+`}`)
				if got := gjson.Get(text, "choices.0.message.content").Str; got != `add {"sum":5} now {"output":"noon"}` {
					t.Errorf("%s: %s", way, got)
				}
			}
		}
	})
}

// TestGoogleFaults are errors of the service in OpenAI's form, with its request id.
func TestGoogleFaults(t *testing.T) {
	service := fakeGoogle(t, "-fault", "/google/v1beta/models/gemini-2.0-flash 429")
	for name, test := range map[string]struct {
		model, body, code, says string
		status                  int
	}{
		"argument": {"gemini-2.5-flash", `{"messages":[{"role":"user","content":"x"}],"temperature":3}`, "INVALID_ARGUMENT", "temperature must be in the range [0.0, 2.0]. (request id google-request-1)", 400},
		"model":    {"gemini-9", `{"messages":[{"role":"user","content":"x"}]}`, "model_not_found", "google does not have the model 'gemini-9' for this key", 404},
		"quota":    {"gemini-2.0-flash", `{"messages":[{"role":"user","content":"x"}]}`, "RESOURCE_EXHAUSTED", "You exceeded your current quota", 429},
		"overload": {"gemini-2.5-flash", `{"messages":[{"role":"user","content":"OVERLOAD"}]}`, "UNAVAILABLE", "The model is overloaded. Please try again later. (request id google-request-1)", 503},
		"cut":      {"gemini-2.5-flash", `{"messages":[{"role":"user","content":"CUT"}]}`, "upstream_broken", "broke off", 502},
		"thinking": {"gemini-2.5-flash", `{"messages":[{"role":"user","content":"x"}],"tools":[{"type":"function","function":{"name":"1 a"}}]}`, "INVALID_ARGUMENT", "Invalid function name", 400},
	} {
		t.Run(name, func(t *testing.T) {
			url := loadGoogle(t, service, test.model)
			for _, stream := range []string{"{", `{"stream":true,`} {
				resp, text := askGoogle(t, url, "chat/completions", stream+test.body[1:])
				if resp.StatusCode != test.status || gjson.Get(text, "error.code").Str != test.code || !strings.Contains(gjson.Get(text, "error.message").Str, test.says) {
					t.Errorf("%d %s, want %d %s %q", resp.StatusCode, text, test.status, test.code, test.says)
				}
				if wait := resp.Header.Get("Retry-After"); test.status == 429 && wait != "2" {
					t.Errorf("Retry-After is %q", wait)
				}
				if id := resp.Header.Get("X-Upstream-Request-Id"); test.status != 502 && id != "google-request-1" {
					t.Errorf("the request's id is %q", id)
				}
			}
		})
	}
	t.Run("key", func(t *testing.T) {
		other := sdktest.Program(t, "../../cmd/provider", 1, "-key", "another", "-model", "gemini-2.5-flash=google")[0] + "/google"
		resp, text := askGoogle(t, loadGoogle(t, other, "gemini-2.5-flash"), "chat/completions", `{"messages":[{"role":"user","content":"x"}]}`)
		if resp.StatusCode != 502 || gjson.Get(text, "error.code").Str != "upstream_unauthorized" || !strings.Contains(text, "engines/google.json") || strings.Contains(text, googleKey) {
			t.Errorf("%d %s", resp.StatusCode, text)
		}
	})
	for word, code := range map[string]string{"OVERLOAD": "UNAVAILABLE", "CUT": "upstream_broken"} { // after some words
		_, text := askGoogle(t, loadGoogle(t, service, "gemini-2.5-flash"), "chat/completions", `{"stream":true,"messages":[{"role":"user","content":"a b `+word+`"}]}`)
		events := strings.Split(strings.TrimSpace(text), "\n\n")
		last := strings.TrimPrefix(strings.TrimSpace(events[len(events)-1]), "data: ")
		if len(events) < 3 || gjson.Get(last, "error.code").Str != code {
			t.Errorf("%s: %s", word, text)
		}
	}
}

// TestGoogleTriesAgain after as long as the service says in the body of its error.
func TestGoogleTriesAgain(t *testing.T) {
	header := http.Header{}
	body := `[{"error":{"code":429,"details":[{"@type":"type.googleapis.com/google.rpc.RetryInfo","retryDelay":"1.5s"},{"requestId":"a b"},{"requestId":"r-1"}]}}]`
	if status := googleDetails(header, 429, []byte(body)); status != 429 || header.Get("Retry-After") != "1.500" || header.Get("X-Request-Id") != "r-1" {
		t.Errorf("%d %v", status, header)
	}
	for _, hostile := range []string{"", "[]", `{"error":[]}`, `{"error":{"details":"x"}}`, `{"error":{"details":[{"retryDelay":"-5s"},{"retryDelay":"x"},{"reason":1}]}}`} {
		header := http.Header{}
		if status := googleDetails(header, 500, []byte(hostile)); status != 500 || len(header) != 0 {
			t.Errorf("%s: %d %v", hostile, status, header)
		}
	}
}

// TestGoogleLeaves: a client that has gone is gone for the service too.
func TestGoogleLeaves(t *testing.T) {
	gone := make(chan struct{})
	service := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		io.Copy(io.Discard, r.Body)
		w.Header().Set("Content-Type", "text/event-stream")
		fmt.Fprint(w, "data: {\"candidates\":[{\"content\":{\"parts\":[{\"text\":\"a\"}]}}]}\r\n\r\n")
		http.NewResponseController(w).Flush()
		<-r.Context().Done()
		close(gone)
	}))
	t.Cleanup(service.Close)
	url := loadGoogle(t, service.URL, "gemini-2.5-flash")
	resp, err := http.Post(url+"/v1/chat/completions", "application/json", strings.NewReader(`{"stream":true,"messages":[{"role":"user","content":"x"}]}`))
	if err != nil {
		t.Fatal(err)
	}
	if n, err := resp.Body.Read(make([]byte, 10)); n == 0 {
		t.Fatal(err)
	}
	resp.Body.Close()
	<-gone
}

func TestGoogleEmbeddings(t *testing.T) {
	service := fakeGoogle(t)
	doc := openaiDocument(t)
	url := loadGoogle(t, service, "gemini-embedding-001")
	many := `["` + strings.TrimSuffix(strings.Repeat(`a","`, 249), `","`) + `","bb"]`
	for name, test := range map[string]struct{ body, path, want string }{
		"one":        {`{"input":"abc"}`, "data.0.embedding.0", "3"},
		"several":    {`{"input":["a","bb"]}`, "data.#.index", "[0,1]"},
		"many":       {`{"input":` + many + `,"dimensions":1}`, "data.#", "250"},
		"last":       {`{"input":` + many + `,"dimensions":2}`, "data.249.embedding.0", "0.9701425"},
		"dimensions": {`{"input":"abc","dimensions":2}`, "data.0.embedding", "[0.9863939,0.16439898]"},
		"base64":     {`{"input":"abc","dimensions":2,"encoding_format":"base64"}`, "data.0.embedding", `"UIR8PzVYKD4="`},
		"usage":      {`{"input":"abc"}`, "usage.prompt_tokens", "0"},
		"model":      {`{"input":"abc"}`, "model", `"mine"`},
	} {
		t.Run(name, func(t *testing.T) {
			resp, text := askGoogle(t, url, "embeddings", test.body)
			if got := gjson.Get(text, test.path).Raw; resp.StatusCode != 200 || got != test.want {
				t.Errorf("%d, %s is %s, want %s in %.500s", resp.StatusCode, test.path, got, test.want, text)
			}
			if name != "base64" {
				doc.check(t, "CreateEmbeddingResponse", []byte(text))
			}
		})
	}
	for body, says := range map[string]string{`{"input":[1,2]}`: "tokens of its own", `{"input":""}`: "none of them empty", `{"input":["a",""]}`: "none of them empty", `{"input":"a","dimensions":9999}`: "output_dimensionality"} {
		if resp, text := askGoogle(t, url, "embeddings", body); resp.StatusCode != 400 || !strings.Contains(text, says) {
			t.Errorf("%s: %d %s", body, resp.StatusCode, text)
		}
	}
	short := newRecorder(t, `{"embeddings":[{"values":[1]}]}`)
	if resp, text := askGoogle(t, loadGoogle(t, short.URL, "gemini-embedding-001"), "embeddings", `{"input":["a","b"]}`); resp.StatusCode != 502 {
		t.Errorf("%d %s", resp.StatusCode, text)
	}
}

func TestGoogleModels(t *testing.T) {
	list := func(base string) ([]sdk.Manifest, error) {
		e := &engine{}
		settings := json.RawMessage(fmt.Sprintf(`{"provider": "google", "base_url": %q, "max_retries": 0}`, base))
		if err := e.Configure(t.Context(), sdk.Configuration{Deployment: "g", Settings: settings, Secrets: map[string]string{"api_key": googleKey}, Log: hclog.NewNullLogger()}); err != nil {
			t.Fatal(err)
		}
		return e.Models(t.Context())
	}
	var more []string
	for i := range 1200 {
		more = append(more, "-model", fmt.Sprintf("gemini-%d=google", i+10))
	}
	all, err := list(fakeGoogle(t, more...))
	if err != nil || len(all) != 1205 {
		t.Fatalf("%d models, %v", len(all), err)
	}
	if m := all[0]; m.ID != "gemini-2.5-flash" || m.Name != "The gemini-2.5-flash" || m.Metadata["type"] != "chat" || m.Metadata["context_length"] != int32(1048576) || m.Metadata["vision"] != true || m.Settings["model"] != m.ID {
		t.Errorf("%+v", m)
	}
	if m := all[4]; m.Metadata["type"] != "embedding" || m.Settings["embedding"] != true {
		t.Errorf("%+v", m)
	}
	for answer, want := range map[string]int{`{"models":[{"name":"models/a","supportedGenerationMethods":["generateContent"]},{"name":"models/b","supportedGenerationMethods":["bidiGenerateContent"]},{"name":"models/../c","supportedGenerationMethods":["generateContent"]}]}`: 1, `{}`: 0} {
		if all, err := list(newRecorder(t, answer).URL); err != nil || len(all) != want {
			t.Errorf("%s: %v, %v", answer, all, err)
		}
	}
	for _, hostile := range []string{`{"models":"x"}`, `{"models":[null]}`, `[]`, `<html>`} {
		if all, err := list(newRecorder(t, hostile).URL); sdk.CodeOf(err) != sdk.CodeUnavailable {
			t.Errorf("%s: %v, %v", hostile, all, err)
		}
	}
}
