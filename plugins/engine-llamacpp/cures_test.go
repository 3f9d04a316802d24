package main

import (
	"encoding/json"
	"net/http/httptest"
	"os"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/enginebay/enginebay/sdk"
	"github.com/enginebay/enginebay/sdk/openai"
)

const (
	question  = `"messages":[{"role":"user","content":"What is 2 + 3?"}],"temperature":0,"max_tokens":80`
	parameter = `{"type":"object","properties":{"a":{"enum":[1,2]}},"required":["a"],"additionalProperties":false}`
	functions = `"tools":[{"type":"function","function":{"name":"add","parameters":` + parameter + `}},{"type":"function","function":{"name":"sub","parameters":` + parameter + `}}]`
	flat      = `"tools":[{"type":"function","name":"add","parameters":` + parameter + `},{"type":"function","name":"sub","parameters":` + parameter + `}]`
	anthropic = `"tools":[{"name":"add","input_schema":` + parameter + `},{"name":"sub","input_schema":` + parameter + `}]`
	asked     = `"input":"What is 2 + 3?","temperature":0,"max_output_tokens":80`
)

func withTools(t *testing.T) sdk.Endpoint {
	t.Helper()
	template, err := os.ReadFile("../../cmd/enginebay/testdata/clients/tools.jinja")
	if err != nil {
		t.Fatal(err)
	}
	return load(t, string(template))
}

// post asks the handler, and returns status and body.
func post(e sdk.Endpoint, path, body string) (int, string) {
	recorder := httptest.NewRecorder()
	e.Detour.ServeHTTP(recorder, httptest.NewRequest("POST", path, strings.NewReader(body)))
	return recorder.Code, recorder.Body.String()
}

// repeated are the tools of the request in a response.
var repeated = regexp.MustCompile(`"tools":\[.*?\],"top_p"`)

// TestToolChoice: whoever chooses a tool gets that one, in each API, also streamed.
// llama-server itself (b11669) reads such a choice as "auto".
func TestToolChoice(t *testing.T) {
	e := withTools(t)
	for _, test := range []struct{ name, path, body string }{
		{"chat", "/v1/chat/completions", question + "," + functions + `,"tool_choice":{"type":"function","function":{"name":"sub"}}`},
		{"allowed tools", "/v1/chat/completions", question + "," + functions + `,"tool_choice":{"type":"allowed_tools","allowed_tools":{"mode":"required","tools":[{"type":"function","function":{"name":"sub"}}]}}`},
		{"responses", "/v1/responses", asked + "," + flat + `,"tool_choice":{"type":"function","name":"sub"}`},
		{"messages", "/v1/messages", question + "," + anthropic + `,"tool_choice":{"type":"tool","name":"sub"}`},
	} {
		for how, stream := range map[string]string{"whole": `{`, "streamed": `{"stream":true,`} {
			t.Run(test.name+", "+how, func(t *testing.T) {
				status, answer := post(e, test.path, stream+test.body+"}")
				called := repeated.ReplaceAllString(answer, "")
				if status != 200 || !strings.Contains(called, `"name":"sub"`) || strings.Contains(called, `"name":"add"`) {
					t.Errorf("status %d: %s", status, answer)
				}
			})
		}
	}
	if status, answer := post(e, "/v1/chat/completions", "{"+question+","+functions+`,"tool_choice":{"type":"function","function":{"name":"mul"}}}`); status != 400 || !strings.Contains(answer, "there is no tool 'mul'") {
		t.Errorf("status %d: %s", status, answer)
	}
}

