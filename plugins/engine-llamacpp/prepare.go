package main

import (
	"bytes"
	"encoding/json"
	"slices"
	"strings"

	"github.com/enginebay/enginebay/sdk"
)

// body is a request, by its top level fields.
type body map[string]json.RawMessage

// prepare changes a request so that llama-server does what it asks for, and refuses
// what llama-server would read over.
func (t traits) prepare(path string, b body) error {
	if err := t.onlyData(b); err != nil {
		return err
	}
	switch path {
	case "/v1/completions":
		return forCompletion(b)
	case "/v1/embeddings":
		return t.forEmbedding(b)
	case "/v1/responses":
		if err := forResponse(b); err != nil {
			return err
		}
	case "/v1/chat/completions":
		for _, field := range forgotten {
			if b.has(field) {
				return unsupported(field, "'%s' is not supported with this model", field)
			}
		}
	}
	return t.narrow(b)
}

// forgotten are the fields of a chat that ask for what llama-server does not have.
var forgotten = []string{"functions", "audio", "web_search_options"}

// has says whether a field is there and is not null.
func (b body) has(field string) bool {
	value := bytes.TrimSpace(b[field])
	return len(value) > 0 && string(value) != "null"
}

// read decodes a field; one of another type stays as it is, for llama-server to refuse.
func (b body) read(field string, into any) { _ = json.Unmarshal(b[field], into) }

func (b body) set(field string, value any) {
	b[field], _ = json.Marshal(value) // of what came from JSON: it cannot fail
}

// forCompletion refuses what llama-server has nothing for.
func forCompletion(b body) error {
	var echo bool
	var suffix string
	best, n := 1, 1
	b.read("echo", &echo)
	b.read("suffix", &suffix)
	b.read("best_of", &best)
	b.read("n", &n)
	switch {
	case echo:
		return unsupported("echo", "'echo' is not supported with this model")
	case suffix != "":
		return unsupported("suffix", "'suffix' is not supported with this model")
	case best > n:
		return unsupported("best_of", "'best_of' is not supported with this model. Use 'n' instead")
	}
	return nil
}

// forEmbedding refuses to shorten a vector: which models bear that, a GGUF does not say.
func (t traits) forEmbedding(b body) error {
	want := t.dimensions
	if b.read("dimensions", &want); want != t.dimensions {
		return unsupported("dimensions", "The embeddings of the model '%s' have %d dimensions, and cannot be had with %d", t.model, t.dimensions, want)
	}
	return nil
}

// forResponse refuses what needs a memory of responses, and puts the format of the
// text where llama-server looks for it (b11669 reads over text.format).
func forResponse(b body) error {
	var include []string
	b.read("include", &include)
	if slices.Contains(include, "message.output_text.logprobs") || b.has("top_logprobs") {
		return unsupported("top_logprobs", "Likelihoods of tokens are not supported in responses. Ask /v1/chat/completions for them")
	}
	for _, field := range []string{"previous_response_id", "conversation", "prompt"} {
		if b.has(field) {
			return unsupported(field, "'%s' is not supported: no responses are stored. Send the whole conversation as 'input'", field)
		}
	}
	if err := items(b); err != nil {
		return err
	}
	var background bool
	if b.read("background", &background); background {
		return unsupported("background", "'background' is not supported: no responses are stored")
	}
	var tools []struct{ Type string }
	b.read("tools", &tools)
	for _, tool := range tools {
		if tool.Type != "function" {
			return unsupported("tools", "Tools of the type '%s' are not supported; there is 'function'", tool.Type)
		}
	}
	var text struct{ Format map[string]any }
	b.read("text", &text)
	switch kind := text.Format["type"]; kind {
	case nil, "text":
	case "json_object":
		b.set("response_format", text.Format)
	case "json_schema":
		b.set("response_format", map[string]any{"type": kind, "json_schema": text.Format})
	default:
		return sdk.Refuse("text.format.type", "invalid_value", "Invalid 'text.format.type': %q is none of the supported values: 'text', 'json_object', 'json_schema'", kind)
	}
	return nil
}

// items gives each item of a response's input the type that it may go without, and
// leaves out what the model thought where no text of it came back: llama-server
// (b11669) refuses both.
func items(b body) error {
	var given, kept []body
	b.read("input", &given)
	for _, item := range given {
		var kind string
		item.read("type", &kind)
		switch {
		case kind == "" && item.has("role"):
			item.set("type", "message")
		case kind == "reasoning" && !item.has("content"):
			continue
		case kind == "item_reference":
			return unsupported("input", "Items of the type 'item_reference' are not supported: no responses are stored. Send the item itself")
		}
		kept = append(kept, item)
	}
	if len(kept) > 0 {
		b.set("input", kept)
	}
	return nil
}

// onlyData refuses addresses of images and sound: llama-server would fetch them, and
// so reach what only this machine can.
func (t traits) onlyData(b body) error {
	if !t.media {
		return nil // llama-server refuses them all
	}
	for _, field := range []string{"messages", "input"} {
		var value any
		b.read(field, &value)
		if address := remote(value); address != "" {
			return sdk.Refuse(field, "unsupported_content", "Images and sound are taken as data: URLs alone, not from %.60q", address)
		}
	}
	return nil
}

// remote finds an address that is no data: URL.
func remote(v any) string {
	switch v := v.(type) {
	case []any:
		for _, member := range v {
			if found := remote(member); found != "" {
				return found
			}
		}
	case map[string]any:
		for name, member := range v {
			address, ok := member.(string)
			if ok && (name == "url" || strings.HasSuffix(name, "_url")) && !strings.HasPrefix(address, "data:") {
				return address
			}
			if found := remote(member); found != "" {
				return found
			}
		}
	}
	return ""
}
