package api_test

import (
	"encoding/json"
	"fmt"
	"strings"
	"testing"
)

const anyMessages = `"messages":[{"role":"user","content":"x"}]`

// TestRequestsAreChecked: what OpenAI's document does not allow never gets to an
// engine, and the error names the field as OpenAI's own does.
func TestRequestsAreChecked(t *testing.T) {
	b := newBay(t, map[string]string{"m": `{"refuse": "the request got to the engine"}`})
	for _, test := range []struct{ operation, body, param, code string }{
		{"chat/completions", ``, "messages", "missing_required_parameter"},
		{"chat/completions", `"messages":null`, "messages", "missing_required_parameter"},
		{"chat/completions", `"messages":"x"`, "messages", "invalid_type"},
		{"chat/completions", `"messages":[]`, "messages", "empty_array"},
		{"chat/completions", `"messages":[7]`, "messages[0]", "invalid_type"},
		{"chat/completions", `"messages":[{"content":"x"}]`, "messages[0].role", "missing_required_parameter"},
		{"chat/completions", `"messages":[{"role":7,"content":"x"}]`, "messages[0].role", "invalid_type"},
		{"chat/completions", `"messages":[{"role":"nobody","content":"x"}]`, "messages[0].role", "invalid_value"},
		{"chat/completions", `"messages":[{"role":"user"}]`, "messages[0].content", "missing_required_parameter"},
		{"chat/completions", `"messages":[{"role":"user","content":null}]`, "messages[0].content", "invalid_type"},
		{"chat/completions", `"messages":[{"role":"user","content":[]}]`, "messages[0].content", "empty_array"},
		{"chat/completions", `"messages":[{"role":"user","content":["x"]}]`, "messages[0].content[0]", "invalid_type"},
		{"chat/completions", `"messages":[{"role":"user","content":[{"type":"text"}]}]`, "messages[0].content[0].text", "missing_required_parameter"},
		{"chat/completions", `"messages":[{"role":"user","content":[{"type":"smell"}]}]`, "messages[0].content[0].type", "invalid_value"},
		{"chat/completions", `"messages":[{"role":"user","content":[{"type":"image_url","image_url":"x"}]}]`, "messages[0].content[0].image_url", "invalid_type"},
		{"chat/completions", `"messages":[{"role":"assistant"}]`, "messages[0].content", "missing_required_parameter"},
		{"chat/completions", `"messages":[{"role":"assistant","tool_calls":"x"}]`, "messages[0].tool_calls", "invalid_type"},
		{"chat/completions", `"messages":[{"role":"assistant","tool_calls":[{"type":"function","id":"1"}]}]`, "messages[0].tool_calls[0].function", "missing_required_parameter"},
		{"chat/completions", `"messages":[{"role":"tool","content":"x"}]`, "messages[0].tool_call_id", "missing_required_parameter"},
		{"chat/completions", anyMessages + `,"temperature":"hot"`, "temperature", "invalid_type"},
		{"chat/completions", anyMessages + `,"temperature":true`, "temperature", "invalid_type"},
		{"chat/completions", anyMessages + `,"temperature":2.1`, "temperature", "decimal_above_max_value"},
		{"chat/completions", anyMessages + `,"top_p":7`, "top_p", "decimal_above_max_value"},
		{"chat/completions", anyMessages + `,"presence_penalty":-3`, "presence_penalty", "decimal_below_min_value"},
		{"chat/completions", anyMessages + `,"n":-1`, "n", "integer_below_min_value"},
		{"chat/completions", anyMessages + `,"n":1.5`, "n", "invalid_type"},
		{"chat/completions", anyMessages + `,"max_tokens":"x"`, "max_tokens", "invalid_type"},
		{"chat/completions", anyMessages + `,"stop":7`, "stop", "invalid_type"},
		{"chat/completions", anyMessages + `,"stop":[7]`, "stop[0]", "invalid_type"},
		{"chat/completions", anyMessages + `,"seed":99999999999999999999`, "seed", "integer_above_max_value"},
		{"chat/completions", anyMessages + `,"logit_bias":[]`, "logit_bias", "invalid_type"},
		{"chat/completions", anyMessages + `,"logit_bias":{"word":1}`, "logit_bias", "invalid_value"},
		{"chat/completions", anyMessages + `,"logit_bias":{"7":"x"}`, "logit_bias.7", "invalid_type"},
		{"chat/completions", anyMessages + `,"logprobs":5`, "logprobs", "invalid_type"},
		{"chat/completions", anyMessages + `,"top_logprobs":30`, "top_logprobs", "integer_above_max_value"},
		{"chat/completions", anyMessages + `,"response_format":"x"`, "response_format", "invalid_type"},
		{"chat/completions", anyMessages + `,"response_format":{}`, "response_format.type", "missing_required_parameter"},
		{"chat/completions", anyMessages + `,"response_format":{"type":"yaml"}`, "response_format.type", "invalid_value"},
		{"chat/completions", anyMessages + `,"response_format":{"type":"json_schema"}`, "response_format.json_schema", "missing_required_parameter"},
		{"chat/completions", anyMessages + `,"tools":"x"`, "tools", "invalid_type"},
		{"chat/completions", anyMessages + `,"tools":[{}]`, "tools[0].type", "missing_required_parameter"},
		{"chat/completions", anyMessages + `,"tools":[{"type":"function","function":{"name":7}}]`, "tools[0].function.name", "invalid_type"},
		{"chat/completions", anyMessages + `,"tool_choice":"maybe"`, "tool_choice", "invalid_value"},
		{"chat/completions", anyMessages + `,"tool_choice":{}`, "tool_choice.type", "missing_required_parameter"},
		{"chat/completions", anyMessages + `,"stream_options":{"include_usage":"x"}`, "stream_options.include_usage", "invalid_type"},
		{"chat/completions", anyMessages + `,"user":7`, "user", "invalid_type"},
		{"completions", ``, "prompt", "missing_required_parameter"},
		{"completions", `"prompt":7`, "prompt", "invalid_type"},
		{"completions", `"prompt":[]`, "prompt", "empty_array"},
		{"completions", `"prompt":[true]`, "prompt[0]", "invalid_type"},
		{"completions", `"prompt":"x","logprobs":9`, "logprobs", "integer_above_max_value"},
		{"completions", `"prompt":"x","echo":"x"`, "echo", "invalid_type"},
		{"embeddings", ``, "input", "missing_required_parameter"},
		{"embeddings", `"input":[[]]`, "input[0]", "empty_array"},
		{"embeddings", `"input":[[-1]]`, "input[0][0]", "integer_below_min_value"},
		{"embeddings", `"input":"x","encoding_format":"hex"`, "encoding_format", "invalid_value"},
		{"embeddings", `"input":"x","dimensions":0`, "dimensions", "integer_below_min_value"},
		{"responses", `"input":7`, "input", "invalid_type"},
		{"responses", `"input":"x","max_output_tokens":"x"`, "max_output_tokens", "invalid_type"},
		{"responses", `"input":"x","tools":[{}]`, "tools[0].type", "missing_required_parameter"},
		{"messages", `"messages":[{"role":"user"}]`, "messages[0].content", "missing_required_parameter"},
		{"messages", anyMessages + `,"max_tokens":0`, "max_tokens", "integer_below_min_value"},
		{"rerank", `"query":"x"`, "documents", "missing_required_parameter"},
		{"tokenize", ``, "content", "missing_required_parameter"},
	} {
		t.Run(test.operation+" "+test.body, func(t *testing.T) {
			body := strings.TrimSuffix(`{"model":"m",`+test.body, ",") + "}"
			status, answer := b.do("POST", "/v1/"+test.operation, body)
			var e errorBody
			if err := json.Unmarshal([]byte(answer), &e); err != nil {
				t.Fatalf("%v: %s", err, answer)
			}
			if status != 400 || e.Error.Param == nil || *e.Error.Param != test.param || e.Error.Code == nil || *e.Error.Code != test.code {
				t.Errorf("status %d: %s", status, answer)
			}
		})
	}
}

