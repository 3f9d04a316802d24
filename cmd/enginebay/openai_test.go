package main

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"os"
	"strings"
	"testing"

	"github.com/enginebay/enginebay/schemas"
)

// openaiDocument is what OpenAI's OpenAPI document says of answers, events and
// errors (testdata/openai).
type openaiDocument struct {
	t        *testing.T
	defs     map[string]any
	compiled map[string]*schemas.Schema
}

func newDocument(t *testing.T) *openaiDocument {
	t.Helper()
	data, err := os.ReadFile("testdata/openai/document.json")
	if err != nil {
		t.Fatal(err)
	}
	var doc struct {
		Defs map[string]any `json:"$defs"`
	}
	if err := json.Unmarshal(data, &doc); err != nil {
		t.Fatal(err)
	}
	return &openaiDocument{t, doc.Defs, map[string]*schemas.Schema{}}
}

// schema returns one of the document's by its name.
func (d *openaiDocument) schema(name string) *schemas.Schema {
	d.t.Helper()
	if d.compiled[name] == nil {
		text, err := json.Marshal(map[string]any{"$ref": "#/$defs/" + name, "$defs": d.defs})
		if err != nil {
			d.t.Fatal(err)
		}
		if d.compiled[name], err = schemas.Compile(text); err != nil {
			d.t.Fatalf("%s: %v", name, err)
		}
	}
	return d.compiled[name]
}

// check fails for what is not valid by the schema of that name.
func (d *openaiDocument) check(t *testing.T, name string, data []byte) {
	t.Helper()
	var value any
	dec := json.NewDecoder(bytes.NewReader(data))
	dec.UseNumber()
	if err := dec.Decode(&value); err != nil {
		t.Errorf("%v: %s", err, data)
		return
	}
	if err := d.schema(name).Validate(value).Err(); err != nil {
		t.Errorf("no valid %s: %v\n%s", name, err, data)
	}
}

// event returns the name of the schema of an event of /v1/responses.
func (d *openaiDocument) event(data []byte) string {
	var event struct{ Type string }
	_ = json.Unmarshal(data, &event) // what is no JSON has no type
	for name, def := range d.defs {
		if strings.HasPrefix(name, "Response") && strings.HasSuffix(name, "Event") && fmt.Sprint(member(def, "properties", "type", "enum")) == "["+event.Type+"]" {
			return name
		}
	}
	return "ResponseStreamEvent"
}

func member(v any, path ...string) any {
	for _, name := range path {
		object, _ := v.(map[string]any)
		v = object[name]
	}
	return v
}

const (
	ask      = `"messages":[{"role":"user","content":"What is 2 + 3?"}],"temperature":0,"max_tokens":60`
	addTool  = `"tools":[{"type":"function","function":{"name":"add","parameters":{"type":"object","properties":{"a":{"enum":[1,2]}},"required":["a"],"additionalProperties":false}}}]`
	flatTool = `"tools":[{"type":"function","name":"add","parameters":{"type":"object","properties":{"a":{"enum":[1,2]}},"required":["a"],"additionalProperties":false}}]`
)

