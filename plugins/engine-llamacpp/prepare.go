package main

import (
	"slices"
	"strings"

	"github.com/enginebay/enginebay/sdk/openai"
)

// prepare changes a request so that llama-server does what it asks for, and refuses
// what llama-server would read over.
func (t traits) prepare(path string, b openai.Body) error {
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
			if b.Has(field) {
				return unsupported(field, "'%s' is not supported with this model", field)
			}
		}
	}
	return t.narrow(b)
}

// forgotten are the fields of a chat that ask for what llama-server does not have.
var forgotten = []string{"functions", "audio", "web_search_options"}

// forCompletion refuses what llama-server has nothing for.
func forCompletion(b openai.Body) error {
	var echo bool
	var suffix string
	best, n := 1, 1
	b.Read("echo", &echo)
	b.Read("suffix", &suffix)
	b.Read("best_of", &best)
	b.Read("n", &n)
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
func (t traits) forEmbedding(b openai.Body) error {
	want := t.dimensions
	if b.Read("dimensions", &want); want != t.dimensions {
		return unsupported("dimensions", "The embeddings of the model '%s' have %d dimensions, and cannot be had with %d", t.model, t.dimensions, want)
	}
	return nil
}

// forResponse refuses what needs a memory of responses, and puts the format of the
// text where llama-server looks for it (b11669 reads over text.format).
func forResponse(b openai.Body) error {
	var include []string
	b.Read("include", &include)
	if slices.Contains(include, "message.output_text.logprobs") || b.Has("top_logprobs") {
		return unsupported("top_logprobs", "Likelihoods of tokens are not supported in responses. Ask /v1/chat/completions for them")
	}
	for _, field := range []string{"previous_response_id", "conversation", "prompt"} {
		if b.Has(field) {
			return unsupported(field, "'%s' is not supported: no responses are stored. Send the whole conversation as 'input'", field)
		}
	}
	if err := items(b); err != nil {
		return err
	}
	var background bool
	if b.Read("background", &background); background {
		return unsupported("background", "'background' is not supported: no responses are stored")
	}
	var tools []struct{ Type string }
	b.Read("tools", &tools)
	for _, tool := range tools {
		if tool.Type != "function" {
			return unsupported("tools", "Tools of the type '%s' are not supported; there is 'function'", tool.Type)
		}
	}
	var text struct{ Format map[string]any }
	b.Read("text", &text)
	switch kind := text.Format["type"]; kind {
	case nil, "text":
	case "json_object":
		b.Set("response_format", text.Format)
	case "json_schema":
		b.Set("response_format", map[string]any{"type": kind, "json_schema": text.Format})
	default:
		return openai.Errorf("text.format.type", "invalid_value", "Invalid 'text.format.type': %q is none of the supported values: 'text', 'json_object', 'json_schema'", kind)
	}
	return nil
}

// items gives each item of a response's input the type that it may go without, leaves
// out what the model thought where no text of it came back, and what a service's own
// tools did, and makes a refusal a text: llama-server (b11669) refuses all of these, and
// a conversation that began with another model has them.
func items(b openai.Body) error {
	var given, kept []openai.Body
	b.Read("input", &given)
	for _, item := range given {
		var kind string
		item.Read("type", &kind)
		switch {
		case kind == "" && item.Has("role"):
			item.Set("type", "message")
		case kind == "reasoning" && !item.Has("content"), ofService(kind):
			continue
		case kind == "item_reference":
			return unsupported("input", "Items of the type 'item_reference' are not supported: no responses are stored. Send the item itself")
		}
		sayRefusals(item)
		kept = append(kept, item)
	}
	if len(kept) > 0 {
		b.Set("input", kept)
	}
	return nil
}

// ofService says whether a type of items tells what a tool did that the model's service
// has, as web_search_call does.
func ofService(kind string) bool {
	return kind != "function_call" && kind != "custom_tool_call" && strings.HasSuffix(kind, "_call") || kind == "mcp_list_tools"
}

// sayRefusals makes the parts of a message in which a model refused its text.
func sayRefusals(item openai.Body) {
	var parts []map[string]any
	if !item.Read("content", &parts) || !slices.ContainsFunc(parts, func(part map[string]any) bool { return part["type"] == "refusal" }) {
		return
	}
	for i, part := range parts {
		if part["type"] == "refusal" {
			parts[i] = map[string]any{"type": "output_text", "text": part["refusal"]}
		}
	}
	item.Set("content", parts)
}

// onlyData refuses addresses of images and sound: llama-server would fetch them, and
// so reach what only this machine can.
func (t traits) onlyData(b openai.Body) error {
	if !t.media {
		return nil // llama-server refuses them all
	}
	for _, field := range []string{"messages", "input"} {
		var value any
		b.Read(field, &value)
		if address := remote(value); address != "" {
			return openai.Errorf(field, "unsupported_content", "Images and sound are taken as data: URLs alone, not from %.60q", address)
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
