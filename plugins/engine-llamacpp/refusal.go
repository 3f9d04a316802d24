package main

import (
	"encoding/json"
	"fmt"
	"net/http"
	"regexp"
	"strings"
)

// A refusal is an error in OpenAI's form.
type refusal struct {
	status int

	Message string  `json:"message"`
	Type    string  `json:"type"`
	Param   *string `json:"param"`
	Code    *string `json:"code"`
}

func (r *refusal) Error() string { return r.Message }

// refuse makes the refusal of a request that is wrong; param and code may be empty.
func refuse(param, code, format string, args ...any) *refusal {
	r := &refusal{status: http.StatusBadRequest, Message: fmt.Sprintf(format, args...), Type: "invalid_request_error"}
	if param != "" {
		r.Param = &param
	}
	if code != "" {
		r.Code = &code
	}
	return r
}

// unsupported is a field that OpenAI has and llama-server reads over.
func unsupported(param, format string, args ...any) *refusal {
	return refuse(param, "unsupported_parameter", format, args...)
}

func (r *refusal) write(w http.ResponseWriter) {
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(r.status)
	_ = json.NewEncoder(w).Encode(map[string]*refusal{"error": r})
}

// meant makes a refusal of what llama-server said: whose fault it was is seen in its
// texts better than in its status, which is 500 for much that a client did wrong
// (seen on b11669).
func meant(status int, body []byte) *refusal {
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
	r := refuse("", "", "%s", text)
	if r.status = status; status >= http.StatusInternalServerError {
		r.Type = "server_error"
	}
	return r
}

// meanings are the texts that say what a client did wrong.
var meanings = []struct {
	text  *regexp.Regexp
	means func(found []string) *refusal
}{
	{regexp.MustCompile(`^(?:request|input) \((\d+) tokens\) (?:exceeds the available context size|is too large to process).*?(\d+)`), func(found []string) *refusal {
		return refuse("", "context_length_exceeded", "This model's maximum context length is %s tokens. However, your request has %s tokens. Shorten it, or raise the setting ctx_len", found[2], found[1])
	}},
	{regexp.MustCompile(`^(image|audio|video) input is not supported`), func(found []string) *refusal {
		return refuse("", "unsupported_content", "This model does not take %s input", found[1])
	}},
	{regexp.MustCompile(`^Multimodal data provided`), func([]string) *refusal {
		return refuse("", "unsupported_content", "This model takes text alone")
	}},
	{regexp.MustCompile(`(?s)^Failed to parse (messages|tools): (.*?)(?:; tools = .*)?$`), func(found []string) *refusal {
		return refuse(found[1], "invalid_value", "Invalid '%s': %s", found[1], found[2])
	}},
	{regexp.MustCompile(`^The model produced output that does not match`), func([]string) *refusal {
		r := refuse("", "invalid_output", "The model's answer broke off within a tool call, or is no call that its chat template can be read by. Ask again, or allow it more tokens")
		r.status, r.Type = http.StatusInternalServerError, "server_error"
		return r
	}},
	{regexp.MustCompile(`^Cannot determine type of 'item'`), func([]string) *refusal {
		return refuse("input", "invalid_value", "Invalid 'input': an item has neither a known 'type', nor a 'role' with 'content'")
	}},
	{regexp.MustCompile(`^Field '([^']*)': (.*)`), func(found []string) *refusal {
		return refuse(found[1], "invalid_value", "Invalid '%s': %s", found[1], found[2])
	}},
	{regexp.MustCompile(`^Unable to generate parser for this template\. Automatic parser generation failed: (?s)(.*)`), func(found []string) *refusal {
		return refuse("", "invalid_value", "%s", found[1])
	}},
	{regexp.MustCompile(`(?s)^(.*(?:json\.exception|'\w+' is required|[Jj]inja|Failed to load image|[Ff]ailed to decode image).*)$`), func(found []string) *refusal {
		return refuse("", "invalid_value", "%s", strings.TrimSpace(found[1]))
	}},
}