// TestRefused: what llama-server reads over, or answers with a fault of its own, is
// a clear refusal with the name of what is wrong.
func TestRefused(t *testing.T) {
	e := load(t, "")
	image := `{"messages":[{"role":"user","content":[{"type":"image_url","image_url":{"url":"data:image/png;base64,AAAA"}}]}]}`
	for _, test := range []struct{ name, path, body, param, code, says string }{
		{"tools that no template shows", "/v1/chat/completions", `{` + question + `,` + functions + `}`, "tools", "unsupported_parameter", "chat template"},
		{"the same of a message", "/v1/messages", `{` + question + `,` + anthropic + `}`, "tools", "unsupported_parameter", "chat template"},
		{"functions of old", "/v1/chat/completions", `{` + question + `,"functions":[{"name":"f"}]}`, "functions", "unsupported_parameter", "'functions' is not supported"},
		{"an image", "/v1/chat/completions", image, "", "unsupported_content", "does not take image input"},
		{"too long", "/v1/chat/completions", `{"messages":[{"role":"user","content":"` + strings.Repeat("word ", 2000) + `"}]}`, "", "context_length_exceeded", "maximum context length is 512"},
		{"a text to embed that is too long", "/v1/embeddings", `{"input":"` + strings.Repeat("word ", 2000) + `"}`, "", "context_length_exceeded", "maximum context length is 512"},
		{"no role", "/v1/chat/completions", `{"messages":[{"content":"x"}]}`, "messages", "invalid_value", "Missing 'role'"},
		{"a wrong value", "/v1/chat/completions", `{` + question + `,"temperature":"hot"}`, "temperature", "invalid_value", "must be number"},
		{"a schema of no type", "/v1/chat/completions", `{` + question + `,"response_format":{"type":"json_schema","json_schema":{"name":"x","schema":{"type":"zzz"}}}}`, "", "invalid_value", "unrecognized type zzz"},
		{"echo", "/v1/completions", `{"prompt":"x","echo":true}`, "echo", "unsupported_parameter", ""},
		{"suffix", "/v1/completions", `{"prompt":"x","suffix":"y"}`, "suffix", "unsupported_parameter", ""},
		{"best_of", "/v1/completions", `{"prompt":"x","best_of":3}`, "best_of", "unsupported_parameter", "Use 'n'"},
		{"dimensions", "/v1/embeddings", `{"input":"x","dimensions":7}`, "dimensions", "unsupported_parameter", "have 128 dimensions"},
		{"a response before", "/v1/responses", `{` + asked + `,"previous_response_id":"x"}`, "previous_response_id", "unsupported_parameter", "whole conversation"},
		{"sound to be spoken", "/v1/chat/completions", `{` + question + `,"audio":{"voice":"x","format":"wav"}}`, "audio", "unsupported_parameter", ""},
		{"likelihoods of a response", "/v1/responses", `{` + asked + `,"include":["message.output_text.logprobs"]}`, "top_logprobs", "unsupported_parameter", "/v1/chat/completions"},
		{"an item by its name", "/v1/responses", `{"input":[{"type":"item_reference","id":"x"}]}`, "input", "unsupported_parameter", "Send the item itself"},
		{"in the background", "/v1/responses", `{` + asked + `,"background":true}`, "background", "unsupported_parameter", ""},
		{"a tool of OpenAI's", "/v1/responses", `{` + asked + `,"tools":[{"type":"web_search"}]}`, "tools", "unsupported_parameter", "web_search"},
		{"a format that is none", "/v1/responses", `{` + asked + `,"text":{"format":{"type":"yaml"}}}`, "text.format.type", "invalid_value", ""},
		{"no object", "/v1/chat/completions", `[]`, "", "invalid_json", ""},
	} {
		t.Run(test.name, func(t *testing.T) {
			status, answer := post(e, test.path, test.body)
			var said struct {
				Error struct{ Message, Type, Param, Code string }
			}
			if err := json.Unmarshal([]byte(answer), &said); err != nil {
				t.Fatalf("%v: %s", err, answer)
			}
			if got := said.Error; status != 400 || got.Param != test.param || got.Code != test.code || got.Type != "invalid_request_error" || !strings.Contains(got.Message, test.says) {
				t.Errorf("status %d: %s", status, answer)
			}
		})
	}
}