// TestWhatEnginesHaveOfTheirOwnPasses the check: fields that OpenAI does not know,
// nulls, and what clients of local models are used to.
func TestWhatEnginesHaveOfTheirOwnPasses(t *testing.T) {
	b := newBay(t, map[string]string{"m": `{}`})
	for _, more := range []string{
		`"top_k":40,"min_p":0.1,"grammar":"root ::= [a-z]"`, `"temperature":null,"stop":null,"tools":null`, `"max_tokens":-1`,
		`"stop":["1","2","3","4","5"]`, `"seed":-1,"n":1.0,"user":"me"`, `"response_format":{"type":"json_object","schema":{}}`,
	} {
		if status, answer := b.do("POST", "/v1/chat/completions", chat("m", "hello", more)); status != 200 {
			t.Errorf("%s: status %d: %s", more, status, answer)
		}
	}
	for i, message := range []string{
		`{"role":"developer","content":"x"}`, `{"role":"assistant","content":null,"tool_calls":[{"id":"1","type":"function","function":{"name":"f","arguments":"{}"}}]}`,
		`{"role":"tool","tool_call_id":"1","content":[{"type":"text","text":"x"}]}`, `{"role":"assistant","content":"x","tool_calls":null}`,
		`{"role":"user","content":[{"type":"image_url","image_url":{"url":"data:image/png;base64,AA=="}}],"name":"me"}`,
	} {
		if status, answer := b.do("POST", "/v1/chat/completions", fmt.Sprintf(`{"model":"m","messages":[%s]}`, message)); status != 200 {
			t.Errorf("message %d: status %d: %s", i, status, answer)
		}
	}
}