// TestAnswersAreValid by OpenAI's document: those of the fake engine and of a real
// llama.cpp, whole and in pieces.
func TestAnswersAreValid(t *testing.T) {
	home := newHome(t)
	writeFile(t, home+"/models/echo/model.json", `{"engine": "echo", "format": "api"}`)
	b, doc := startServer(t, home), newDocument(t)
	for _, test := range []struct{ model, operation, body string }{
		{"echo", "chat/completions", ask},
		{"echo", "completions", `"prompt":"a b c"`},
		{"echo", "embeddings", `"input":["a","b"]`},
		{"tiny-guide", "chat/completions", ask},
		{"tiny-guide", "chat/completions", ask + `,"n":2,"stream_options":{"include_usage":true}`},
		{"tiny-guide", "chat/completions", ask + `,"logprobs":true,"top_logprobs":2`},
		{"tiny-guide", "chat/completions", `"messages":[{"role":"user","content":"What is 2 + 3?"}],"temperature":0,"max_tokens":2`},
		{"tiny-guide", "chat/completions", ask + `,"response_format":{"type":"json_schema","json_schema":{"name":"x","schema":{"type":"integer"}}}`},
		{"tiny-tools", "chat/completions", ask + `,"tool_choice":"required",` + addTool},
		{"tiny-tools", "chat/completions", ask + `,"tool_choice":{"type":"function","function":{"name":"add"}},` + addTool},
		{"tiny-guide", "completions", `"prompt":"2 +","max_tokens":3`},
		{"tiny-guide", "completions", `"prompt":["2 +","3 +"],"max_tokens":3,"n":2`},
		{"tiny-guide", "completions", `"prompt":"2 +","max_tokens":3,"logprobs":2`},
		{"tiny-guide", "responses", `"input":"What is 2 + 3?","temperature":0`},
		{"tiny-guide", "responses", `"input":"What is Engine Bay?","temperature":0,"max_output_tokens":16,"instructions":"Be short.","metadata":{"a":"b"}`},
		{"tiny-guide", "responses", `"input":"What is 2 + 3?","text":{"format":{"type":"json_schema","name":"x","schema":{"type":"integer"}}}`},
		{"tiny-guide", "responses", `"input":[{"role":"user","content":[{"type":"input_text","text":"What is 2 + 3?"}]}],"reasoning":{"effort":"low"},"temperature":0`},
		{"tiny-tools", "responses", `"input":"What is 2 + 3?","tool_choice":"required",` + flatTool},
		{"tiny-embed", "embeddings", `"input":"a"`},
		{"tiny-embed", "embeddings", `"input":["a","b"],"encoding_format":"float","dimensions":128`},
		{"tiny-embed", "embeddings", `"input":[[1,2],[3]]`},
	} {
		body := fmt.Sprintf(`{"model":%q,%s}`, test.model, test.body)
		t.Run(test.model+" "+test.operation+" "+test.body, func(t *testing.T) {
			status, answer := b.do("POST", "/v1/"+test.operation, body)
			if status != 200 {
				t.Fatalf("status %d: %s", status, answer)
			}
			doc.check(t, answers[test.operation].whole, []byte(answer))
			if test.operation != "embeddings" {
				checkStream(t, b, doc, test.operation, body)
			}
		})
	}
	for path, name := range map[string]string{"/v1/models": "ListModelsResponse", "/v1/models/tiny-guide": "Model", "/v1/models/variants/with-slash": "Model"} {
		_, answer := b.do("GET", path, "")
		doc.check(t, name, []byte(answer))
	}
}

// answers are the schemas of each operation.
var answers = map[string]struct{ whole, piece string }{
	"chat/completions": {"CreateChatCompletionResponse", "CreateChatCompletionStreamResponse"},
	"completions":      {"CreateCompletionResponse", "CreateCompletionResponse"},
	"responses":        {"Response", ""},
	"embeddings":       {"CreateEmbeddingResponse", ""},
}

func checkStream(t *testing.T, b *bay, doc *openaiDocument, operation, body string) {
	t.Helper()
	resp := b.open("POST", "/v1/"+operation, `{"stream":true,`+body[1:])
	defer resp.Body.Close()
	data, err := io.ReadAll(resp.Body)
	if err != nil {
		t.Fatal(err)
	}
	pieces := 0
	for line := range strings.Lines(string(data)) {
		piece, ok := strings.CutPrefix(strings.TrimSpace(line), "data: ")
		if !ok || piece == "[DONE]" {
			continue
		}
		name := answers[operation].piece
		switch operation {
		case "responses":
			name = doc.event([]byte(piece))
			if got := fmt.Sprintf(`"sequence_number":%d,`, pieces); !strings.Contains(piece, got) {
				t.Errorf("no %s in %s", got, piece)
			}
		case "completions": // the document forgets that the pieces before the last have none
			piece = strings.Replace(piece, `"finish_reason":null`, `"finish_reason":"stop"`, 1)
		}
		doc.check(t, name, []byte(piece))
		pieces++
	}
	if done := strings.HasSuffix(string(data), "data: [DONE]\n\n"); pieces < 2 || done != (operation != "responses") {
		t.Errorf("%d pieces, done %v:\n%s", pieces, done, data)
	}
}

