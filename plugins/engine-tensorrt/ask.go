package main

import (
	"encoding/json"
	"strings"

	"github.com/enginebay/enginebay/sdk/openai"
)

// wishing is a wish with what its client decides upon.
type wishing struct {
	wish
	limit int // of tokens
}

// wish reads what a request asks for beside its text, and refuses what the model cannot
// do: to read over it would be to answer something else.
func (h *tritonHandler) wishOf(b body) (wishing, error) {
	w := wishing{wish: wish{parameters: map[string]any{}}, limit: h.settings.MaxTokens}
	if err := b.withoutMore(); err != nil {
		return w, err
	}
	for _, field := range []string{"max_tokens", "max_completion_tokens"} { // the newer name counts
		if b.Has(field) && (!b.Read(field, &w.limit) || w.limit < 1) {
			return w, openai.Errorf(field, "invalid_value", "'%s' must be a whole number above 0", field)
		}
	}
	w.parameters["max_tokens"] = w.limit
	for _, field := range []string{"temperature", "top_p", "top_k", "min_tokens", "frequency_penalty", "presence_penalty", "repetition_penalty"} {
		if err := h.number(b, field, w.parameters); err != nil {
			return w, err
		}
	}
	var seed int64
	if b.Read("seed", &seed) { // without a place for it, answers differ, as they may
		w.parameters["seed"] = uint64(seed)
	}
	sample(w.parameters)
	if err := h.guide(b, w.parameters); err != nil {
		return w, err
	}
	stop, err := b.stops()
	w.stop = stop
	return w, err
}

// whole are parameters that are no fractions.
var wholeNumbers = map[string]bool{"top_k": true, "min_tokens": true}

// idle are values that change nothing.
var idle = map[string]float64{"frequency_penalty": 0, "presence_penalty": 0, "repetition_penalty": 1, "temperature": 1, "top_p": 1, "top_k": 0, "min_tokens": 0}

func (h *tritonHandler) number(b body, field string, into map[string]any) error {
	if !b.Has(field) {
		return nil
	}
	var n float64
	if !b.Read(field, &n) {
		return openai.Errorf(field, "invalid_type", "'%s' must be a number", field)
	}
	if !h.dialect.takes(h.there, field) {
		if n == idle[field] || field == "temperature" || field == "top_p" {
			return nil
		}
		return unsupported(field)
	}
	if into[field] = n; wholeNumbers[field] {
		into[field] = int(n)
	}
	return nil
}

// sample turns OpenAI's numbers into those of TensorRT-LLM: where a temperature of 0 is no
// number to divide by, and an answer without top_p and top_k is the likeliest one
// whatever the temperature.
func sample(p map[string]any) {
	temperature, given := p["temperature"].(float64)
	switch {
	case !given:
	case temperature <= 0:
		delete(p, "temperature")
		p["top_k"] = 1
	case p["top_p"] == nil && p["top_k"] == nil:
		p["top_p"] = 1.0
	}
}

// guide reads response_format.
func (h *tritonHandler) guide(b body, into map[string]any) error {
	var format struct {
		Type   string `json:"type"`
		Schema struct {
			Schema json.RawMessage `json:"schema"`
		} `json:"json_schema"`
	}
	if !b.Read("response_format", &format) || format.Type == "text" {
		return nil
	}
	if !h.dialect.takes(h.there, "guide") {
		return unsupported("response_format")
	}
	switch format.Type {
	case "json_object":
		into["guide_type"] = "json"
	case "json_schema":
		into["guide_type"], into["guide"] = "json_schema", string(format.Schema.Schema)
	default:
		return openai.Errorf("response_format", "invalid_value", "'response_format' of the type '%s' is not known", format.Type)
	}
	return nil
}

// withoutMore refuses what no model of a Triton has a place for.
func (b body) withoutMore() error {
	for _, field := range []string{"functions", "audio", "web_search_options", "prediction", "suffix"} {
		if b.Has(field) {
			return unsupported(field)
		}
	}
	one := 1
	for _, field := range []string{"n", "best_of"} {
		if b.Read(field, &one) && one != 1 {
			return unsupported(field)
		}
	}
	var yes bool
	for _, field := range []string{"logprobs", "echo"} {
		if b.Read(field, &yes) && yes {
			return unsupported(field)
		}
	}
	count := 0
	for _, field := range []string{"logprobs", "top_logprobs"} {
		if b.Read(field, &count) && count > 0 {
			return unsupported(field)
		}
	}
	var bias map[string]any
	if b.Read("logit_bias", &bias) && len(bias) > 0 {
		return unsupported("logit_bias")
	}
	var tools []any
	var choice string
	if b.Read("tools", &tools) && len(tools) > 0 && !(b.Read("tool_choice", &choice) && choice == "none") {
		return unsupported("tools")
	}
	return nil
}

func (b body) stops() ([]string, error) {
	if !b.Has("stop") {
		return nil, nil
	}
	var one string
	var all []string
	switch {
	case b.Read("stop", &one):
		all = []string{one}
	case !b.Read("stop", &all):
		return nil, openai.Errorf("stop", "invalid_type", "'stop' must be a text or a list of texts")
	}
	var stops []string
	for _, s := range all {
		if s != "" {
			stops = append(stops, s)
		}
	}
	return stops, nil
}

// texts are those of a prompt or an input: one, or a list.
func (b body) texts(field string) ([]string, error) {
	var one string
	var all []string
	switch {
	case !b.Has(field):
		return nil, openai.Errorf(field, "missing_required_parameter", "Missing required parameter: '%s'", field)
	case b.Read(field, &one):
		return []string{one}, nil
	case b.Read(field, &all) && len(all) > 0:
		return all, nil
	}
	return nil, openai.Errorf(field, "invalid_type", "'%s' must be a text or a list of texts; lists of tokens are not supported with this model", field)
}

// messages are those of a chat, with their contents as texts: templates know no other.
func (b body) messages() ([]any, error) {
	var all []map[string]any
	if !b.Read("messages", &all) || len(all) == 0 {
		return nil, openai.Errorf("messages", "missing_required_parameter", "Missing required parameter: 'messages'")
	}
	var list []any
	for _, m := range all {
		role, _ := m["role"].(string)
		if role == "" {
			return nil, openai.Errorf("messages", "invalid_value", "Each of 'messages' needs a 'role'")
		}
		if role == "developer" { // the newer name, which no template knows
			m["role"] = "system"
		}
		text, err := content(m["content"])
		if err != nil {
			return nil, err
		}
		m["content"] = text
		list = append(list, m)
	}
	return list, nil
}

func content(v any) (string, error) {
	switch v := v.(type) {
	case nil:
		return "", nil
	case string:
		return v, nil
	case []any:
		var b strings.Builder
		for _, part := range v {
			p, _ := part.(map[string]any)
			text, ok := p["text"].(string)
			if p["type"] != "text" || !ok {
				return "", openai.Errorf("messages", "unsupported_content", "This model takes text alone")
			}
			b.WriteString(text)
		}
		return b.String(), nil
	}
	return "", openai.Errorf("messages", "invalid_type", "The 'content' of a message must be a text or a list of parts")
}

// unsupported is a field that OpenAI has and a Triton's model has not.
func unsupported(param string) *openai.Error {
	return openai.Errorf(param, "unsupported_parameter", "'%s' is not supported with this model", param)
}