// TestRemoteImages: llama-server would fetch them, from this machine's network.
func TestRemoteImages(t *testing.T) {
	seeing := traits{media: true}
	for request, fits := range map[string]bool{
		`{"messages":[{"role":"user","content":[{"type":"image_url","image_url":{"url":"data:image/png;base64,AA=="}}]}]}`:                                true,
		`{"messages":[{"role":"user","content":"see http://127.0.0.1/x.png"}]}`:                                                                           true,
		`{"messages":[{"role":"user","content":[{"type":"image_url","image_url":{"url":"http://127.0.0.1/x.png"}}]}]}`:                                    false,
		`{"messages":[{"role":"user","content":[{"type":"image_url","image_url":{"url":"file:///etc/passwd"}}]}]}`:                                        false,
		`{"messages":[{"role":"user","content":[{"type":"image","source":{"type":"url","url":"https://x.example/x.png"}}]}]}`:                             false,
		`{"input":[{"role":"user","content":[{"type":"input_image","image_url":"http://127.0.0.1/x.png"}]}]}`:                                             false,
		`{"messages":[{"role":"user","content":[{"type":"tool_result","content":[{"type":"image","source":{"type":"url","url":"http://127.0.0.1"}}]}]}]}`: false,
	} {
		var b openai.Body
		if err := json.Unmarshal([]byte(request), &b); err != nil {
			t.Fatal(err)
		}
		if err := seeing.onlyData(b); (err == nil) != fits {
			t.Errorf("%s: %v", request, err)
		}
	}
	if !slices.Contains(seeing.detours([]sdk.Operation{sdk.OpChat}), "chat/completions") {
		t.Error("streams of a model that sees go past the check")
	}
}

// TestFormOfAResponse: llama-server reads over text.format of /v1/responses.
func TestFormOfAResponse(t *testing.T) {
	status, answer := post(load(t, ""), "/v1/responses", `{`+asked+`,"text":{"format":{"type":"json_schema","name":"x","schema":`+parameter+`}}}`)
	var response struct {
		Output []struct{ Content []struct{ Text string } }
	}
	if err := json.Unmarshal([]byte(answer), &response); err != nil || status != 200 {
		t.Fatalf("status %d, %v: %s", status, err, answer)
	}
	var fits struct{ A int }
	if err := json.Unmarshal([]byte(response.Output[0].Content[0].Text), &fits); err != nil || fits.A < 1 {
		t.Errorf("%v: %s", err, answer)
	}
}

// TestItems: those of a conversation that OpenAI's clients send.
func TestItems(t *testing.T) {
	e := load(t, "")
	for _, item := range []string{
		`{"role":"assistant","content":"x"}`, `{"role":"assistant","content":[{"type":"output_text","text":"x"}]}`,
		`{"type":"message","role":"assistant","content":"x"}`, `{"type":"reasoning","id":"r","summary":[]}`, `{"role":"developer","content":"x"}`,
		`{"type":"function_call","call_id":"c","name":"f","arguments":"{}"},{"type":"function_call_output","call_id":"c","output":"x"}`,
		`{"type":"message","role":"assistant","content":[{"type":"refusal","refusal":"no"}]}`,
		`{"type":"web_search_call","id":"ws_1","status":"completed"},{"type":"mcp_list_tools","id":"m","server_label":"l","tools":[]}`,
	} {
		if status, answer := post(e, "/v1/responses", `{"input":[{"role":"user","content":"a"},`+item+`,{"role":"user","content":"b"}],"max_output_tokens":4}`); status != 200 {
			t.Errorf("%s: status %d: %s", item, status, answer)
		}
	}
}

// TestUsageOfSeveralChoices is the sum over them, with each prompt counted once.
func TestUsageOfSeveralChoices(t *testing.T) {
	e := load(t, "")
	type usage struct {
		Usage *struct {
			Prompt int `json:"prompt_tokens"`
			Done   int `json:"completion_tokens"`
			Total  int `json:"total_tokens"`
		}
	}
	for _, test := range []struct {
		name, path, body string
		prompt, done     int
	}{
		{"two prompts", "/v1/completions", `{"prompt":["2 + 3","1 + 1"],"max_tokens":3,"temperature":0,"ignore_eos":true}`, 10, 6},
		{"one", "/v1/completions", `{"prompt":"2 + 3","max_tokens":3,"temperature":0,"ignore_eos":true}`, 5, 3},
	} {
		_, answer := post(e, test.path, test.body)
		var got usage
		if err := json.Unmarshal([]byte(answer), &got); err != nil || got.Usage == nil || got.Usage.Prompt != test.prompt || got.Usage.Done != test.done || got.Usage.Total != test.prompt+test.done {
			t.Errorf("%s: %v: %s", test.name, err, answer)
		}
	}
	_, events := post(e, "/v1/completions", `{"prompt":["2 + 3","1 + 1"],"max_tokens":3,"stream":true}`)
	if strings.Contains(events, "data: null") || !strings.HasSuffix(events, "data: [DONE]\n\n") {
		t.Error(events)
	}
}
