package main

import (
	"bytes"
	"encoding/json"
	"os"
	"strings"
	"testing"

	"github.com/enginebay/enginebay/schemas"
)

// valid checks answers by OpenAI's own document.
func valid(t *testing.T, name string, data []byte) {
	t.Helper()
	text, err := os.ReadFile("../../cmd/enginebay/testdata/openai/document.json")
	if err != nil {
		t.Fatal(err)
	}
	var doc struct {
		Defs map[string]any `json:"$defs"`
	}
	if err := json.Unmarshal(text, &doc); err != nil {
		t.Fatal(err)
	}
	if text, err = json.Marshal(map[string]any{"$ref": "#/$defs/" + name, "$defs": doc.Defs}); err != nil {
		t.Fatal(err)
	}
	schema, err := schemas.Compile(text)
	if err != nil {
		t.Fatalf("%s: %v", name, err)
	}
	var value any
	numbers := json.NewDecoder(bytes.NewReader(data))
	numbers.UseNumber()
	if err := numbers.Decode(&value); err != nil {
		t.Fatalf("%v: %s", err, data)
	}
	if err := schema.Validate(value).Err(); err != nil {
		t.Errorf("no valid %s: %v\n%s", name, err, data)
	}
}

// TestAnswersAreValid by OpenAI's document: those that are made here, and those of a
// trtllm-serve that pass through.
func TestAnswersAreValid(t *testing.T) {
	address, calls := fakeTriton(t, "-model", "bls=ensemble,decoupled", "-model", "whole=llmapi", "-model", "vectors=embedding", "-longest", "50")
	const chat = `"messages": [{"role": "user", "content": "a b"}]`
	long := `"prompt": "` + strings.Repeat("word ", 60) + `"`
	for _, test := range []struct{ settings, path, body, whole, piece string }{
		{`{"base_url": "` + address + `", "model": "bls"}`, "chat/completions", chat, "CreateChatCompletionResponse", "CreateChatCompletionStreamResponse"},
		{`{"grpc_url": "` + calls + `", "model": "whole"}`, "chat/completions", chat + `, "max_tokens": 1`, "CreateChatCompletionResponse", "CreateChatCompletionStreamResponse"},
		{`{"base_url": "` + address + `", "model": "whole"}`, "completions", `"prompt": "a b"`, "CreateCompletionResponse", "CreateCompletionResponse"},
		{`{"base_url": "` + address + `", "model": "vectors"}`, "embeddings", `"input": "a"`, "CreateEmbeddingResponse", ""},
		{`{"base_url": "` + address + `", "model": "bls"}`, "completions", long, "ErrorResponse", "ErrorResponse"},
		{`{"base_url": "` + address + `", "model": "bls"}`, "chat/completions", chat + `, "n": 3`, "ErrorResponse", "ErrorResponse"},
		{`{"base_url": "` + serving(t, "theirs", "") + `"}`, "chat/completions", chat, "CreateChatCompletionResponse", "CreateChatCompletionStreamResponse"},
		{`{"base_url": "` + serving(t, "theirs", "") + `"}`, "chat/completions", `"messages": []`, "ErrorResponse", "ErrorResponse"},
	} {
		t.Run(test.path+" "+test.whole, func(t *testing.T) {
			inst := loadThere(t, "%s", test.settings)
			w := post(t, inst, test.path, `{"model": "here", `+test.body+"}")
			valid(t, test.whole, w.Body.Bytes())
			if test.piece == "" {
				return
			}
			w = post(t, inst, test.path, `{"model": "here", "stream": true, "stream_options": {"include_usage": true}, `+test.body+"}")
			if w.Code != 200 {
				valid(t, test.piece, w.Body.Bytes())
				return
			}
			pieces := 0
			for line := range strings.Lines(w.Body.String()) {
				piece, ok := strings.CutPrefix(strings.TrimSpace(line), "data: ")
				if !ok || piece == "[DONE]" {
					continue
				}
				if test.path == "completions" { // the document forgets that the pieces before the last have none
					piece = strings.Replace(piece, `"finish_reason":null`, `"finish_reason":"stop"`, 1)
					piece = strings.Replace(piece, `"usage":null`, `"usage":{"prompt_tokens":1,"completion_tokens":1,"total_tokens":2}`, 1)
				}
				valid(t, test.piece, []byte(piece))
				pieces++
			}
			if pieces < 2 {
				t.Errorf("%d pieces: %s", pieces, w.Body)
			}
		})
	}
}