// TestAnErrorInAStream is valid too, and the last event: llama-server does not
// understand what its own model answers to this.
func TestAnErrorInAStream(t *testing.T) {
	b, doc := startServer(t, newHome(t)), newDocument(t)
	for _, more := range []string{"", `,"tool_choice":"auto"`} { // straight from llama-server, and by the plugin
		_, answer := b.do("POST", "/v1/chat/completions", `{"model":"tiny-tools","stream":true,`+ask+`,`+addTool+more+`}`)
		events := strings.Split(strings.TrimSpace(answer), "\n\n")
		doc.check(t, "ErrorResponse", []byte(strings.TrimPrefix(events[len(events)-1], "data: ")))
	}
}

// TestErrorsAreValid by OpenAI's document, whoever finds the fault, and tell nothing
// of this machine or of the libraries inside.
func TestErrorsAreValid(t *testing.T) {
	home := newHome(t)
	writeFile(t, home+"/models/echo/model.json", `{"engine": "echo", "format": "api"}`)
	b, doc := startServer(t, home), newDocument(t)
	long := strings.Repeat("word ", 9000)
	for _, test := range []struct {
		path, body string
		status     int
	}{
		{"chat/completions", `{`, 400},
		{"chat/completions", `{"model":"nope",` + ask + `}`, 404},
		{"chat/completions", `{"model":"tiny-guide","messages":[]}`, 400},
		{"chat/completions", `{"model":"tiny-guide","messages":[{"content":"x"}]}`, 400},
		{"chat/completions", `{"model":"tiny-guide","temperature":"hot",` + ask + `}`, 400},
		{"chat/completions", `{"model":"tiny-guide","n":99,` + ask + `}`, 400},
		{"chat/completions", `{"model":"tiny-guide","top_k":"many",` + ask + `}`, 400},
		{"chat/completions", `{"model":"tiny-guide","grammar":"nonsense ::",` + ask + `}`, 400},
		{"chat/completions", `{"model":"tiny-guide",` + ask + `,` + addTool + `}`, 400},
		{"chat/completions", `{"model":"tiny-tools",` + ask + `,` + addTool + `,"tool_choice":{"type":"function","function":{"name":"mul"}}}`, 400},
		{"chat/completions", `{"model":"tiny-guide","messages":[{"role":"user","content":"` + long + `"}]}`, 400},
		{"chat/completions", `{"model":"tiny-guide","messages":[{"role":"user","content":[{"type":"image_url","image_url":{"url":"data:image/png;base64,AAAA"}}]}]}`, 400},
		{"chat/completions", `{"model":"tiny-guide","messages":[{"role":"user","content":[{"type":"input_audio","input_audio":{"data":"AAAA","format":"wav"}}]}]}`, 400},
		{"completions", `{"model":"tiny-guide"}`, 400},
		{"completions", `{"model":"tiny-guide","prompt":"x","echo":true}`, 400},
		{"completions", `{"model":"tiny-guide","prompt":[99999999]}`, 400},
		{"responses", `{"model":"tiny-guide","input":[{}]}`, 400},
		{"responses", `{"model":"tiny-guide","input":"x","previous_response_id":"resp_1"}`, 400},
		{"responses", `{"model":"echo","input":"x","max_output_tokens":"x"}`, 400},
		{"embeddings", `{"model":"tiny-embed","input":[]}`, 400},
		{"embeddings", `{"model":"tiny-embed","input":"` + long + `"}`, 400},
		{"embeddings", `{"model":"tiny-guide","input":"x"}`, 400},
		{"nothing", `{}`, 404},
	} {
		for _, stream := range []string{"", `"stream":true,`} {
			t.Run(fmt.Sprintf("%s %.120s %s", test.path, test.body, stream), func(t *testing.T) {
				status, answer := b.do("POST", "/v1/"+test.path, strings.Replace(test.body, "{", "{"+stream, 1))
				if status != test.status {
					t.Errorf("status %d, want %d: %s", status, test.status, answer)
				}
				doc.check(t, "ErrorResponse", []byte(answer))
				for _, foreign := range []string{"json.exception", "mmproj", home, "llama", "goroutine"} {
					if strings.Contains(answer, foreign) {
						t.Errorf("%q is in %s", foreign, answer)
					}
				}
			})
		}
	}
}
