package main

import (
	"encoding/json"
	"fmt"
	"net/http"
	"regexp"
	"strings"

	"github.com/enginebay/enginebay/sdk/openai"
)

// unsupported is a field that OpenAI has and llama-server reads over.
func unsupported(param, format string, args ...any) *openai.Error {
	return openai.Errorf(param, "unsupported_parameter", format, args...)
}

// meant makes a refusal of what llama-server said: whose fault it was is seen in its
// texts better than in its status, which is 500 for much that a client did wrong
// (seen on b11669).
func meant(status int, body []byte) *openai.Error {
	said := struct {
		Message string
		Error   struct{ Message string }
	}{}
	_ = json.Unmarshal(body, &said) // another form has no message
	text := said.Error.Message + said.Message
	for _, m := range meanings {
		if found := m.text.FindStringSubmatch(text); found != nil {
			return m.means(found)
		}
	}
	if text == "" {
		text = fmt.Sprintf("llama-server answered with status %d", status)
	}
	return &openai.Error{Status: status, Message: text}
}

// meanings are the texts that say what a client did wrong.
var meanings = []struct {
	text  *regexp.Regexp
	means func(found []string) *openai.Error
}{
	{regexp.MustCompile(`^(?:request|input) \((\d+) tokens\) (?:exceeds the available context size|is too large to process).*?(\d+)`), func(found []string) *openai.Error {
		return openai.Errorf("", "context_length_exceeded", "This model's maximum context length is %s tokens. However, your request has %s tokens. Shorten it, or raise the setting ctx_len", found[2], found[1])
	}},
	{regexp.MustCompile(`^(image|audio|video) input is not supported`), func(found []string) *openai.Error {
		return openai.Errorf("", "unsupported_content", "This model does not take %s input", found[1])
	}},
	{regexp.MustCompile(`^Multimodal data provided`), func([]string) *openai.Error {
		return openai.Errorf("", "unsupported_content", "This model takes text alone")
	}},
	{regexp.MustCompile(`(?s)^Failed to parse (messages|tools): (.*?)(?:; tools = .*)?$`), func(found []string) *openai.Error {
		return openai.Errorf(found[1], "invalid_value", "Invalid '%s': %s", found[1], found[2])
	}},
	{regexp.MustCompile(`^The model produced output that does not match`), func([]string) *openai.Error {
		return &openai.Error{Status: http.StatusInternalServerError, Code: "invalid_output",
			Message: "The model's answer broke off within a tool call, or is no call that its chat template can be read by. Ask again, or allow it more tokens"}
	}},
	{regexp.MustCompile(`^Cannot determine type of 'item'`), func([]string) *openai.Error {
		return openai.Errorf("input", "invalid_value", "Invalid 'input': an item has neither a known 'type', nor a 'role' with 'content'")
	}},
	{regexp.MustCompile(`^Field '([^']*)': (.*)`), func(found []string) *openai.Error {
		return openai.Errorf(found[1], "invalid_value", "Invalid '%s': %s", found[1], found[2])
	}},
	{regexp.MustCompile(`^Unable to generate parser for this template\. Automatic parser generation failed: (?s)(.*)`), func(found []string) *openai.Error {
		return openai.Errorf("", "invalid_value", "%s", found[1])
	}},
	{regexp.MustCompile(`(?s)^(.*(?:json\.exception|'\w+' is required|[Jj]inja|Failed to load image|[Ff]ailed to decode image).*)$`), func(found []string) *openai.Error {
		return openai.Errorf("", "invalid_value", "%s", strings.TrimSpace(found[1]))
	}},
}
